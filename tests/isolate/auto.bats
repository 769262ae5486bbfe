# SPDX-License-Identifier: MIT
# --box-id=auto, and max_boxes_per_user.

load ../lib/common
load ../lib/boxes

teardown() {
	boxes_teardown
	common_teardown
}

# Several at a time, in one start of everything around them. Prints what they print.
at_once() {
	# shellcheck disable=SC2016
	own bash -c 'for ((i = 0; i < $1; i++)); do "${@:2}" & done; wait' bash "$@"
}

@test "auto: --init takes a free box and prints which; it is a box like any other" {
	local first second
	boxes_setup 3
	expect 0 own isolate --box-id=auto --init
	first=$output
	[[ $first == "$OWN"/boxes/[012] && -d $first/box ]]
	expect 0 own isolate -b auto --init
	second=$output
	[[ $second == "$OWN"/boxes/[012] && $second != "$first" ]]
	expect 0 own isolate -s -b "${first##*/}" --run -- /bin/echo hello
	is "$output" hello
	expect 0 own isolate -b "${first##*/}" --cleanup
	[[ ! -e $first && -e $second ]]
}

@test "auto: when all boxes are used there is none, until one is free again" {
	boxes_setup 2
	expect 0 own isolate -b 1 --init
	expect 0 own isolate -b auto --init
	is "$output" "$OWN/boxes/0"
	expect 2 own isolate -b auto --init
	says "no box is free: all 2 are used"
	one_line
	expect 0 own isolate -b 1 --cleanup
	expect 0 own isolate -b auto --init
	is "$output" "$OWN/boxes/1"
}

@test "auto: twenty at a time get twenty boxes" {
	boxes_setup 20
	expect 0 at_once 20 "$TEST_PREFIX/bin/isolate" -b auto --init
	is "$(wc -l <<<"$output")" 20
	is "$(sort -u <<<"$output" | wc -l)" 20
	is "$stderr" ""
	expect 2 own isolate -b auto --init
}

@test "auto: two thousand million boxes are no more to look through than ten" {
	boxes_setup 2147480000
	expect 0 at_once 5 "$TEST_PREFIX/bin/isolate" -b auto --init
	is "$(sort -u <<<"$output" | wc -l)" 5
	# Lock files stay for ever, so only the first numbers get any.
	(($(find "$OWN/locks" -mindepth 1 | wc -l) <= 30))
	not grep -qvE '/[0-9]{1,2}$' <<<"$output"
}

@test "auto: of boxes that lost their lock file only the caller's own are taken" {
	boxes_setup 2
	expect 0 own isolate -b 0 --init
	touch "$OWN/boxes/0/box/old"
	mkdir -p "$OWN/boxes/1/box"
	chown "$((TEST_UID + 1))" "$OWN/boxes/1/box"
	touch "$OWN/boxes/1/box/theirs"
	rm "$OWN"/locks/*
	expect 0 own isolate -b auto --init
	is "$output" "$OWN/boxes/0"
	[[ ! -e $output/box/old && -e $OWN/boxes/1/box/theirs ]]
	expect 2 own isolate -b auto --init
	says "no box is free"
}

@test "auto: a box that cannot be announced is not kept" {
	boxes_setup 1
	expect 2 own bash -c 'isolate -b auto --init >/dev/full'
	says "write to standard output"
	expect 0 own isolate -b auto --init
}

@test "auto: max_boxes_per_user = 2 refuses the third box of a user, but not of root" {
	local first second free=0
	boxes_setup 20 'max_boxes_per_user = 2'
	expect 0 own_as "$TEST_UID" isolate -b auto --init
	first=${output##*/}
	expect 0 own_as "$TEST_UID" isolate -b auto --init
	second=${output##*/}
	while ((free == first || free == second)); do free=$((free + 1)); done
	expect 2 own_as "$TEST_UID" isolate -b auto --init
	says "user $TEST_UID has 2 boxes and may not have more (max_boxes_per_user"
	one_line
	expect 2 own_as "$TEST_UID" isolate -b "$free" --init
	is "$(find "$OWN/boxes" -mindepth 1 -maxdepth 1 | wc -l)" 2
	# His own he may make anew; others have theirs; --cleanup makes room.
	expect 0 own_as "$TEST_UID" isolate -b "$first" --init
	expect 0 own_as "$((TEST_UID + 1))" isolate -b auto --init
	expect 0 own_as "$TEST_UID" isolate -b "$first" --cleanup
	expect 0 own_as "$TEST_UID" isolate -b auto --init
	if [[ $TEST_AS == root ]]; then
		for _ in 1 2 3; do expect 0 own isolate -b auto --init; done
		expect 0 own isolate -b auto --as-uid="$TEST_UID" --as-gid="$TEST_UID" --init
	fi
}

@test "auto: of those that reach for a user's last box at a time, one gets it" {
	local round id
	boxes_setup 20 'max_boxes_per_user = 2'
	# Others' boxes make counting slow, so that they do meet.
	for ((id = 100; id < 1100; id++)); do
		printf 'owner = 1\nready = 1\ncg = 0\nrunning = 0\n' >"$OWN/locks/$id"
	done
	CALLER=("$TOOLS/as" "$TEST_UID" env PATH="$PATH")
	expect 0 own isolate -b 0 --init
	for round in 1 2 3; do
		x at_once 6 "$TEST_PREFIX/bin/isolate" -b auto --init
		is "$(wc -l <<<"$output")" 1
		is "$(grep -c 'has 2 boxes' <<<"$stderr")" 5
		expect 0 own isolate -b "${output##*/}" --cleanup
	done
}
