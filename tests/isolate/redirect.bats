# SPDX-License-Identifier: MIT
# --stdin, --stdout, --stderr, --stderr-to-stdout.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	B=$BOXES/$BOX/box
}

run_box() { isolate -b "$BOX" "$M" "$@"; }

@test "redirect: stdin, stdout and stderr are files in the box" {
	echo input | as_caller tee "$B/in" >/dev/null
	expect 0 run_box -p -i in -o out -r err --run -- /bin/sh -c 'cat; echo oops >&2'
	is "$output" ""
	is "$(cat "$B/out")" input
	is "$(cat "$B/err")" oops
	is "$(stat -c %a "$B/out")" 644
	is "$(stat -c %u "$B/out")" "$(stat -c %u "$B")"
}

@test "redirect: names are relative to /box, also with --chdir" {
	as_caller mkdir "$B/sub"
	expect 0 run_box -c sub --stdout=out --run -- /bin/pwd
	is "$(cat "$B/out")" /box/sub
}

@test "redirect: absolute names are the box's" {
	expect 0 run_box --stdin=/dev/null --stdout=/box/out --run -- /bin/cat
	is "$(cat "$B/out")" ""
}

@test "redirect: an existing output file is truncated" {
	echo 'much longer than that' | as_caller tee "$B/out" >/dev/null
	expect 0 run_box -o out --run -- /bin/echo short
	is "$(cat "$B/out")" short
}

@test "redirect: stderr goes where stdout goes" {
	expect 0 run_box -p -o out --stderr-to-stdout --run -- /bin/sh -c 'echo a; echo b >&2'
	is "$(cat "$B/out")" $'a\nb'
	expect 0 run_box -s -p --stderr-to-stdout --run -- /bin/sh -c 'echo a; echo b >&2'
	is "$output" $'a\nb'
	is "$stderr" ""
}

@test "redirect: --stderr and --stderr-to-stdout exclude each other" {
	expect 2 run_box -r err --stderr-to-stdout --run -- /bin/true
	says "exclude each other"
	[[ ! -e $T/meta ]]
}

@test "redirect: stdout may be a fifo" {
	as_caller mkfifo "$B/fifo"
	as_caller cat "$B/fifo" >"$T/got" 3>&- &
	expect 0 run_box --special-files -o fifo --run -- /bin/echo through
	wait $!
	is "$(cat "$T/got")" through
}

@test "redirect: stdout may be a file that can only be written" {
	as_caller touch "$B/out"
	as_caller chmod 200 "$B/out"
	expect 0 run_box -o out --run -- /bin/echo x
	is "$(stat -c %s "$B/out")" 2
}

@test "redirect: a missing input file is a sandbox error" {
	expect 2 run_box -i nothing --run -- /bin/cat
	says "open 'nothing' in the box for standard input: no such file or directory"
	one_line
	meta_is status XX
}

@test "redirect: what the box's user may not read is not opened" {
	expect 2 run_box -i /proc/1/environ --run -- /bin/cat
	expect 2 run_box -o /usr/out --run -- /bin/echo
	meta_is status XX
	expect 2 run_box -o /out --run -- /bin/echo
}

@test "redirect: a message of execve goes to the program's stderr" {
	expect 1 run_box -r err --run -- /no/such
	is "$(cat "$B/err")" 'execve("/no/such"): No such file or directory'
}
