# SPDX-License-Identifier: MIT
# imgmount umount and list.

load ../lib/common
load ../lib/store

setup() {
	common_setup
	store_new "$T/s"
	mkdir "$T/m" "$T/l"
	: >"$T/l/f"
	mkdir "$T/l/d"
	one=$(store_layer "$T/s" "$T/l")
	mkdir "$T/l"
	: >"$T/l/g"
	two=$(store_layer "$T/s" "$T/l")
	image=$(store_image "$T/s" localhost/both:1 "$one" "$two")
	store_image "$T/s" localhost/one:1 "$one" >/dev/null
}
teardown() {
	umount_all "$T"
	common_teardown
}

im() { imgmount --store="$T/s" "$@"; }

mounts_here() { cut -d ' ' -f 5- /proc/self/mountinfo | grep -e "^$T/" -e " $T/" | sort; }

@test "umount: leaves nothing behind, whatever way it was mounted" {
	need root overlay
	local before i
	# Other tests mount and unmount beside this one, each below its own folder.
	before=$(mounts_here)
	for i in both one; do
		expect 0 im mount "localhost/$i:1" "$T/m"
		[[ -e $T/m/f ]] || fail "not mounted"
		expect 0 im umount "$T/m"
		is "$stderr$output" ""
		is "$(ls "$T/m")" ""
	done
	is "$(mounts_here)" "$before"
	is "$(ls -A "$T/s/tmp")" ""
}

@test "umount: what is no image is refused, and stays" {
	need root overlay
	mkdir "$T/lower" "$T/lower2" "$T/bind"
	expect 2 im umount "$T/m"
	one_line
	says "no image is mounted on '$T/m'"
	mount -t tmpfs tmpfs "$T/m"
	expect 2 im umount "$T/m"
	umount "$T/m"
	mount -t overlay -o "lowerdir=$T/lower:$T/lower2" isolate-image:nonsense "$T/m"
	expect 2 im umount "$T/m"
	umount "$T/m"
	mount --bind "$T/bind" "$T/m"
	expect 2 im umount "$T/m"
	umount "$T/m"
	expect 2 im umount "$T/none"
	expect 2 im umount /
	expect 2 im umount /proc
}

@test "umount: a directory inside an image is not its mount point" {
	need root overlay
	expect 0 im mount localhost/both:1 "$T/m"
	expect 2 im umount "$T/m/d"
	[[ -e $T/m/g ]] || fail "it was unmounted all the same"
}

@test "umount: what covers an image protects it" {
	need root overlay
	expect 0 im mount localhost/both:1 "$T/m"
	mount -t tmpfs tmpfs "$T/m"
	expect 2 im umount "$T/m"
	umount "$T/m"
	expect 0 im umount "$T/m"
}

@test "umount: an image in use is busy, and stays" {
	need root overlay
	expect 0 im mount localhost/both:1 "$T/m"
	exec {fd}<"$T/m/f"
	expect 9 im umount "$T/m"
	one_line
	says "somebody uses it"
	exec {fd}<&-
	expect 0 im umount "$T/m"
}

@test "umount: through a path with links and odd characters" {
	need root overlay
	local odd
	odd=$T/$(printf 'a b\\c\td')
	mkdir "$odd"
	ln -s "$odd" "$T/link"
	expect 0 im mount localhost/both:1 "$odd"
	expect 0 im umount "$T/link"
	is "$(ls "$odd")" ""
}

@test "list: tells images and single layers, and where" {
	need root overlay
	mkdir "$T/n x"
	expect 0 im mount localhost/both:1 "$T/m"
	expect 0 im mount localhost/one:1 "$T/n x"
	expect 0 im list
	prints "image sha256:$image $T/m"
	prints "layer sha256:$one $T/n x"
	expect 0 im --json list
	is "$(jget -e '*' kind digest directory <"$T/x.out" | grep -F " $T/" | sort)" \
		"image sha256:$image $T/m"$'\n'"layer sha256:$one $T/n x"
	[[ $(jget 0.mount_id <"$T/x.out") == +([0-9]) ]] || fail "no number"
	expect 2 im --json umount "$T/m"
	expect 0 im umount "$T/m"
	expect 0 im list
	[[ $output != *"$T/m"* ]] || fail "still listed"
	expect 2 im list more
}

@test "umount: an ordinary user has nothing to unmount" {
	need user
	expect 2 im umount "$T"
	says "no image is mounted"
}
