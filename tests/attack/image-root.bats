# SPDX-License-Identifier: MIT
# Images as hostile root file systems: links where mount points go, and overlay's own attributes.

load ../lib/common
load ../lib/store

setup() {
	common_setup
	need overlay busybox
	STORE=$T/home/.local/share/isolate/images
	as_caller mkdir -p "${STORE%/*}"
	store_new "$STORE" 2>/dev/null
	canary=$T/canary
	mkdir -m 777 "$canary"
	chmod 755 "$T" "$T/home"
}

# base: a layer with a shell. Prints its digits.
base() {
	local d=$T/base
	mkdir -p "$d/bin" "$d/etc"
	cp "$(command -v busybox)" "$d/bin/busybox"
	for a in sh cat ls id touch mount readlink stat ln mkdir chmod true; do ln -s busybox "$d/bin/$a"; done
	echo base >"$d/etc/name"
	chmod -R go+rX "$d"
	store_layer "$STORE" "$d"
}

run() { isolate -s -p -b "$BOX" --image=localhost/i:1 "$@"; }

@test "image: links at /proc, /dev, /box and /tmp are not followed" {
	local b d=$T/evil
	b=$(base)
	mkdir "$d"
	ln -s "$canary" "$d/dev"
	ln -s /. "$d/box"
	ln -s ../../../../../../../.."$canary" "$d/tmp"
	ln -s /etc "$d/proc"
	store_image "$STORE" localhost/i:1 "$b" "$(store_layer "$STORE" "$d")"
	isolate -b "$BOX" --init >/dev/null
	expect 0 run --run -- /bin/sh -c 'echo 1 >/box/x; echo 2 >/tmp/x; echo 3 >/dev/shm/x; cat /etc/name
		for d in proc dev box tmp; do [ ! -L /$d ] || echo link $d; done; [ -e /proc/self/stat ] && echo proc'
	is "$output" $'base\nproc'
	is "$(ls -A "$canary")" ""
	is "$(cat "$BOXES/$BOX/box/x")" 1
}

@test "image: files and fifos at mount points do not disturb" {
	local b d=$T/evil
	b=$(base)
	mkdir "$d"
	echo x >"$d/proc"
	mkfifo "$d/tmp"
	echo x >"$d/box"
	mknod "$d/dev" c 0 0
	store_image "$STORE" localhost/i:1 "$b" "$(store_layer "$STORE" "$d")"
	isolate -b "$BOX" --init >/dev/null
	expect 0 run --run -- /bin/sh -c 'echo 1 >/box/x && echo 2 >/tmp/x && : >/dev/null && cat /proc/self/comm'
	is "$output" cat
}

@test "image: the root is read-only, also where the image's modes say otherwise" {
	local b d=$T/evil
	b=$(base)
	mkdir -m 777 "$d" "$d/open"
	chmod 777 "$d" "$d/open"
	echo x >"$d/open/f"
	chmod 666 "$d/open/f"
	store_image "$STORE" localhost/i:1 "$b" "$(store_layer "$STORE" "$d")"
	isolate -b "$BOX" --init >/dev/null
	expect 1 run --run -- /bin/touch /open/new
	says "Read-only file system"
	expect 1 run --run -- /bin/sh -c 'echo y >>/open/f'
	says "Read-only file system"
	expect 1 run --run -- /bin/touch /new
	says "Read-only file system"
}

@test "image: a redirect in user attributes leads nowhere" {
	local b d=$T/evil
	need setfattr
	b=$(base)
	mkdir -p "$d/escape" "$d/meta"
	setfattr -n user.overlay.redirect -v "/../../../../../../..$canary" "$d/escape"
	echo fake >"$d/meta/f"
	setfattr -n user.overlay.metacopy -v "" "$d/meta/f"
	setfattr -n user.overlay.redirect -v "/etc/name" "$d/meta/f"
	echo secret >"$canary/f"
	store_image "$STORE" localhost/i:1 "$b" "$(store_layer "$STORE" "$d")"
	isolate -b "$BOX" --init >/dev/null
	x run --run -- /bin/sh -c 'ls /escape; cat /escape/f /meta/f'
	[[ $output != *secret* && $output != *base* ]] || fail "the redirect was followed"
}

@test "image: set-id files and devices of a layer have no effect" {
	local b d=$T/evil
	b=$(base)
	mkdir -p "$d/x"
	cp "$(command -v busybox)" "$d/x/id"
	chmod 6755 "$d/x/id"
	mknod -m 666 "$d/x/null" c 1 3
	store_image "$STORE" localhost/i:1 "$b" "$(store_layer "$STORE" "$d")"
	isolate -b "$BOX" --init >/dev/null
	expect 0 run --run -- /x/id -u
	[[ $output != 0 && $output != "$TEST_UID" ]] || fail "runs as $output"
	expect 1 run --run -- /bin/sh -c ': </x/null'
	says "Permission denied"
}

@test "image: a layer that is a link out of the store is refused" {
	local b
	b=$(base)
	mkdir "$T/l"
	b2=$(store_layer "$STORE" "$T/l")
	rmdir "$STORE/layers/sha256/$b2"
	ln -s "$canary" "$STORE/layers/sha256/$b2"
	store_image "$STORE" localhost/i:1 "$b" "$b2"
	isolate -b "$BOX" --init >/dev/null
	expect 2 run --run -- /bin/true
	one_line
	says layer
}

@test "image: rules reach through its links to where they point, and never out of it" {
	local b d=$T/evil
	b=$(base)
	mkdir -p "$d/real"
	ln -s /real "$d/lnk"
	ln -s ../../../../../../.."$canary" "$d/out"
	store_image "$STORE" localhost/i:1 "$b" "$(store_layer "$STORE" "$d")"
	as_caller mkdir -m 755 "$T/home/src"
	as_caller sh -c "echo src >$T/home/src/f"
	chmod 755 "$T/home/src"
	isolate -b "$BOX" --init >/dev/null
	expect 0 run --dir=lnk/a/b="$T/home/src" --dir=out/x="$T/home/src" --run -- /bin/cat /real/a/b/f "/$canary/x/f"
	is "$output" $'src\nsrc'
	is "$(ls -A "$canary")" ""
	[[ ! -e $STORE/layers/sha256/$b/real ]]
}

# writable: an image with a directory for everybody, and a box where it can be written.
writable() {
	local d=$T/open
	mkdir "$d" && mkdir -m 1777 "$d/work"
	chmod 1777 "$d/work"
	store_image "$STORE" localhost/i:1 "$(base)" "$(store_layer "$STORE" "$d")" >/dev/null
	expect 0 isolate -b "$BOX" --image=localhost/i:1 --image-rw=4M --init
}
rw() { isolate -s -p -b "$BOX" "$@"; }

@test "image-rw: what a program leaves at mount points is not followed" {
	writable
	mkdir -m 755 "$T/src"
	expect 0 rw --run -- /bin/ln -s "$canary" /mnt
	expect 0 rw --run -- /bin/ln -s . /work/x
	expect 2 rw --dir=mnt="$T/src" --run -- /bin/true
	one_line
	expect 2 rw --dir=mnt:tmp --run -- /bin/true
	expect 2 rw --dir=mnt/a/b="$T/src" --run -- /bin/true
	is "$(ls -A "$canary" "$T/src")" "$(printf '%s:\n\n%s:' "$canary" "$T/src")"
	expect 0 rw --run -- /bin/readlink /mnt
	# Nor can the usual places be taken.
	expect 0 rw -D --run -- /bin/sh -c 'ln -s /etc /proc; ln -s /etc /dev; ln -s /bin /box; ln -s /etc /tmp; ls -d /proc'
	expect 2 rw --run -- /bin/true
	one_line
}

@test "image-rw: the overlay's own attributes cannot be made, and mean nothing" {
	need setfattr
	writable
	local host=(--dir=usr=/usr --dir=lib=/usr/lib --dir=lib64=/usr/lib64:maybe)
	echo secret >"$canary/f"
	x rw "${host[@]}" --run -- /bin/sh -c '
		mkdir /work/d /work/o; echo lower >/work/o/f; : >/work/f
		setfattr=/usr/bin/setfattr
		for n in user trusted; do
			$setfattr -n $n.overlay.redirect -v /etc /work/d
			$setfattr -n $n.overlay.opaque -v y /
			$setfattr -n $n.overlay.opaque -v y /work
			$setfattr -n $n.overlay.metacopy -v "" /work/f
			$setfattr -n $n.overlay.redirect -v /etc/name /work/f
		done; echo tried'
	prints tried
	expect 0 rw "${host[@]}" --run -- /bin/sh -c 'ls /work/d; cat /work/f; cat /work/o/f; cat /etc/name'
	is "$output" $'lower\nbase'
}

@test "image-rw: the caller cannot reach what is written, and set-id files are none" {
	need user
	writable
	expect 0 rw --run -- /bin/sh -c 'cp /bin/busybox /work/b 2>/dev/null || cat /bin/busybox >/work/b; chmod 6755 /work/b; echo x >/mine'
	not as_caller ls "$BOXES/$BOX/rw"
	not as_caller cat "$BOXES/$BOX/rw/upper/mine"
	is "$(find "$BOXES/$BOX/rw" -perm /6000 -type f | wc -l)" 0
	findmnt -rno OPTIONS "$BOXES/$BOX/rw" | grep -q nosuid
	expect 2 rw --dir=x=./rw --run -- /bin/true
	expect 2 rw --dir=x=./rw/upper:rw --run -- /bin/true
}
