# SPDX-License-Identifier: MIT
# Odd calls, in which isolate is as its predecessors are. What it is about has a file of its own
# elsewhere; what differs is told in COMPATIBILITY of isolate(1).

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
}

@test "odd: the last of repeated options holds, and a command may be repeated" {
	expect 0 isolate -b 4000000 -b "$BOX" -f 1 --fsize=2000 -o first -o second -t 0.0001 -t 2000 \
		--processes=1 -p4 -c nowhere -c /tmp --run --run -- /bin/sh -c 'ulimit -f; pwd'
	is "$(cat "$BOXES/$BOX/box/second")" $'4000\n/tmp'
	[[ ! -e $BOXES/$BOX/box/first ]]
}

@test "odd: long options may be cut short, letters joined" {
	expect 2 isolate "-esb$BOX" --std=nothing --run -- /bin/true
	says "ambiguous"
	expect 0 isolate "-esb$BOX" --wall 2000 --extra=1 --proc --run -- /bin/sh -c '(:); echo "$HOME"'
	is "$output" "$T/home"
	is "$stderr" ""
}

@test "odd: 0 means no limit for processes, open files, stack and file size" {
	expect 0 isolate -s -b "$BOX" --processes=0 -n 0 -k 0 -f 0 --run -- \
		/bin/sh -c '(:); ulimit -s; ulimit -f; ulimit -n'
	is "$(head -n 2 <<<"$output")" $'unlimited\nunlimited'
	(($(tail -n 1 <<<"$output") > 1024))
}

@test "odd: a limit of less than a millisecond is one" {
	expect 1 isolate -b "$BOX" --wall-time=0.0001 --run -- /bin/sleep 100
	says "Time limit exceeded (wall clock)"
	expect 1 isolate -b "$BOX" --time=0.0001 --run -- /bin/sh -c 'while :; do :; done'
	says "Time limit exceeded"
}

@test "odd: --cleanup and --init take a box whatever its --cg" {
	need cgroup
	expect 0 isolate -b "$BOX" --cg --init
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
	expect 0 isolate -b "$BOX" --init
	expect 0 isolate -b "$BOX" --cg --cleanup
	[[ ! -e $BOXES/$BOX ]]
}

@test "odd: what was asked about a box that is not there creates nothing" {
	expect 0 isolate -b "$((BOX + 1))" "$M" --cleanup
	expect 2 isolate -b "$((BOX + 1))" "$M" --run -- /bin/true
	[[ ! -e $BOXES/$((BOX + 1)) ]]
	meta_is status XX
}
