# SPDX-License-Identifier: MIT
# --once: a box that is there for one run only.

load ../lib/common
load ../lib/boxes
load ../lib/images

setup() {
	common_setup
	boxes_setup 2
}

teardown() {
	boxes_teardown
	common_teardown
}

once() { own isolate --once "$M" "$@"; }

# One goes on, with these options, until somebody ends it.
start() {
	own_spawn isolate --once "$M" -p --stdout=started "$@" -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here started
}

@test "once: runs the command in an empty box, and nothing of it is left" {
	expect 0 once -p -- /bin/sh -c 'pwd; ls -A; echo x >f; cat f; id -u'
	is "$output" "/box
x
$(($(sed -n 's/^first_uid = //p' "$OWN/conf" | tail -n 1) + $(find "$OWN/locks" -name '[01]' -printf '%f')))"
	meta_is exitcode 0
	own_is_tidy
	expect 0 own isolate --once -s --meta-format=json --meta=json -- /usr/bin/id -u
	is "$output" "$(($(sed -n 's/^first_uid = //p' "$OWN/conf" | tail -n 1) + $(jget box_id <json)))"
}

@test "once: exit status and meta file are those of --run" {
	expect 1 once -- /bin/sh -c 'exit 7'
	says "Exited with error status 7"
	meta_is status RE
	meta_is exitcode 7
	expect 1 once -t 0.1 -- /bin/sh -c 'while :; do :; done'
	meta_is status TO
	meta_is killed 1
	expect 2 once --dir=x=/no/such/directory -- /bin/true
	one_line
	meta_is status XX
	own_is_tidy
}

@test "once: with --cg there is a control group, which goes too" {
	need cgroup
	expect 0 once --cg --cg-mem=65536 -- /bin/true
	between 1 "$(meta cg-mem)" 65536
	own_is_tidy
}

@test "once: standard files are the caller's, from where he is" {
	echo hello >in
	chmod 644 in
	expect 0 own bash -c 'umask 026; exec "$@"' bash isolate --once -i in -o out -r err -p -- \
		/bin/sh -c 'cat; echo oops >&2; ls'
	is "$output" ""
	is "$(<out)" hello
	is "$(<err)" oops
	is "$(stat -c '%a %u' out err)" "$(printf '640 %s\n' "$(stat -c %u "$T")" "$(stat -c %u "$T")")"
	expect 0 once -i in -o out --stderr-to-stdout -p -- /bin/sh -c 'echo a; echo b >&2'
	is "$(<out)" $'a\nb'
	# Without them, what isolate was started with.
	expect 0 once -- /bin/cat <in
	is "$output" hello
}

@test "once: standard files that the caller cannot open, and directories, are refused" {
	mkdir dir
	expect 2 once -i dir -- /bin/cat
	says "standard input is a directory"
	one_line
	meta_is status XX
	expect 2 once -i no/such/file -- /bin/cat
	says "open 'no/such/file' for standard input: no such file"
	expect 2 once -o / -- /bin/echo
	# It would show where everything is in the memory of isolate.
	expect 2 once -i /proc/self/maps -- /bin/cat
	says "standard input: '/proc/self/maps' is a file of /proc"
	echo hello >in
	chmod 644 in
	expect 0 once -i /dev/stdin -- /bin/cat <in
	is "$output" hello
	if [[ $TEST_AS == user ]]; then
		echo secret >"$OWN/secret"
		chmod 600 "$OWN/secret"
		expect 2 once -i "$OWN/secret" -- /bin/cat
		says "permission denied"
		expect 2 once -o "$OWN/new" -- /bin/echo
		[[ ! -e $OWN/new ]]
	fi
	own_is_tidy
}

@test "once: the box has the size of other file systems in memory" {
	boxes_setup 2 'tmp_size = 1M'
	expect 0 once -s -p -- /bin/sh -c 'head -c 2000000 /dev/zero >f 2>/dev/null; wc -c <f'
	is "$output" 1048576
}

@test "once: TERM ends it, and nothing is left" {
	start
	as_caller kill -TERM "$pid"
	wait_for 10 not test -e "/proc/$pid"
	meta_is status SG
	meta_is message Interrupted
	own_is_tidy
}

@test "once: after a kill -9 the box is dead, and free for the next caller" {
	local cg=()
	boxes_setup 1
	! has cgroup || cg=(--cg)
	start "${cg[@]}"
	# While it runs it is nobody's to take.
	expect 2 own isolate --once -- /bin/true
	says "no box is free"
	expect 2 own isolate -b 0 --init
	says "busy"
	kill -KILL "$pid"
	wait_for 10 own_as "$((TEST_UID + 1))" isolate --once "${cg[@]}" -- /bin/true
	own_is_tidy
}

@test "once: counts as a box of its user's, until it is killed" {
	boxes_setup 3 'max_boxes_per_user = 1'
	CALLER=("$TOOLS/as" "$TEST_UID" env PATH="$TEST_PREFIX/bin:$PATH")
	chown "$TEST_UID" "$T"
	start
	expect 2 own isolate --once -- /bin/true
	says "max_boxes_per_user"
	kill -KILL "$pid"
	wait_for 10 own isolate -b auto --init
	expect 2 own isolate --once -- /bin/true
}

@test "once: twenty at a time" {
	boxes_setup 20
	# shellcheck disable=SC2016
	expect 0 own bash -c 'for ((i = 0; i < 20; i++)); do isolate -s --once -- /bin/echo "$i" & done; wait'
	is "$(sort -n <<<"$output")" "$(seq 0 19)"
	is "$stderr" ""
	own_is_tidy
}

@test "once: restricted_init leaves it to root" {
	boxes_setup 2 'restricted_init = yes'
	if [[ $TEST_AS == root ]]; then
		expect 0 once -- /bin/true
	else
		expect 2 once -- /bin/true
		says "only root may make boxes"
	fi
}

@test "once: in an image, which cannot be removed meanwhile" {
	need images overlay
	fixture busybox
	imgfetch --quiet pull "oci:$TEST_FIXTURES/busybox"
	expect 0 once -s --image=localhost/busybox -- cat /data/kept
	is "$output" one
	grep -Eqx 'image:sha256:[0-9a-f]{64}' meta
	# Root's store is that of other tests, too: nothing is removed from it.
	[[ $TEST_AS == user ]] || return 0
	start --image=localhost/busybox
	expect 9 imgfetch rm localhost/busybox
	says "in use"
	own_is_tidy && return 1
	as_caller kill -TERM "$pid"
	wait_for 10 imgfetch rm localhost/busybox
}

@test "once: the JSON meta file tells which box it was and what was left in it" {
	expect 0 own isolate -b 0 --init
	expect 2 once --meta-format=json -i nothing -- /bin/true
	is "$(jget box_id <"$T/meta")" null
	expect 0 once --meta-format=json -- /bin/sh -c 'exec head -c 100000 /dev/zero >f'
	is "$(jget box_id box_bytes <"$T/meta")" "1 102400"
	expect 0 own isolate -b 0 --cleanup
	own_is_tidy
}
