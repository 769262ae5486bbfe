# SPDX-License-Identifier: MIT
# The registry that misbehaves (tests/tools/badreg.py), one for a bats file. In setup_file:
# badreg_start, in teardown_file: badreg_stop. In tests: $BAD is its "host:port", $ELSEWHERE the port
# of the server next to it, badreg_log REPOSITORY prints the requests that named it.

badreg_start() {
	BADREG=$BATS_FILE_TMPDIR/badreg
	mkdir "$BADREG"
	mkfifo "$BADREG/in"
	: >"$BADREG/log"
	python3 "$TESTS_DIR/tools/badreg.py" "$BADREG" <"$BADREG/in" >"$BADREG/out" 2>&1 3>&- &
	BADREG_PID=$!
	# It ends when nobody holds this any more, whatever becomes of us.
	exec {badreg_in}>"$BADREG/in"
	wait_for 10 test -e "$BADREG/ports" || {
		cat "$BADREG/out"
		return 1
	}
	local port
	read -r port ELSEWHERE <"$BADREG/ports"
	BAD=127.0.0.1:$port
	export BADREG BADREG_PID BAD ELSEWHERE
}

badreg_stop() {
	[[ -z ${BADREG_PID:-} ]] || kill "$BADREG_PID" 2>/dev/null || true
}

badreg_log() { grep -E "/(v2|x)/$1/" "$BADREG/log" || true; }
