# SPDX-License-Identifier: MIT
# A store without room for more bytes or more files: a clean failure, and success once there is room.
load ../lib/common
load ../lib/layout

# Two layers: a few bytes; 3 MB of zeros and 200 empty files, which are small when compressed.
setup_file() {
	local d=$BATS_FILE_TMPDIR
	mkdir "$d/t"
	echo small >"$d/t/small"
	layout_new "$d/layout"
	tar -C "$d/t" -cf "$d/1.tar" small
	layout_layer "$d/layout" "$d/1.tar"
	head -c 3000000 /dev/zero >"$d/t/zeros"
	touch "$d/t/f"{1..200}
	tar -C "$d/t" -cf "$d/2.tar" --exclude small .
	layout_layer "$d/layout" "$d/2.tar"
	layout_done "$d/layout"
	chmod a+rx "$d/layout"
}

# The store is a file system in memory of this size.
disk() {
	mkdir -p "$T/disk"
	mount -t tmpfs -o "mode=700,uid=$([[ $TEST_AS == root ]] && echo 0 || echo "$TEST_UID"),$1" \
		tmpfs "$T/disk"
}
teardown() {
	! mountpoint -q "$T/disk" || umount "$T/disk"
	common_teardown
}

@test "pull: a full disk gives status 7, and nothing of the layer is left" {
	local how more
	for how in size=1m nr_inodes=60; do
		disk "$how"
		expect 7 imgfetch pull -q --store="$T/disk/store" "oci:$BATS_FILE_TMPDIR/layout"
		says "no room in the store '$T/disk/store'"
		one_line
		is "$(find "$T/disk/store/tmp" "$T/disk/store/images/sha256" "$T/disk/store/refs" -mindepth 1)" ""
		is "$(find "$T/disk/store/layers" -name f1 -o -name zeros)" ""
		expect 4 imgfetch inspect --store="$T/disk/store" "localhost/layout:latest"
		more=${how/1m/20m}
		mount -o "remount,${more/60/1000}" "$T/disk"
		expect 0 imgfetch pull -q --store="$T/disk/store" "oci:$BATS_FILE_TMPDIR/layout"
		is "$(find "$T"/disk/store/layers/sha256/*/f* | wc -l)" 200
		is "$(stat -c %s "$T"/disk/store/layers/sha256/*/zeros)" 3000000
		is "$(find "$T/disk/store/tmp" -mindepth 1)" ""
		umount "$T/disk"
	done
}

@test "pull: a store that cannot even be made for want of room gives status 7" {
	disk nr_inodes=3
	expect 7 imgfetch pull -q --store="$T/disk/store" "oci:$BATS_FILE_TMPDIR/layout"
	one_line
}
