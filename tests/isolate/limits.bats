# SPDX-License-Identifier: MIT
# Limits without control groups, and those common to both.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
}

run_box() { isolate -b "$BOX" "$M" "$@"; }
py_box() { run_box "${@:1:$#-1}" --run -- /usr/bin/python3 -ISc "${*: -1}"; }
# ends_at SECONDS ARG...: a run that is ended for its CPU time when it has used so much, and not much more.
ends_at() {
	x run_box "${@:2}"
	((status == 1)) && meta_is status TO && meta_is message "Time limit exceeded" &&
		between "$1" "$(meta time)" "$(soon "$1" 0.5)"
}
SPIN='while :; do :; done'

@test "time: a busy loop is killed at its limit" {
	once_in_five ends_at 0.3 -t 0.3 --run -- /bin/sh -c "$SPIN"
	is "$stderr" "Time limit exceeded"
	meta_is killed 1
	meta_lacks exitsig
	meta_lacks exitcode
}

@test "time: three busy children are counted together" {
	once_in_five ends_at 0.5 -p -t 0.5 --run -- /bin/sh -c "($SPIN) & ($SPIN) & $SPIN"
}

@test "time: orphans of a double fork count" {
	once_in_five ends_at 0.3 -p -t 0.3 --run -- /bin/sh -c "( ($SPIN) & ) ; sleep 1000"
}

@test "time: children that were waited for count" {
	once_in_five ends_at 0.3 -p -t 0.3 --run -- /bin/sh -c "while :; do /bin/true; done"
}

@test "time: children that their parent does not wait for count" {
	# SIGCHLD ignored: the kernel reaps them, and forgets what they used.
	as_caller cp "$TOOLS/burn" "$BOXES/$BOX/box/"
	once_in_five ends_at 0.3 -p -t 0.3 --run -- ./burn ignored 20
}

# As in a container whose profile forbids it.
uncounted() { "$TOOLS/deny" perf_event_open "${CALLER[@]}" "$TEST_PREFIX/bin/isolate" "$@"; }

@test "time: of several processes it is refused, not guessed, where nothing counts them" {
	expect 2 uncounted -b "$BOX" "$M" -p -t 1 --run -- /bin/sh -c 'echo ran'
	says "--time cannot hold for several processes without --cg: open a counter of CPU time (perf_event_open): operation not permitted"
	one_line
	is "$output" ""
	meta_is status XX
	# One process is measured by itself, as ever.
	expect 1 uncounted -b "$BOX" "$M" -t 0.2 --run -- /bin/sh -c "$SPIN"
	meta_is status TO
	between 0.2 "$(meta time)" 100
	# Without a limit they run, and no figure is told that may be too small.
	expect 0 uncounted -b "$BOX" "$M" -p --run -- /bin/sh -c '(/bin/true) & wait'
	says "nobody knows what several processes used"
	meta_lacks time
	meta time-wall
	meta_is exitcode 0
	expect 0 uncounted -b "$BOX" "$M" --meta-format=json -p --run -- /bin/sh -c '(/bin/true) & wait'
	is "$(jget cpu_ns cpu_user_ns cpu_system_ns exit_code <"$T/meta")" "null null null 0"
}

@test "time: a group counts where the counter is forbidden" {
	need cgroup
	isolate -b "$BOX" --cleanup
	expect 0 uncounted -b "$BOX" --cg --init
	expect 1 uncounted -b "$BOX" --cg "$M" -p -t 0.2 --run -- /bin/sh -c "$SPIN"
	meta_is status TO
	between 0.2 "$(meta time)" 100
	expect 2 uncounted -b "$BOX" --cg --no-cg-timing "$M" -p -t 1 --run -- /bin/true
	says "without --cg-timing"
	expect 0 isolate -b "$BOX" --cg --cleanup
}

@test "time: a sleeper does not use any" {
	sleeps() {
		x run_box -t 0.5 --run -- /bin/sleep 0.6
		((status == 0)) && between 0 "$(meta time)" 0.3 && between 0.6 "$(meta time-wall)" 90
	}
	once_in_five sleeps
}

@test "time: a program over its limit that ends by itself is told too" {
	expect 1 run_box -t 0.1 -x 100 --run -- /usr/bin/python3 -ISc '
import time
while time.process_time() < 0.3: pass'
	meta_is status TO
	meta_is message "Time limit exceeded"
	meta_lacks killed
	# A client that looks at the exit status first would take it for a success.
	meta_lacks exitcode
	expect 1 run_box -t 0.1 -x 100 --run -- /usr/bin/python3 -ISc '
import os, time
while time.process_time() < 0.3: pass
os.abort()'
	meta_is status TO
	meta_lacks exitsig
	meta_lacks killed
}

@test "extra-time: the limit kills only once it has passed too" {
	# Not added to the limit, as in the well-known tool.
	once_in_five ends_at 1.2 -t 1 -x 1.2 --run -- /bin/sh -c "$SPIN"
	meta_is killed 1
	once_in_five ends_at 0.4 -t 0.4 -x 0.1 --run -- /bin/sh -c "$SPIN"
}

@test "wall-time: a sleeper is killed at its limit" {
	expect 1 run_box -w 0.3 --run -- /bin/sleep 100
	is "$stderr" "Time limit exceeded (wall clock)"
	meta_is status TO
	meta_is message "Time limit exceeded (wall clock)"
	meta_is killed 1
	between 0.3 "$(meta time-wall)" 90
}

@test "wall-time: a stopped program is killed too" {
	expect 1 run_box -w 0.3 --run -- /bin/sh -c 'kill -STOP $$'
	meta_is message "Time limit exceeded (wall clock)"
}

@test "wall-time: a fifo that nobody opens does not hang" {
	as_caller mkfifo "$BOXES/$BOX/box/in"
	expect 1 run_box --special-files -w 0.3 -i in --run -- /bin/cat
	meta_is message "Time limit exceeded (wall clock)"
}

@test "times: 0 is none" {
	expect 0 run_box -t 0 -w 0 -x 0 --run -- /bin/true
}

@test "mem: limits the address space" {
	expect 1 py_box -m 60000 'b = bytearray(100 << 20)'
	meta_is status RE
	says MemoryError
	expect 0 py_box -m 400000 'b = bytearray(100 << 20)'
}

@test "processes: one by default, so that nothing can be forked" {
	expect 1 py_box 'import os
try: os.fork()
except BlockingIOError: raise SystemExit(5)'
	meta_is exitcode 5
}

@test "processes: threads count too" {
	expect 0 py_box --processes=3 'import threading, time
n = 0
try:
    for i in range(5):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start(); n += 1
except RuntimeError: pass
print(n)'
	is "$output" 2
}

@test "processes: -p without a number is no limit" {
	for p in -p --processes -p60 --processes=60; do
		expect 0 run_box "$p" --run -- /bin/sh -c '(exit 0) & (exit 0) & wait'
	done
}

@test "fsize: a file cannot grow beyond it" {
	expect 1 run_box -f 10 --run -- /bin/sh -c 'exec head -c 100000 /dev/zero >out'
	meta_is exitsig 25
	is "$(stat -c %s "$BOXES/$BOX/box/out")" 10240
}

@test "fsize: holds for redirected output and /tmp" {
	expect 1 run_box -f 10 -o out --run -- /usr/bin/head -c 100000 /dev/zero
	meta_is exitsig 25
	is "$(stat -c %s "$BOXES/$BOX/box/out")" 10240
	expect 1 run_box -f 10 --run -- /bin/sh -c 'exec head -c 100000 /dev/zero >/tmp/out'
	meta_is exitsig 25
}

@test "limits: what rlimits the program gets" {
	expect 0 run_box -k 8192 -f 1000 -n 33 -m 1000000 --core=7 -p5 --run -- \
		/bin/sh -c 'ulimit -a -S; ulimit -a -H'
	local want
	for want in 'stack(kbytes) 8192' 'file(blocks) 2000' 'nofiles 33' 'vmemory(kbytes) 1000000' \
		'coredump(blocks) 14' 'process 5' 'time(seconds) unlimited' 'data(kbytes) unlimited' \
		'memory(kbytes) unlimited' 'locked memory(kbytes) 64' 'rtprio 0'; do
		is "$(tr -s ' ' <<<"$output" | grep -cxF "$want")" 2
	done
}

@test "limits: defaults" {
	expect 0 run_box --run -- /bin/cat /proc/self/limits
	grep -Eq '^Max processes +1 +1 ' <<<"$output"
	grep -Eq '^Max open files +1024 +1024 ' <<<"$output"
	grep -Eq '^Max core file size +1 +1 ' <<<"$output"
	grep -Eq '^Max stack size +unlimited ' <<<"$output"
	grep -Eq '^Max msgqueue size +819200 +819200' <<<"$output"
	grep -Eq '^Max nice priority +0 +0' <<<"$output"
	grep -Eq '^Max pending signals +1024 +1024' <<<"$output"
}

@test "limits: the caller's own do not leak in" {
	expect 0 as_caller bash -c "ulimit -S -t 100 -d 1000000 -m 77777 -s 5000 -n 99
		exec '$TEST_PREFIX/bin/isolate' -s -b $BOX --run -- /bin/cat /proc/self/limits"
	grep -Eq '^Max cpu time +unlimited ' <<<"$output"
	grep -Eq '^Max data size +unlimited ' <<<"$output"
	grep -Eq '^Max resident set +unlimited ' <<<"$output"
	grep -Eq '^Max stack size +unlimited ' <<<"$output"
	grep -Eq '^Max open files +1024 ' <<<"$output"
}

@test "tmp: /tmp and /dev/shm are of limited size and empty each time" {
	expect 0 run_box -p --run -- /bin/sh -c 'echo x >/tmp/a; echo y >/dev/shm/b; ls /tmp /dev/shm'
	prints a
	prints b
	expect 0 run_box -p --run -- /bin/sh -c 'ls -A /tmp /dev/shm | grep -c "^[ab]$"; exit 0'
	is "$output" 0
}

@test "time: the second run in a box starts at zero" {
	expect 1 run_box -t 0.5 --run -- /bin/sh -c "$SPIN"
	again() {
		x run_box -t 0.5 --run -- /bin/true
		((status == 0)) && between 0 "$(meta time)" 0.3
	}
	once_in_five again
}
