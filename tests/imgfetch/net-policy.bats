# SPDX-License-Identifier: MIT
# When a pull asks the registry: --pull=always, newer, missing, never, and --offline.
load ../lib/common
load ../lib/layoutreg

setup_file() {
	local layout=$BATS_FILE_TMPDIR/layout
	mkdir "$BATS_FILE_TMPDIR"/{one,two}
	echo 1 >"$BATS_FILE_TMPDIR/one/file"
	echo 2 >"$BATS_FILE_TMPDIR/two/file"
	"$TESTS_DIR/lib/mklayout" --tag v1 "$layout" "$BATS_FILE_TMPDIR/one" >"$BATS_FILE_TMPDIR/v1"
	"$TESTS_DIR/lib/mklayout" --tag v2 "$layout" "$BATS_FILE_TMPDIR/one" "$BATS_FILE_TMPDIR/two" \
		>"$BATS_FILE_TMPDIR/v2"
	layoutreg_start "$layout"
	chmod -R a+rX "$layout"
}
teardown_file() { layoutreg_stop; }

# As common_setup, and $REF: a name that no other test pulls; gone_ref: the same where nobody answers.
setup() {
	common_setup
	REPO=t$BATS_TEST_NUMBER-$TEST_AS
	REF=$NET/$REPO:v1
	DIGEST=$(<"$BATS_FILE_TMPDIR/v1")
}

pull() { imgfetch pull -q --store="$T/store" "$@"; }
requests() { layoutreg_log " /v2/$REPO/" | cut -d ' ' -f 1,2 | cut -d / -f 1,4 | tr -d / | paste -sd ,; }

# Who may not fetch is not told to.
no_advice() {
	one_line
	[[ $stderr != *"pull it"* && $stderr != *"pull makes"* ]] || fail "it says to pull"
}

# The stored name means the image that the layout calls v2, as if the tag had moved at the registry.
retag() { echo "$1" >"$T/store/refs/$NET/$REPO/:v1"; }
tag_means() { is "$(<"$T/store/refs/$NET/$REPO/:v1")" "$1"; }

@test "pull: --pull=missing asks for nothing when the image is there" {
	expect 0 pull --pull=missing "$REF"
	is "$output" "$DIGEST"
	is "$(requests)" "HEAD manifests,GET manifests,GET blobs,GET blobs"
	expect 0 pull --pull=missing "$REF"
	is "$output" "$DIGEST"
	is "$(requests)" "HEAD manifests,GET manifests,GET blobs,GET blobs"
	# Not even whether the tag has moved.
	expect 0 pull "$NET/$REPO:v2"
	retag "$(<"$BATS_FILE_TMPDIR/v2")"
	expect 0 pull --pull=missing "$REF"
	is "$output" "$(<"$BATS_FILE_TMPDIR/v2")"
	# An image that lacks a layer is not there.
	rm -r "$T/store/layers/sha256"/*
	expect 0 pull --pull=missing "$REF"
	is "$output" "$DIGEST"
	tag_means "$DIGEST"
}

@test "pull: --pull=always and --pull=newer follow a tag that has moved" {
	local how
	expect 0 pull "$NET/$REPO:v2"
	for how in always newer; do
		expect 0 pull "$REF"
		retag "$(<"$BATS_FILE_TMPDIR/v2")"
		expect 0 pull "--pull=$how" "$REF"
		is "$output" "$DIGEST"
		tag_means "$DIGEST"
	done
}

@test "pull: --pull=never and --offline take what is there and ask for nothing" {
	local how before
	for how in --pull=never --offline "--offline --pull=missing"; do
		# shellcheck disable=SC2086
		expect 4 pull $how "$REF"
		no_advice
		[[ ! -e $T/store ]] || fail "made a store"
	done
	expect 0 pull "$REF"
	before=$(requests)
	for how in --pull=never --offline "--offline --pull=missing"; do
		# shellcheck disable=SC2086
		expect 0 pull $how "$REF"
		is "$output" "$DIGEST"
		# shellcheck disable=SC2086
		expect 0 pull $how "$NET/$REPO@$DIGEST"
		# shellcheck disable=SC2086
		expect 4 pull $how "$NET/$REPO:v2"
		says "nothing may be fetched: image '$NET/$REPO:v2' is not in the store '$T/store'"
		no_advice
	done
	expect 8 pull --offline --platform=linux/s390x "$REF"
	rm -r "$T/store/layers/sha256"/*
	expect 4 pull --offline "$REF"
	says "the store's copy is not complete"
	is "$(requests)" "$before"
}

@test "pull: --offline reads what is on this machine" {
	expect 0 pull --offline "oci:$BATS_FILE_TMPDIR/layout:v1"
	is "$output" "$DIGEST"
	expect 4 pull --pull=never "oci:$BATS_FILE_TMPDIR/layout:v2"
	expect 0 pull --pull=never "oci:$BATS_FILE_TMPDIR/layout:v1"
}

@test "pull: --pull=newer does without a registry that cannot be reached, and says so" {
	expect 0 pull "$REF"
	mkdir -p "$T/store/refs/127.0.0.1:1/$REPO"
	cp "$T/store/refs/$NET/$REPO/:v1" "$T/store/refs/127.0.0.1:1/$REPO/:v1"
	give_to_caller -R "$T/store/refs"
	local gone=127.0.0.1:1/$REPO
	expect 5 pull "$gone:v1"
	expect 5 pull --pull=always "$gone:v1"
	expect 0 pull --pull=newer "$gone:v1"
	is "$output" "$DIGEST"
	says "is the registry running?; the image in the store is taken"
	one_line
	expect 0 pull --pull=missing "$gone:v1"
	is "$stderr" ""
	# What is not there, or was refused, stays an error.
	expect 5 pull --pull=newer "$gone:v2"
	expect 4 pull --pull=newer "$NET/$REPO:v9"
}

@test "pull: --pull and --offline are checked" {
	expect 2 pull --pull=sometimes "$REF"
	says "--pull: 'sometimes' is not always, newer, missing or never"
	expect 2 pull --offline --pull=always "$REF"
	says "exclude each other"
	expect 2 imgfetch list --offline
	says "list has no option --offline"
}

@test "pull: --json tells what was done" {
	expect 0 pull "$NET/$REPO:v1"
	expect 0 pull --json "$NET/$REPO:v2"
	is "$(jq -r '[.reference, .digest, .store, .present, .layers, .layers_fetched, .layers_present,
		.fetched_bytes < .compressed_bytes, .fetched_bytes > 0, .resumed_bytes, .wall_ns > 0] | @csv' \
		"$T/x.out" | tr -d '"')" \
		"$NET/$REPO:v2,$(<"$BATS_FILE_TMPDIR/v2"),$T/store,false,2,1,1,true,true,0,true"
	is "$(jq -r .platform "$T/x.out")" "linux/amd64"
	expect 0 pull --json --pull=missing "$NET/$REPO:v2"
	is "$(jq -c '[.present, .layers, .layers_fetched, .fetched_bytes]' "$T/x.out")" "[true,2,0,0]"
}
