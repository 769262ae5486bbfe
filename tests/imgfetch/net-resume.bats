# SPDX-License-Identifier: MIT
# A pull that broke off, however hard, is taken up again by the next: what has arrived of a large
# layer is not fetched twice, and never believed.
load ../lib/common
load ../lib/layoutreg

# One layer of 3 MB that does not compress, and a small one.
setup_file() {
	local layout=$BATS_FILE_TMPDIR/layout
	mkdir "$BATS_FILE_TMPDIR/big" "$BATS_FILE_TMPDIR/small"
	head -c 3000000 /dev/urandom >"$BATS_FILE_TMPDIR/big/noise"
	echo good >"$BATS_FILE_TMPDIR/small/motd"
	"$TESTS_DIR/lib/mklayout" --tag v1 --compress none "$layout" \
		"$BATS_FILE_TMPDIR/big" "$BATS_FILE_TMPDIR/small" >"$BATS_FILE_TMPDIR/digest"
	layoutreg_start "$layout"
	BIG=$(find "$layout/blobs" -size +2M -printf %f)
	BIG_SIZE=$(stat -c %s "$layout/blobs/sha256/$BIG")
	export BIG BIG_SIZE
}
teardown_file() { layoutreg_stop; }

pull() { imgfetch pull -q --store="$T/store" "$@"; }

# The repository, with a word that no other test has, so that its requests can be told apart.
repo() { echo "$NET/$1-t$BATS_TEST_NUMBER:v1"; }
requests() { layoutreg_log "^GET /v2/$1-t$BATS_TEST_NUMBER/blobs/sha256:$BIG "; }

# Pull until N bytes of the large layer are there, and kill. $PARTIAL is their file then.
broken_pull() {
	PARTIAL=$T/store/tmp/blob-sha256-$BIG
	# Or it would ask for the rest when nothing has come for a while.
	spawn imgfetch pull -q --timeout=3600 --store="$T/store" "$(repo "hold$1")"
	wait_for 20 has_size "$PARTIAL" "$1"
	kill -KILL "$pid"
	wait "$pid" || true
}
has_size() { [[ -e $1 && $(stat -c %s "$1") -ge $2 ]]; }

complete() {
	is "$output" "$(<"$BATS_FILE_TMPDIR/digest")"
	cmp "$BATS_FILE_TMPDIR/big/noise" "$T"/store/layers/sha256/*/noise
	is "$(cat "$T"/store/layers/sha256/*/motd)" good
	is "$(find "$T/store/tmp" -mindepth 1)" ""
}

@test "pull: after kill -9 only the rest of a layer is fetched" {
	broken_pull 2000000
	is "$(stat -c '%s %a' "$PARTIAL")" "2000000 600"
	is "$(ls "$T/store/images/sha256" "$T/store/refs" | grep -v :$ || true)" ""
	expect 0 pull "$(repo again)"
	is "$(requests again | cut -d ' ' -f 3-)" "bytes=2000000- 206"
	complete
}

@test "pull: a transfer that broke off is resumed by a later pull" {
	expect 5 pull "$(repo cut400000)"
	one_line
	local had
	had=$(stat -c %s "$T/store/tmp/blob-sha256-$BIG")
	expect 0 pull "$(repo again)"
	is "$(requests again | cut -d ' ' -f 3-)" "bytes=$had- 206"
	complete
}

@test "pull: a layer that had arrived whole is not asked for again" {
	broken_pull 2000000
	tail -c +2000001 "$BATS_FILE_TMPDIR/layout/blobs/sha256/$BIG" >>"$PARTIAL"
	expect 0 pull "$(repo again)"
	is "$(requests again)" ""
	complete
}

@test "pull: a server without ranges, or with wrong ones, will do to resume" {
	local how
	for how in norange badrange no416; do
		broken_pull 2000000
		expect 0 pull "$(repo "$how")"
		requests "$how" | head -n 1 | grep -q ' bytes=2000000- '
		complete
		rm -r "$T/store"
	done
}

@test "pull: a wrong beginning is thrown away and the layer fetched once more" {
	broken_pull 2000000
	printf X | dd of="$PARTIAL" bs=1 seek=1000000 conv=notrunc status=none
	expect 0 imgfetch pull --store="$T/store" "$(repo again)"
	says "what an earlier pull left of it is wrong"
	is "$(requests again | cut -d ' ' -f 3- | paste -sd ,)" "bytes=2000000- 206,- 200"
	complete
	# More than the layer has is no beginning of it.
	rm -r "$T/store"
	broken_pull 2000000
	head -c "$((BIG_SIZE - 1999999))" /dev/zero >>"$PARTIAL"
	expect 0 pull "$(repo longer)"
	is "$(requests longer | cut -d ' ' -f 3-)" "- 200"
	complete
}

@test "pull: what is in the place of a kept part is not followed" {
	broken_pull 2000000
	local precious=$T/precious
	head -c 2000000 "$PARTIAL" >"$precious"
	give_to_caller "$precious"
	ln -f "$precious" "$PARTIAL"
	expect 0 pull "$(repo hardlink)"
	is "$(requests hardlink | cut -d ' ' -f 3-)" "- 200"
	complete
	is "$(stat -c %s "$precious")" 2000000
	imgfetch rm -q --store="$T/store" "$(repo hardlink)"
	ln -s "$precious" "$PARTIAL"
	expect 0 pull "$(repo symlink)"
	is "$(requests symlink | cut -d ' ' -f 3-)" "- 200"
	is "$(stat -c %s "$precious")" 2000000
}

@test "pull: a kept part is swept after a week" {
	broken_pull 2000000
	touch -d '6 days ago' "$PARTIAL"
	expect 4 pull "$NET/x:missing"
	[[ -e $PARTIAL ]] || fail "swept too early"
	touch -d '8 days ago' "$PARTIAL"
	expect 4 pull "$NET/x:missing"
	[[ ! -e $PARTIAL ]] || fail "still there"
}

@test "pull: of small layers nothing is kept" {
	expect 5 pull "$(repo cut400000)"
	is "$(cd "$T/store/tmp" && echo *)" "blob-sha256-$BIG"
}
