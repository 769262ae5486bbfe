# SPDX-License-Identifier: MIT
# What a hostile caller can do to the setuid program by the state it is started in.

load ../lib/common

setup() {
	common_setup
	I=$TEST_PREFIX/bin/isolate
	isolate -b "$BOX" --init >/dev/null
}

# py CODE ARG...: Python that ends in exec of isolate with these arguments, as the caller.
py() {
	as_caller /usr/bin/python3 -ISc "import os, sys, signal, resource
$1
os.execv(sys.argv[1], sys.argv[1:])" "$I" "${@:2}"
}

@test "attack: a file size limit of 0 does not stop isolate half-way" {
	x py 'resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))' \
		-b "$BOX" "$M" --run -- /bin/sh -c 'echo written >f'
	is "$status" 0
	is "$(cat "$BOXES/$BOX/box/f")" written
}

@test "attack: hard limits that are too low are refused before anything is done" {
	# What a process with CAP_SYS_RESOURCE may raise is no obstacle. Standard error is a pipe, as
	# nothing can be written to a file.
	told() { py "$@" 2>&1 | cat; }
	x told 'resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))' -b "$BOX" --run -- /bin/true
	[[ $output == OK* || $output == *"limit on file size"* ]]
	x told 'resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))' -b "$BOX" --run -- /bin/true
	[[ $output == OK* || $output == *"limit on open files"* ]]
	expect 0 isolate -b "$BOX" --run -- /bin/true
}

@test "attack: small limits of the caller do not disturb a run" {
	expect 1 py 'resource.setrlimit(resource.RLIMIT_STACK, (1 << 18, resource.getrlimit(resource.RLIMIT_STACK)[1]))
resource.setrlimit(resource.RLIMIT_NOFILE, (12, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))' \
		-b "$BOX" "$M" -t 0.2 --run -- /bin/sh -c 'while :; do :; done'
	meta_is status TO
}

@test "attack: with a limit on real-time CPU time the keeper does without" {
	spawn prlimit --rttime=1 "$TEST_PREFIX/bin/isolate" -b "$BOX" -o started --run -- \
		/bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
	is "$(chrt -p "$pid" | grep -o 'SCHED_[A-Z]*')" SCHED_OTHER
	as_caller kill -TERM "$pid"
}

@test "attack: SIGCHLD ignored loses no exit status" {
	expect 1 py 'signal.signal(signal.SIGCHLD, signal.SIG_IGN)' \
		-b "$BOX" "$M" -p --run -- /bin/sh -c '/bin/true; exit 5'
	meta_is exitcode 5
}

@test "attack: nobody can trace or read the keeper and the proxy" {
	need user
	spawn isolate -b "$BOX" -p -o started -E SECRET=1 --run -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
	local proxy
	proxy=$(cat "/proc/$pid/task/$pid/children")
	for p in $pid $proxy; do
		for f in mem environ maps exe fd/0 root; do
			! as_caller head -c 1 "/proc/$p/$f" 2>/dev/null || fail "reads /proc/$p/$f"
		done
		! as_caller /usr/bin/python3 -ISc '
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(0 if libc.ptrace(16, int(sys.argv[1]), 0, 0) == 0 else 1)' "$p" || fail "traces $p"
	done
	# Nor signal the proxy, which is root's in all ids.
	not as_caller kill -STOP "$proxy" 2>/dev/null
	as_caller kill -TERM "$pid"
}

@test "attack: the keeper holds few capabilities while the program runs, the proxy hardly any" {
	spawn isolate -b "$BOX" -p -o started --run -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
	local proxy
	proxy=$(tr -d ' ' <"/proc/$pid/task/$pid/children")
	# chown dac_override fowner fsetid kill setgid setuid: bits 0 1 3 4 5 6 7
	# Neither waits for the program to begin.
	wait_for 5 grep -q "^CapPrm:.00000000000000fb" "/proc/$pid/status"
	wait_for 5 grep -q "^CapPrm:.0000000000000020" "/proc/$proxy/status"
	is "$(awk '/^CapInh|^CapAmb/ { print $2 }' "/proc/$pid/status" | sort -u)" 0000000000000000
	as_caller kill -TERM "$pid"
}

@test "attack: the program's set-id programs give it nothing" {
	local prog=/usr/bin/python3
	cp "$(readlink -f "$prog")" "$T/py"
	chown 0:0 "$T/py"
	chmod 4755 "$T/py"
	chmod a+x "$T"
	expect 0 isolate -s -b "$BOX" --dir="x=$T" --run -- /x/py -c 'import os; print(os.geteuid())'
	is "$output" "$(($(conf first_uid) + BOX))"
}

@test "attack: a configuration that others can write is refused" {
	# On a copy: other tests use the real one.
	need root
	cat >"$T/script" <<-'END'
		set -eu
		cp "$1/etc/isolate" "$2/conf"
		mount --bind "$2/conf" "$1/etc/isolate"
		chmod 666 "$2/conf"
		"$1/bin/isolate" -b "$3" --init
	END
	expect 2 unshare --mount --propagation private bash "$T/script" "$TEST_PREFIX" "$T" "$BOX"
	says "writable by its group or by everybody"
	one_line
	sed -i 's/chmod 666/chown 1:1/' "$T/script"
	expect 2 unshare --mount --propagation private bash "$T/script" "$TEST_PREFIX" "$T" "$BOX"
	says "belongs to user 1"
}

@test "attack: what lies below a directory that others can write is not trusted" {
	local open=/run/open-$BOX
	mkdir -p "$open"/{locks,images}
	chmod 777 "$open"
	cp "$CONF" "$T/conf"
	# The folder of the configuration: whoever can write it puts another file there.
	expect 2 with_mounts "mount -t tmpfs -o mode=777 none '${CONF%/*}'; install -m 644 '$T/conf' '$CONF'" \
		"$TEST_PREFIX/bin/isolate" -b $((BOX + 1)) --init
	says "'${CONF%/*}' is writable by its group or by everybody"
	expect 2 with_conf "lock_root = $open/locks" "$TEST_PREFIX/bin/isolate" -b $((BOX + 1)) --init
	says "lock_root: '$open' is writable by"
	expect 2 with_conf "image_root = $open/images" "$TEST_PREFIX/bin/isolate" --image=some/image -b $((BOX + 1)) --init
	says "'$open' is writable by"
	[[ ! -e $BOXES/$((BOX + 1)) ]]
	# Sticky, others can put nothing in the place of what is root's.
	chmod 1777 "$open"
	chmod 700 "$open/locks"
	expect 0 with_conf "lock_root = $open/locks" "$TEST_PREFIX/bin/isolate" -b $((BOX + 1)) --init
	expect 0 with_conf "lock_root = $open/locks" "$TEST_PREFIX/bin/isolate" -b $((BOX + 1)) --cleanup
	rm -rf "/run/open-${BOX:?}"
}

@test "attack: a box root below a directory that others can write is refused" {
	need root
	cat >"$T/script" <<-'END'
		set -eu
		mkdir -p "$2/open/boxes"
		chmod 777 "$2/open"
		mount -t tmpfs -o mode=755 none /mnt
		mkdir /mnt/open /mnt/open/boxes
		chmod 777 /mnt/open
		sed "s,^box_root.*,box_root = /mnt/open/boxes," "$1/etc/isolate" >"$2/conf"
		chmod 644 "$2/conf"
		mount --bind "$2/conf" "$1/etc/isolate"
		"$1/bin/isolate" -b "$3" --init
	END
	expect 2 unshare --mount --propagation private bash "$T/script" "$TEST_PREFIX" "$T" "$BOX"
	says "'/mnt/open' is writable"
	one_line
}

@test "attack: every refusal of a run leaves the box usable" {
	local args
	for args in "-i nothing" "-c nowhere" "--dir=x=/no/such/dir" "-o /usr/x" \
		"--image=no/such"; do
		# shellcheck disable=SC2086
		expect 2 isolate -b "$BOX" "$M" $args --run -- /bin/true
		one_line
		meta_is status XX
	done
	expect 0 isolate -b "$BOX" --run -- /bin/true
}

@test "attack: sources of rules are opened with the caller's rights" {
	need user
	mkdir "$T/private"
	echo secret >"$T/private/file"
	chmod 700 "$T/private"
	chown 0:0 "$T/private"
	expect 2 isolate -b "$BOX" --dir="x=$T/private/file" --run -- /bin/true
	says "permission denied"
	expect 2 isolate -b "$BOX" --dir="x=/root/something" --run -- /bin/true
}

# Every descriptor of isolate is a directory of the host, seen from inside, until it is closed.
@test "attack: neither --chdir nor the command gets out by isolate's own descriptors" {
	local fd name
	name=/proc/self/fd
	# Emulated, the first of them.
	for fd in {3..30}; do
		[[ $TEST_WHERE == native || $fd -lt 14 ]] || continue
		expect 2 isolate -s -b "$BOX" --chdir="$name/$fd" --run -- /bin/true
		says "change directory to"
		expect 1 isolate -s -b "$BOX" "$M" -D --dir=box=./box --dir=proc=proc:fs \
			--run -- "$name/$fd/../../../../../../../bin/sh" -c :
		meta_is exitcode 127
	done
	# There is something to be run where that path would lead.
	[[ -x $BOXES/../../../../../../../bin/sh ]]
}

blocked() { grep -qx isolate "/proc/$1/comm" && grep -q "^State:.S" "/proc/$1/status"; }

@test "attack: nobody keeps the lock of somebody else's box" {
	need user
	local command
	# Standard error is a pipe that is full: whatever is said to the stranger blocks.
	for command in "--run -- /bin/true" "--init" "--cleanup"; do
		# shellcheck disable=SC2086
		# Not by as_uid: $! would be the shell that runs the function.
		setpriv --reuid $((TEST_UID + 1)) --regid $((TEST_UID + 1)) --clear-groups \
			/usr/bin/python3 -ISc '
import os, sys
r, w = os.pipe()
os.set_blocking(w, False)
for size in 4096, 1:
    try:
        while True:
            os.write(w, b"x" * size)
    except BlockingIOError:
        pass
os.set_blocking(w, True)
os.dup2(r, 0)
os.dup2(w, 2)
os.execv(sys.argv[1], sys.argv[1:])' "$I" -b "$BOX" $command 3>&- &
		SPAWNED+=($!)
		wait_for 10 blocked "$!"
		expect 0 isolate -s -b "$BOX" --run -- /bin/true
	done
}

@test "attack: what isolate says is written by the caller, not by root" {
	need user
	# Root's writes leave a file its set-id bits.
	local words
	for words in "--version" "--nonsense" "-b 2000000000 --init" "-b $BOX --init=no" \
		"-b $BOX --run --meta=/nonexistent/x -- /bin/true"; do
		as_caller cp /bin/true "$T/file"
		as_caller chmod 4755 "$T/file"
		# shellcheck disable=SC2086
		isolate $words >>"$T/file" 2>&1 || true
		[[ $(stat -c %s "$T/file") -gt $(stat -Lc %s /bin/true) ]]
		is "$words $(stat -c %a "$T/file")" "$words 755"
	done
}

@test "attack: a program that fills standard output, non-blocking, does not keep its verdict back" {
	local fill='import fcntl, os
fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)
for size in 4096, 1:
    try:
        while True: os.write(1, b"x" * size)
    except BlockingIOError: pass
open("full", "w")'
	isolate -b "$BOX" --init >/dev/null
	mkfifo pipe && give_to_caller pipe
	exec 4<>pipe
	as_caller "$TEST_PREFIX/bin/isolate" -s -b "$BOX" -M- --run -- /usr/bin/python3 -ISc "$fill" >pipe 4>&- &
	local runs=$! reads
	wait_for 10 test -e "$BOXES/$BOX/box/full"
	read -r -t 0.5 <><(:) || true # for isolate to get there; a shorter time hides a fault, and makes none
	# Open for reading before the other reader closes.
	exec 5<pipe
	cat <&5 >out 4>&- &
	reads=$!
	exec 4>&- 5<&-
	wait "$runs" || fail "exit status $?"
	wait "$reads"
	is "$(tail -n 1 out)" exitcode:0
}
