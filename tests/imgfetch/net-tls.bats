# SPDX-License-Identifier: MIT
# TLS: certificates are verified, and no way leads from https to plain HTTP.
load ../lib/common
load ../lib/badreg

setup_file() {
	need openssl
	badreg_start tls
	echo '127.0.0.1 other.test' >"$BADREG/hosts"
	chmod 755 "$BATS_FILE_TMPDIR" "$BADREG"
}
teardown_file() { badreg_stop; }

# trusting CMD...: as the caller, where the machine's authorities are only the one of the test, and
# other.test is another name of this machine.
trusting() {
	unshare --mount sh -c 'mount --bind "$0/ca.pem" /etc/ssl/certs/ca-certificates.crt &&
		mount --bind "$0/hosts" /etc/hosts && exec "$@"' "$BADREG" "${CALLER[@]}" "$@"
}

@test "tls: a certificate of an unknown authority is refused" {
	expect 5 imgfetch pull -q --store="$T/store" "$BADTLS/good:v1"
	says "does not prove that it is this host"
	one_line
}

@test "tls: a certificate for another host is refused" {
	expect 5 trusting "$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" "other.test:${BADTLS#*:}/good:v1"
	says "target host name"
	says "does not prove that it is this host"
	one_line
}

@test "tls: --plain-http does not weaken a registry that speaks TLS" {
	expect 5 imgfetch pull -q --store="$T/store" --plain-http "$BADTLS/good:v1"
	one_line
}

@test "tls: no request is made before the certificate is good" {
	expect 5 imgfetch pull -q --store="$T/store" "$BADTLS/unsent:v1"
	is "$(badreg_log unsent)" ""
	expect 4 trusting "$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" "$BADTLS/unsent:v1"
	[[ $(badreg_log unsent) ]] || fail "the log does not show it"
}

@test "tls: a good certificate" {
	expect 0 trusting "$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" "$BADTLS/index:v1"
	prints sha256:
}

@test "tls: a redirect from https to plain HTTP is refused" {
	expect 5 trusting "$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" \
		"$BADTLS/layer-elsewhere-open:v1"
	says "redirects from https to plain http"
	one_line
	is "$(grep "^$ELSEWHERE " "$BADREG/log" || true)" ""
}

@test "tls: a token service without TLS is refused" {
	expect 3 trusting "$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" "$BADTLS/token:v1"
	says "names a token server without TLS"
	one_line
	is "$(grep '/token?' "$BADREG/log" || true)" ""
}
