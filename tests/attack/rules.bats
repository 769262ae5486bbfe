# SPDX-License-Identifier: MIT
# --dir: what a caller or a program cannot reach, change or find out with directory rules.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	box=$BOXES/$BOX/box
	S=$T/s
	mkdir -m 755 "$S"
	chmod 755 "$T"
	give_to_caller "$S"
}
teardown() {
	umount -R "$T/tree" 2>/dev/null || true
	common_teardown
}

run() { isolate -s -p -b "$BOX" "$@"; }

# hidden DIR: a directory that the caller cannot enter, with something in it.
hidden() {
	mkdir -p "$1/in"
	echo secret >"$1/in/f"
	chmod 755 "$1/in"
	chmod 700 "$1"
}

@test "rules: a directory that the caller may not enter is not bound" {
	need user
	hidden "$T/h"
	expect 2 run --dir=x="$T/h" --run -- /bin/cat /x/in/f
	one_line
	says "permission denied"
	expect 2 run --dir=x="$T/h/in" --run -- /bin/cat /x/f
	says "permission denied"
}

@test "rules: maybe tells nothing about what the caller may not see" {
	need user
	hidden "$T/h"
	expect 1 run --dir=x="$T/h/in:maybe" --run -- /bin/ls -d /x
	local there=$stderr
	expect 1 run --dir=x="$T/h/none:maybe" --run -- /bin/ls -d /x
	is "$stderr" "$there"
	expect 2 run --dir=x="$T/h/in" --run -- /bin/true
	there=${stderr//h\/in/h/?}
	expect 2 run --dir=x="$T/h/none" --run -- /bin/true
	is "${stderr//h\/none/h/?}" "$there"
}

@test "rules: a source behind the caller's link is opened with the caller's rights" {
	need user
	hidden "$T/h"
	as_caller ln -s "$T/h/in" "$S/l"
	expect 2 run --dir=x="$S/l" --run -- /bin/cat /x/f
	says "permission denied"
}

@test "rules: mounts below a bound directory are as restricted as itself" {
	mkdir -m 755 "$T/tree"
	mount -t tmpfs -o mode=777 tmpfs "$T/tree"
	mkdir -m 777 "$T/tree/sub"
	mount -t tmpfs -o mode=777 tmpfs "$T/tree/sub"
	cp /bin/true "$T/tree/sub/prog"
	mknod -m 666 "$T/tree/sub/null" c 1 3
	expect 0 run --dir=x="$T/tree" --run -- /bin/sh -c '/x/sub/prog && echo runs; touch /x/sub/new; echo end'
	prints $'runs\nend'
	says "Read-only file system"
	expect 0 run --dir=x="$T/tree:rw:noexec" --run -- /bin/sh -c 'touch /x/sub/new; /x/sub/prog || echo no; cat /x/sub/null; echo end'
	prints $'no\nend'
	says "prog: Permission denied"
	says "null: Permission denied"
	[[ -e $T/tree/sub/new && ! -e $T/tree/new ]]
	expect 0 run --dir=x="$T/tree:norec" --run -- /bin/ls /x/sub
	is "$output" ""
}

@test "rules: a mount point that is a link in a directory of the caller is not followed" {
	as_caller mkdir "$S/d" "$S/src"
	as_caller ln -s /tmp "$S/d/l"
	as_caller ln -s ../.. "$S/d/up"
	expect 2 run --dir=x="$S/d" --dir=x/l="$S/src" --run -- /bin/true
	one_line
	says "mount point '/x/l'"
	expect 2 run --dir=x="$S/d" --dir=x/up/tmp="$S/src" --run -- /bin/true
	says "mount point '/x/up/tmp'"
}

@test "rules: nothing is created in a bound directory" {
	as_caller mkdir "$S/d" "$S/src"
	expect 2 run --dir=x="$S/d:rw" --dir=x/new/sub="$S/src" --run -- /bin/true
	says "nothing is created there"
	is "$(ls -A "$S/d")" ""
	expect 2 run --dir=box/new="$S/src" --run -- /bin/true
	is "$(ls -A "$box")" ""
}

@test "rules: a link that the program left in the box is no mount point" {
	as_caller mkdir "$S/src"
	as_caller ln -s /usr "$box/l"
	expect 2 run --dir=box/l="$S/src" --run -- /bin/true
	says "mount point '/box/l'"
}

@test "rules: descriptors of isolate itself are no sources" {
	local fd
	for fd in cwd root fd/3 fd/4 fd/5 fd/6 fd/7 fd/8; do
		expect 2 run --dir=x="/proc/self/$fd" --run -- /bin/ls -a /x
		one_line
	done
}

@test "rules: './' does not lead out of the box's directory" {
	expect 2 run --dir=x=./../.. --run -- /bin/ls /x
	one_line
	as_caller ln -s / "$box/l"
	expect 2 run --dir=x=./box/l --run -- /bin/ls /x
	one_line
}

@test "rules: bad rules are refused before anything is done" {
	local rule
	for rule in ../x=/usr x/../../y=/usr .=/usr x=relative x=/usr:suid x=ext4:fs x=proc/:fs \
		sys=sysfs:fs:rw x=/usr:tmp; do
		rm -f "$T/meta"
		expect 2 run "$M" --dir="$rule" --run -- /bin/true
		one_line
		[[ ! -s $T/meta ]] || fail "meta file after wrong usage '$rule'"
	done
}

@test "rules: procfs shows the box's processes only, under any name" {
	local rule
	for rule in proc=proc:fs /proc=proc:fs p/q=proc:fs; do
		expect 0 run --dir="$rule" --run -- /bin/sh -c 'cd /proc 2>/dev/null; cd /p/q 2>/dev/null
			pwd; cat [0-9]*/cmdline 2>/dev/null | tr "\0" " "; :'
		[[ $output != *isolate* ]] || fail "sees another's command line"
		expect 1 run --dir="$rule" --run -- /bin/ls -d "/${rule%%=*}/1"
	done
}

@test "rules: what is swapped while isolate looks is never bound from behind a closed door" {
	need user
	hidden "$T/h"
	mkdir -m 755 "$T/swap"
	give_to_caller "$T/swap"
	as_caller mkdir "$T/swap/a"
	as_caller sh -c "echo open >$T/swap/a/f"
	as_caller ln -s "$T/h/in" "$T/swap/b"
	cat >"$T/swapper" <<-'END'
		cd "$1" && while :; do mv -T a c && mv -T b a && mv -T a b && mv -T c a; done
	END
	spawn bash "$T/swapper" "$T/swap"
	local i seen=0
	for ((i = 0; i < 60 / TEST_SLOW || (seen == 0 && i < 2000); i++)); do
		x run --dir=x="$T/swap/a:maybe" --run -- /bin/cat /x/f >/dev/null
		[[ $output != *secret* ]] || fail "read the secret"
		[[ $output != open ]] || seen=$((seen + 1))
	done
	((seen > 0)) || fail "the swapped directory was never seen at all"
}

@test "rules: mounts of a run do not appear outside" {
	# Where no other test mounts anything. All mounts are shared, as systemd has them, so that what is not
	# made private would come back.
	expect 0 with_mounts 'mount --make-rshared /; cat /proc/self/mountinfo >before' bash -c \
		'isolate -s -p -b "$1" --dir=x=/usr --dir=y=tmpfs:fs:rw --run -- /bin/true && cat /proc/self/mountinfo' \
		bash "$BOX"
	is "$output" "$(<before)"
	is "$(ls -A "$BOXES/$BOX/root")" ""
}

@test "rules: /tmp and /dev/shm are new in every run, bounded, and nobody else's" {
	local dir
	for dir in /tmp /dev/shm; do
		expect 0 run --run -- /bin/sh -c "echo x >$dir/f; ls -A $dir"
		is "$output" f
		expect 0 run --run -- /bin/ls -A "$dir"
		is "$output" ""
		expect 1 run --run -- /usr/bin/fallocate -l 600M "$dir/f"
		says "No space left"
	done
}
