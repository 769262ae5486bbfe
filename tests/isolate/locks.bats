# SPDX-License-Identifier: MIT
# One isolate at a time works in a box.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
}

start() {
	spawn isolate -b "$BOX" -p -o started --run -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
}

@test "lock: a busy box is refused, and its run goes on" {
	start
	for command in --init --cleanup "--run -- /bin/true"; do
		# shellcheck disable=SC2086
		expect 2 isolate -b "$BOX" $command
		says busy
		one_line
	done
	kill -0 "$pid"
	[[ -e $BOXES/$BOX/box/started ]]
}

@test "lock: --wait waits until the box is free" {
	start
	"${CALLER[@]}" "$TEST_PREFIX/bin/isolate" -b "$BOX" --wait --run -- /bin/echo waited >"$T/waited" 2>&1 3>&- &
	local waiting=$!
	SPAWNED+=("$waiting")
	wait_for 10 grep -q -- "-> FLOCK .* $waiting " /proc/locks
	as_caller kill -TERM "$pid"
	wait "$waiting"
	grep -q waited "$T/waited"
}

@test "lock: --wait can be interrupted by the caller" {
	start
	"${CALLER[@]}" "$TEST_PREFIX/bin/isolate" -b "$BOX" --wait --run -- /bin/true 3>&- &
	local waiting=$! rc=0
	# Before that it is tools/as, still root's.
	wait_for 10 grep -qx isolate "/proc/$waiting/comm"
	as_caller kill -TERM "$waiting"
	wait "$waiting" || rc=$?
	is "$rc" 143
}

@test "lock: other boxes are not touched by a busy one" {
	start
	expect 0 isolate -b "$((BOX + 1))" --init
	expect 0 isolate -b "$((BOX + 1))" --run -- /bin/true
}

@test "lock: lock files are root's and nobody can open them" {
	local dir
	dir=$(conf lock_root)
	is "$(stat -c '%u %a' "$dir/$BOX")" "0 600"
	is "$(stat -c '%u %a' "$dir")" "0 700"
	need user
	x as_caller flock -n "$dir/$BOX" true
	((status != 0)) || fail "could lock it"
}

@test "lock: --cg at --init and at --run must agree" {
	need cgroup
	expect 2 isolate -b "$BOX" --cg --run -- /bin/true
	says "without --cg"
	expect 0 isolate -b "$BOX" --cg --init
	expect 2 isolate -b "$BOX" --run -- /bin/true
	says "with --cg"
	one_line
}
