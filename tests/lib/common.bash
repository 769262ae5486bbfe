# SPDX-License-Identifier: MIT
# Loaded first by every bats file: who calls, where things are, how a command is run and judged.
#
# tests/run sets (a bats file is never started without it):
#   TEST_PREFIX   where the programs under test are installed; root-owned up to /
#   TEST_AS       root | user: who calls the programs; bats itself always runs as root
#   TEST_UID      numeric uid and gid of the caller in mode `user`; no passwd entry needed
#   TEST_STRICT   1: a capability that is missing is a failure, not a skip
#   TEST_WHERE    native | vm | vm-systemd | vm-nocg: which part of the suite this is
#   TEST_CG       v1 | v2 | none: what cg_root of the installed configuration is made of
#   TEST_FIXTURES folder for images that are built once (tests/lib/images.bash)
#
# Every test has
#   $T            its own folder, the caller's, 0700, gone afterwards; also the working directory
#   $BOX          a box id that no other test has, and the nine ids after it
#   $M            "--meta=$T/meta"; `meta KEY` reads that file
#   $BOXES        box_root: the box is $BOXES/$BOX, its working directory $BOXES/$BOX/box
# and is called with HOME=$T/home. A file with its own setup() or teardown() calls common_setup
# first and common_teardown last.

: "${TEST_PREFIX:?start bats through tests/run}" "${TEST_AS:?}" "${TEST_UID:?}" "${TEST_CG:?}"
: "${TEST_FIXTURES:?}"
TESTS_DIR=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
CONF=$TEST_PREFIX/etc/isolate
TOOLS=$TEST_PREFIX/tools # static programs out of tests/tools

setup() { common_setup; }
teardown() { common_teardown; }

# A process started is ten milliseconds on an emulated processor, and all of this runs for each test:
# what the shell can do is done by the shell.
common_setup() {
	T=$BATS_TEST_TMPDIR
	M=--meta=$T/meta
	# bats' number of the test: nobody else's in this run. It wraps around long after the first are over.
	conf_into BOX num_boxes
	BOX=$((BATS_SUITE_TEST_NUMBER * 10 % (BOX / 10 * 10)))
	conf_into BOXES box_root
	SPAWNED=()
	mkdir "$T/home"
	# bats makes its folder 0700 for root; the caller must get through to what is his.
	[[ ${BATS_OPEN:-} ]] || { chmod a+x "${BATS_RUN_TMPDIR:?}"{,/test,/file} && chmod 700 "$T"; }
	give_to_caller "$T" "$T/home"
	export HOME=$T/home
	set_caller
	cd "$T" || return
}

# The boxes of this test are removed by the caller who owns them; what a test started is ended.
common_teardown() {
	local pid id
	for pid in "${SPAWNED[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	for ((id = BOX; id < BOX + 10; id++)); do
		[[ ! -e $BOXES/$id ]] || isolate -s -b "$id" --cleanup ||
			isolate -s -b "$id" --cg --cleanup || true
	done
	cd /
}

# conf KEY: a value of the installed configuration. conf_into NAME KEY: into a variable.
conf() {
	local conf_value
	conf_into conf_value "$1"
	echo "$conf_value"
}
conf_into() {
	local conf_line conf_found=''
	while IFS= read -r conf_line; do
		[[ ! $conf_line =~ ^[[:space:]]*$2[[:space:]]*=[[:space:]]*(.*)$ ]] || conf_found=${BASH_REMATCH[1]}
	done <"$CONF"
	printf -v "$1" '%s' "$conf_found"
}

# ---- who calls ---------------------------------------------------------------------------------

# Commands of the caller find our programs, and nothing of whoever started the tests.
[[ $PATH == "$TEST_PREFIX/bin:"* ]] || export PATH=$TEST_PREFIX/bin:$PATH
export HOME=/nonexistent
unset TMPDIR XDG_DATA_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME REGISTRY_AUTH_FILE DOCKER_CONFIG

# set_caller [NAME=VALUE...]: the words that start a command as the caller, with these variables in
# addition to those of the shell.
# shellcheck disable=SC2120
set_caller() {
	CALLER=()
	[[ $TEST_AS == root ]] ||
		CALLER=("$TOOLS/as" "$TEST_UID")
	(($# == 0)) || CALLER+=(env "$@")
}
set_caller

# as_caller CMD ARG...: any command as the caller.
as_caller() { "${CALLER[@]}" "$@"; }

# as_uid UID CMD...: any command as another ordinary user (uid = gid, no groups).
as_uid() {
	local uid=$1
	shift
	"$TOOLS/as" "$uid" "$@"
}

give_to_caller() { [[ $TEST_AS == root ]] || chown -h "$TEST_UID:$TEST_UID" "$@"; }

isolate() { as_caller "$TEST_PREFIX/bin/isolate" "$@"; }
imgfetch() { as_caller "$TEST_PREFIX/bin/imgfetch" "$@"; }
imgmount() { as_caller "$TEST_PREFIX/bin/imgmount" "$@"; }

# spawn isolate|imgfetch|imgmount|CMD ARG...: start it in the background as the caller; $pid is the
# process itself (its output: $T/spawn.out and $T/spawn.err). It is killed at the end of the test.
spawn() {
	case $1 in isolate | imgfetch | imgmount) set -- "$TEST_PREFIX/bin/$1" "${@:2}" ;; esac
	# The files are there, and empty, when this returns, whenever the process comes to run.
	{ "${CALLER[@]}" "$@" & } >"$T/spawn.out" 2>"$T/spawn.err" </dev/null 3>&-
	pid=$!
	SPAWNED+=("$pid")
}

# wait_for SECONDS CMD...: until CMD succeeds; fails when the time is over. Polls every 20 ms, and
# the time is several times that for what else the machine does, and stretched where it is emulated
# (TEST_SLOW). There are many looks in any case: a machine that stood still did so for whoever is waited
# for, too.
wait_for() {
	local end=$((SECONDS + 6 * $1 * ${TEST_SLOW:-1})) looks=$((50 * $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if ((--looks < 0 && SECONDS >= end)); then
			echo "wait_for: not within the time: $*"
			return 1
		fi
		read -r -t 0.02 <><(:) || true
	done
}

# with_mounts 'SCRIPT' CMD...: CMD as the caller in a mount namespace where root has run SCRIPT, to
# put other files over those of the machine.
with_mounts() {
	unshare --mount --propagation private bash -c \
		'eval "set -e; $1" && shift && exec "$@"' bash "$1" "${CALLER[@]}" "${@:2}"
}

# with_conf 'LINES' CMD...: CMD as the caller, with these lines at the end of the configuration.
with_conf() {
	conf_plus "$1"
	with_own_conf "${@:2}"
}

# conf_plus 'LINES': $T/conf is the configuration with these lines at its end; with_own_conf CMD...: CMD as
# the caller, with $T/conf for the configuration.
conf_plus() {
	(umask 022 && printf '%s\n' "$(<"$CONF")" "$1" >"$T/conf")
}
with_own_conf() { "$TOOLS/as" -b "$T/conf" "$CONF" - "${CALLER[@]}" "$@"; }

# ---- run and judge -----------------------------------------------------------------------------

# x CMD ARG...: run CMD (a function or a program), show it, and set $status, $output (stdout) and
# $stderr, both without trailing newlines. Redirections given to x apply to CMD.
x() {
	local dir=${T:-$BATS_FILE_TMPDIR}
	status=0
	"$@" >"$dir/x.out" 2>"$dir/x.err" || status=$?
	text_of output "$dir/x.out"
	text_of stderr "$dir/x.err"
	printf '$ %s\n' "${*@Q}"
	printf 'status %d\n' "$status"
	show out "$output"
	show err "$stderr"
}

# text_of NAME FILE: the file without zero bytes and trailing newlines, as $(<FILE) would be.
text_of() {
	local text_parts text
	mapfile -d '' -t text_parts <"$2"
	printf -v text %s "${text_parts[@]}"
	while [[ $text == *$'\n' ]]; do text=${text%"${text##*[!$'\n']}"}; done
	printf -v "$1" %s "$text"
}

show() {
	local text=${2:0:4000}
	[[ -z $text ]] || printf '  %s: %s\n' "$1" "${text//$'\n'/$'\n'  $1: }"
}

# expect N CMD...: x, and exactly this exit status.
expect() {
	local want=$1
	shift
	x "$@"
	((status == want)) || fail "expected exit status $want, got $status"
}

# once_in_five CMD...: up to five times, until CMD, a function of `&&`, succeeds: for upper bounds of
# times, which a program that was held up by the machine exceeds. What is wrong is wrong each time.
once_in_five() {
	local try
	for try in 1 2 3 4 5; do
		! "$@" || return 0
	done
	fail "five times: $*"
}

fail() {
	printf 'FAIL: %s\n' "$*"
	return 1
}

# not CMD...: it must fail. (A plain `!` is no assertion in bats.)
not() {
	if "$@"; then
		fail "should not have worked: $*"
	fi
}

# prints TEXT / says TEXT: the last command's stdout / stderr contains it. `is A B`: equal texts.
prints() { [[ $output == *"$1"* ]] || fail "stdout lacks '$1'"; }
says() { [[ $stderr == *"$1"* ]] || fail "stderr lacks '$1'"; }
is() { [[ $1 == "$2" ]] || fail "got '$1', expected '$2'"; }

# jget FIELD... <FILE: values out of JSON (tests/tools/json.c): jq takes most of a second to start on an
# emulated processor.
jget() { "$TOOLS/json" "$@"; }

# one_line: the last command's stderr is exactly one line (as every error of ours is).
one_line() {
	local lines
	mapfile lines <"$T/x.err"
	[[ ${#lines[@]} -eq 1 && ${lines[0]} == *$'\n' ]] || fail "stderr is not one line"
}

# meta KEY: its value in $T/meta; fails when it is not there. `meta_is KEY VALUE` compares.
meta() {
	[[ -f $T/meta ]] || { fail "no meta file"; return; }
	local line value n=0
	while IFS= read -r line; do
		[[ $line != "$1:"* ]] || value=${line#"$1:"} n=$((n + 1))
	done <"$T/meta"
	((n == 1)) && printf '%s\n' "$value"
}
meta_is() {
	local v
	v=$(meta "$1") || { sed 's/^/  meta: /' "$T/meta"; fail "meta: no key $1"; return; }
	[[ $v == "$2" ]] || { sed 's/^/  meta: /' "$T/meta"; fail "meta: $1 is '$v', not '$2'"; }
}
meta_lacks() { ! meta "$1" >/dev/null || fail "meta: has $1"; }

# between LOW X HIGH: for decimals, compared to the millionth.
between() {
	local n low x high
	for n in low:"$1" x:"$2" high:"$3"; do
		[[ ${n#*:} =~ ^([0-9]*)(\.([0-9]*))?$ && ${n#*:} == *[0-9]* ]] || { fail "'${n#*:}' is no number"; return; }
		printf -v "${n%%:*}" '%s%.6s' "${BASH_REMATCH[1]:-0}" "${BASH_REMATCH[3]}000000"
	done
	((10#$low <= 10#$x && 10#$x <= 10#$high)) || fail "$2 is not within $1 to $3"
}

# soon LIMIT SLACK: until when a limit in seconds must have been noticed; emulated machines are slow.
soon() {
	local n parts=()
	for n; do
		[[ $n =~ ^([0-9]*)(\.([0-9]*))?$ ]]
		printf -v n '%s%.3s' "${BASH_REMATCH[1]:-0}" "${BASH_REMATCH[3]}000"
		parts+=("$((10#$n))")
	done
	n=$((parts[0] + parts[1] * ${TEST_SLOW:-1}))
	printf '%d.%03d\n' $((n / 1000)) $((n % 1000))
}

# ---- what a test needs -------------------------------------------------------------------------

# need WORD...: skip with a reason when one is missing. With TEST_STRICT=1 that is a failure; but
# for root, user, v1, v2, cgroup and systemd, which belong to another part of the suite: tests/run
# counts a test as skipped, and with TEST_STRICT=1 as failed, when it ran in no part.
need() {
	local w
	for w; do
		case $w in
		root) [[ $TEST_AS == root ]] || skip "part: needs to be called by root" ;;
		user) [[ $TEST_AS == user ]] || skip "part: needs to be called by an ordinary user" ;;
		v1 | cgroup1) [[ $TEST_CG == v1 ]] || skip "part: needs cgroup v1" ;;
		v2 | cgroup2) [[ $TEST_CG == v2 ]] || skip "part: needs cgroup v2" ;;
		# Of its own, in the virtual machine: never that of this machine.
		systemd) [[ $TEST_WHERE == vm-systemd ]] || skip "part: needs systemd" ;;
		cgroup) has cgroup || skip "part: needs cgroup" ;;
		*) has "$w" || lacking "$w" ;;
		esac
	done
}

lacking() {
	[[ ${TEST_STRICT:-0} != 1 ]] || { fail "needs $1, which is missing (TEST_STRICT)"; return; }
	skip "needs $1"
}

# has WORD: is it there? Anything unknown is taken for the name of a program.
has() {
	case $1 in
	cgroup) [[ $TEST_CG != none ]] ;;
	overlay) grep -qw overlay /proc/filesystems ;;
	registry) command -v docker-registry >/dev/null && command -v skopeo >/dev/null ;;
	ipv6) [[ -e /proc/net/if_inet6 ]] ;;
	loop) [[ -e /dev/loop-control ]] ;;
	fuse) [[ -c /dev/fuse ]] ;;
	images) [[ -x $TEST_PREFIX/bin/imgfetch ]] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}
