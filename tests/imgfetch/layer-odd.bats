# SPDX-License-Identifier: MIT
# Layers that are legal, and that hardly any tool writes.

load ../lib/common
load ../lib/layout
load ../lib/store

# image LAYER...: the layers of the description on stdin (tests/lib/mktars) are the image oci:$T/l.
image() {
	local tar
	mkdir -p "$T/tars"
	python3 "$TESTS_DIR/lib/mktars" "$T/tars"
	layout_new "$T/l"
	for tar in "$@"; do layout_layer "$T/l" "$T/tars/$tar.tar"; done
	layout_done "$T/l"
}

pull() { imgfetch --store="$T/s" --no-sync pull -q "oci:$T/l"; }

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
		file f
	E
	expect 0 pull
	expect 0 imgfetch verify --store="$T/s"
	prints "files"
}
