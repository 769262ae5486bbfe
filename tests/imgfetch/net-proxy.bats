# SPDX-License-Identifier: MIT
# Proxies, as the environment names them. The host r.test exists only behind the proxy.
load ../lib/common
load ../lib/badreg

setup_file() {
	need openssl
	badreg_start tls
	chmod 755 "$BATS_FILE_TMPDIR" "$BADREG"
	mkdir "$BADREG/proxy"
	: >"$BADREG/proxy/log"
	python3 "$TESTS_DIR/tools/proxy.py" "$BADREG/proxy" "${BAD#*:}" "${BADTLS#*:}" \
		<"$BADREG/in" >"$BADREG/proxy/out" 2>&1 3>&- &
	PROXY_PID=$!
	wait_for 10 test -e "$BADREG/proxy/port" || {
		cat "$BADREG/proxy/out"
		return 1
	}
	PROXY=127.0.0.1:$(cat "$BADREG/proxy/port")
	export PROXY PROXY_PID
}
teardown_file() {
	[[ -z ${PROXY_PID:-} ]] || kill "$PROXY_PID" 2>/dev/null || true
	badreg_stop
}

proxy_log() { grep -F "$1" "$BADREG/proxy/log" || true; }

# pull STATUS 'NAME=VALUE...' REF [OPTION...]: with these variables.
pull() {
	local vars
	read -r -a vars <<<"$2"
	set_caller "${vars[@]}"
	expect "$1" imgfetch pull -q --store="$T/store" "${@:4}" "$3"
	set_caller
}

@test "proxy: plain HTTP goes through http_proxy, with its login" {
	pull 0 "http_proxy=http://user:s3cret@$PROXY" r.test/good:plain --plain-http
	prints sha256:
	[[ $(proxy_log "HEAD http://r.test/v2/good/manifests/plain Basic ") ]] || fail "it was not asked"
	# Its login is for the proxy only.
	is "$(badreg_log good | grep plain | grep Basic || true)" ""
}

@test "proxy: https goes through https_proxy, end to end" {
	pull 0 "https_proxy=http://user:s3cret@$PROXY" "$BADTLS/good:tls" --ca-file="$BADREG/ca.pem"
	prints sha256:
	[[ $(proxy_log "CONNECT $BADTLS Basic ") ]] || fail "it was not asked"
	# Its end is verified as it is without a proxy.
	pull 5 "HTTPS_PROXY=http://user:s3cret@$PROXY" "$BADTLS/good:tls2"
	says "does not prove that it is this host"
	# A token goes through it unseen.
	is "$(grep CONNECT "$BADREG/proxy/log" | grep -v ' -$' || true)" ""
}

@test "proxy: which variable counts, as in curl" {
	local u=http://user:s3cret@$PROXY
	pull 0 "all_proxy=$u" r.test/good:all --plain-http
	pull 0 "ALL_PROXY=http://127.0.0.1:1 http_proxy=$u" r.test/good:own --plain-http
	# In upper case it might be the header Proxy: of a web server's request.
	pull 5 "HTTP_PROXY=$u" r.test/good:upper --plain-http
	says "Could not resolve host: r.test"
	is "$(proxy_log upper)" ""
	# What is on this machine is no proxy's business.
	pull 0 "http_proxy=http://127.0.0.1:1 all_proxy=http://127.0.0.1:1" "$BAD/good:loopback"
}

@test "proxy: no_proxy names hosts, domains and networks" {
	local host=0.0.0.0:${BAD#*:} value # leads to this machine
	for value in 0.0.0.0 a.test,0.0.0.0 '*' 0.0.0.0/8; do
		pull 0 "http_proxy=http://127.0.0.1:1 no_proxy=$value" "$host/good:no" --plain-http
	done
	pull 0 "http_proxy=http://127.0.0.1:1 NO_PROXY=0.0.0.0" "$host/good:no" --plain-http
	pull 0 "http_proxy=http://127.0.0.1:1 no_proxy=a.test,0.0.0.0:${BAD#*:}" "$host/good:no" --plain-http
	pull 5 "http_proxy=http://127.0.0.1:1 no_proxy=0.0.0.0:1" "$host/good:no" --plain-http
	pull 5 "http_proxy=http://127.0.0.1:1 no_proxy=0.0.0.1,test,10.0.0.0/8" "$host/good:no" --plain-http
	pull 5 "http_proxy=http://user:s3cret@$PROXY no_proxy=.test" r.test/good:domain --plain-http
	says "Could not resolve host: r.test"
	is "$(proxy_log domain)" ""
}

@test "proxy: what is behind it cannot send us into the own network, wherever it is itself" {
	pull 5 "http_proxy=http://user:s3cret@$PROXY" r.test/layer-elsewhere-open:v1 --plain-http
	says "http://127.0.0.1:$ELSEWHERE/x/"
	says "it is in this machine, where that server may not send us"
	one_line
	# This server is here, and may; no name hides that.
	pull 0 "http_proxy=http://user:s3cret@$PROXY" "$BAD/layer-elsewhere-open:v1"
}

@test "proxy: what goes wrong is said without the password" {
	local url
	pull 5 "http_proxy=http://user:wr0ng@$PROXY" r.test/good:wrong --plain-http
	says "HTTP 407"
	says "the proxy wants a login"
	[[ $stderr != *wr0ng* ]] || fail "the password is in the message"
	pull 5 "https_proxy=http://user:wr0ng@$PROXY" "$BADTLS/good:wrong" --ca-file="$BADREG/ca.pem"
	says "response 407: the proxy wants a login"
	[[ $stderr != *wr0ng* ]] || fail "the password is in the message"
	for url in http://user:wr0ng@127.0.0.1:1 http://user:wr0ng@127.0.0.1:x http://user:wr0ng@no.test:1 \
		odd://user:wr0ng@127.0.0.1:1 http://user:wr0ng@; do
		pull 5 "http_proxy=$url" r.test/good:wrong --plain-http
		one_line
		[[ $stderr != *wr0ng* ]] || fail "the password is in the message"
	done
}
