# SPDX-License-Identifier: MIT
# What registries and layouts hold that is legal and rare: digests of other kinds, layers of odd forms.
load ../lib/common
load ../lib/badreg
load ../lib/layout

setup_file() { badreg_start; }
teardown_file() { badreg_stop; }

pull() { imgfetch pull -q --store="$T/store" "$@"; }

# refused STATUS TEXT REF: it is, so, and leaves nothing.
refused() {
	expect "$1" pull "$3"
	says "$2"
	one_line
	is "$(find "$T/store/images" "$T/store/refs" "$T/store/tmp" "$T/store/layers" -mindepth 1 \
		! -path '*/sha256')" ""
}

# requests REPOSITORY: how many there were so far; of a repository that no other test asks for.
requests() { badreg_log "$1" | wc -l; }

@test "pull: what is named by sha512 is verified by it, and stored by sha256" {
	local d before
	expect 0 pull "$BAD/sha512:v1"
	d=$output
	[[ $d == sha256:* ]] || fail "$d"
	is "$(sha256sum <"$T/store/images/sha256/${d#sha256:}/manifest.json")" "${d#sha256:}  -"
	local s
	s=$(sha512sum <"$T/store/images/sha256/${d#sha256:}/manifest.json")
	s=sha512:${s%% *}
	# What the registry called it is remembered: then a HEAD request is all.
	before=$(requests sha512)
	expect 0 pull "$BAD/sha512:v1"
	is "$(($(requests sha512) - before))" 1
	expect 0 pull "$BAD/sha512@$s"
	is "$output" "$d"
	is "$(($(requests sha512) - before))" 1
	expect 0 imgfetch inspect --store="$T/store" "$BAD/sha512@$s"
	prints "digest: $d"
	grep -q '^blob sha512:' "$T/store"/layers/sha256/*.info || fail "no note of the blob"
	# By digest without a tag, into a new store.
	expect 0 imgfetch pull -q --store="$T/other" "$BAD/sha512@$s"
	is "$output" "$d"
	expect 0 imgfetch list --store="$T/other"
	prints "$BAD/sha512@$s"
	expect 0 imgfetch rm --store="$T/other" "$BAD/sha512@$s"
	is "$(find "$T/other/images" "$T/other/layers" "$T/other/refs" ! -type d)" ""
	expect 0 pull "$BAD/sha512-index:v1"
	is "$output" "$d"
}

@test "pull: what is not what its sha512 says is refused" {
	refused 6 "digest mismatch: the blob sha512:" "$BAD/sha512-layer:v1"
	refused 6 "image configuration: wrong digest: sha512:" "$BAD/sha512-config:v1"
	refused 6 "wrong digest: manifest sha512:$(printf %0128d 1) was expected, sha512:" \
		"$BAD/sha512-index@sha512:$(printf %0128d 1)"
	refused 6 "sha512 is not supported for layers" "$BAD/sha512-diffid:v1"
	refused 2 "digest" "$BAD/sha512-index@sha512:$(printf %064d 1)"
}

# ---- forms of layers -------------------------------------------------------------------------------

# a.tar of one file, its DiffID in $diffid.
make_tar() {
	echo hello >"$T/f"
	tar -C "$T" --owner=0 --group=0 -cf "$T/a.tar" f
	diffid=$(sha256sum <"$T/a.tar" | cut -d ' ' -f 1)
}

# image BLOB DIFFID [BLOB DIFFID]: the layout $T/l of these layers; the files are used up.
image() {
	rm -rf -- "${T:?}/l"
	layout_new "$T/l"
	while (($#)); do
		layout_blob "$T/l" "$1" "$2"
		shift 2
	done
	layout_done "$T/l"
}

@test "pull: an estargz layer is its gzip members, with the files that it has for itself" {
	make_tar
	mkdir "$T/e"
	echo '{"version":1,"entries":[]}' >"$T/e/stargz.index.json"
	printf '\x0f' >"$T/e/.prefetch.landmark"
	cp "$T/f" "$T/e"
	tar -C "$T/e" --owner=0 --group=0 -cf "$T/e.tar" .prefetch.landmark f stargz.index.json
	diffid=$(sha256sum <"$T/e.tar" | cut -d ' ' -f 1)
	# Each entry and the table of contents are members of their own; so is the footer, 51 bytes of an
	# empty member whose extra field says where the table is.
	split -b 1024 "$T/e.tar" "$T/chunk."
	local c
	for c in "$T"/chunk.*; do gzip -n <"$c" >>"$T/blob"; done
	printf '\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0%016xSTARGZ\x01\0\0\xff\xff\0\0\0\0\0\0\0\0' 1024 >>"$T/blob"
	image "$T/blob" "$diffid"
	expect 0 pull "oci:$T/l"
	is "$(ls -A "$T/store/layers/sha256/$diffid" | paste -sd' ')" ".prefetch.landmark f stargz.index.json"
	is "$(cat "$T/store/layers/sha256/$diffid/f")" hello
}

@test "pull: a zstd:chunked layer is its frames, without what is skippable" {
	make_tar
	local c
	split -b 3000 "$T/a.tar" "$T/chunk."
	printf '\x5f\x2a\x4d\x18\x04\0\0\0head' >"$T/blob"
	for c in "$T"/chunk.*; do zstd -q <"$c" >>"$T/blob"; done
	# The manifest and the footer of zstd:chunked are such frames.
	printf '\x50\x2a\x4d\x18\x08\0\0\0manifest' >>"$T/blob"
	printf '\x50\x2a\x4d\x18\x40\0\0\0%064d' 1 >>"$T/blob"
	image "$T/blob" "$diffid"
	expect 0 pull "oci:$T/l"
	is "$(cat "$T/store/layers/sha256/$diffid/f")" hello
}

@test "pull: padding after gzip is taken, anything else after it is not" {
	make_tar
	gzip -n <"$T/a.tar" >"$T/blob"
	cp "$T/blob" "$T/other"
	head -c 1000 /dev/zero >>"$T/blob"
	image "$T/blob" "$diffid"
	expect 0 pull "oci:$T/l"
	head -c 10 /dev/zero >>"$T/other"
	echo x >>"$T/other"
	image "$T/other" "$diffid"
	rm -r "$T/store"
	refused 6 "garbage after the end of the gzip data" "oci:$T/l"
}

@test "pull: layers in bzip2 and xz are refused by name" {
	need bzip2 xz
	local how
	for how in bzip2 xz; do
		make_tar
		"$how" -c "$T/a.tar" >"$T/blob"
		image "$T/blob" "$diffid"
		refused 6 "compressed with $how, which is not supported" "oci:$T/l"
	done
}

@test "pull: empty layers, of no bytes, of zeros, and twice the one that docker made" {
	local a3=a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4
	local nothing zeros=5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
	nothing=$(sha256sum </dev/null | cut -d ' ' -f 1)
	make_tar
	: >"$T/nothing"
	head -c 1024 /dev/zero | gzip -n >"$T/zeros"
	# As in images of schema 1, and in many since: 1024 zeros in gzip, whose header has a flag of its
	# time. In base64, since these 32 bytes and no others have that digest.
	base64 -d >"$T/a3" <<<H4sIAAAJbogA/2IYBaNgFIxYAAgAAP//Lq+17wAEAAA=
	is "$(sha256sum <"$T/a3" | cut -d ' ' -f 1)" "$a3"
	cp "$T/a3" "$T/a3.again"
	image "$T/a3" "$zeros" "$T/a.tar" "$diffid" "$T/nothing" "$nothing" "$T/a3.again" "$zeros" \
		"$T/zeros" "$zeros"
	expect 0 pull "oci:$T/l"
	is "$(sed -n 's/^layer sha256://p' "$T/store/images/sha256/${output#sha256:}/descriptor" | paste -sd' ')" \
		"$diffid $nothing $zeros"
	is "$(find "$T/store/layers/sha256/$nothing" "$T/store/layers/sha256/$zeros" -mindepth 1)" ""
}
