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

# ---- certificates from files ----

# certs FOLDER: a folder of the caller's own certs.d; its path in $dir.
certs() {
	dir=$T/home/.config/containers/certs.d/$1
	mkdir -p "$dir"
	chmod 755 "$T/home/.config" "$T"/home/.config/containers{,/certs.d} "$dir"
}
# pair NAME: a client's certificate and key in $dir.
pair() {
	cp "$BADREG/ca.pem" "$dir/$1.cert"
	cp "$BADREG/key.pem" "$dir/$1.key"
	chmod 600 "$dir/$1.key"
	give_to_caller "$dir/$1".{cert,key}
}

@test "tls: authorities of one's own are believed besides the system's" {
	expect 0 imgfetch pull -q --store="$T/store" --ca-file="$BADREG/ca.pem" "$BADTLS/good:v1"
	prints sha256:
	echo "ca_file = $BADREG/ca.pem" >"$T/cf"
	give_to_caller "$T/cf"
	expect 0 imgfetch pull -q --store="$T/store" --config="$T/cf" "$BADTLS/good:v2"
	set_caller SSL_CERT_FILE="$BADREG/ca.pem"
	expect 0 imgfetch pull -q --store="$T/store" "$BADTLS/good:v3"
	set_caller
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
		-keyout "$T/other.key" -out "$T/other.pem" 2>/dev/null
	chmod 644 "$T/other.pem"
	expect 0 trusting "$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" --ca-file="$T/other.pem" \
		"$BADTLS/good:v4"
	expect 5 imgfetch pull -q --store="$T/store" --ca-file="$T/other.pem" "$BADTLS/good:v5"
	says "does not prove that it is this host"
}

@test "tls: certs.d has authorities for one host and port" {
	certs "$BADTLS"
	cp "$BADREG/ca.pem" "$dir/school.crt"
	give_to_caller "$dir/school.crt"
	expect 0 imgfetch pull -q --store="$T/store" "$BADTLS/good:v1"
	prints sha256:
	mv "$dir" "${dir%:*}:1"
	expect 5 imgfetch pull -q --store="$T/store" "$BADTLS/good:v2"
	# --cert-dir is such a place, or one for the registry that is asked.
	expect 0 imgfetch pull -q --store="$T/store" --cert-dir="${dir%:*}:1" "$BADTLS/good:v3"
	mv "${dir%:*}:1" "$dir"
	expect 0 imgfetch pull -q --store="$T/store" --cert-dir="${dir%/*}" "$BADTLS/good:v4"
	mkdir "$T/none"
	give_to_caller "$T/none"
	expect 5 imgfetch pull -q --store="$T/store" --cert-dir="$T/none" "$BADTLS/good:v5"
}

@test "tls: a client's certificate is shown to its host, and to no other" {
	expect 3 imgfetch pull -q --store="$T/store" --ca-file="$BADREG/ca.pem" "$BADCLIENT/good:v1"
	says "it wants a client certificate (certs.d)"
	one_line
	certs "$BADCLIENT"
	pair me
	expect 0 imgfetch pull -q --store="$T/store" --ca-file="$BADREG/ca.pem" "$BADCLIENT/good:v1"
	prints sha256:
	# Where the first one is only sent on to the second, it is still the second's.
	expect 0 imgfetch pull -q --store="$T/store2" --ca-file="$BADREG/ca.pem" "$BADTLS/layer-client:v1"
	certs "$BADTLS"
	mv "$T/home/.config/containers/certs.d/$BADCLIENT"/me.* "$dir"
	expect 3 imgfetch pull -q --store="$T/store3" --ca-file="$BADREG/ca.pem" "$BADTLS/layer-client:v1"
	says "it wants a client certificate"
}

@test "tls: what is wrong with certificates is said" {
	certs "$BADTLS"
	wrong() {
		expect 1 imgfetch pull -q --store="$T/store" "$BADTLS/never:v1"
		says "$1"
		one_line
	}
	pair me
	mv "$dir/me.cert" "$dir/cert"
	wrong "'$dir/me.key' has no certificate beside it"
	mv "$dir/cert" "$dir/me.cert"
	mv "$dir/me.key" "$dir/key"
	wrong "'$dir/me.cert' has no key beside it (*.key; authorities are called *.crt)"
	mv "$dir/key" "$dir/me.key"
	chmod 644 "$dir/me.key"
	wrong "key '$dir/me.key' can be read by everybody (chmod o-r it)"
	chmod 600 "$dir/me.key"
	pair you
	wrong "'$dir' holds more than one client certificate"
	rm "$dir"/you.*
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$dir/me.key" 2>/dev/null
	give_to_caller "$dir/me.key"
	wrong "do certificate and key belong together"
	rm "$dir"/me.*
	echo nothing >"$dir/school.crt"
	give_to_caller "$dir/school.crt"
	wrong "'$dir/school.crt' holds no certificate in PEM"
	chmod 666 "$dir/school.crt"
	wrong "'$dir/school.crt' is writable by its group or by everybody"
	rm "$dir/school.crt"
	ln -s nowhere "$dir/school.crt"
	wrong "open '$dir/school.crt': no such file"
	expect 1 imgfetch pull -q --store="$T/store" --ca-file="$T/nothing" "$BADTLS/never:v1"
	says "open '$T/nothing': no such file"
	is "$(badreg_log never)" ""
}
