# SPDX-License-Identifier: MIT
# Open files: what the program gets, and what isolate is started with.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	I=$TEST_PREFIX/bin/isolate
}

# Its descriptors as the program sees them, without the one that listed them, which is gone then.
LIST='import os; d = "/proc/self/fd/"; print(*sorted(int(f) for f in os.listdir(d) if os.path.lexists(d + f)))'

@test "fds: the program gets 0, 1 and 2 only" {
	expect 0 as_caller bash -c "exec 5</dev/null 9>'$T/nine'
		exec $I -s -b $BOX --run -- /usr/bin/python3 -ISc '$LIST'"
	is "$output" "0 1 2"
}

@test "inherit-fds: passes on the others, but no directories" {
	expect 0 as_caller bash -c "exec 35</dev/null 37</ 39>'$T/nine'
		exec $I -s -b $BOX --inherit-fds --run -- /usr/bin/python3 -ISc '$LIST
os.write(39, b\"through\")'"
	[[ " $output " == *" 35 "* && " $output " == *" 39 "* && " $output " != *" 37 "* ]]
	is "$(cat "$T/nine")" through
}

@test "fds: closed standard files are open on something harmless" {
	expect 0 as_caller bash -c "exec $I -s -b $BOX $M --run -- /usr/bin/python3 -ISc '
import os, stat
for fd in 0, 1, 2:
    assert stat.S_ISCHR(os.fstat(fd).st_mode)' <&- >&- 2>&-"
	meta_is exitcode 0
	expect 0 as_caller bash -c "exec $I -b $BOX --init <&- 2>&-"
	is "$output" "$BOXES/$BOX"
}

@test "fds: a directory as standard input is refused" {
	x as_caller bash -c "exec $I -b $BOX --run -- /bin/true </"
	is "$status" 2
	says "standard input is a directory"
	one_line
	expect 0 as_caller bash -c "echo data >$BOXES/$BOX/box/in; exec $I -s -b $BOX -i in --run -- /bin/cat </"
	is "$output" data
}

@test "fds: an O_PATH descriptor as standard output is refused" {
	expect 2 as_caller python3 -ISc '
import os, sys
os.dup2(os.open("/etc/passwd", os.O_PATH), 1)
os.execv(sys.argv[1], sys.argv[1:])' "$I" -b "$BOX" --run -- /bin/true
	says "standard output"
}
