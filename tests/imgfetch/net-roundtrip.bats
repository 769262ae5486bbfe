# SPDX-License-Identifier: MIT
# The whole way: registry, pull, run. From layouts, on each kernel: roundtrip.bats.
load ../lib/common
load ../lib/registry
load ../lib/images
load ../lib/merged

setup_file() {
	fixture busybox
	registry_start "$BATS_FILE_TMPDIR/registry"
	export REGISTRY REGISTRY_PID
	registry_push "$TEST_FIXTURES/busybox:latest" test/busybox:latest
	registry_push "$TEST_FIXTURES/busybox:zstd" test/busybox:zstd
	registry_push "$TEST_FIXTURES/busybox:latest" test/busybox:docker --format v2s2
}

teardown_file() { registry_stop; }

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
