# SPDX-License-Identifier: MIT
# The registry that misbehaves (tests/tools/badreg.py), one for a bats file. In setup_file:
# badreg_start, in teardown_file: badreg_stop. In tests: $BAD is its "host:port", $ELSEWHERE the port
# of the server next to it, badreg_log REPOSITORY prints the requests that named it.
# badreg_start tls: $BADTLS is its "host:port" over TLS, for a host that is no name of loopback, with
# a certificate in $BADREG/ca.pem that nobody trusts. $BADCLIENT wants the same of its clients.

badreg_start() {
	BADREG=$BATS_FILE_TMPDIR/badreg
	mkdir "$BADREG"
	mkfifo "$BADREG/in"
	: >"$BADREG/log"
	if [[ ${1:-} == tls ]]; then
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=badreg \
			-addext subjectAltName=IP:0.0.0.0 -keyout "$BADREG/key.pem" \
			-out "$BADREG/ca.pem" 2>"$BADREG/out"
		cat "$BADREG/ca.pem" "$BADREG/key.pem" >"$BADREG/tls.pem"
	fi
	python3 "$TESTS_DIR/tools/badreg.py" "$BADREG" <"$BADREG/in" >"$BADREG/out" 2>&1 3>&- &
	BADREG_PID=$!
	# It ends when nobody holds this any more, whatever becomes of us.
	exec {badreg_in}>"$BADREG/in"
	wait_for 10 test -e "$BADREG/ports" || {
		cat "$BADREG/out"
		return 1
	}
	local port tls client
	read -r port ELSEWHERE tls client <"$BADREG/ports"
	BAD=127.0.0.1:$port
	BADTLS=0.0.0.0:$tls # leads to this machine
	BADCLIENT=0.0.0.0:$client
	export BADREG BADREG_PID BAD ELSEWHERE BADTLS BADCLIENT
}

badreg_stop() {
	[[ -z ${BADREG_PID:-} ]] || kill "$BADREG_PID" 2>/dev/null || true
}

badreg_log() { grep -E "/(v2|x)/$1/" "$BADREG/log" || true; }
