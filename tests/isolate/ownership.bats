# SPDX-License-Identifier: MIT
# Whose the files in the box are, before, during and after a run.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	B=$BOXES/$BOX/box
	ME=$(stat -c %u "$T")
	PROG=$(($(conf first_uid) + BOX))
}

sh_box() { isolate -s -b "$BOX" "$M" -p "${@:1:$#-1}" --run -- /bin/sh -c "${*: -1}"; }
foreign() { find "$B" ! -uid "$ME" -o ! -gid "$ME"; }

@test "owner: the caller's files are the program's inside" {
	as_caller mkdir "$B/d"
	as_caller touch "$B/d/f"
	as_caller chmod 600 "$B/d/f"
	expect 0 sh_box 'stat -c "%u %g %a" . d d/f; echo x >>d/f; cat d/f'
	is "$output" "$PROG $PROG 700
$PROG $PROG 755
$PROG $PROG 600
x"
	is "$(foreign)" ""
}

@test "owner: the program's files are the caller's afterwards" {
	expect 0 sh_box 'mkdir -p a/b; echo x >a/b/c; chmod 000 a/b/c; chmod 500 a/b'
	is "$(foreign)" ""
	is "$(stat -c %a "$B/a/b/c")" 0
	as_caller chmod 644 "$B/a/b/c"
	is "$(cat "$B/a/b/c")" x
}

@test "owner: also after a run that the sandbox could not start" {
	as_caller touch "$B/f"
	expect 2 sh_box -i nothing true
	is "$(foreign)" ""
	expect 2 sh_box -c nowhere true
	is "$(foreign)" ""
}

@test "owner: files that root put into the box are the program's" {
	need root
	mkdir "$B/d"
	echo secret >"$B/d/f"
	chmod 600 "$B/d/f"
	chown -R 4321:4321 "$B/d"
	expect 0 sh_box 'cat d/f; echo more >>d/f'
	is "$output" secret
	is "$(stat -c %u "$B/d/f")" 0
}

@test "owner: a user's file with another group of his can be used" {
	need user
	touch "$B/f"
	chown "$TEST_UID:$((TEST_UID + 7))" "$B/f"
	expect 0 sh_box 'echo x >f; cat f'
	is "$output" x
}

@test "box: is the caller's alone whatever the program makes of its mode" {
	expect 0 sh_box 'chmod 777 /box'
	is "$(stat -c '%a %u' "$B")" "700 $ME"
	expect 0 sh_box 'chmod 000 /box'
	is "$(stat -c '%a %u' "$B")" "700 $ME"
}

@test "special-files: links, fifos, sockets are gone after a run" {
	echo x >"$T/victim"
	expect 0 sh_box "ln -s '$T/victim' link"'; mkdir d; ln -s x d/link; mkfifo d/fifo
		/usr/bin/python3 -ISc "import socket; socket.socket(socket.AF_UNIX).bind(\"d/sock\")"; touch d/file'
	is "$(cd "$B" && find . -mindepth 1 | sort | paste -sd ' ')" "./d ./d/file"
	is "$(stat -c '%u %a' "$T/victim")" "0 644"
}

@test "special-files: those left in old subdirectories are found too" {
	expect 0 sh_box 'mkdir -p d/e; touch d/e/f'
	expect 0 sh_box 'ln -s x d/e/link'
	is "$(find "$B" -type l)" ""
}

@test "special-files: --special-files keeps them" {
	echo x >"$T/victim"
	expect 0 sh_box --special-files "ln -s '$T/victim' link; mkfifo fifo"
	is "$(stat -c '%u %a' "$T/victim")" "0 644"
	is "$(find "$B" -mindepth 1 -printf '%f %y %U\n' | sort)" "fifo p $ME
link l $ME"
}

@test "special-files: a program that was killed leaves none either" {
	expect 1 isolate -s -b "$BOX" -w 0.5 -p --run -- /bin/sh -c 'ln -s x y; sleep 1000'
	is "$(find "$B" -type l)" ""
}

@test "box: set-id bits cannot be set" {
	as_caller cp /bin/true "$B/old"
	expect 0 sh_box 'for m in 4755 2755 6755; do chmod $m old 2>/dev/null && echo "set $m"; done; exit 0'
	is "$output" ""
	is "$(find "$B" -perm /6000 -type f)" ""
}

# In a writable directory of the caller's they would make him the box's user, also after the box
# has become somebody else's.
@test "box: files cannot be made with set-id bits, nor in a writable directory" {
	mkdir -m 777 "$T/shared"
	chmod 777 "$T/shared"
	expect 0 isolate -s -b "$BOX" --dir="x=$T/shared:rw" --run -- /usr/bin/python3 -ISc '
import ctypes, os, struct
def refused(make):
    try:
        make()
    except PermissionError:
        return
    print("made")
flags = os.O_CREAT | os.O_WRONLY
for d in "/box", "/x":
    os.chdir(d)
    os.close(os.open("plain", flags, 0o777))
    os.close(os.open("plain", os.O_RDONLY, 0o6777))
    for mode in 0o4777, 0o2777:
        refused(lambda: os.open("a", flags, mode))
        refused(lambda: os.open(".", os.O_TMPFILE | os.O_WRONLY, mode))
        refused(lambda: os.mknod("b", 0o100000 | mode))
        how = struct.pack("QQQ", flags, mode, 0)
        if ctypes.CDLL(None).syscall(437, -100, b"c", how, len(how)) >= 0:
            print("made by openat2")'
	is "$output" ""
	is "$(find "$B" "$T/shared" -perm /6000 -type f)" ""
	[[ -e $B/plain && -e $T/shared/plain ]]
}

@test "box: a tree deeper than any path is put in order and removed" {
	mkdir "$T/victim" "$T/victim/dir"
	expect 0 isolate -s -b "$BOX" --run -- /usr/bin/python3 -ISc '
import os, sys
for i in range(1200): # more than there may be descriptors, too
    os.mkdir("d" * 20); os.chdir("d" * 20)
os.symlink(sys.argv[1], "link"); open("file", "w").close()' "$T/victim"
	expect 0 isolate -s -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX && -d $T/victim/dir ]]
}

@test "owner: files stay where there are no id-mapped mounts" {
	# overlayfs cannot be id-mapped by its user: the walk is used.
	need root overlay
	mkdir "$T/l" "$T/u" "$T/w"
	cat >"$T/script" <<-'END'
		set -e
		mount -t overlay -o "lowerdir=$1/l,upperdir=$1/u,workdir=$1/w" overlay "$2"
		chmod 755 "$2"
		i="$3/bin/isolate -s --as-uid=$4 --as-gid=$4 -b $5"
		$i --init >/dev/null
		echo hello >"$2/$5/box/f"; chown "$4:$4" "$2/$5/box/f"; chmod 600 "$2/$5/box/f"
		$i -p --run -- /bin/sh -c 'cat f; stat -c %u f; echo x >new; mkdir -p a/b; ln -s x a/link'
		find "$2/$5/box" -mindepth 1 -printf '%P %u\n' | sort
		grep -c " /box .*idmapped" /proc/self/mountinfo || true
		$i --cleanup
	END
	expect 0 unshare --mount --propagation private bash "$T/script" "$T" "$BOXES" "$TEST_PREFIX" \
		"$TEST_UID" "$BOX"
	is "$output" "hello
$PROG
a $TEST_UID
a/b $TEST_UID
f $TEST_UID
new $TEST_UID
0"
}
