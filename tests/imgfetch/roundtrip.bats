# SPDX-License-Identifier: MIT
# Pull and run: all spellings of an image, from a layout. From a registry: net-roundtrip.bats. What a layer
# means is tested where it is unpacked.
load ../lib/common
load ../lib/images
load ../lib/merged

setup_file() { fixture busybox; }

@test "pull: layers of an OCI layout in gzip, zstd, as they are, and Docker's, run merged" {
	need overlay images
	local tag
	for tag in latest zstd plain docker; do
		expect 0 imgfetch pull "oci:$TEST_FIXTURES/busybox:$tag"
		expect_merged "oci:$TEST_FIXTURES/busybox:$tag"
	done
}
