# SPDX-License-Identifier: MIT
# Processes that cannot be killed: somebody in a system call that waits for a file server.

load ../lib/common
load ../lib/boxes

teardown() {
	boxes_teardown
	common_teardown
	umount -l "$T/mnt" 2>/dev/null || true
}

uid_is_gone() {
	not grep -qs "^Uid:.*[[:space:]]$(($(conf first_uid) + $1))[[:space:]]" /proc/[0-9]*/status
}

# As the box's keeper gives up on them after 25 seconds, with and without --cg at the same time.
@test "kill: what cannot be killed is an error, and locks the box until it is gone" {
	need root v1 fuse
	local server runs=() i options
	mkdir "$T/mnt"
	spawn "$TOOLS/stuckfs" "$T/mnt"
	server=$pid
	wait_for 10 grep -q mounted "$T/spawn.out"
	isolate -b "$BOX" --init
	isolate -b "$((BOX + 1))" --cg --init
	for i in 0 1; do
		options=(-b "$((BOX + i))" --meta="$T/meta$i" -w 0.2 --dir=stuck="$T/mnt:rw")
		((i == 0)) || options+=(--cg)
		spawn isolate "${options[@]}" --run -- /bin/cat /stuck/file
		mv "$T/spawn.err" "$T/err$i"
		runs+=("$pid")
	done
	for i in 0 1; do
		status=0
		wait "${runs[i]}" || status=$?
		is "$status" 2
		is "$(cat "$T/err$i")" "isolate: cannot kill the processes of the box"
		cp "$T/meta$i" "$T/meta"
		meta_is status XX
		meta_is message "cannot kill the processes of the box"
		not uid_is_gone "$((BOX + i))"
	done
	# Not even for its owner.
	expect 2 isolate -b "$BOX" --run -- /bin/true
	says "cannot be killed"
	grep -qx 'running = 1' "$(conf lock_root)/$((BOX + 1))"
	kill "$server"
	for i in 0 1; do wait_for 10 uid_is_gone "$((BOX + i))"; done
	expect 0 isolate -b "$BOX" --run -- /bin/true
	expect 0 isolate -b "$((BOX + 1))" --cg --run -- /bin/true
}

# A program of one of the two boxes of $OWN waits for the file server.
has_stuck() {
	local first dir
	first=$(sed -n 's/^first_uid = //p' "$OWN/conf" | tail -n 1)
	for dir in /proc/[0-9]*; do
		! grep -qsE "^Uid:[[:space:]]($first|$((first + 1)))[[:space:]]" "$dir/status" ||
			! grep -qsE 'request_wait|fuse' "$dir/wchan" || return 0
	done
	return 1
}

@test "kill: what a killed --once has left is in nobody's way, and counts as its owner's" {
	need root v1 fuse
	local server i
	boxes_setup 2 'max_boxes_per_user = 1'
	mkdir "$T/mnt"
	spawn "$TOOLS/stuckfs" "$T/mnt"
	server=$pid
	wait_for 10 grep -q mounted "$T/spawn.out"
	CALLER=("$TOOLS/as" "$TEST_UID" env PATH="$TEST_PREFIX/bin:$PATH")
	chown "$TEST_UID" "$T"
	own_spawn isolate --once -p --dir=stuck="$T/mnt:rw" --stdout=out -- /bin/sh -c 'echo here; cat /stuck/file'
	wait_for 10 grep -q here out
	wait_for 10 has_stuck
	kill -KILL "$pid"
	wait_for 10 not test -e "/proc/$pid"
	# Which of the two is tried first depends on the pid.
	for i in {1..8}; do
		((i % 2)) || (:)
		expect 0 own_as "$((TEST_UID + 1))" isolate --once -- /bin/true
	done
	expect 2 own isolate --once -- /bin/true
	says "max_boxes_per_user"
	expect 0 own isolate --list
	prints stale
	kill "$server"
	wait_for 10 own isolate --once -- /bin/true
	expect 0 own isolate --list
	not prints stale
}
