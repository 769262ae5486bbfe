# SPDX-License-Identifier: MIT
# --run: the program, its surroundings, and how its end is told.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
}

run_box() { isolate -b "$BOX" "$M" "$@"; }
sh_box() { run_box -p "${@:1:$#-1}" --run -- /bin/sh -c "${*: -1}"; }

@test "run: a program that ends well is OK" {
	expect 0 run_box --run -- /bin/true
	is "$output" ""
	[[ $stderr =~ ^OK\ \([0-9]+\.[0-9]{3}\ sec\ real,\ [0-9]+\.[0-9]{3}\ sec\ wall\)$ ]]
	meta_is exitcode 0
	meta_lacks status
	meta_lacks message
}

@test "run: arguments reach the program as they are" {
	expect 0 run_box -s --run -- /usr/bin/printf '<%s>' a 'b c' '' -- -x $'\n'
	is "$output" $'<a><b c><><--><-x><\n>'
	is "$stderr" ""
}

@test "run: standard input and output are the caller's" {
	echo 'from outside' >"$T/in"
	expect 0 run_box --run -- /bin/cat <"$T/in"
	is "$output" 'from outside'
}

@test "run: a program that fails is a runtime error" {
	expect 1 sh_box 'exit 7'
	is "$stderr" "Exited with error status 7"
	meta_is exitcode 7
	meta_is status RE
	meta_is message "Exited with error status 7"
	meta_lacks killed
}

@test "run: a program that dies by a signal is told by its number" {
	expect 1 sh_box 'kill -SEGV $$'
	is "$stderr" "Caught fatal signal 11"
	meta_is exitsig 11
	meta_is status SG
	meta_is message "Caught fatal signal 11"
	meta_lacks exitcode
	meta_lacks killed
}

@test "run: a program that cannot be executed is a runtime error" {
	expect 1 run_box --run -- /no/such/program
	says 'execve("/no/such/program"): No such file or directory'
	meta_is status RE
	meta_is exitcode 127
}

@test "run: the command is not looked for along PATH" {
	expect 1 run_box -E PATH=/bin --run -- true
	says 'execve("true"): No such file or directory'
	expect 1 run_box --run -- ''
	says 'execve(""): No such file or directory'
	meta_is exitcode 127
}

@test "run: a relative command is found from the working directory" {
	printf '#!/bin/sh\necho here\n' >"$BOXES/$BOX/box/prog"
	chmod 755 "$BOXES/$BOX/box/prog"
	give_to_caller "$BOXES/$BOX/box/prog"
	expect 0 run_box --run -- ./prog
	is "$output" here
	expect 0 run_box --run -- prog
	is "$output" here
}

@test "run: a file that is no program cannot be executed" {
	echo hello >"$BOXES/$BOX/box/data"
	give_to_caller "$BOXES/$BOX/box/data"
	chmod 644 "$BOXES/$BOX/box/data"
	expect 1 run_box --run -- ./data
	says 'execve("./data"): Permission denied'
	meta_is exitcode 127
}

@test "run: -s leaves stderr to the program" {
	expect 0 run_box -s --run -- /bin/true
	is "$stderr" ""
	expect 1 sh_box -s 'echo oops >&2; exit 1'
	is "$stderr" oops
}

@test "run: the program starts in /box with umask 022" {
	expect 0 sh_box 'pwd; umask; echo x >made; stat -c %a made'
	is "$output" $'/box\n0022\n644'
}

@test "chdir: is relative to /box" {
	as_caller mkdir -p "$BOXES/$BOX/box/a/b"
	expect 0 sh_box -c a/b pwd
	is "$output" /box/a/b
	expect 0 sh_box --chdir=/tmp pwd
	is "$output" /tmp
}

@test "chdir: a directory that is not there is a sandbox error" {
	expect 2 sh_box -c nowhere pwd
	says "change directory to 'nowhere'"
	one_line
	meta_is status XX
}

@test "run: user and group are the box's own, every time" {
	local uid=$(($(conf first_uid) + BOX))
	expect 0 sh_box 'id -u; id -g; id -G'
	is "$output" "$uid"$'\n'"$uid"$'\n'"$uid"
	expect 0 sh_box 'id -u'
	is "$output" "$uid"
}

@test "run: no capabilities, no new privileges, no signals blocked or ignored" {
	expect 0 sh_box 'grep -E "^(Cap|NoNewPrivs|SigBlk|SigIgn)" /proc/self/status'
	is "$(tr -d '\t' <<<"$output")" "SigBlk:0000000000000000
SigIgn:0000000000000000
CapInh:0000000000000000
CapPrm:0000000000000000
CapEff:0000000000000000
CapBnd:0000000000000000
CapAmb:0000000000000000
NoNewPrivs:1"
}

@test "run: only the box's processes are there" {
	# The proxy, pid 1, is hidden; the shell lists them itself.
	expect 0 sh_box 'echo /proc/[0-9]*; echo $$'
	is "$output" $'/proc/2\n2'
}

@test "run: namespaces are not the host's" {
	expect 0 sh_box 'for n in pid mnt net ipc uts cgroup; do readlink /proc/self/ns/$n; done'
	local n
	for n in pid mnt net ipc uts cgroup; do
		[[ $output != *"$(readlink /proc/self/ns/$n)"* ]] || fail "shares $n"
	done
	is "$(wc -l <<<"$output")" 6
}

@test "net: only lo is there, and it works" {
	expect 0 sh_box 'tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "'
	is "$output" lo
	expect 0 run_box -p --run -- /usr/bin/python3 -ISc '
import socket, threading
s = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(s.getsockname())
a, _ = s.accept()
c.send(b"ok"); print(a.recv(2).decode())'
	is "$output" ok
}

@test "share-net: the host's interfaces are there" {
	expect 0 sh_box --share-net 'readlink /proc/self/ns/net'
	is "$output" "$(readlink /proc/self/ns/net)"
}

@test "run: daemons are gone when --run returns" {
	expect 0 sh_box -c / '(trap "" HUP TERM; setsid sleep 1000 >/dev/null 2>&1 </dev/null &) ; echo started'
	is "$output" started
	not grep -l "^Uid:.*[[:space:]]$(($(conf first_uid) + BOX))[[:space:]]" /proc/[0-9]*/status 2>/dev/null
}

@test "run: ends when the program ends, whatever its children do" {
	# Who waits for the child meets the time limit of the test.
	expect 0 sh_box 'sleep 10000 & exit 0'
}

@test "run: nothing of the caller's terminal session is left" {
	# Its session id is its own pid.
	expect 0 sh_box 'cut -d" " -f6,7 /proc/self/stat'
	is "$output" "2 0"
}

@test "run: the hostname is not the host's" {
	expect 0 sh_box 'cat /proc/sys/kernel/hostname'
	is "$output" box
}

@test "run: the caller's nice level, policy and affinity do not matter" {
	expect 0 as_caller nice -n 7 taskset -c 0 "$TEST_PREFIX/bin/isolate" -s -b "$BOX" -p --run -- \
		/bin/sh -c 'nice; grep Cpus_allowed_list /proc/self/status'
	is "$output" $'0\n'"$(grep Cpus_allowed_list /proc/1/status)"
}

@test "run: oom score is higher than the keeper's" {
	expect 0 sh_box 'cat /proc/self/oom_score_adj; echo 0 >/proc/self/oom_score_adj; echo $?'
	is "${output%%$'\n'*}" 500
}

@test "verbose: tells what is done on stderr" {
	need cgroup
	expect 0 isolate -b "$BOX" --cleanup
	expect 0 isolate -b "$BOX" --cg -v --init
	says "control groups:"
	is "$output" "$BOXES/$BOX"
}
