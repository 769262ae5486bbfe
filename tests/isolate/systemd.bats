# SPDX-License-Identifier: MIT
# The shipped units under systemd as the first process.

load ../lib/common
load ../lib/cgroup

UNITS=/run/systemd/system
GROUP=/sys/fs/cgroup/isolate.slice/isolate.service

setup_file() {
	[[ $TEST_WHERE == vm-systemd ]] || return 0
	is "$(</proc/1/comm)" systemd
	cp "$TEST_PREFIX"/lib/systemd/system/isolate.{service,slice} "$UNITS/"
	systemctl daemon-reload
	systemctl start isolate
}

teardown_file() {
	[[ $TEST_WHERE == vm-systemd ]] || return 0
	systemctl stop isolate
	rm -f "$UNITS"/isolate.{service,slice}
	systemctl daemon-reload
}

setup() {
	common_setup
	need systemd
	AUTO=$(set_root auto)
	without "$AUTO" -b "$BOX" --cg --init >/dev/null
}

run_box() { without "$AUTO" -b "$BOX" -v "$M" --cg "$@"; }
no_file() { [[ ! -e /run/isolate/cgroup ]]; }

# start_box: a box that runs until $BOXES/$BOX/box/end is there; $pid is isolate.
start_box() {
	own_conf
	sed -i 's|^cg_root.*|cg_root = auto|' "$T/conf"
	spawn_root unshare --mount --propagation private bash -euc 'mount --bind "$1" "$2"; shift 2; exec "$@"' _ \
		"$T/conf" "$CONF" "${CALLER[@]}" "$TEST_PREFIX/bin/isolate" -b "$BOX" "$M" --cg -p --run -- \
		/bin/sh -c 'echo up >up; while [ ! -e end ]; do sleep 0.2; done'
	wait_for 20 test -s "$BOXES/$BOX/box/up"
}

spawn_root() {
	{ "$@" & } >"$T/spawn.out" 2>"$T/spawn.err" </dev/null 3>&-
	pid=$!
	SPAWNED+=("$pid")
}

end_box() { as_caller touch "$BOXES/$BOX/box/end"; }

@test "systemd: boxes are made in the group of isolate.service" {
	is "$(systemctl is-active isolate)" active
	is "$(</run/isolate/cgroup)" "$GROUP"
	is "$(stat -c '%U %a' /run/isolate /run/isolate/cgroup | xargs)" "root 755 root 644"
	expect 0 without "$AUTO" --print-cg-root
	is "$output" "$GROUP"
	# One that runs out of memory does not end the service.
	local keeper
	keeper=$(systemctl show -P MainPID isolate)
	expect 1 run_box --cg-mem=20000 -p --run -- /bin/sh -c 'head -c 60M /dev/zero | tail -c 50M >/dev/null'
	says "control groups: v2 $GROUP"
	meta_is cg-oom-killed 1
	start_box
	grep -q . "$GROUP/box-$BOX/cgroup.procs" || fail "nothing is in $GROUP/box-$BOX"
	is "$(<"$GROUP/keeper/cgroup.procs")" "$keeper"
	is "$(systemctl show -P MainPID isolate)" "$keeper"
	end_box
	wait "$pid"
}

@test "systemd: stopping the service waits for boxes and lets no more begin" {
	start_box
	systemctl stop --no-block isolate
	wait_for 10 no_file
	expect 2 without "$AUTO" -b "$((BOX + 1))" --cg --init
	one_line
	says "isolate.service, which gets some from it, does not run: systemctl enable --now isolate"
	is "$(systemctl is-active isolate || true)" deactivating
	end_box
	wait "$pid" || fail "the box was disturbed"
	meta_is exitcode 0
	meta_lacks status
	wait_for 20 eval '! systemctl is-active isolate && [[ $(systemctl is-active isolate) == inactive ]]'
	[[ ! -e $GROUP ]] || fail "the group is still there"
	systemctl start isolate
	expect 0 run_box --run -- /bin/true
}

@test "systemd: a killed keeper takes its boxes along, and comes back" {
	start_box
	local keeper
	keeper=$(systemctl show -P MainPID isolate)
	((keeper > 1)) || fail "the service does not run"
	kill -KILL "$keeper"
	local rc=0
	wait "$pid" || rc=$?
	is "$rc" 1
	meta_is status SG
	meta_is exitsig 9
	wait_for 20 eval "[[ \$(systemctl is-active isolate) == active && \$(systemctl show -P MainPID isolate) != $keeper ]]"
	expect 0 run_box --run -- /bin/true
	is "$(</run/isolate/cgroup)" "$GROUP"
}
