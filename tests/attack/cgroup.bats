# SPDX-License-Identifier: MIT
# Control groups that are missing, unsafe or left over: --cg never runs unmetered.

load ../lib/common
load ../lib/cgroup

@test "cgroup: with no hierarchy mounted --cg is refused, and says what to mount" {
	need cgroup
	expect 2 without "$(set_root auto) umount -R /sys/fs/cgroup" --cg -b "$BOX" --init
	one_line
	says "no control groups are mounted: mount -t cgroup2"
	is "$output" ""
	[[ ! -e $BOXES/$BOX ]] || fail "a box was made"
}

@test "cgroup: a cg_root that is no control group is named" {
	local dir
	for dir in /nowhere /no/where /tmp /etc/passwd; do
		expect 2 without "$(set_root "$dir")" --cg -b "$BOX" --init
		one_line
		says "cg_root: "
		says "'$dir'"
		is "$output" ""
		[[ ! -e $BOXES/$BOX && ! -e /nowhere ]] || fail "something was made"
	done
}

@test "cgroup: a v1 controller that is not mounted is named" {
	need v1
	isolate -b "$BOX" --cg --init >/dev/null
	local c
	for c in memory cpuacct pids; do
		expect 2 without "umount \$(awk '/^cgroup / && /[, ]${c}[, ]/ { print \$2 }' /proc/mounts)" \
			"$M" --cg -b "$BOX" --run -- /bin/touch ran
		one_line
		says "controller '$c' is not mounted"
		[[ ! -e $BOXES/$BOX/box/ran ]] || fail "it ran"
		meta_is status XX
	done
}

@test "cgroup: hierarchies are found wherever they are mounted" {
	need v1
	isolate -b "$BOX" --cg --init >/dev/null
	expect 0 without 'mkdir /run/cgm; mount -t tmpfs none /run/cgm
		for c in memory cpuacct pids; do mkdir "/run/cgm/x $c"; mount -t cgroup -o $c none "/run/cgm/x $c"; done
		umount -R /sys/fs/cgroup' "$M" --cg -b "$BOX" --run -- /bin/true
	meta cg-mem
	rmdir /run/cgm
}

@test "cgroup: a group whose parent holds processes is refused, and says why" {
	need v2
	local mount busy
	mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	busy=$mount/busy-$BOX
	mkdir "$busy"
	sleep 1000 3>&- &
	SPAWNED+=($!)
	echo $! >"$busy/cgroup.procs"
	expect 2 without "$(set_root "$busy/boxes")" --cg -b "$BOX" --init
	one_line
	says "holds processes"
	kill -KILL $!
	wait $! || true
	wait_for 5 rmdir "$busy/boxes"
	wait_for 5 rmdir "$busy"
}

@test "cgroup: a group that others can change is refused" {
	need cgroup
	local dir root
	if [[ $TEST_CG == v1 ]]; then
		root=v1:/theirs-$BOX
		dir=$(awk '$3 == "cgroup" && /[, ]memory[, ]/ { print $2 }' /proc/mounts)/theirs-$BOX
	else
		dir=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/theirs-$BOX
		root=$dir
	fi
	mkdir "$dir"
	chown "$TEST_UID" "$dir"
	x without "$(set_root "$root")" --cg -b "$BOX" --init
	rmdir "$dir"
	is "$status" 2
	one_line
	says "can be changed by others than root"
}

@test "cgroup: a configured root that is none is refused" {
	local root
	for root in /proc /nowhere/else v1:/a/b v1:/.. relative auto:/nowhere; do
		expect 2 without "$(set_root "$root")" --cg -b "$BOX" --init
		one_line
		[[ ! -e $BOXES/$BOX ]] || fail "a box was made with cg_root = $root"
	done
}

@test "cgroup: a program sees no group but its own as the root, and can change none" {
	need cgroup
	isolate -b "$BOX" --cg --init >/dev/null
	expect 0 isolate -s -p -b "$BOX" --cg --dir=sys=sysfs:fs --run -- /bin/sh -c '
		cat /proc/self/cgroup; find /sys/fs/cgroup -mindepth 1 2>/dev/null | head -n 3'
	[[ $output != *"box-$BOX"* ]] || fail "sees its name"
	[[ $output != *cgroup.procs* ]] || fail "sees control files"
}

@test "cgroup: what a killed keeper leaves is killed and removed by the next run" {
	need cgroup
	isolate -b "$BOX" --cg --init >/dev/null
	spawn isolate -s -p -b "$BOX" --cg --run -- /bin/sh -c 'echo up >up; sleep 1000 & sleep 1000'
	wait_for 10 test -s "$BOXES/$BOX/box/up"
	kill -KILL "$pid"
	wait "$pid" || true
	expect 0 isolate -s -b "$BOX" "$M" --cg --run -- /bin/true
	between 0 "$(meta cg-mem)" 20000
	expect 0 isolate -b "$BOX" --cg --cleanup
	is "$(find /sys/fs/cgroup -maxdepth 4 -name "box-$BOX" 2>/dev/null)" ""
}

@test "cgroup: a box that runs out of memory dies whole" {
	need cgroup
	isolate -b "$BOX" --cg --init >/dev/null
	expect 1 isolate -s -p -b "$BOX" "$M" --cg --cg-mem=20000 --run -- \
		/bin/sh -c 'sleep 1000 & head -c 60M /dev/zero | tail -c 50M >/dev/null; sleep 100; echo alive'
	meta_is cg-oom-killed 1
	meta_is status SG
	meta_is exitsig 9
	between 19000 "$(meta cg-mem)" 20000
	is "$output" ""
}
