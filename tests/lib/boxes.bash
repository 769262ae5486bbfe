# SPDX-License-Identifier: MIT
# Boxes that only this test has, for what takes any free one or looks at all: a configuration with
# directories, user ids and control groups of its own.
#
#   boxes_setup N [LINES]    N boxes (up to 20), and what else the configuration is to say
#   own CMD ARG...           isolate, or any other command, with it, as the caller
#   own_as UID CMD ARG...    the same as another ordinary user
#   own_spawn CMD ARG...     own, in the background; $pid is the command itself
#   own_is_tidy              no box on disk, no record in the lock files, no control group
#   boxes_teardown           before common_teardown
# $OWN/boxes and $OWN/locks are the directories.

boxes_setup() {
	OWN=$TEST_PREFIX/var/own-$BOX
	local root first
	conf_into root cg_root
	conf_into first first_uid
	OWN_CG=$root-own-$BOX
	mkdir -p "$OWN"/{boxes,locks}
	[[ $TEST_CG != v2 ]] || mkdir -p "$OWN_CG"
	chmod 700 "$OWN/locks"
	{
		echo "$(<"$CONF")"
		echo "box_root = $OWN/boxes"
		echo "lock_root = $OWN/locks"
		echo "num_boxes = $1"
		# Between the boxes and the callers of tests/lib/place.bash.
		echo "first_uid = $((first + 4500 + BOX / 10 % 220 * 20))"
		[[ $TEST_CG == none ]] || echo "cg_root = $OWN_CG"
		printf '%s\n' "${2:-}"
	} >"$OWN/conf"
}

own() {
	[[ $1 != isolate ]] || set -- "$TEST_PREFIX/bin/isolate" "${@:2}"
	"$TOOLS/as" -b "$OWN/conf" "$CONF" - "${CALLER[@]}" "$@"
}

own_as() {
	local CALLER=("$TOOLS/as" "$1"
		env HOME="$T/home" PATH="$TEST_PREFIX/bin:$PATH")
	own "${@:2}"
}

boxes_teardown() {
	[[ ${OWN:-} ]] || return 0
	rm -rf -- "${OWN:?}"
	find /sys/fs/cgroup -maxdepth 4 -depth -path "*/${OWN_CG##*/}*" -type d -exec rmdir {} + \
		2>/dev/null || true
}

# own_spawn CMD ARG...: own, in the background; $pid is the command itself.
own_spawn() {
	rm -f pid
	# shellcheck disable=SC2016
	{ own bash -c 'echo $$ >pid; exec "$@"' bash "$@" & } >"$T/spawn.out" 2>"$T/spawn.err" </dev/null 3>&-
	SPAWNED+=("$!")
	wait_for 10 test -s pid
	pid=$(<pid)
	SPAWNED+=("$pid")
}

# own_is_tidy: no box on disk, none in the lock files, no control group.
own_is_tidy() {
	local left
	left=$(find "$OWN/boxes" -mindepth 1; find "$OWN/locks" -mindepth 1 -size +0
		find /sys/fs/cgroup -maxdepth 4 -path "*/${OWN_CG##*/}/box-*" 2>/dev/null || true)
	[[ ! $left ]] || fail "left: $left"
}
