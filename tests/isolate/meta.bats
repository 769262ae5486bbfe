# SPDX-License-Identifier: MIT
# The meta file: keys, values, and where it may be.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
}

run_box() { isolate -b "$BOX" "$@"; }

@test "meta: keys of a run that went well" {
	expect 0 run_box "$M" --run -- /bin/true
	is "$(cut -d: -f1 "$T/meta" | paste -sd ' ')" \
		"time time-wall max-rss csw-voluntary csw-forced exitcode"
	grep -Eqx 'time:[0-9]+\.[0-9]{3}' "$T/meta"
	grep -Eqx 'time-wall:[0-9]+\.[0-9]{3}' "$T/meta"
	grep -Eqx 'max-rss:[1-9][0-9]*' "$T/meta"
}

@test "meta: keys of a run with --cg" {
	need cgroup
	expect 0 run_box --cg --init
	expect 0 run_box --cg "$M" --run -- /bin/true
	is "$(cut -d: -f1 "$T/meta" | paste -sd ' ')" \
		"time time-wall max-rss csw-voluntary csw-forced cg-mem exitcode"
	grep -Eqx 'cg-mem:[1-9][0-9]*' "$T/meta"
}

@test "meta: - is standard output" {
	expect 0 run_box --meta=- --run -- /bin/echo hello
	prints hello
	prints exitcode:0
}

@test "meta: an existing file is cut and keeps its inode" {
	as_caller tee "$T/meta" >/dev/null <<<"$(seq 1000)"
	local inode
	inode=$(stat -c %i "$T/meta")
	expect 0 run_box "$M" --run -- /bin/true
	is "$(stat -c %i "$T/meta")" "$inode"
	not grep -q 999 "$T/meta"
}

@test "meta: is made with the caller's umask and is the caller's" {
	expect 0 as_caller bash -c "umask 027; exec '$TEST_PREFIX/bin/isolate' -b $BOX $M --run -- /bin/true"
	is "$(stat -c '%a %u' "$T/meta")" "640 $(stat -c %u "$T")"
}

@test "meta: a file the caller may not write is refused, and nothing is run" {
	need user
	expect 2 run_box --meta=/etc/isolate-meta --run -- /bin/sh -c 'echo x >ran'
	says "open meta file '/etc/isolate-meta'"
	one_line
	[[ ! -e /etc/isolate-meta && ! -e $BOXES/$BOX/box/ran ]]
	expect 2 run_box --meta="$CONF" --run -- /bin/true
	grep -q box_root "$CONF"
}

@test "meta: one that cannot be written is one line on standard error" {
	expect 2 run_box --meta=/dev/full --run -- /bin/true
	says "write meta file: no space left on device"
	one_line
}

@test "meta: sandbox errors are told with status XX" {
	expect 2 run_box "$M" -i nothing --run -- /bin/true
	is "$(cut -d: -f1 "$T/meta" | paste -sd ' ')" "status message"
	meta_is status XX
}

@test "meta: wrong usage writes none" {
	expect 2 run_box "$M" --run
	expect 2 run_box "$M" --time=abc --run -- /bin/true
	expect 2 run_box "$M" --no-such-option --run -- /bin/true
	[[ ! -e $T/meta ]]
}

@test "meta: a newline in a name cannot forge a key" {
	expect 2 run_box "$M" -i $'x\nstatus:OK' --run -- /bin/true
	is "$(grep -c '' "$T/meta")" 2
	one_line
}

@test "max-rss: is that of the largest process, in KiB" {
	expect 0 run_box -p "$M" --run -- /bin/sh -c \
		'/usr/bin/python3 -ISc "b = bytearray(60 << 20)"; exit 0'
	between 60000 "$(meta max-rss)" 100000
}
