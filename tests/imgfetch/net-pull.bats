# SPDX-License-Identifier: MIT
# The straight ways: images made by umoci and skopeo, pulled from Debian's registry and from OCI
# layouts, listed, inspected, removed.
load ../lib/common
load ../lib/registry

setup_file() {
	need registry umoci skopeo
	IMAGES=$BATS_FILE_TMPDIR/images
	export IMAGES REGISTRY REGISTRY_PID
	make_images >"$BATS_FILE_TMPDIR/log" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/log"
		return 1
	}
	registry_start "$BATS_FILE_TMPDIR/registry"
	local name
	for name in one two; do
		registry_push "$IMAGES/oci:$name" "team/$name:v1"
		registry_push "$IMAGES/oci:$name" "team/$name:docker" --format v2s2
	done
	chmod -R a+rX "$BATS_FILE_TMPDIR"
}

teardown_file() { registry_stop; }

# one: three layers, a file replaced and one deleted between them; two: shares the first with one.
make_images() {
	local d=$IMAGES
	mkdir -p "$d/a/etc" "$d/b" "$d/c"
	echo first >"$d/a/etc/replaced"
	echo first >"$d/a/etc/deleted"
	echo first >"$d/a/etc/kept"
	echo second >"$d/b/replaced"
	umoci init --layout "$d/oci"
	umoci new --image "$d/oci:one"
	umoci insert --image "$d/oci:one" "$d/a/etc" /etc
	umoci tag --image "$d/oci:one" two
	umoci insert --image "$d/oci:one" "$d/b/replaced" /etc/replaced
	umoci insert --image "$d/oci:one" --whiteout /etc/deleted
	umoci config --image "$d/oci:one" --config.env GREETING="hello world" \
		--config.workingdir /srv --config.user 1000:1000 --config.cmd /bin/sh --config.cmd -l
	umoci insert --image "$d/oci:two" "$d/b/replaced" /etc/other
}

# The digest that another tool computes of the manifest.
digest_of() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "$1"; }

pull() { imgfetch pull --store="$T/store" "$@"; }

# The layers of the stored image, bottom first, as directories.
layer_dirs() {
	sed -n "s|^layer sha256:|$T/store/layers/sha256/|p" \
		"$T/store/images/sha256/${1#sha256:}/descriptor"
}

# ---- pull --------------------------------------------------------------------------------------

@test "pull: by tag from a registry" {
	expect 0 pull "$REGISTRY/team/one:v1"
	is "$output" "$(digest_of "docker://$REGISTRY/team/one:v1")"
	local dirs
	mapfile -t dirs < <(layer_dirs "$output")
	is "${#dirs[@]}" 3
	is "$(cat "${dirs[0]}/etc/kept" "${dirs[0]}/etc/replaced" "${dirs[1]}/etc/replaced")" \
		$'first\nfirst\nsecond'
	is "$(stat -c '%F %t %T' "${dirs[2]}/etc/deleted")" "character special file 0 0"
	is "$(find "$T/store/tmp" -mindepth 1)" ""
}

@test "pull: Docker's media types" {
	expect 0 pull -q "$REGISTRY/team/one:docker"
	is "$output" "$(digest_of "docker://$REGISTRY/team/one:docker")"
	is "$stderr" ""
	expect 0 imgfetch inspect --json --store="$T/store" "$REGISTRY/team/one:docker"
	is "$(jq -r '.layers[0].media_type' "$T/x.out")" \
		application/vnd.docker.image.rootfs.diff.tar.gzip
}

@test "pull: by digest, and by tag and digest" {
	local d
	d=$(digest_of "docker://$REGISTRY/team/one:v1")
	expect 0 pull -q "$REGISTRY/team/one@$d"
	is "$output" "$d"
	expect 0 imgfetch inspect --store="$T/store" "$d"
	prints "digest: $d"
	expect 0 imgfetch list --store="$T/store"
	prints "$REGISTRY/team/one@$d"
	# The digest wins over a tag that means something else.
	expect 0 pull -q "$REGISTRY/team/one:docker@$d"
	is "$output" "$d"
}

@test "pull: again is the same, and layers are shared between images" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	local d=$output
	expect 0 pull "$REGISTRY/team/one:v1"
	is "$output" "$d"
	says present
	expect 0 pull "$REGISTRY/team/two:v1"
	# Two layers, one of which was there.
	is "$(find "$T/store/layers/sha256" -mindepth 1 -maxdepth 1 -type d | wc -l)" 4
}

@test "pull: a tag that moved is followed, and the old image stays" {
	registry_push "$IMAGES/oci:one" "team/moving:$TEST_AS"
	expect 0 pull -q "$REGISTRY/team/moving:$TEST_AS"
	local old=$output
	registry_push "$IMAGES/oci:two" "team/moving:$TEST_AS"
	expect 0 pull -q "$REGISTRY/team/moving:$TEST_AS"
	[[ $output != "$old" ]] || fail "still the old image"
	expect 0 imgfetch inspect --store="$T/store" "$REGISTRY/team/moving:$TEST_AS"
	prints "digest: $(digest_of "oci:$IMAGES/oci:two")"
	expect 0 imgfetch inspect --store="$T/store" "$old"
}

@test "pull: an unknown tag or repository leaves the store as it was" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	find "$T/store" | sort >"$T/before"
	expect 4 pull "$REGISTRY/team/one:v9"
	says "HTTP 404 MANIFEST_UNKNOWN"
	one_line
	expect 4 pull "$REGISTRY/team/nowhere:v1"
	one_line
	find "$T/store" | sort | cmp - "$T/before"
}

@test "pull: into the caller's own store by default" {
	expect 0 imgfetch pull -q "oci:$IMAGES/oci:one"
	local store=$T/home/.local/share/isolate/images
	[[ $TEST_AS == user ]] || store=$(conf image_root)
	local d=$output
	[[ -f $store/images/sha256/${d#sha256:}/descriptor ]] || fail "not in $store"
	expect 0 imgfetch inspect localhost/oci:one
	prints "store: $store"
}

@test "pull: XDG_DATA_HOME names the place of the own store" {
	need user
	expect 0 as_caller env XDG_DATA_HOME="$T/data" imgfetch pull -q "oci:$IMAGES/oci:one"
	[[ -f $T/data/isolate/images/version ]] || fail "not there"
}

@test "pull: a store that cannot be written gives status 7" {
	need user
	mkdir "$T/readonly"
	chmod 555 "$T/readonly"
	expect 7 imgfetch pull -q --store="$T/readonly/store" "$REGISTRY/team/one:v1"
	one_line
	expect 7 imgfetch pull -q --store=/proc/store "$REGISTRY/team/one:v1"
	one_line
}

@test "pull: a directory that is no store is left alone" {
	mkdir "$T/other"
	touch "$T/other/file"
	give_to_caller "$T/other"
	expect 7 imgfetch pull -q --store="$T/other" "oci:$IMAGES/oci:one"
	one_line
	is "$(ls "$T/other")" file
}

# ---- OCI layouts -------------------------------------------------------------------------------

@test "pull: from a layout made by umoci" {
	expect 0 pull -q "oci:$IMAGES/oci:one"
	is "$output" "$(digest_of "oci:$IMAGES/oci:one")"
	expect 0 imgfetch inspect --store="$T/store" "oci:$IMAGES/oci:one"
	prints "env: GREETING=hello world"
	prints "workdir: /srv"
	prints "user: 1000:1000"
	prints "cmd: '/bin/sh' '-l'"
}

@test "pull: from a layout made by skopeo" {
	skopeo copy -q "oci:$IMAGES/oci:one" "oci:$T/layout:x"
	chmod -R a+rX "$T/layout"
	expect 0 pull -q "oci:$T/layout:x"
	is "$output" "$(digest_of "oci:$T/layout:x")"
	# Its only image needs no tag.
	expect 0 pull -q "oci:$T/layout"
}

@test "pull: from a layout with zstd layers" {
	skopeo copy -q --dest-compress-format zstd "oci:$IMAGES/oci:one" "oci:$T/layout:z"
	chmod -R a+rX "$T/layout"
	expect 0 pull -q "oci:$T/layout:z"
	expect 0 imgfetch inspect --json --store="$T/store" "$output"
	is "$(jq -r '.layers[0].media_type' "$T/x.out")" application/vnd.oci.image.layer.v1.tar+zstd
}

@test "pull: a layout with several images and no tag asks for one" {
	expect 4 pull "oci:$IMAGES/oci"
	says "name a tag or a digest"
	one_line
}

@test "pull: a tag that a layout lacks gives status 4" {
	expect 4 pull "oci:$IMAGES/oci:missing"
	says "there is no tag 'missing'"
	one_line
}

@test "pull: a directory that is not there or no layout" {
	expect 4 pull "oci:$T/nothing:x"
	says "open image layout"
	one_line
	mkdir "$T/empty"
	expect 4 pull "oci:$T/empty:x"
	says "'oci-layout'"
	one_line
}

copy_layout() {
	cp -r "$IMAGES/oci" "$T/layout"
	chmod -R a+rX "$T/layout"
}

# The file of the first layer of image "one" in $T/layout.
first_layer() {
	local m l
	m=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "one")
		.digest' "$T/layout/index.json")
	l=$(jq -r '.layers[0].digest' "$T/layout/blobs/sha256/${m#sha256:}")
	echo "$T/layout/blobs/sha256/${l#sha256:}"
}

@test "pull: a layout with a damaged layer is refused" {
	copy_layout
	printf x | dd of="$(first_layer)" bs=1 seek=40 conv=notrunc status=none
	expect 6 pull -q "oci:$T/layout:one"
	one_line
	is "$(find "$T/store/images" "$T/store/tmp" -type f)" ""
}

@test "pull: a layout with a truncated layer is refused" {
	copy_layout
	truncate -s -1 "$(first_layer)"
	expect 6 pull -q "oci:$T/layout:one"
	says "are declared"
	one_line
}

@test "pull: a layout with a link in place of a layer is refused" {
	copy_layout
	local l
	l=$(first_layer)
	mv "$l" "$T/elsewhere"
	chmod a+r "$T/elsewhere"
	ln -s "$T/elsewhere" "$l"
	expect 6 pull -q "oci:$T/layout:one"
	says "is a link: refused"
	one_line
}

@test "pull: a layout with a fifo in place of its index does not hang" {
	copy_layout
	rm "$T/layout/index.json"
	mkfifo -m 644 "$T/layout/index.json"
	expect 6 pull -q "oci:$T/layout:one"
	says "no regular file"
}

# ---- list, inspect, rm -------------------------------------------------------------------------

@test "list: names, digests and sizes, as text and as JSON" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	local d=$output
	expect 0 pull -q "oci:$IMAGES/oci:two"
	expect 0 imgfetch list --store="$T/store"
	is "$(sed -n 1p "$T/x.out" | awk '{ print $1, $2, $3 }')" "REFERENCE DIGEST LAYERS"
	is "$(awk '$1 ~ "^127" { print $1, $2, $3 }' "$T/x.out")" "$REGISTRY/team/one:v1 $d 3"
	expect 0 imgfetch list --json --store="$T/store"
	is "$(jq -r '.[].reference' "$T/x.out" | paste -sd' ')" "$REGISTRY/team/one:v1 localhost/oci:two"
	is "$(jq -r '.[0].digest' "$T/x.out")" "$d"
	is "$(jq -r '.[1].layers' "$T/x.out")" 2
}

@test "list: an empty store, and none" {
	expect 7 imgfetch list --store=/proc/self/status
	expect 4 imgfetch list --store="$T/none"
	one_line
	[[ ! -e $T/none ]] || fail "list made a store"
	expect 4 pull "oci:$T/nothing"
	expect 0 imgfetch list --json --store="$T/store"
	is "$(jq length "$T/x.out")" 0
}

@test "list: before the first pull there is nothing, and no error" {
	need user
	set_caller HOME="$T/home" XDG_DATA_HOME="$T/none"
	expect 0 imgfetch list
	is "$(sed -n 1p "$T/x.out" | awk '{ print $1, $2, $3 }')" "REFERENCE DIGEST LAYERS"
	[[ ! -e $T/none ]] || fail "list made a store"
}

@test "inspect: as JSON" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	local d=$output
	expect 0 imgfetch inspect --json --store="$T/store" "$REGISTRY/team/one:v1"
	is "$(jq -r '.digest' "$T/x.out")" "$d"
	is "$(jq -r '.env[] | select(startswith("GREETING"))' "$T/x.out")" "GREETING=hello world"
	is "$(jq -r '.layers | length' "$T/x.out")" 3
	is "$(jq -r '.layers[].diff_id' "$T/x.out")" \
		"$(sed -n 's/^layer //p' "$T/store/images/sha256/${d#sha256:}/descriptor")"
}

@test "inspect: an unknown name gives status 4" {
	expect 0 pull -q "oci:$IMAGES/oci:one"
	expect 4 imgfetch inspect --store="$T/store" "$REGISTRY/team/one:v1"
	one_line
}

@test "inspect: a user without the image sees root's" {
	need user
	TEST_AS=root
	set_caller HOME="$T/home"
	expect 0 imgfetch pull -q "oci:$IMAGES/oci:two"
	TEST_AS=user
	set_caller HOME="$T/home"
	expect 0 imgfetch inspect localhost/oci:two
	prints "store: $(conf image_root)"
	expect 0 imgfetch list
	prints localhost/oci:two
	expect 4 imgfetch rm localhost/oci:two
}

@test "rm: the last name takes the image and its layers along" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	expect 0 imgfetch rm --store="$T/store" "$REGISTRY/team/one:v1"
	is "$(find "$T/store/images" "$T/store/layers" "$T/store/refs" "$T/store/tmp" ! -type d)" ""
	is "$(find "$T/store/layers/sha256" "$T/store/images/sha256" -mindepth 1)" ""
	expect 4 imgfetch rm --store="$T/store" "$REGISTRY/team/one:v1"
	one_line
}

@test "rm: an image with another name stays" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	local d=$output
	expect 0 pull -q "oci:$IMAGES/oci:one"
	is "$output" "$d"
	expect 0 imgfetch rm --store="$T/store" "$REGISTRY/team/one:v1"
	expect 4 imgfetch inspect --store="$T/store" "$REGISTRY/team/one:v1"
	expect 0 imgfetch inspect --store="$T/store" localhost/oci:one
	expect 0 imgfetch rm --store="$T/store" localhost/oci:one
	is "$(find "$T/store/images/sha256" "$T/store/layers/sha256" -mindepth 1)" ""
}

@test "rm: layers that another image has stay" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	expect 0 pull -q "$REGISTRY/team/two:v1"
	local d=$output dir
	expect 0 imgfetch rm --store="$T/store" "$REGISTRY/team/one:v1"
	prints "2 of its layers"
	for dir in $(layer_dirs "$d"); do
		[[ -d $dir ]] || fail "$dir is gone"
	done
	is "$(find "$T/store/layers/sha256" -mindepth 1 -maxdepth 1 -type d | wc -l)" 2
}

@test "rm: a damaged image can be removed and pulled again, and is in nobody's way" {
	local one two file
	for file in descriptor config.json; do
		expect 0 pull -q "$REGISTRY/team/one:v1"
		one=$output
		expect 0 pull -q "$REGISTRY/team/two:v1"
		two=$output
		: >"$T/store/images/sha256/${one#sha256:}/$file"
		expect 6 pull -q "$REGISTRY/team/one:v1"
		says "imgfetch rm $one"
		expect 0 imgfetch rm --store="$T/store" "$two"
		expect 0 imgfetch rm --store="$T/store" "$one"
		is "$(find "$T/store/images" "$T/store/layers" "$T/store/refs" "$T/store/tmp" ! -type d)" ""
	done
	expect 0 pull -q "$REGISTRY/team/one:v1"
	expect 0 pull -q "$REGISTRY/team/two:v1"
	: >"$T/store/images/sha256/${one#sha256:}/descriptor"
	: >"$T/store/images/sha256/${one#sha256:}/config.json"
	expect 0 imgfetch rm --store="$T/store" "$two"
	prints "another image is damaged"
	expect 0 imgfetch rm --store="$T/store" "$one"
	expect 0 pull -q "$REGISTRY/team/one:v1"
	expect 0 imgfetch inspect --store="$T/store" "$REGISTRY/team/one:v1"
}

@test "rm: by digest takes all names" {
	expect 0 pull -q "$REGISTRY/team/one:v1"
	local d=$output
	expect 0 pull -q "oci:$IMAGES/oci:one"
	expect 0 imgfetch rm --store="$T/store" "$d"
	is "$(find "$T/store/refs" -type f)" ""
	is "$(find "$T/store/images/sha256" -mindepth 1)" ""
}
