# SPDX-License-Identifier: MIT
# Images on this machine: layouts and archives as tools write them, as they are legal, and hostile.
load ../lib/common
load ../lib/images
load ../lib/layout

# $IM: l, a layout with v1 (two layers), v2 (one) and z (v1 in zstd); d.tar, o.tar: v1 by skopeo.
setup_file() {
	need skopeo umoci jq bzip2 xz
	IM=$BATS_FILE_TMPDIR/im
	export IM
	mkdir -p "$IM"/{a,b}/etc
	echo one >"$IM/a/etc/one"
	echo two >"$IM/b/etc/two"
	(
		set -e
		cd "$IM"
		mklayout --tag v1 --compress none l a b
		mklayout --tag v2 l b
		mklayout --tag z --compress zstd l a b
		skopeo --insecure-policy copy -q oci:l:v1 docker-archive:d.tar:h.example/team/x:1
		skopeo --insecure-policy copy -q oci:l:v1 oci-archive:o.tar:v1
	) >"$BATS_FILE_TMPDIR/log" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/log"
		return 1
	}
	chmod -R a+rX "$BATS_FILE_TMPDIR"
}

pull() { imgfetch pull -q --no-sync --store="$T/s" "$@"; }

digest_of() { skopeo inspect --format '{{.Digest}}' "$1"; }

# names: all that the store knows.
names() { imgfetch list --store="$T/s" | awk 'NR > 1 { print $1 }' | paste -sd' '; }

# refused STATUS TEXT REF: it is, so, and leaves nothing.
refused() {
	expect "$1" pull "${@:3}"
	says "$2"
	one_line
	is "$(find "$T/s/images" "$T/s/refs" "$T/s/tmp" -mindepth 1 ! -path '*/sha256')" ""
}

# docker_archive NAME: $T/NAME.tar, the contents of skopeo's with what $T/NAME has on top.
docker_archive() {
	local d=$T/files.$1
	mkdir -p "$d"
	tar -xf "$IM/d.tar" -C "$d" --no-same-owner
	chmod -R u+w "$d"
	[[ ! -d $T/$1 ]] || cp -r "$T/$1/." "$d"
	(cd "$d" && tar --owner=0 --group=0 -cf "$T/$1.tar" -- *)
	chmod a+r "$T/$1.tar"
}

# ---- docker-archive: ----

@test "sources: what docker save writes, under its name and the digest that others give it" {
	expect 0 pull "docker-archive:$IM/d.tar"
	local d=$output
	is "$d" "$(digest_of "docker-archive:$IM/d.tar")"
	is "$(names)" h.example/team/x:1
	is "$(cat "$T"/s/layers/sha256/*/etc/one "$T"/s/layers/sha256/*/etc/two)" $'one\ntwo'
	expect 0 imgfetch inspect --store="$T/s" "docker-archive:$IM/d.tar:h.example/team/x:1"
	prints "digest: $d"
	expect 0 pull "docker-archive:$IM/d.tar:h.example/team/x:1"
	is "$output" "$d"
	expect 4 pull "docker-archive:$IM/d.tar:h.example/team/x"
	says "there is no image h.example/team/x:latest; there is: h.example/team/x:1"
	one_line
}

@test "sources: archives in gzip and zstd, and from a pipe" {
	local d how
	d=$(digest_of "docker-archive:$IM/d.tar")
	gzip <"$IM/d.tar" >"$T/d.gz"
	zstd -q <"$IM/o.tar" >"$T/o.tar.zst"
	chmod a+r "$T"/*
	expect 0 pull "docker-archive:$T/d.gz"
	is "$output" "$d"
	expect 0 pull "oci-archive:$T/o.tar.zst:v1"
	is "$output" "$(digest_of "oci-archive:$IM/o.tar")"
	is "$(names)" "h.example/team/x:1 localhost/o:v1"
	rm -r "$T/s"
	mkfifo -m 644 "$T/pipe"
	for how in cat 'gzip -c'; do
		$how "$IM/d.tar" >"$T/pipe" &
		expect 0 pull "docker-archive:$T/pipe"
		is "$output" "$d"
	done
	is "$(find "$T/s/tmp" -mindepth 1)" ""
	for how in bzip2 xz; do
		"$how" -c "$IM/d.tar" >"$T/d.$how"
		chmod a+r "$T/d.$how"
		expect 6 pull "docker-archive:$T/d.$how"
		says "compressed with $how, which is not supported"
	done
	head -c $(($(stat -c %s "$T/d.gz") / 2)) "$T/d.gz" >"$T/cut.gz"
	chmod a+r "$T/cut.gz"
	expect 6 pull "docker-archive:$T/cut.gz"
	says "cut short"
}

@test "sources: an archive is not uncompressed to more than an image may be" {
	head -c 70000000 /dev/zero | gzip -1 >"$T/zero.gz"
	refused 6 "larger when uncompressed than an image of 1000 bytes (max_image_size)" \
		"docker-archive:$T/zero.gz" --max-image-size=1000
	refused 4 "there is no 'manifest.json'" "docker-archive:$T/zero.gz"
}

@test "sources: several images in one docker archive" {
	mkdir "$T/two"
	tar -xOf "$IM/d.tar" manifest.json |
		jq -c '[.[0], (.[0] | .RepoTags = ["busybox:1.36", "other/name:v"] | .Layers = [.Layers[0]]
			| .Config = "second.json")]' >"$T/two/manifest.json"
	tar -xOf "$IM/d.tar" "$(jq -r '.[0].Config' "$T/two/manifest.json")" |
		jq -c '.rootfs.diff_ids |= .[0:1]' >"$T/two/second.json"
	docker_archive two
	expect 4 pull "docker-archive:$T/two.tar"
	says "several images: name one; there is: h.example/team/x:1, docker.io/library/busybox:1.36, docker.io/other/name:v"
	one_line
	expect 0 pull "docker-archive:$T/two.tar:busybox:1.36"
	expect 0 pull "docker-archive:$T/two.tar:other/name:v"
	expect 0 pull "docker-archive:$T/two.tar:h.example/team/x:1"
	is "$(names)" "docker.io/library/busybox:1.36 docker.io/other/name:v h.example/team/x:1"
	expect 0 imgfetch inspect --json --store="$T/s" busybox:1.36
	is "$(jq '.layers | length' "$T/x.out")" 1
	expect 0 imgfetch rm -q --store="$T/s" busybox:1.36 other/name:v h.example/team/x:1
	expect 0 pull "docker-archive:$T/two.tar:@1"
	is "$output" "$(digest_of "docker-archive:$T/two.tar:@1")"
	is "$(names)" "docker.io/library/busybox:1.36"
	expect 4 pull "docker-archive:$T/two.tar:@2"
	says "there is no image @2 of 2"
	one_line
}

@test "sources: a docker archive without names, with links and compressed layers" {
	local first
	mkdir -p "$T/odd/blobs"
	first=$(tar -xOf "$IM/d.tar" manifest.json | jq -r '.[0].Layers[0]')
	tar -xOf "$IM/d.tar" "$first" | gzip -n >"$T/odd/blobs/first"
	ln -s ../blobs/first "$T/odd/link.tar"
	mkdir "$T/odd/v1"
	ln -s ../blobs/first "$T/odd/v1/layer.tar"
	rm "$T/odd/link.tar"
	tar -xOf "$IM/d.tar" manifest.json |
		jq -c '.[0].RepoTags = null | .[0].Layers[0] = "./v1//layer.tar"' >"$T/odd/manifest.json"
	docker_archive odd
	expect 0 pull "docker-archive:$T/odd.tar"
	is "$(names)" localhost/odd:latest
	expect 0 imgfetch inspect --store="$T/s" "docker-archive:$T/odd.tar"
	is "$(cat "$T"/s/layers/sha256/*/etc/one)" one
}

@test "sources: an archive that has a layout, too, is read as that" {
	local name=h.example/team/x:1
	mkdir "$T/new"
	cp -r "$IM/l/." "$T/new"
	jq -c --arg n "$name" '.manifests |= map(select(.annotations["org.opencontainers.image.ref.name"] == "z")
		| .annotations = {"io.containerd.image.name": $n, "org.opencontainers.image.ref.name": "1"})' \
		"$IM/l/index.json" >"$T/new/index.json"
	docker_archive new
	expect 0 pull "docker-archive:$T/new.tar"
	is "$output" "$(jq -r '.manifests[0].digest' "$T/new/index.json")"
	is "$(names)" "$name"
	# Only the old part knows this name.
	jq -c '.manifests[0].annotations = {}' "$T/new/index.json" >"$T/i" && mv "$T/i" "$T/new/index.json"
	rm -r "$T/files.new"
	docker_archive new
	expect 0 pull "docker-archive:$T/new.tar"
	is "$output" "$(digest_of "docker-archive:$IM/d.tar")"
}

@test "sources: hostile docker archives" {
	local f case
	expect_bad() {
		docker_archive "$1"
		refused "$2" "$3" "docker-archive:$T/$1.tar"
	}
	manifest() {
		mkdir -p "$T/$1"
		tar -xOf "$IM/d.tar" manifest.json | jq -c "$2" >"$T/$1/manifest.json"
	}
	manifest climb '.[0].Layers[0] = "../../etc/passwd"'
	expect_bad climb 6 "'..'"
	manifest gone '.[0].Layers[0] = "nothing.tar"'
	expect_bad gone 4 "there is no 'nothing.tar'"
	manifest noconf '.[0].Config = "x.json"'
	expect_bad noconf 4 "there is no 'x.json'"
	manifest fewer '.[0].Layers |= .[0:1]'
	expect_bad fewer 6 "names 1 layers, but the configuration 2 diff_ids"
	manifest swapped '.[0].Layers |= reverse'
	expect_bad swapped 6 "digest mismatch"
	manifest out '.[0].Layers[0] = "l"'
	ln -s /etc/passwd "$T/out/l"
	expect_bad out 6 "leads out of the archive"
	manifest up '.[0].Layers[0] = "l"'
	ln -s ../../../../../../../../etc/passwd "$T/up/l"
	expect_bad up 6 "leads out of the archive"
	manifest loop '.[0].Layers[0] = "l"'
	ln -s m "$T/loop/l"
	ln -s l "$T/loop/m"
	expect_bad loop 6 "too many steps"
	manifest linked '.'
	mv "$T/linked/manifest.json" "$T/linked/m"
	ln -s /etc/hostname "$T/linked/manifest.json"
	expect_bad linked 6 "leads out of the archive"
	manifest json '.'
	echo '[' >"$T/json/manifest.json"
	expect_bad json 6 "not valid JSON"
	manifest many '.[0].Layers |= [range(600) | "x"]'
	expect_bad many 6 "'Layers'"
	mkdir "$T/old"
	echo '{}' >"$T/old/repositories"
	tar -C "$T/old" -cf "$T/old.tar" repositories
	chmod a+r "$T/old.tar"
	refused 6 "by a docker before 1.10" "docker-archive:$T/old.tar"
}

@test "sources: archives that are none, or broken" {
	local size
	size=$(stat -c %s "$IM/d.tar")
	head -c $((size / 2)) "$IM/d.tar" >"$T/half.tar"
	head -c 1536 /dev/urandom >"$T/noise.tar"
	: >"$T/empty.tar"
	echo x >"$T/f"
	tar -C "$T" -P --transform 's,^f$,../f,' -cf "$T/climb.tar" f
	truncate -s 100k "$T/sparse"
	echo x >>"$T/sparse"
	tar -C "$T" -S -cf "$T/gnu-sparse.tar" sparse
	tar -C "$T" -S --format=pax -cf "$T/pax-sparse.tar" sparse
	mkdir "$T/dir.tar"
	chmod -R a+rX "$T"/*.tar
	refused 6 "cut short" "docker-archive:$T/half.tar"
	refused 6 "not a tar archive" "docker-archive:$T/noise.tar"
	refused 6 "not a tar archive" "oci-archive:$T/empty.tar"
	refused 6 "'..'" "oci-archive:$T/climb.tar"
	refused 6 "sparse" "oci-archive:$T/gnu-sparse.tar"
	refused 6 "sparse" "oci-archive:$T/pax-sparse.tar"
	refused 6 "it is a directory: 'oci:'" "oci-archive:$T/dir.tar"
	refused 6 "it is no file" "oci-archive:/dev/null"
	refused 4 "open it" "oci-archive:$T/none.tar"
	refused 4 "there is no 'manifest.json'" "docker-archive:$IM/o.tar"
	refused 4 "there is no 'oci-layout'" "oci-archive:$IM/d.tar"
}

# ---- oci-archive: and oci: ----

@test "sources: OCI archives by skopeo and of a layout of umoci" {
	expect 0 pull "oci-archive:$IM/o.tar"
	is "$output" "$(digest_of "oci-archive:$IM/o.tar")"
	is "$(names)" localhost/o:latest
	expect 4 pull "oci-archive:$IM/o.tar:v2"
	says "there is no tag 'v2'; there is: v1"
	umoci init --layout "$T/u"
	umoci new --image "$T/u:base"
	umoci insert --image "$T/u:base" "$IM/a/etc" /etc >"$T/log" 2>&1
	tar -C "$T/u" --format=pax -cf "$T/u.tar" .
	chmod a+r "$T/u.tar"
	expect 0 pull "oci-archive:$T/u.tar:base"
	is "$output" "$(digest_of "oci:$T/u:base")"
	# All that an archive gives is verified.
	local layer
	layer=$(jq -r '.layers[0].digest' "$T/u/blobs/sha256/${output#sha256:}")
	layer=$T/u/blobs/sha256/${layer#sha256:}
	rm -r "$T/s"
	printf x | dd of="$layer" bs=1 seek=40 conv=notrunc status=none
	tar -C "$T/u" -cf "$T/u.tar" .
	refused 6 "digest mismatch: the blob sha256:" "oci-archive:$T/u.tar:base"
	printf x >>"$layer"
	tar -C "$T/u" -cf "$T/u.tar" .
	refused 6 "are declared" "oci-archive:$T/u.tar:base"
	rm "$layer"
	tar -C "$T/u" -cf "$T/u.tar" .
	refused 4 "there is no 'blobs/sha256/" "oci-archive:$T/u.tar:base"
}

@test "sources: an image of a layout by its digest" {
	local d z
	d=$(jq -r '.manifests[0].digest' "$IM/l/index.json")
	z=$(jq -r '.manifests[2].digest' "$IM/l/index.json")
	expect 0 pull "oci:$IM/l@$d"
	is "$output" "$d"
	is "$(names)" "localhost/l@$d"
	# The digest wins, the tag is the name.
	expect 0 pull "oci:$IM/l:v2@$z"
	is "$output" "$z"
	is "$(names)" "localhost/l:v2 localhost/l@$d"
	expect 0 imgfetch inspect --store="$T/s" "oci:$IM/l@$z"
	expect 4 pull "oci:$IM/l@sha256:$(printf %064d 1)"
	one_line
	tar -C "$IM/l" -cf "$T/l.tar" .
	chmod a+r "$T/l.tar"
	expect 0 pull "oci-archive:$T/l.tar@$z"
	is "$output" "$z"
}

@test "sources: images of a layout by whole names" {
	cp -r "$IM/l" "$T/l"
	jq -c '.manifests |= (.[0].annotations = {"io.containerd.image.name": "docker.io/a/b:1", "org.opencontainers.image.ref.name": "1"}
		| .[1].annotations = {"org.opencontainers.image.ref.name": "h.example/c:1"}
		| .[2].annotations = {"org.opencontainers.image.ref.name": "h.example/c:2"})' \
		"$IM/l/index.json" >"$T/l/index.json"
	tar -C "$T/l" -cf "$T/l.tar" .
	chmod -R a+rX "$T/l" "$T/l.tar"
	local want
	mapfile -t want < <(jq -r '.manifests[].digest' "$T/l/index.json")
	# What is called exactly so comes before what has the tag only.
	expect 0 pull "oci:$T/l:1"
	is "$output" "${want[0]}"
	expect 0 pull "oci:$T/l:2"
	is "$output" "${want[2]}"
	expect 0 pull "oci-archive:$T/l.tar:h.example/c:1"
	is "$output" "${want[1]}"
	expect 0 pull "oci-archive:$T/l.tar:a/b:1"
	is "$output" "${want[0]}"
	is "$(names)" "docker.io/a/b:1 h.example/c:1 localhost/l:1 localhost/l:2"
	expect 4 pull "oci:$T/l"
	says "name a tag or a digest"
	expect 4 pull "oci-archive:$T/l.tar:a/b:3"
	says "there is no image 'docker.io/a/b:3'; there is: docker.io/a/b:1, h.example/c:1, h.example/c:2"
}

@test "sources: an index in a layout, with attestations and artifacts" {
	cp -r "$IM/l" "$T/l"
	chmod u+w "$T"/l/blobs/sha256 "$T/l/index.json"
	local arch=amd64 inner
	[[ $(uname -m) != aarch64 ]] || arch=arm64
	inner=$(jq -c --arg arch "$arch" '.manifests = [
		(.manifests[1] | .annotations = {"vnd.docker.reference.type": "attestation-manifest"}
			| .platform = {os: "unknown", architecture: "unknown"}),
		(.manifests[2] | del(.annotations) | del(.platform) | .artifactType = "application/spdx+json"),
		(.manifests[0] | del(.annotations) | .platform = {os: "linux", architecture: $arch})]' "$T/l/index.json")
	printf %s "$inner" >"$T/inner"
	layout_add_file "$T/l" "$T/inner"
	jq -c --arg d "sha256:$blob" --argjson s "$blob_size" '.manifests = [{mediaType: .mediaType,
		digest: $d, size: $s, annotations: {"org.opencontainers.image.ref.name": "multi"}}]' \
		"$T/l/index.json" >"$T/i"
	mv "$T/i" "$T/l/index.json"
	chmod -R a+rX "$T/l"
	expect 0 pull --platform="linux/$arch" "oci:$T/l:multi"
	is "$output" "$(jq -r '.manifests[0].digest' "$IM/l/index.json")"
	expect 0 pull "oci:$T/l@sha256:$blob"
	is "$output" "$(jq -r '.manifests[0].digest' "$IM/l/index.json")"
	expect 8 pull --platform=linux/s390x "oci:$T/l:multi"
	says "no image for linux/s390x; there is: linux/$arch"
}
