# SPDX-License-Identifier: MIT
# A mounted image is not removed under those who use it.

load ../lib/common
load ../lib/store

setup() {
	common_setup
	store_new "$T/s"
	mkdir "$T/m" "$T/l" "$T/k"
	: >"$T/l/f"
	: >"$T/k/g"
	one=$(store_layer "$T/s" "$T/l")
	two=$(store_layer "$T/s" "$T/k")
	store_image "$T/s" localhost/both:1 "$one" "$two" >/dev/null
	store_image "$T/s" localhost/one:1 "$one" >/dev/null
}
teardown() {
	umount_all "$T"
	common_teardown
}

im() { imgmount --store="$T/s" "$@"; }

@test "rm: an image that imgmount has mounted is in use, until it is unmounted" {
	need root overlay images
	local before
	before=$(find "$T/s" | sort)
	expect 0 im mount localhost/both:1 "$T/m"
	expect 9 imgfetch --store="$T/s" rm localhost/both:1
	one_line
	says "$T/m"
	is "$(find "$T/s" | sort)" "$before"
	[[ -e $T/m/g ]] || fail "the mounted image lost a file"
	expect 0 im umount "$T/m"
	expect 0 imgfetch --store="$T/s" rm localhost/both:1
	expect 4 im mount localhost/both:1 "$T/m"
	[[ -d $T/s/layers/sha256/$one && ! -e $T/s/layers/sha256/$two ]] ||
		fail "the layer that the other image needs must stay, the other must go"
}

@test "rm: the same for an image of one layer" {
	need root images
	expect 0 im mount localhost/one:1 "$T/m"
	expect 9 imgfetch --store="$T/s" rm localhost/one:1
	says "$T/m"
	expect 0 im umount "$T/m"
	expect 0 imgfetch --store="$T/s" rm localhost/one:1
	expect 4 im mount localhost/one:1 "$T/m"
}

@test "rm: one of two names goes while the image is mounted" {
	need root overlay images
	cp -r "$T/s/refs/localhost/both" "$T/s/refs/localhost/again"
	expect 0 im mount localhost/both:1 "$T/m"
	expect 0 imgfetch --store="$T/s" rm localhost/again:1
	expect 9 imgfetch --store="$T/s" rm localhost/both:1
	[[ -e $T/m/g ]] || fail "the mounted image lost a file"
}
