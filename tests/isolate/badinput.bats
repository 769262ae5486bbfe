# SPDX-License-Identifier: MIT
# Wrong usage and wrong numbers: exit status 2, one line, nothing on standard output, no meta file.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
}

# refused ARG...: as wrong usage.
refused() {
	expect 2 isolate -b "$BOX" "$M" "$@"
	is "$output" ""
	one_line
	[[ ! -e $T/meta ]] || fail "wrote a meta file"
}

@test "usage: nothing to do" {
	expect 2 isolate
	says "nothing to do"
	is "$output" ""
	one_line
}

@test "usage: an empty argument vector" {
	expect 2 as_caller python3 -ISc '
import ctypes, sys
libc = ctypes.CDLL(None)
argv = (ctypes.c_char_p * 1)(None)
libc.execve(sys.argv[1].encode(), argv, argv)' "$TEST_PREFIX/bin/isolate"
	one_line
}

@test "usage: unknown and malformed options" {
	refused --no-such-option --run -- /bin/true
	refused -Z --run -- /bin/true
	refused --run=x -- /bin/true
	refused --stdin --run
	refused --meta= --run -- /bin/true
}

@test "usage: --run without a command, and a command without --run" {
	refused --run
	refused --run --
	refused --init -- /bin/true
	refused --cleanup extra
}

@test "usage: options may follow the command up to a --, and then limit it" {
	# A client's command line has its -t there: it must not become an argument of the program.
	expect 1 isolate -b "$BOX" --run /bin/sh "$M" -t 0.1 -- -c 'while :; do :; done'
	says "Time limit exceeded"
	expect 0 isolate -b "$BOX" -s --run /bin/echo a -p b --silent -- -t --
	is "$output" "a b -t --"
	rm "$T/meta"
	refused --run /bin/ls -l
	says "unknown option '-l' (options of the command itself go behind a --)"
	refused --run --unknown -- /bin/ls -l
	[[ $stderr != *behind* ]] || fail "a hint where there is a --"
}

@test "usage: two commands at once" {
	refused --init --cleanup
	refused --init --run -- /bin/true
}

@test "numbers: whole, decimal, in range, or refused" {
	local v o
	for v in abc '' -1 +1 1x 0x10 nan inf 1e30 ' 1' 99999999999999999999; do
		for o in mem stack fsize core open-files processes box-id syscalls time wall-time extra-time; do
			# Emulated, every option is given one of them, and one of each kind all.
			[[ $TEST_WHERE == native || $v == 1x || $o == mem || $o == time ]] || continue
			refused "--$o=$v" --run -- /bin/true
		done
		[[ $TEST_WHERE != native && $v != 1x ]] || refused --cg "--cg-mem=$v" --run -- /bin/true
	done
}

@test "numbers: fractions are for times only" {
	refused --mem=1.5 --run -- /bin/true
	refused --processes=1.5 --run -- /bin/true
	expect 0 isolate -b "$BOX" -t 150.5 -w 500. -x .5 --run -- /bin/true
}

@test "usage: --cg-mem needs --cg" {
	refused --cg-mem=1000 --run -- /bin/true
	says "--cg-mem needs --cg"
}

@test "usage: --syscalls is a sum of known restrictions" {
	refused --syscalls=65536 --run -- /bin/true
	expect 0 isolate -b "$BOX" --syscalls=0 --run -- /bin/grep -q 'NoNewPrivs:.1' /proc/self/status
}

@test "usage: malformed rules and references" {
	refused --dir=a:nonsense --run -- /bin/true
	refused --dir=../x=/tmp --run -- /bin/true
	refused --image='A B' --run -- /bin/true
	refused --env==x --run -- /bin/true
}

@test "usage: options of other versions are accepted" {
	expect 0 isolate -b "$BOX" --cg-timing -s --run -- /bin/true
	expect 0 isolate -b "$BOX" --no-cg-timing -s --run -- /bin/true
}

@test "help: fits 80 columns, names every option, exits 0" {
	expect 0 isolate --help
	is "$(awk 'length > 80' <<<"$output")" ""
	prints --wall-time
	prints --box-id
	is "$stderr" ""
}

@test "version: the first line is in the form that clients read, the second is ours" {
	expect 0 isolate --version
	[[ $output =~ ^"The process isolator "[0-9]+\.[0-9]+$'\n'"isolate-oci "[0-9.]+$ ]]
	is "$stderr" ""
}

@test "privilege: without root's rights it says what to do" {
	need user
	cp "$TEST_PREFIX/bin/isolate" "$T/plain"
	chmod 755 "$T/plain"
	expect 2 as_caller "$T/plain" -b "$BOX" --run -- /bin/true
	says "setuid"
	one_line
	expect 2 as_caller setpriv --no-new-privs "$TEST_PREFIX/bin/isolate" -b "$BOX" --run -- /bin/true
	says "setuid"
}

@test "privilege: root of a user namespace is not enough" {
	need user
	x as_caller unshare --user --map-root-user true
	((status == 0)) || skip "part: no user namespaces for users here"
	cp "$TEST_PREFIX/bin/isolate" "$T/plain"
	chmod 755 "$T/plain"
	expect 2 as_caller unshare --user --map-root-user "$T/plain" -b "$BOX" --run -- /bin/true
	says "user namespace"
}
