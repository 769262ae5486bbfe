# SPDX-License-Identifier: MIT
# isolate-cg-keeper by itself, as anything but systemd may start it.

load ../lib/common
load ../lib/cgroup

KEEPER=$TEST_PREFIX/sbin/isolate-cg-keeper
FILE=/run/keeper-$$/cgroup

@test "cg-keeper: tells its usage, and refuses what it cannot hold in one line" {
	expect 0 "$KEEPER" --version
	prints "isolate-cg-keeper "
	local bad
	for bad in relative --no-such /dir/ ''; do
		expect 2 "$KEEPER" "$bad"
		one_line
		is "$output" ""
	done
	expect 2 "$KEEPER" "$FILE" more
	one_line
	# A folder that others can write is no place for what root believes.
	mkdir "/run/open-$BOX"
	chmod 777 "/run/open-$BOX"
	expect 1 "$KEEPER" "/run/open-$BOX/cgroup"
	rm -r "/run/open-$BOX"
	one_line
	says "/run/open-$BOX"
	[[ $TEST_CG == v2 ]] || {
		expect 1 "$KEEPER" "$FILE"
		one_line
		says "no cgroup v2 with the controllers memory and pids"
	}
	rmdir "${FILE%/*}" 2>/dev/null || true
}

# start_in GROUP: the keeper, started there.
start_in() { bash -c 'echo $$ >"$1/cgroup.procs"; exec "$2" "$3"' _ "$1" "$KEEPER" "$FILE"; }

@test "cg-keeper: refuses a group that is not delegated to it alone, or lacks a controller" {
	need v2
	local outer
	outer=$(cg2_mount)/outer-$BOX
	expect 1 start_in "$(cg2_mount)"
	one_line
	says "start it as a service with Delegate=yes"
	mkdir -p "$outer/unit"
	spawn sleep 1000
	echo "$pid" >"$outer/unit/cgroup.procs"
	echo "+memory +pids" >"$outer/cgroup.subtree_control"
	expect 1 start_in "$outer/unit"
	one_line
	says "'$outer/unit' holds processes"
	kill -KILL "$pid"
	wait "$pid" || true
	wait_for 10 eval "! grep -q . '$outer/unit/cgroup.procs'"
	echo -pids >"$outer/cgroup.subtree_control"
	expect 1 start_in "$outer/unit"
	one_line
	says "cgroup controller 'pids' is missing in '$outer/unit': its unit needs Delegate=yes"
	[[ ! -e $FILE ]] || fail "the file was written"
	rmdir "${FILE%/*}"
	remove_groups "$outer"
}

@test "cg-keeper: holds its group until it is told to end and no box runs" {
	need v2
	local group root isolate_pid keeper_pid
	group=$(cg2_mount)/kept-$BOX
	mkdir "$group"
	python3 -ISc '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
open(sys.argv[1] + ".up", "w").close()
for i in range(2):
    print(s.recv(4096).decode().replace("\n", " "), flush=True)
' "$T/notify" >"$T/notified" 3>&- &
	SPAWNED+=($!)
	wait_for 10 test -e "$T/notify.up"
	NOTIFY_SOCKET=$T/notify bash -c 'echo $$ >"$1/cgroup.procs"; exec "$2" "$3"' _ \
		"$group" "$KEEPER" "$FILE" 2>"$T/keeper.err" 3>&- &
	keeper_pid=$!
	SPAWNED+=("$keeper_pid")
	wait_for 10 grep -q READY=1 "$T/notified"
	is "$(<"$FILE")" "$group"
	is "$(<"$group/keeper/cgroup.procs")" "$keeper_pid"

	root=$(set_root "auto:$FILE")
	without "$root" -b "$BOX" --cg --init >/dev/null
	own_conf
	sed -i "s|^cg_root.*|cg_root = auto:$FILE|" "$T/conf"
	unshare --mount --propagation private bash -euc 'mount --bind "$1" "$2"; shift 2; exec "$@"' _ \
		"$T/conf" "$CONF" "${CALLER[@]}" "$TEST_PREFIX/bin/isolate" -b "$BOX" "$M" --cg -p --run -- \
		/bin/sh -c 'echo up >up; while [ ! -e end ]; do sleep 0.1; done' 2>/dev/null 3>&- &
	isolate_pid=$!
	SPAWNED+=("$isolate_pid")
	wait_for 20 test -s "$BOXES/$BOX/box/up"
	grep -q . "$group/box-$BOX/cgroup.procs" || fail "nothing is in $group/box-$BOX"

	kill -TERM "$keeper_pid"
	wait_for 10 grep -q STOPPING=1 "$T/notified"
	[[ ! -e $FILE ]] || fail "the file is still there"
	expect 2 without "$root" -b "$((BOX + 1))" --cg --init
	one_line
	says "cg_root: open '$FILE'"
	kill -0 "$keeper_pid" || fail "it did not wait"
	as_caller touch "$BOXES/$BOX/box/end"
	wait "$isolate_pid" || fail "the box was disturbed"
	wait "$keeper_pid" || fail "the keeper failed"
	is "$(<"$T/keeper.err")" ""
	remove_groups "$group"
	rmdir "${FILE%/*}"
	expect 0 isolate -b "$BOX" --cg --cleanup
}
