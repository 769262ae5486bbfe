# SPDX-License-Identifier: MIT
# The whole way: registry, pull, run. What a layer means is tested where it is unpacked.
load ../lib/common
load ../lib/registry
load ../lib/images

setup_file() {
	fixture busybox
	registry_start "$BATS_FILE_TMPDIR/registry"
	export REGISTRY REGISTRY_PID
	registry_push "$TEST_FIXTURES/busybox:latest" test/busybox:latest
	registry_push "$TEST_FIXTURES/busybox:zstd" test/busybox:zstd
	registry_push "$TEST_FIXTURES/busybox:latest" test/busybox:docker --format v2s2
}

teardown_file() { registry_stop; }

# What every spelling of the busybox image must look like from inside.
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

@test "pull: an image of a registry runs, its layers merged" {
	need overlay registry images
	expect 0 imgfetch pull "$REGISTRY/test/busybox"
	expect_merged "$REGISTRY/test/busybox"
}

@test "pull: layers in zstd" {
	need overlay registry images
	expect 0 imgfetch pull "$REGISTRY/test/busybox:zstd"
	expect_merged "$REGISTRY/test/busybox:zstd"
}

@test "pull: docker schema 2" {
	need overlay registry images
	expect 0 imgfetch pull "$REGISTRY/test/busybox:docker"
	expect_merged "$REGISTRY/test/busybox:docker"
}

@test "pull: uncompressed layers of an OCI layout" {
	need overlay images
	expect 0 imgfetch pull "oci:$TEST_FIXTURES/busybox:plain"
	expect_merged "oci:$TEST_FIXTURES/busybox:plain"
}
