# SPDX-License-Identifier: MIT
# Layers that are legal, and that hardly any tool writes.

load ../lib/common
load ../lib/layout
load ../lib/store

# image LAYER...: the layers of the description on stdin (tests/tools/layout.c) are the image oci:$T/l.
image() {
	mkdir -p "$T/tars"
	"$TOOLS/layout" both "$T/tars" "$T/l" "$@" >"$T/digests"
	give_to_caller "$T/l" "$T/l"/*
}

pull() { imgfetch --store="$T/s" --no-sync pull -q "oci:$T/l"; }

@test "pull: layers are settled where one has closed a directory to its owner" {
	image a b c <<-'E'
		layer a
		dir closed mode=0000 pax.SCHILY.xattr.user.note=kept
		dir closed/in mode=0300 mtime=1100000000
		file closed/in/f data=low
		dir gone mode=0000
		file gone/f data=low
		sym link to=closed/in
		layer b
		file closed/in/g data=high
		file link/h data=through
		hard hard to=closed/in/f
		file gone/.wh.f
		layer c
		file closed/in/i mode=0000 data=secret
	E
	expect 0 pull
	expect 0 imgmount --store="$T/s" unpack "oci:$T/l" "$T/u"
	is "$(as_caller stat -c '%a %Y' "$T/u/closed" "$T/u/gone")" $'0 1000000000\n0 1000000000'
	as_caller chmod 755 "$T/u/closed" "$T/u/gone"
	is "$(as_caller stat -c '%a %Y' "$T/u/closed/in")" '300 1100000000'
	as_caller chmod 755 "$T/u/closed/in"
	is "$(cd "$T/u" && echo * closed/in/* gone/*)" \
		"closed gone hard link closed/in/f closed/in/g closed/in/h closed/in/i gone/*"
	is "$(cat "$T/u/hard" "$T/u/closed/in/h")" lowthrough
	is "$(as_caller getfattr --only-values -n user.note "$T/u/closed")" kept
	expect 0 imgfetch verify -q --store="$T/s"
	expect 0 imgfetch rm -q --store="$T/s" "oci:$T/l"
	is "$(ls "$T/s/layers/sha256")" ''
}

@test "verify: takes no offence at what a device of the same layer has replaced" {
	image a <<-'E'
		layer a
		file dev/null data=file
		char dev/null rdev=1:3
		dir d
		file d/f
		block d rdev=8:0
		dir o
		file o/.wh..wh..opq
		file o/x data=x
		fifo o/p
		char o/x rdev=1:5
		file .wh.w
		file w data=x
		char w rdev=1:5
		file f
	E
	expect 0 pull
	expect 0 imgfetch verify --store="$T/s"
	prints "files"
}

@test "pull: files of a layer that comes twice are not copied without end" {
	need tar
	mkdir -p "$T/tars"
	truncate -s 1025M "$T/big"
	echo small >"$T/small"
	tar -C "$T" -S --format=gnu -cf "$T/tars/x.tar" big small
	"$TOOLS/layout" tars "$T/tars" <<-'E'
		layer a
		hard one to=small
		layer b
		hard two to=big
	E
	layout_tars "$T/l" "$T/tars"/{x,a,x}.tar
	expect 0 pull
	is "$(cat "$T"/s/images/sha256/*/fixup/tree/one)" small
	layout_tars "$T/l" "$T/tars"/{x,a,b,x}.tar
	expect 6 pull
	says "its layers leave too much to each other: copies of more than 1024 MiB"
	is "$(ls "$T/s/tmp")" ''
}

@test "pull: a link that an opaque directory of the layer hides is not followed" {
	image a b <<-'E'
		layer a
		dir t
		file t/x
		dir o
		sym o/l to=../t
		dir p
		sym p/l to=../t
		dir q
		sym q/l to=../t
		layer b
		file o/.wh..wh..opq
		file o/l/y
		file .wh.p
		dir p
		file p/l/y
		file q/l/.wh.none
		file q/.wh..wh..opq
	E
	expect 0 pull
	expect 0 imgmount --store="$T/s" unpack "oci:$T/l" "$T/u"
	is "$(cd "$T/u" && find . -printf '%P%y\n' | LC_ALL=C sort | tr '\n' ' ')" \
		"d o/l/yf o/ld od p/l/yf p/ld pd qd t/xf td "
}
