# SPDX-License-Identifier: MIT
# The registry that serves an OCI layout as networks would (tests/tools/layoutreg.py), one for a bats
# file: in setup_file layoutreg_start LAYOUT, in teardown_file layoutreg_stop. In tests: $NET is its
# "host:port"; $NETDIR/log its requests.
#
#   layoutreg_log PATTERN   lines of the log that the extended regular expression matches

layoutreg_start() {
	NETDIR=$BATS_FILE_TMPDIR/layoutreg
	mkdir "$NETDIR"
	mkfifo "$NETDIR/in"
	: >"$NETDIR/log"
	python3 "$TESTS_DIR/tools/layoutreg.py" "$NETDIR" "$1" <"$NETDIR/in" >"$NETDIR/out" 2>&1 3>&- &
	NET_PID=$!
	# It ends when nobody holds this any more, whatever becomes of us.
	exec {layoutreg_in}>"$NETDIR/in"
	wait_for 10 test -e "$NETDIR/port" || {
		cat "$NETDIR/out"
		return 1
	}
	NET=127.0.0.1:$(<"$NETDIR/port")
	export NETDIR NET_PID NET
}

layoutreg_stop() {
	[[ -z ${NET_PID:-} ]] || kill "$NET_PID" 2>/dev/null || true
}

layoutreg_log() { grep -E -- "$1" "$NETDIR/log" || true; }
