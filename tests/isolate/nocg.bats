# SPDX-License-Identifier: MIT
# A machine without control groups, or with all of them hidden: boxes without --cg are as good as ever.

load ../lib/common
load ../lib/cgroup

HIDE='! mountpoint -q /sys/fs/cgroup || umount -R /sys/fs/cgroup;'

bare() { without "$HIDE $(set_root auto)" -b "$BOX" "$@"; }

@test "nocg: without --cg boxes work, and limits hold" {
	expect 0 bare --init
	is "$output" "$BOXES/$BOX"
	expect 0 bare "$M" --run -- /bin/echo fine
	is "$output" fine
	meta_lacks cg-mem
	meta_lacks status
	expect 1 bare "$M" -p -t 0.3 -w 1000 --run -- /bin/sh -c 'while :; do :; done & wait'
	meta_is message "Time limit exceeded"
	expect 1 bare "$M" -w 0.3 --run -- /bin/sleep 100
	meta_is message "Time limit exceeded (wall clock)"
	expect 1 bare "$M" -m 100000 --run -- /usr/bin/python3 -ISc 'b = bytearray(200 << 20)'
	says MemoryError
	expect 1 bare "$M" -p2 --run -- /bin/sh -c 'sleep 100 & sleep 100 & exit 3'
	says fork
	expect 0 bare --cleanup
	[[ ! -e $BOXES/$BOX ]] || fail "the box is still there"
}

@test "nocg: --cg is refused in one line that says what to mount, and makes no box" {
	local command
	for command in --init --print-cg-root; do
		expect 2 bare "$M" --cg "$command"
		one_line
		says "no control groups are mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
		is "$output" ""
	done
	[[ ! -e $BOXES/$BOX ]] || fail "a box was made"
	expect 0 bare --cg --cleanup
}
