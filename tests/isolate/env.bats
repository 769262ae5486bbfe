# SPDX-License-Identifier: MIT
# --env and --full-env.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	set_caller HOME="$T/home" COLOUR=blue EMPTY=
}

env_box() { isolate -s -b "$BOX" "$@" --run -- /usr/bin/env; }

@test "env: hardly anything is passed on by default" {
	expect 0 env_box
	is "$output" LIBC_FATAL_STDERR_=1
}

@test "env: set, pass on, remove" {
	expect 0 env_box -E A=1 --env=COLOUR -E B=x=y -E A=2 -E B=
	is "$(sort <<<"$output")" $'A=2\nCOLOUR=blue\nLIBC_FATAL_STDERR_=1'
}

@test "env: --full-env passes on everything, and rules go on top" {
	expect 0 env_box -e -E COLOUR=red -E HOME=
	grep -qx COLOUR=red <<<"$output"
	grep -q ^PATH= <<<"$output"
	not grep -q ^HOME= <<<"$output"
}

@test "env: an empty rule is ignored" {
	expect 0 env_box -E ''
	is "$output" LIBC_FATAL_STDERR_=1
}

@test "env: a rule without a name is refused" {
	expect 2 env_box -E =x
	one_line
}

@test "env: the caller's environment does not reach isolate itself" {
	set_caller HOME="$T/home" LD_PRELOAD="$T/evil.so" GCONV_PATH="$T" TMPDIR=/nowhere LC_ALL=de_DE
	x env_box -E LD_PRELOAD=
	is "$output" LIBC_FATAL_STDERR_=1
	is "$status" 0
}
