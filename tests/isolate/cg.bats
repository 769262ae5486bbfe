# SPDX-License-Identifier: MIT
# Limits and meters by control groups.

load ../lib/common

setup() {
	common_setup
	need cgroup
	isolate -b "$BOX" --cg --init >/dev/null
}

run_box() { isolate -b "$BOX" "$M" --cg "$@"; }
py_box() { run_box "${@:1:$#-1}" --run -- /usr/bin/python3 -ISc "${*: -1}"; }
# ends_at SECONDS ARG...: a run that is ended for its CPU time when it has used so much, and not much more.
ends_at() {
	x run_box "${@:2}"
	((status == 1)) && meta_is status TO && meta_is message "Time limit exceeded" &&
		between "$1" "$(meta time)" "$(soon "$1" 0.5)"
}
SPIN='while :; do :; done'

@test "cg: memory over --cg-mem is reported as oom" {
	expect 1 py_box --cg-mem=30000 'b = bytearray(200 << 20)'
	is "$stderr" "Caught fatal signal 9"
	meta_is cg-oom-killed 1
	meta_is status SG
	meta_is exitsig 9
	meta_lacks killed
	between 25000 "$(meta cg-mem)" 30000
}

@test "cg: all processes together are limited" {
	expect 1 run_box --cg-mem=40000 -p --run -- /bin/sh -c '
		for i in 1 2 3 4; do /usr/bin/python3 -ISc "
b = bytearray(20 << 20)
import time; time.sleep(100)" & done; wait'
	meta_is cg-oom-killed 1
	# The shell asked for next to nothing.
	meta_is exitsig 9
	meta_lacks killed
}

@test "cg: files in /tmp count as memory" {
	expect 1 run_box --cg-mem=20000 -p --run -- /bin/sh -c 'head -c 150M /dev/zero >/tmp/f'
	meta_is cg-oom-killed 1
}

@test "cg: peak memory is that of this run" {
	expect 0 py_box 'b = bytearray(50 << 20)'
	between 50000 "$(meta cg-mem)" 80000
	expect 0 py_box 'pass'
	between 1000 "$(meta cg-mem)" 40000
	expect 0 py_box 'b = bytearray(50 << 20)'
	between 50000 "$(meta cg-mem)" 80000
	meta_lacks cg-oom-killed
}

@test "cg: --cg-mem=0 is no limit" {
	expect 0 py_box --cg-mem=0 'b = bytearray(40 << 20)'
}

@test "cg: CPU time of all processes is counted and limited" {
	once_in_five ends_at 0.5 -p -t 0.5 --run -- /bin/sh -c "($SPIN) & ($SPIN) & $SPIN"
	once_in_five ends_at 0.3 -p -t 0.3 --run -- /bin/sh -c "( ($SPIN) & ) ; sleep 1000"
}

@test "cg: CPU time of children that nobody waits for is counted" {
	# Without a group it would be lost: reaped by the kernel.
	once_in_five ends_at 0.3 -p -t 0.3 --run -- /usr/bin/python3 -ISc 'import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        while time.process_time() < 0.02: pass
        os._exit(0)
    time.sleep(0.01)'
}

@test "cg: the tenth run starts at zero like the first" {
	local i
	as_caller cp "$TOOLS/burn" "$BOXES/$BOX/box/"
	for i in 1 2 3; do
		expect 1 run_box -t 0.4 --run -- ./burn loop
		expect 1 run_box -w 0.2 --run -- ./burn sleep
		expect 1 run_box --cg-mem=20000 --run -- ./burn memory 100
		meta_is cg-oom-killed 1
	done
	# The three above, had they counted, would have used more than that.
	little() {
		x run_box -t 1 --cg-mem=20000 --run -- ./burn memory 1
		((status == 0)) && between 0 "$(meta time)" "$(soon 0 0.1)" &&
			between 0 "$(meta time-wall)" 4
	}
	once_in_five little
	between 1024 "$(meta cg-mem)" 10000
	meta_lacks cg-oom-killed
}

@test "cg: --no-cg-timing measures processes" {
	once_in_five ends_at 0.3 --no-cg-timing -t 0.3 --run -- /bin/sh -c "$SPIN"
	grep -q ^cg-mem: "$T/meta"
}

@test "cg: processes are limited by the group" {
	expect 1 run_box -p4 --run -- /bin/sh -c 'sleep 100 & sleep 100 & sleep 100 & sleep 100 & exit 3'
	says 'fork'
}

@test "cg: the program cannot see or leave its group" {
	expect 0 run_box -p --run -- /bin/sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u; ls /sys 2>/dev/null; exit 0'
	is "$output" /
}

@test "cg: wall limit, exit code and signals are told as without" {
	expect 1 run_box -w 0.3 --run -- /bin/sleep 100
	meta_is message "Time limit exceeded (wall clock)"
	expect 1 run_box --run -- /bin/sh -c 'exit 7'
	meta_is exitcode 7
	expect 1 run_box --run -- /bin/sh -c 'kill -9 $$'
	meta_is exitsig 9
	meta_lacks cg-oom-killed
}

@test "cg: no group is left after runs" {
	expect 0 run_box --run -- /bin/true
	expect 0 isolate -b "$BOX" --cg --cleanup
	local where
	where=$(isolate --print-cg-root)
	is "$(find /sys/fs/cgroup -maxdepth 4 -type d -path "*${where#/sys/fs/cgroup}/box-$BOX*")" ""
}
