# SPDX-License-Identifier: MIT
# What the busybox image of tests/lib/images.bash must look like from inside, however it came.
#
#   expect_merged REF

expect_merged() {
	expect 0 isolate -b "$BOX" --init --image="$1"
	expect 0 isolate -b "$BOX" -p --run -- /bin/sh -c 'cd /data && for f in $(find . | sort); do
		[ -d $f ] && echo "$f/" || echo "$f $(cat $f)"; done; echo "$GREETING"'
	is "$output" './
./back four
./dir-to-file three
./file-to-dir/
./file-to-dir/inner three
./kept one
./link one
./opaque/
./opaque/new three
./replaced two
hello world'
	expect 0 isolate -b "$BOX" --cleanup
}
