# SPDX-License-Identifier: MIT
# What registries serve that is legal and rare: digests of other kinds.
load ../lib/common
load ../lib/badreg

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
