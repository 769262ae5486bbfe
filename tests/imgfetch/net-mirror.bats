# SPDX-License-Identifier: MIT
# Mirrors, other places and blocked registries. Names of images begin with the host r.test, which does
# not exist; repositories of the registry that misbehaves say what their mirror does wrong.
load ../lib/common
load ../lib/badreg

setup_file() { badreg_start; }
teardown_file() { badreg_stop; }

# pull STATUS 'LINES' REF [OPTION...]: with this configuration, not quietly.
pull() {
	printf '%s\n' "$2" >"$T/cf"
	give_to_caller "$T/cf"
	expect "$1" imgfetch pull --store="$T/store" --config="$T/cf" "${@:4}" "$3"
}

@test "mirror: the first that has the image is taken, and the others are told" {
	pull 0 "mirror r.test/img = $BAD/nowhere $BAD/denied 127.0.0.1:1/x $BAD/busy $BAD/index $BAD/nested" \
		r.test/img:first
	prints sha256:
	says "mirror '$BAD' is passed over: HTTP 404"
	says "mirror '$BAD' is passed over: HTTP 403"
	says "mirror '127.0.0.1:1' is passed over: http://127.0.0.1:1/v2/x/manifests/first"
	says "mirror '$BAD' is passed over: HTTP 503"
	is "$(grep -c 'passed over' <<<"$stderr")" 4
	# What is not there costs one request, and whoever comes later none.
	is "$(badreg_log nowhere | grep -c first)" 1
	is "$(badreg_log nested | grep first || true)" ""
	# The name is the one that was typed.
	expect 0 imgfetch list --store="$T/store"
	prints r.test/img:first
	[[ $output != *"$BAD"* ]] || fail "it is named after the mirror"
	# Present: a HEAD request of the same mirrors, and nothing else.
	local before
	before=$(badreg_log index | wc -l)
	pull 0 "mirror r.test/img = $BAD/nowhere $BAD/index" r.test/img:first
	says "r.test/img:first: present"
	is "$(badreg_log index | tail -n +$((before + 1)) | cut -d ' ' -f 2-)" \
		"HEAD /v2/index/manifests/first -"
}

@test "mirror: when all fail, the last one's error is it" {
	pull 4 "mirror r.test = $BAD
rewrite r.test/nowhere = $BAD/missing" r.test/nowhere:v1
	says "HTTP 404 NAME_UNKNOWN (not here) from http://$BAD/v2/missing/manifests/v1"
	is "$(grep -c 'passed over' <<<"$stderr")" 1
}

@test "mirror: a layer goes on at the next one where it broke off" {
	pull 0 "mirror r.test/img = $BAD/layer-404 $BAD/layer-cut $BAD/good" r.test/img:cut
	prints sha256:
	says "passed over: blob: HTTP 404 BLOB_UNKNOWN"
	says "the registry broke off"
	# What came is not fetched again: the next one is asked for the rest.
	is "$(badreg_log good | grep -c blobs/)" 1
	expect 0 imgfetch inspect --store="$T/store" r.test/img:cut
}

@test "mirror: one that sends something wrong is an error, not a reason to go on" {
	pull 6 "mirror r.test/img = $BAD/layer-digest $BAD/good" r.test/img:lie
	says digest
	pull 6 "mirror r.test/img = $BAD/not-json $BAD/good" r.test/img:lie
	says "not valid JSON"
	is "$(badreg_log good | grep lie || true)" ""
}

@test "mirror: a digest means the same everywhere" {
	local d
	d=sha256:$(printf %064d 7)
	pull 6 "mirror r.test/img = $BAD/manifest-digest $BAD/good" "r.test/img@$d"
	says "wrong digest: manifest $d was expected"
}

@test "mirror: a login is for the host it is for" {
	local login
	login=$(printf teacher:s3cret | base64)
	printf '{"auths":{"r.test":{"auth":"%s"}}}' "$login" >"$T/auth"
	chmod 600 "$T/auth"
	give_to_caller "$T/auth"
	pull 0 "mirror r.test/img = $BAD/basic $BAD/good" r.test/img:login --authfile="$T/auth"
	says "mirror '$BAD' is passed over: HTTP 401"
	is "$(badreg_log basic | grep login | grep -v ' -$' || true)" ""
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$BAD" "$login" >"$T/auth"
	pull 0 "mirror r.test/img = $BAD/basic $BAD/missing" r.test/img:mine --authfile="$T/auth"
	[[ $stderr != *"passed over"* ]] || fail "the login was not used"
}

@test "mirror: TLS is not done without for a mirror, unless the configuration says so" {
	local host=0.0.0.0:${BAD#*:} # leads here, but is no name of loopback
	pull 0 "mirror r.test/img = $host/good $BAD/good" r.test/img:tls
	says "mirror '$host' is passed over"
	pull 0 "mirror r.test/img = $host/good $BAD/missing
plain_http = $host" r.test/img:plain
	[[ $stderr != *"passed over"* ]] || fail "it was not asked"
}

@test "rewrite: only the place that is named is asked" {
	pull 0 "rewrite r.test/team = $BAD" r.test/team/good:rewritten
	prints sha256:
	expect 0 imgfetch inspect --store="$T/store" r.test/team/good:rewritten
	# Back to what the name says.
	pull 5 "rewrite r.test = $BAD
rewrite r.test/good =" r.test/good:back
	says "https://r.test/v2/good/manifests/back"
	is "$(badreg_log good | grep back || true)" ""
}

@test "blocked: no request is made, whatever mirrors there are" {
	pull 1 "mirror r.test/sub = $BAD
blocked r.test = yes" r.test/sub/good:blocked
	says "pull 'r.test/sub/good:blocked': 'r.test' is blocked by $T/cf:2"
	is "$(badreg_log good | grep blocked || true)" ""
	pull 0 "mirror r.test/sub = $BAD
blocked r.test = yes
blocked r.test/sub = no" r.test/sub/good:allowed
	pull 1 "blocked docker.io = yes" python
}

# ---- registries.conf ----

@test "registries.conf: mirrors, other places, insecure and blocked registries" {
	local host=0.0.0.0:${BAD#*:}
	cat >"$T/rc" <<-END
		unqualified-search-registries = ["unused.test"]
		[[registry]]
		prefix = "r.test/img"
		location = "$BAD/missing"
		[[registry.mirror]]
		location = "$BAD/nowhere"
		[[registry.mirror]]
		location = "$host/good"
		insecure = true
		[[registry]]
		prefix = "*.r.test"
		blocked = true
	END
	give_to_caller "$T/rc"
	set_caller CONTAINERS_REGISTRIES_CONF="$T/rc"
	expect 0 imgfetch pull --store="$T/store" r.test/img:rc
	prints sha256:
	is "$(grep -c 'passed over' <<<"$stderr")" 1
	expect 1 imgfetch pull --store="$T/store" sub.r.test/img:rc
	says "'*.r.test' is blocked by $T/rc:10"
	# Ours wins over it, and with --config it is not read at all.
	mkdir -p "$T/home/.config/isolate"
	echo "mirror r.test/img = $BAD/index" >"$T/home/.config/isolate/imgfetch.cf"
	give_to_caller "$T"/home/.config{,/isolate{,/imgfetch.cf}}
	expect 0 imgfetch pull --store="$T/store" r.test/img:ours
	[[ $stderr != *"passed over"* ]] || fail "the mirrors of registries.conf were asked"
	pull 5 "" sub.r.test/img:rc
	# What it gets wrong stops pulls, but nothing else.
	echo 'blocked = 1' >>"$T/rc"
	expect 1 imgfetch pull --store="$T/store" r.test/img:rc
	says "$T/rc:13: the key was there already"
	expect 0 imgfetch list --store="$T/store"
	set_caller
}

# Networks of their own: a mirror in a private one, a registry in a public one, which redirects to it.
@test "mirror: a connection that it left open is no way into its network for others" {
	need ip
	cat >"$T/servers.py" <<-'END'
		import http.server, subprocess, sys, threading

		class Handler(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"

		    def do_HEAD(self):
		        print(self.headers["Host"], self.path, file=sys.stderr)
		        inner = self.headers["Host"].startswith("inner")
		        self.send_response(404 if inner and "/out/" not in self.path else 307)
		        where = "203.0.113.5:5000" if inner else "inner.test:5000"
		        self.send_header("Location", f"http://{where}/secret")
		        self.send_header("Content-Length", "0")
		        self.end_headers()

		    do_GET = do_HEAD

		for address in "10.9.9.9", "203.0.113.5":
		    server = http.server.ThreadingHTTPServer((address, 5000), Handler)
		    server.daemon_threads = True
		    threading.Thread(target=server.serve_forever, daemon=True).start()
		sys.exit(subprocess.run(sys.argv[1:]).returncode)
	END
	cat >"$T/ns" <<-'END'
		set -e
		ip link set lo up
		ip address add 10.9.9.9/32 dev lo
		ip address add 203.0.113.5/32 dev lo
		mount --bind "$1/hosts" /etc/hosts
		exec python3 "$1/servers.py" "$2" pull --store="$1/store" --config="$1/cf" "$3"
	END
	echo "10.9.9.9 inner.test" >"$T/hosts"
	printf '%s\n' 'mirror 203.0.113.5:5000 = inner.test:5000' \
		'plain_http = inner.test:5000 203.0.113.5:5000' >"$T/cf"
	give_to_caller "$T/cf"
	expect 5 as_caller unshare -Urnm sh "$T/ns" "$T" "$TEST_PREFIX/bin/imgfetch" 203.0.113.5:5000/x:v1
	says "mirror 'inner.test:5000' is passed over: HTTP 404"
	says "http://inner.test:5000/secret: it is in a private network, where that server may not send us"
	[[ $stderr != *"inner.test:5000 /secret"* ]] || fail "the mirror was asked"
	# Nor for whom a server in there sends us to: that one is on the Internet and may not send us back.
	expect 5 as_caller unshare -Urnm sh "$T/ns" "$T" "$TEST_PREFIX/bin/imgfetch" inner.test:5000/out/x:v1
	says "203.0.113.5:5000 /secret"
	says "http://inner.test:5000/secret: it is in a private network, where that server may not send us"
	[[ $stderr != *"inner.test:5000 /secret"* ]] || fail "it went back"
}
