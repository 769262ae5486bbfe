# SPDX-License-Identifier: MIT
# --list: which boxes are used.

load ../lib/common
load ../lib/boxes
load ../lib/images

setup() {
	common_setup
	boxes_setup 20
}

teardown() {
	boxes_teardown
	common_teardown
}

# column N of the line of box $1
column() { awk -v id="$1" -v n="$2" '$1 == id { print $n }' <<<"$output"; }

@test "list: nothing but the headings when no box is used" {
	expect 0 own isolate --list
	is "$(awk '{ $1 = $1; print }' <<<"$output")" "BOX OWNER CG STATE SINCE IMAGE"
	expect 0 own isolate --list --json
	is "$(jget '#' <<<"$output")" 0
}

@test "list: boxes, their owner and state, in order of their numbers" {
	local me cg=()
	me=$(stat -c %u "$T")
	! has cgroup || cg=(--cg)
	own isolate -b 11 "${cg[@]}" --init >/dev/null
	own isolate -b 3 --init >/dev/null
	expect 0 own isolate --list
	is "$(awk 'NR > 1 { print $1, $2, $4 }' <<<"$output")" "3 $me ready
11 $me ready"
	is "$(column 3 3)" no
	! has cgroup || is "$(column 11 3)" yes
	own_spawn isolate -b 3 -p --stdout=started --run -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$OWN/boxes/3/box/started"
	own_spawn isolate --once -p --stdout=started -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here started
	expect 0 own isolate --list --json
	is "$(jget -e '*' once box_id owner_uid state image <<<"$output" | sed '/^true/{s/ [0-9]* / /; s/ [^ ]*$//}' | sort)" \
		"false 11 $me ready null
false 3 $me running null
true $me running"
	local since n=0 now=$EPOCHSECONDS
	while read -r since; do
		((since <= now && since > now - 3600)) || fail "since $since"
		n=$((n + 1))
	done < <(jget -e '*' since_unix_s <<<"$output")
	is "$n" 3
	# Killed: the box that is on disk is to be put right; of the other nothing is left.
	kill -KILL "${SPAWNED[@]}" 2>/dev/null || true
	wait_for 10 own bash -c '[[ $(isolate --list --json | "$0" -e "*" box_id state | xargs) == "3 stale 11 ready" ]]' "$TOOLS/json"
	wait_for 10 own isolate -b 3 --run -- /bin/true
	expect 0 own isolate -b 11 "${cg[@]}" --cleanup
	expect 0 own isolate --list
	is "$(awk 'NR > 1 { print $1, $4 }' <<<"$output")" "3 ready"
}

@test "list: users see their own boxes, root everybody's" {
	local user=$((TEST_UID + 1)) other=$((TEST_UID + 2)) both
	own_as "$user" isolate -b 1 --init >/dev/null
	own_as "$other" isolate -b 2 --init >/dev/null
	both="1 $user
2 $other"
	expect 0 own_as "$user" isolate --list
	is "$(awk 'NR > 1 { print $1, $2 }' <<<"$output")" "1 $user"
	expect 0 own_as "$other" isolate --list --json
	is "$(jget -e '*' box_id <<<"$output")" 2
	if [[ $TEST_AS == root ]]; then
		expect 0 own isolate --list
		is "$(awk 'NR > 1 { print $1, $2 }' <<<"$output")" "$both"
		expect 0 own isolate --as-uid="$other" --as-gid="$other" --list
		is "$(awk 'NR > 1 { print $1, $2 }' <<<"$output")" "2 $other"
	else
		expect 0 own isolate --list
		is "$(wc -l <<<"$output")" 1
	fi
}

@test "list: the image that a box is pinned to" {
	need images overlay
	fixture busybox
	imgfetch --quiet pull "oci:$TEST_FIXTURES/busybox"
	own isolate -b 5 --image=localhost/busybox --init >/dev/null
	expect 0 own isolate --list --json
	is "$(jget 0.image <<<"$output")" "$(sed -n 2p "$OWN/boxes/5/image")"
	expect 0 own isolate --list
	is "$(column 5 6)" "$(sed -n 2p "$OWN/boxes/5/image")"
}

@test "list: fails when it cannot be written" {
	expect 2 own bash -c 'exec isolate --list >/dev/full'
	says "write to standard output"
	one_line
}
