# SPDX-License-Identifier: MIT
# OCI layouts made by hand, so that a test can hold what no image builder would write.
#
#   layout_new DIR               an empty one
#   layout_layer DIR TAR [HOW]   add the file TAR as a layer: gzip (default), zstd or plain
#   layout_blob DIR FILE DIFFID  add FILE as a layer as it is, its DiffID being this (64 digits)
#   layout_done DIR              manifest and index: the image is oci:DIR
#   layout_tars DIR TAR...       all of that at once: the image oci:DIR of these layers, as gzip files
#   layout_dirs DIR FOLDER...    the same of folders, one for each layer, as root's
#   layout_digests FILE          what tests/tools/layout printed
# $LAYOUT_DIFFIDS and $LAYOUT_BLOBS are the digits of the layers so far.

layout_new() {
	mkdir -p "$1/blobs/sha256"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
	LAYOUT_DIFFIDS=() LAYOUT_BLOBS=()
}

# Move FILE among the blobs; its digest in $blob, its size in $blob_size.
layout_add_file() {
	blob=$(sha256sum <"$2" | cut -d ' ' -f 1)
	blob_size=$(stat -c %s "$2")
	mv "$2" "$1/blobs/sha256/$blob"
}

layout_blob() {
	local dir=$1 diffid=$3
	layout_add_file "$dir" "$2"
	LAYOUT_DIFFIDS+=("$diffid")
	LAYOUT_BLOBS+=("$blob")
}

layout_layer() {
	local tar=$2 diffid
	diffid=$(sha256sum <"$tar" | cut -d ' ' -f 1)
	case ${3:-gzip} in
	gzip) gzip -n <"$tar" >"$tar.out" ;;
	zstd) zstd -q --no-progress <"$tar" >"$tar.out" ;;
	plain) cp "$tar" "$tar.out" ;;
	esac
	layout_blob "$1" "$tar.out" "$diffid"
}

layout_tars() {
	local dir=$1
	"$TOOLS/layout" image "$@" >"$dir.digests"
	layout_digests "$dir.digests"
	give_to_caller "$dir" "$dir"/*
}

layout_dirs() {
	local dir=$1 i tars=()
	shift
	for ((i = 1; i <= $#; i++)); do
		tar -C "${!i}" --owner=0 --group=0 --numeric-owner --format=pax -cf "$dir.$i.tar" .
		tars+=("$dir.$i.tar")
	done
	layout_tars "$dir" "${tars[@]}"
}

layout_digests() {
	local diffid blob
	LAYOUT_DIFFIDS=() LAYOUT_BLOBS=()
	while read -r diffid blob; do
		LAYOUT_DIFFIDS+=("$diffid")
		LAYOUT_BLOBS+=("$blob")
	done <"$1"
}

layout_done() {
	local dir=$1 i arch layers='' diffids=''
	case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
	for i in "${!LAYOUT_BLOBS[@]}"; do
		blob_size=$(stat -c %s "$dir/blobs/sha256/${LAYOUT_BLOBS[i]}")
		layers+=,$(printf '{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%d}' \
			"${LAYOUT_BLOBS[i]}" "$blob_size")
		diffids+=,\"sha256:${LAYOUT_DIFFIDS[i]}\"
	done
	printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$arch" "${diffids:1}" >"$dir/config.tmp"
	layout_add_file "$dir" "$dir/config.tmp"
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[%s]}' \
		"$blob" "$blob_size" "${layers:1}" >"$dir/manifest.tmp"
	layout_add_file "$dir" "$dir/manifest.tmp"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
		"$blob" "$blob_size" >"$dir/index.json"
	give_to_caller "$dir" "$dir"/*
	chmod -R a+rX "$dir"
}
