# SPDX-License-Identifier: MIT
# Pulls that are killed, many at once, and short of room: what is in the store is always whole, and
# what has arrived is not fetched again.
load ../lib/common
load ../lib/layoutreg

# Three layers: 1.5 MB that do not compress, some files, some directories. v2: one of 1 MB.
setup_file() {
	local d=$BATS_FILE_TMPDIR i
	mkdir "$d/a" "$d/b" "$d/c"
	head -c 1500000 /dev/urandom >"$d/a/noise"
	for i in 1 2 3 4; do
		echo "$i" >"$d/b/f$i"
		mkdir "$d/c/d$i"
		ln -s "../d$i" "$d/c/d$i/link"
	done
	"$TESTS_DIR/lib/mklayout" --tag v1 --compress none "$d/layout" "$d/a" "$d/b" "$d/c" >/dev/null
	mkdir "$d/e"
	head -c 1000000 /dev/urandom >"$d/e/other"
	"$TESTS_DIR/lib/mklayout" --tag v2 --compress none "$d/layout" "$d/e" >/dev/null
	layoutreg_start "$d/layout"
	BIG=$(find "$d/layout/blobs" -size +1400k -printf %f)
	export BIG
}
teardown_file() { layoutreg_stop; }

pull() { imgfetch pull -q --store="$T/store" "$@"; }
big_requests() { layoutreg_log "^GET /v2/$1/blobs/sha256:$BIG " | cut -d ' ' -f 3-; }

# Whatever is in $T/store is as in $T/whole: what there may be less of is whole layers and images,
# which $wrong then names.
check_store() {
	local line lines ref note
	for note in "$T"/store/layers/sha256/*.info; do
		[[ -e $note ]] || continue
		mapfile -t lines <"$note"
		[[ ${lines[-1]} == "end $((${#lines[@]} - 1))" ]] || fail "$note is cut"
	done
	wrong=$(find "$T/store/layers" "$T/store/images" -mindepth 3 -printf '%P %y %m %s %l\n' | sort |
		comm -23 - "$T/attributes")
	is "$wrong" ""
	wrong=$(diff -rq --no-dereference -x refs -x tmp -x '*.files' -x '*.info' "$T/whole" "$T/store") || true
	while IFS= read -r line; do
		case $line in
		'' | "Only in $T/whole/layers/sha256: "* | "Only in $T/whole/images/sha256: "*) ;;
		*) fail "$line" ;;
		esac
	done <<<"$wrong"
	for ref in "$T/store/refs/$NET"/*/:v1; do
		[[ ! -e $ref ]] || read -r line <"$ref"
		[[ ! -e $ref || -e $T/store/images/sha256/${line#sha256:}/descriptor ]] ||
			fail "$ref means nothing"
	done
}

@test "pull: killed at any step, it leaves a whole store and the next one goes on" {
	local seed=${SEED:-$RANDOM} rounds=100 first total i at had left=0 big wrong sync=()
	echo "SEED=$seed repeats this"
	RANDOM=$seed
	big=$(sha256sum <"$BATS_FILE_TMPDIR/layout/blobs/sha256/$BIG")
	big=$T/store/layers/sha256/${big%% *} # it is not compressed: blob and layer have one digest
	expect 0 imgfetch pull -q --store="$T/whole" "$NET/whole:v1"
	find "$T/whole/layers" "$T/whole/images" -mindepth 3 -printf '%P %y %m %s %l\n' |
		sort >"$T/attributes"
	# From where libraries are loaded to the end.
	expect 0 as_caller "$TOOLS/killat" 0 "$T/calls" "$TEST_PREFIX/bin/imgfetch" --version
	first=$(<"$T/calls")
	expect 0 as_caller "$TOOLS/killat" 0 "$T/calls" "$TEST_PREFIX/bin/imgfetch" pull -q \
		--store="$T/store" "$NET/count:v1"
	total=$(<"$T/calls")
	((total > first + 200)) || fail "only $total calls, $first of them to start"

	for ((i = 1; i <= rounds; i++)); do
		rm -rf "$T/store"
		at=$((first + (RANDOM * 32768 + RANDOM) % (total - first)))
		# The disk of a busy machine takes its time; one in four is enough.
		((i % 4 == 0)) && sync=() || sync=(--no-sync)
		status=0
		as_caller "$TOOLS/killat" "$at" "$T/calls" "$TEST_PREFIX/bin/imgfetch" pull -q "${sync[@]}" \
			--store="$T/store" "$NET/killed$i:v1" >"$T/out" 2>"$T/err" || status=$?
		((status == 137 || status == 0)) || fail "killed at $at: status $status: $(<"$T/err")"
		had=0
		if [[ -e $T/store/refs ]]; then
			check_store || fail "killed at $at"
			had=$(stat -c %s "$T/store/tmp/blob-sha256-$BIG" 2>/dev/null) || had=0
			[[ ! -e $big ]] || had=all
		fi
		pull --no-sync "$NET/next$i:v1" >"$T/out" 2>"$T/err" ||
			fail "after a kill at $at: $(<"$T/err")"
		check_store || fail "after a kill at $at and a pull"
		[[ $wrong == '' ]] || fail "not complete: $wrong"
		is "$(echo "$T"/store/tmp/*)" "$T/store/tmp/*"
		case $had in
		0) is "$(big_requests "next$i")" "- 200" ;;
		all) is "$(big_requests "next$i")" "" ;;
		*)
			left=$((left + 1))
			((had == $(stat -c %s "$BATS_FILE_TMPDIR/layout/blobs/sha256/$BIG"))) ||
				is "$(big_requests "next$i")" "bytes=$had- 206"
			;;
		esac
	done
	echo "in $left of $rounds rounds a part was left"
	((left > 0)) || fail "no kill has left a part of a layer"
}

@test "pull: ten at once fetch a layer once" {
	local i pids=()
	for i in 1 2 3 4 5 6 7 8 9 10; do
		spawn imgfetch pull -q --no-sync --store="$T/store" "$NET/ten:v1"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "status $?: $(<"$T/spawn.err")"
	done
	# Three layers, and a configuration for each pull.
	(($(layoutreg_log '^GET /v2/ten/blobs/' | wc -l) <= 13)) || fail "$(layoutreg_log '/ten/')"
	is "$(big_requests ten)" "- 200"
	is "$(find "$T/store/tmp" -mindepth 1)" ""
}

@test "pull: of ten at once five are killed, and the others share what had come" {
	local i pids=() part=$T/store/tmp/blob-sha256-$BIG
	for i in 1 2 3 4 5 6 7 8 9 10; do
		spawn imgfetch pull -q --no-sync --store="$T/store" "$NET/rate1000000-five:v1"
		pids+=("$pid")
	done
	wait_for 20 test -s "$part"
	kill -KILL "${pids[@]:0:5}"
	for pid in "${pids[@]:5}"; do
		wait "$pid" || fail "status $?: $(<"$T/spawn.err")"
	done
	# Once from the beginning; whoever went on began where the part ended.
	is "$(big_requests rate1000000-five | grep -c '^- 200')" 1
	expect 0 pull --offline "$NET/rate1000000-five:v1"
	cmp "$BATS_FILE_TMPDIR/a/noise" "$T"/store/layers/sha256/*/noise
	is "$(find "$T/store/layers/sha256" -mindepth 1 -maxdepth 1 -type d | wc -l)" 3
	expect 0 pull "$NET/ten:v1"
	is "$(find "$T/store/tmp" -mindepth 1)" ""
}

small_disk() {
	mkdir -p "$T/disk"
	mount -t tmpfs -o "size=2200k,mode=700,uid=$([[ $TEST_AS == root ]] && echo 0 || echo "$TEST_UID")" \
		tmpfs "$T/disk"
}

@test "pull: what is kept of other layers makes room, too" {
	small_disk
	expect 4 imgfetch pull -q --store="$T/disk/store" "$NET/x:missing"
	head -c 1400000 "$BATS_FILE_TMPDIR/layout/blobs/sha256/$BIG" >"$T/disk/store/tmp/blob-sha256-$BIG"
	give_to_caller "$T/disk/store/tmp/blob-sha256-$BIG"
	x imgfetch pull -q --store="$T/disk/store" "$NET/room:v2"
	local left
	left=$(find "$T/disk/store/tmp" -mindepth 1)
	umount "$T/disk"
	is "$status $left" "0 "
	says "imgfetch: no part of a layer can be kept"
	one_line
}

@test "pull: a layer that has room gets it, before what is kept of it" {
	small_disk
	x imgfetch pull -q --store="$T/disk/store" "$NET/tight:v1"
	local left
	left=$(find "$T/disk/store/tmp" -mindepth 1)
	umount "$T/disk"
	is "$status $left" "0 "
	says "imgfetch: no part of a layer can be kept"
	one_line
	is "$(big_requests tight | sort -u)" "- 200"
}
