# SPDX-License-Identifier: MIT
# Signals that hit the keeper, and a keeper that is shot.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
}

# A program that says when it is there, then sleeps.
start() {
	rm -f "$BOXES/$BOX/box/started"
	spawn isolate -b "$BOX" "$M" -p "$@" -o started --run -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
}
# As whom the caller can signal.
signal() { as_caller kill "-$1" "$pid"; }
ended() { status=0; wait "$pid" || status=$?; }
uid_is_gone() {
	not grep -qs "^Uid:.*[[:space:]]$(($(conf first_uid) + BOX))[[:space:]]" /proc/[0-9]*/status
}

@test "signals: TERM, INT, HUP, QUIT interrupt the run" {
	local s
	for s in TERM INT HUP QUIT; do
		start
		signal "$s"
		ended
		is "$status" 1
		is "$(cat "$T/spawn.err")" Interrupted
		meta_is status SG
		meta_is message Interrupted
		meta_is exitsig "$(kill -l "$s")"
		meta_is killed 1
		uid_is_gone
	done
}

@test "signals: ABRT and others are errors of the sandbox" {
	local s
	for s in ABRT SEGV ALRM; do
		start
		signal "$s"
		ended
		is "$status" 2
		meta_is status XX
		meta_is message "Sandbox keeper received fatal signal $(kill -l "$s")"
		meta_is killed 1
		uid_is_gone
	done
}

@test "signals: USR1 and USR2 do nothing, nor do those that stop" {
	local s
	start
	for s in USR1 USR2 PIPE CHLD TTOU TSTP TERM; do signal "$s"; done
	ended
	is "$status" 1
	meta_is exitsig 15
}

@test "signals: KILL of the keeper kills the box, which can be used again" {
	start
	signal KILL
	ended
	is "$status" 137
	wait_for 5 uid_is_gone
	expect 0 isolate -b "$BOX" --run -- /bin/true
	is "$(stat -c '%a %u' "$BOXES/$BOX/box")" "700 $(stat -c %u "$T")"
}

@test "signals: the box of a shot keeper can be initialised and cleaned up" {
	start
	signal KILL
	ended
	expect 0 isolate -b "$BOX" --init
	is "$(ls -A "$BOXES/$BOX/box")" ""
	start
	signal KILL
	ended
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
	uid_is_gone
}

@test "signals: with --cg a shot keeper leaves no group that is in the way" {
	need cgroup
	expect 0 isolate -b "$BOX" --cg --init
	start --cg
	signal KILL
	ended
	expect 0 isolate -b "$BOX" --cg --run -- /bin/true
	start --cg
	signal KILL
	ended
	expect 0 isolate -b "$BOX" --cg --cleanup
}

@test "signals: files of the box are the caller's after an interrupted run" {
	mkdir "$T/victim"
	spawn isolate -b "$BOX" "$M" -p -o started --run -- /bin/sh -c '
		mkdir d; echo x >d/f; ln -s "$1" d/link; chmod 0 d/f; echo here; exec sleep 1000' sh "$T/victim"
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
	signal TERM
	ended
	is "$(find "$BOXES/$BOX/box" ! -uid "$(stat -c %u "$T")")" ""
	is "$(find "$BOXES/$BOX/box" -type l)" ""
}

# TEST_SIGNALS: more of them, by hand.
@test "signals: none is lost while the run starts" {
	local i comm
	for ((i = 0; i < ${TEST_SIGNALS:-25}; i++)); do
		spawn isolate -b "$BOX" "$M" --run -- /bin/sleep 1000
		# Not the shell, which loses signals between fork and exec.
		until read -r comm <"/proc/$pid/comm" && [[ $comm == isolate ]]; do :; done
		read -r -t "0.0$((RANDOM % 3))$((RANDOM % 10))" <><(:) || true
		kill -TERM "$pid"
		ended
		# 143: before it was ready, 1: interrupted.
		[[ $status == 1 || $status == 143 ]] || fail "status $status"
	done
	uid_is_gone
	expect 0 isolate -b "$BOX" --run -- /bin/true
}

@test "signals: a blocked mask and ignored signals of the caller do not matter" {
	# 32 and 33 are not to be had from libc: rt_sigaction, handler SIG_IGN.
	expect 1 as_caller python3 -ISc '
import ctypes, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
for s in range(1, 32):
    if s not in (9, 19): signal.signal(s, signal.SIG_IGN)
for s in (32, 33):
    assert ctypes.CDLL(None).syscall(13, s, (ctypes.c_ulong * 8)(1), None, 8) == 0
os.execv(sys.argv[1], sys.argv[1:])' \
		"$TEST_PREFIX/bin/isolate" -b "$BOX" "$M" -t 0.2 -p --run -- \
		/bin/sh -c 'grep -E "^Sig(Blk|Ign)" /proc/self/status; while :; do :; done'
	meta_is status TO
	is "$(tr -d '\t' <<<"$output")" $'SigBlk:0000000000000000\nSigIgn:0000000000000000'
}

@test "signals: timers of the caller do not end the keeper" {
	local after=0.2
	# It may also go off before isolate has begun: then the next one has more time for that.
	survives() {
		after=$(awk -v t="$after" 'BEGIN { print 3 * t }')
		x as_caller python3 -ISc '
import os, signal, sys
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:] + [str(float(sys.argv[1]) + 0.3)])' "$after" \
			"$TEST_PREFIX/bin/isolate" -b "$BOX" "$M" --run -- /bin/sleep
		((status == 0))
	}
	once_in_five survives
}
