# SPDX-License-Identifier: MIT
# --image with images as they are found in the world: odd shapes, made by hand.

load ../lib/common
load ../lib/store

setup() {
	common_setup
	need overlay busybox
	STORE=$T/home/.local/share/isolate/images
	as_caller mkdir -p "${STORE%/*}"
	store_new "$STORE" 2>/dev/null
	chmod 755 "$T" "$T/home"
}

# shell DIR: a shell and some applets in it.
shell() {
	local a
	mkdir -p "$1/bin"
	cp "$(command -v busybox)" "$1/bin/busybox"
	for a in sh cat ls touch stat mkdir rm env wc tail; do ln -s busybox "$1/bin/$a"; done
	chmod -R go+rX "$1"
}

# base: the digits of a layer with a shell, made once in a test.
base() {
	[[ ${BASE:-} ]] && return
	shell "$T/base"
	mkdir -p "$T/base/etc"
	BASE=$(store_layer "$STORE" "$T/base")
}

# image DIR: localhost/i:1 is the layer DIR over the shell.
image() {
	base
	chmod go+rX "$1"
	store_image "$STORE" localhost/i:1 "$BASE" "$(store_layer "$STORE" "$1")" >/dev/null
}

run() { isolate -s -p --once --image=localhost/i:1 "$@"; }

@test "world: 500 layers, under the mount points of a box" {
	store_many "$STORE" localhost/i:1 500 >/dev/null
	shell "$STORE/layers/sha256/$(printf '%064x' 250)"
	mkdir "$STORE/layers/sha256/$(printf '%064x' 1)/old"
	expect 0 run --dir=old/new=/usr -- /bin/sh -c 'set -- /[0-9]*; echo $#; cat /same; ls -d /box /old/new/bin'
	is "$output" $'500\n500\n/box\n/old/new/bin'
	expect 1 run -- /bin/touch /new
	says "Read-only file system"
}

# The line for the box's user: its number is not known before.
user_line='^box:x:([0-9]+):([0-9]+)::/box:/bin/sh$'
group_line='^box:x:([0-9]+):$'

@test "world: the box's user and group get their lines in copies of the image's files" {
	local d=$T/d
	mkdir -p "$d/etc"
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/none' >"$d/etc/passwd"
	printf 'root:x:0:\n' >"$d/etc/group"
	chmod 644 "$d"/etc/*
	image "$d"
	expect 0 run -- /bin/sh -c 'cat /etc/passwd /etc/group; : >f; stat -c "%u %g" f; echo "$HOME"; rm /etc/passwd; (: >>/etc/group); true'
	mapfile -t lines <<<"$output"
	is "${lines[0]}" "root:x:0:0:root:/root:/bin/sh"
	is "${lines[1]}" "nobody:x:65534:65534::/:/none"
	[[ ${lines[2]} =~ $user_line ]] || fail "user: ${lines[2]}"
	is "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" "${lines[5]}"
	is "${lines[3]}" "root:x:0:"
	[[ ${lines[4]} =~ $group_line ]] || fail "group: ${lines[4]}"
	is "${BASH_REMATCH[1]}" "${lines[5]#* }"
	is "${lines[6]}" /box
	says "can't remove '/etc/passwd': Read-only file system"
	says "can't create /etc/group: Permission denied"
	# A rule shows what it says, and what the caller says about HOME holds.
	echo mine >"$T/home/passwd"
	chmod 644 "$T/home/passwd"
	expect 0 run --dir=etc/passwd="$T/home/passwd" -E HOME=/data -- /bin/sh -c 'cat /etc/passwd; echo "$HOME"'
	is "$output" $'mine\n/data'
	expect 0 run --no-image-env -- /bin/env
	not prints HOME=
	sed -i "s#^env PATH.*#&\nenv HOME=/root#; s/^end 5/end 6/" "$STORE"/images/sha256/*/descriptor
	expect 0 run --image-rw=1M -- /bin/sh -c 'echo "$HOME"; tail -n 1 /etc/passwd'
	[[ ${output#*$'\n'} =~ $user_line ]] || fail "$output"
	is "${output%%$'\n'*}" /root
}

@test "world: passwd files that are odd are left alone, and lead nowhere" {
	local d i want canary=$T/home/canary
	echo secret >"$canary"
	chmod 644 "$canary"
	base
	for i in fifo dir link mode big name none; do
		d=$T/d
		mkdir -p "$d/etc"
		want=x
		case $i in
		fifo) mkfifo "$d/etc/passwd" && want='' ;;
		dir) mkdir -p "$d/etc/passwd/x" && want='' ;;
		link) ln -s "../../../../../../..$canary" "$d/etc/passwd" && want='' ;;
		mode) echo a:x:1:1::/: >"$d/etc/passwd" && chmod 600 "$d/etc/passwd" && want='' ;;
		big) head -c 200000 /dev/zero >"$d/etc/passwd" && want=200000 ;;
		name) echo 'box:x:1:1::/:' >"$d/etc/passwd" && want=14 ;;
		none) want='' ;;
		esac
		[[ $i == mode || ! -f $d/etc/passwd ]] || chmod 644 "$d/etc/passwd"
		image "$d"
		x run -- /bin/sh -c '[ -f /etc/passwd ] && wc -c </etc/passwd'
		is "$i $output" "$i $want"
	done
	# A link within the image, absolute or not, is where the file is.
	mkdir -p "$T/d/etc" "$T/d/real"
	echo 'a:x:1:1::/:' >"$T/d/real/users"
	chmod 644 "$T/d/real/users"
	ln -s /real/users "$T/d/etc/passwd"
	image "$T/d"
	expect 0 run -- /bin/cat /real/users
	[[ ${output#*$'\n'} =~ $user_line ]] || fail "$output"
}

@test "world: merged /usr with absolute links, no /tmp, no /etc; links and files where we need directories" {
	local d=$T/d
	shell "$d/usr"
	ln -s /usr/bin "$d/bin"
	ln -s //usr/../usr/lib "$d/lib"
	mkdir "$d/usr/lib"
	echo file >"$d/file"
	ln -s /nowhere "$d/proc"
	ln -s loop "$d/loop"
	chmod go+rX "$d"
	store_image "$STORE" localhost/i:1 "$(store_layer "$STORE" "$d")" >/dev/null
	expect 0 run --dir=bin/more=/usr --dir=lib/a/b=/usr -- /bin/sh -c '
		echo x >/tmp/x && echo y >/box/y && ls -d /usr/bin/more/bin /lib/a/b/bin && [ -e /proc/self/stat ] && cat /file'
	is "$output" $'/lib/a/b/bin\n/usr/bin/more/bin\nfile'
	expect 0 run -- sh -c 'echo found'
	expect 0 run --dir=file=/usr -- /bin/ls -d /file/bin
	expect 2 run --dir=file/below=/usr -- /bin/sh
	one_line
	says "mount point below '/file' of the image"
	expect 2 run --dir=loop/below=/usr -- /bin/sh
	one_line
	says "symbolic links"
}

@test "world: no shell at all, and what is for root only" {
	local d=$T/d
	mkdir -p "$d/app" "$d/root"
	cp "$(command -v busybox)" "$d/app/cat"
	cp "$(command -v busybox)" "$d/app/secret"
	echo secret >"$d/root/file"
	echo secret >"$d/app/key"
	chmod 755 "$d" "$d/app" "$d/app/cat"
	chmod 700 "$d/root" "$d/app/secret"
	chmod 600 "$d/app/key"
	store_image "$STORE" localhost/i:1 "$(store_layer "$STORE" "$d")" >/dev/null
	sed -i 's/^env PATH.*/env PATH=\/app\nuser root/; s/^end 4/end 5/' "$STORE"/images/sha256/*/descriptor
	expect 0 run -- cat /proc/self/status
	grep -Eq $'^Uid:\t[1-9]' <<<"$output" || fail "the image's user was obeyed"
	expect 1 run -- /bin/sh -c true
	says 'execve("/bin/sh"): No such file or directory'
	expect 1 run -- /app/secret
	says 'Permission denied'
	expect 1 run -- cat /app/key
	says "Permission denied"
	expect 1 run -- cat /root/file
	says "Permission denied"
}

@test "world: programs for musl, static and with its loader" {
	need musl-gcc
	local d=$T/d
	mkdir -p "$d/lib" "$d/bin"
	echo 'int printf(const char *, ...); int main(void) { return printf("hello\n") != 6; }' >"$T/p.c"
	musl-gcc -o "$d/bin/dynamic" "$T/p.c"
	musl-gcc -static -o "$d/bin/static" "$T/p.c"
	cp -L /lib/ld-musl-*.so.1 "$d/lib/"
	chmod -R go+rX "$d"
	store_image "$STORE" localhost/i:1 "$(store_layer "$STORE" "$d")" >/dev/null
	expect 0 run -- /bin/static
	is "$output" hello
	expect 0 run -- /bin/dynamic
	is "$output" hello
}
