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
	for a in sh cat ls id touch mount readlink stat mkdir rm mv env find; do ln -s busybox "$1/bin/$a"; done
	chmod -R go+rX "$1"
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
