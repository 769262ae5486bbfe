# SPDX-License-Identifier: MIT
# Processors: boxN.cpus and boxN.mems of the configuration, --cpus.

load ../lib/common

# with LINES ARG...: isolate with these lines at the end of the configuration.
with() { with_conf "$1" "$TEST_PREFIX/bin/isolate" "${@:2}"; }

# group_file CONTROLLER NAME: the file of the box's group.
group_file() {
	local root
	root=$(conf cg_root)
	[[ $root != v1:* ]] || root=$(awk -v c="$1" '/^cgroup / && $4 ~ "(^|,)" c "(,|$)" { print $2; exit }' \
		/proc/mounts)${root#v1:}
	echo "$root/box-$BOX/$2"
}

last_cpu() { sed 's/.*[-,]//' /sys/devices/system/cpu/online; }

ALLOWED='import os
print(sorted(os.sched_getaffinity(0)))
try:
    os.sched_setaffinity(0, range(1024))
    print(sorted(os.sched_getaffinity(0)))
except OSError: print("kept")'

@test "cpus: boxN.cpus is where the box's programs run, and with --cg where they stay" {
	need cgroup
	local cpu
	cpu=$(last_cpu)
	((cpu > 0)) || skip "needs two processors"
	isolate -b "$BOX" --cg --init >/dev/null
	expect 0 with "box$BOX.cpus = $cpu" --cg -b "$BOX" --run -- /usr/bin/python3 -ISc "$ALLOWED"
	is "$output" "[$cpu]"$'\n'"[$cpu]"
	# Others are not touched, and neither is this one afterwards.
	expect 0 with "box$((BOX + 1)).cpus = $cpu" --cg -b "$BOX" --run -- /usr/bin/python3 -ISc "$ALLOWED"
	prints "[0, "
}

@test "cpus: without --cg a box begins on its processors, as the manual says" {
	local cpu
	cpu=$(last_cpu)
	isolate -b "$BOX" --init >/dev/null
	expect 0 with "box$BOX.cpus = $cpu"$'\n'"box$BOX.mems = 0" -b "$BOX" --run -- \
		/usr/bin/python3 -ISc 'import os; print(sorted(os.sched_getaffinity(0)))'
	is "$output" "[$cpu]"
}

@test "mems: boxN.mems is what the group gets" {
	need v2 # in v1 it has all of them in the same file, and machines with two are rare
	isolate -b "$BOX" --cg --init >/dev/null
	mkfifo "$T/in"
	# Ends when we close our end of its input.
	with "box$BOX.mems = 0" --cg -b "$BOX" --run -- /bin/cat <"$T/in" >/dev/null 2>&1 3>&- &
	local cat=$!
	SPAWNED+=("$cat")
	exec {in}>"$T/in"
	wait_for 10 grep -qx 0 "$(group_file cpuset cpuset.mems)"
	exec {in}>&-
	wait "$cat"
}

@test "cpus, mems: what the machine does not have is an error, not something else" {
	need cgroup
	local key
	isolate -b "$BOX" --cg --init >/dev/null
	for key in cpus mems; do
		expect 2 with "box$BOX.$key = 1000" "$M" --cg -b "$BOX" --run -- /bin/touch ran
		one_line
		says "box$BOX.$key = 1000"
		meta_is status XX
		[[ ! -e $BOXES/$BOX/box/ran ]] || fail "it ran"
		expect 2 with "box$BOX.$key = 3-" -b "$BOX" --init
		one_line
		says "box$BOX.$key: '3-' is not a list"
	done
}

@test "cpus: --cpus needs --cg and is a number" {
	expect 2 isolate --cpus=1 -b "$BOX" --run -- /bin/true
	is "$stderr" "isolate: --cpus needs --cg"
	expect 2 isolate --cg --cpus=one -b "$BOX" --run -- /bin/true
	says "--cpus: 'one' is not a number"
	expect 2 isolate --cg --cpus=0.009 -b "$BOX" --run -- /bin/true
	says "--cpus: the least is 0.01"
}

@test "cpus: --cpus holds back a program that would use more" {
	need cgroup
	isolate -b "$BOX" --cg --init >/dev/null
	expect 0 isolate "$M" --cg --cpus=0.25 -b "$BOX" --run -- /usr/bin/python3 -ISc '
import time
while time.process_time() < 0.3: pass'
	# 25 ms in each period of 100 ms: ten more periods after the first two, at least.
	between 0.8 "$(meta time-wall)" 1000
	expect 0 isolate --cg --cpus=0 -b "$BOX" --run -- /bin/true
}

@test "cpus: --cpus and --time go together, with more tasks than processors too" {
	need cgroup
	isolate -b "$BOX" --cg --init >/dev/null
	expect 1 isolate "$M" --cg --cpus=1.5 -t 0.5 -p8 -b "$BOX" --run -- /bin/sh -c '
		for i in 1 2 3; do while :; do :; done & done; wait'
	meta_is status TO
	between 0.5 "$(meta time)" 2
	spawn isolate --cg --cpus=1.5 -b "$BOX" --run -- /bin/sleep 100
	if [[ $TEST_CG == v2 ]]; then
		wait_for 10 grep -qx '150000 100000' "$(group_file cpu cpu.max)"
	else
		wait_for 10 grep -qx 150000 "$(group_file cpu cpu.cfs_quota_us)"
	fi
}

@test "cpus: without its controller a limit on processors is refused" {
	need cgroup
	local before c root line args
	isolate -b "$BOX" --cg --init >/dev/null
	for c in cpu cpuset; do
		cp "$CONF" "$T/conf"
		if [[ $TEST_CG == v1 ]]; then
			before="umount \$(awk '/^cgroup / && \$4 ~ /(^|,)$c(,|\$)/ { print \$2 }' /proc/mounts)"
		else
			# All that can be seen is a group that was not given it.
			root=$(conf cg_root)
			mkdir "$root/t" "$root/t/boxes"
			echo '+memory +pids' >"$root/t/cgroup.subtree_control"
			before="mkdir -p /run/bare; mount --bind $root/t/boxes /run/bare"
			sed -i 's|^cg_root.*|cg_root = /run/bare|' "$T/conf"
		fi
		line='' args=(--cpus=1)
		[[ $c == cpu ]] || line="box$BOX.cpus = 0" args=()
		echo "$line" >>"$T/conf"
		chown 0:0 "$T/conf"
		chmod 644 "$T/conf"
		expect 2 with_mounts "$before; mount --bind '$T/conf' '$CONF'" "$TEST_PREFIX/bin/isolate" \
			"$M" --cg "${args[@]}" -b "$BOX" --run -- /bin/touch ran
		one_line
		says "needs the cgroup controller '$c', which is not "
		[[ ! -e $BOXES/$BOX/box/ran ]] || fail "it ran"
		[[ $TEST_CG == v1 ]] || rmdir "$root/t/boxes" "$root/t" /run/bare
	done
}

@test "cpus: a killed keeper's groups go with the box" {
	need cgroup
	local file
	isolate -b "$BOX" --cg --init >/dev/null
	spawn isolate --cg --cpus=1 -b "$BOX" --run -- /bin/sleep 100
	file=$(group_file cpu cgroup.procs)
	wait_for 10 grep -q . "$file"
	kill -KILL "$pid"
	expect 0 isolate --cg --wait -b "$BOX" --cleanup
	[[ ! -e $file ]] || fail "the group is still there"
}

@test "cpus: what is left in the box dies at once, however little it may use" {
	need cgroup
	isolate -b "$BOX" --cg --init >/dev/null
	# At this share of a processor they would take longer to end than the keeper waits (before
	# Linux 6.18, and on a slow machine; an emulated one needs fewer for that).
	expect 0 isolate -b "$BOX" --cg --cpus=0.02 "$M" -p --run -- /bin/sh -c '
		mkfifo f; i=0
		while [ $i -lt $1 ]; do read x <f & i=$((i + 1)); done' sh "$((100 / ${TEST_SLOW:-1}))"
	meta_is exitcode 0
}
