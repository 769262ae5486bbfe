# SPDX-License-Identifier: MIT
# Registries that lie, break off, redirect, ask for passwords: each pull of theirs fails with the
# documented status and one line, within its time, and leaves the store as it was.
load ../lib/common
load ../lib/badreg

setup_file() { badreg_start; }
teardown_file() { badreg_stop; }

# refused STATUS REPOSITORY TEXT [OPTION...]: pulling fails so, and nothing of it stays.
refused() {
	local status_wanted=$1 repo=$2 text=$3
	shift 3
	expect "$status_wanted" imgfetch pull -q --store="$T/store" "$@" "$BAD/$repo:v1"
	says "$text"
	one_line
	is "$output" ""
	store_is_empty
}

store_is_empty() {
	is "$(find "$T/store/images" "$T/store/refs" "$T/store/tmp" "$T/store/layers" -mindepth 1 \
		! -path '*/sha256')" ""
}

accepted() {
	local repo=$1
	shift
	expect 0 imgfetch pull -q --store="$T/store" "$@" "$BAD/$repo:v1"
	prints sha256:
	expect 0 imgfetch inspect --store="$T/store" "$BAD/$repo:v1"
	prints GREETING=hello
}

# ---- what is verified ----

@test "pull: a layer of another digest is refused" { refused 6 layer-digest "digest"; }
@test "pull: a config of another digest is refused" { refused 6 config-digest "wrong digest"; }
@test "pull: a manifest of another digest than asked for is refused" {
	local d
	d=sha256:$(printf %064d 7)
	expect 6 imgfetch pull -q --store="$T/store" "$BAD/manifest-digest@$d"
	says "wrong digest: manifest $d was expected"
	store_is_empty
}
@test "pull: a manifest of another digest than its header says is refused" {
	refused 6 header-digest "wrong digest"
}
@test "pull: a layer with another DiffID is refused" { refused 6 wrong-diffid "layer "; }
@test "pull: more DiffIDs than layers are refused" {
	refused 6 diffid-count "1 layers, but the configuration 2 diff_ids"
}
@test "pull: a layer larger than declared is refused" { refused 6 layer-long "are declared"; }
@test "pull: a layer smaller than declared is refused" { refused 6 layer-short "are declared"; }
@test "pull: a manifest that declares too small a layer is refused" {
	refused 6 size-wrong "are declared"
}
@test "pull: a Content-Length beyond the declared size is refused" {
	refused 6 layer-lie "are declared"
}
@test "pull: a layer of much that unpacks to nothing is refused before it is fetched" {
	refused 6 hollow "too many for at most 307200 (max_layer_size)" --max-layer-size=300K
	says "layer 1 of 1 (sha256:"
	refused 6 hollow "too many for at most 307200 (max_image_size)" --max-image-size=300K
	is "$(badreg_log hollow | grep -c blobs/)" 2
	accepted hollow --max-layer-size=2M
}
@test "pull: a layer that is no gzip is refused" { refused 6 not-gzip "layer "; }

# ---- what is no image ----

@test "pull: a manifest that is not JSON is refused" { refused 6 not-json "manifest: not valid JSON"; }
@test "pull: an empty manifest is refused" { refused 6 empty "empty"; }
@test "pull: an endless manifest is refused" { refused 6 endless "larger than the 4194304 bytes"; }
@test "pull: duplicate keys in a manifest are refused" { refused 6 dup-keys "duplicate"; }
@test "pull: manifests and layers in one document are refused" { refused 6 both "ambiguous"; }
@test "pull: a Content-Type that contradicts the document is refused" {
	refused 6 type-lie "its sender says"
}
@test "pull: an image with 0 layers is refused" { refused 6 zero-layers "no layers"; }
@test "pull: schema 1 is refused by name" { refused 6 schema1 "schema 1"; }
@test "pull: an artifact is refused by name" {
	refused 6 artifact "artifact of type 'application/spdx+json', not an image"
}
@test "pull: foreign layers are refused" { refused 6 foreign "foreign URL"; }
@test "pull: headers without end are refused" {
	refused 5 headers "headers"
	refused 5 header "a header of more than 64 KiB"
}

# ---- platforms ----

@test "pull: an index gives the image for this machine" { accepted index; }
@test "pull: an index in an index is followed" { accepted nested; }
@test "pull: of indexes that do not say what they are for, each is looked into" {
	refused 8 nested-none "there is: linux/s390x"
	is "$(badreg_log nested-none | grep -c GET)" 3
	refused 6 nested-many "more than 16 indexes to look into"
	accepted nested-two
}
@test "pull: a manifest of another size than its index says is refused" {
	refused 6 index-size "but the index says 0"
}
@test "pull: indexes nested too deep are refused" { refused 6 too-deep "nested more than"; }
@test "pull: a missing platform is named, with those there are" {
	refused 8 other-platform "there is: linux/s390x"
}
@test "pull: an image for another platform is refused" {
	refused 8 wrong-arch "the image is for linux/s390x"
}
@test "pull: --platform takes an image for another platform" {
	expect 0 imgfetch pull -q --store="$T/store" --platform=linux/s390x "$BAD/index:v1"
	expect 0 imgfetch inspect --store="$T/store" "$BAD/index:v1"
	prints "platform: linux/s390x"
}
@test "pull: an index stands for the own platform again after a pull of another" {
	expect 0 imgfetch pull -q --store="$T/store" --platform=linux/s390x "$BAD/index:v1"
	accepted index
	expect 0 imgfetch inspect --store="$T/store" "$BAD/index:v1"
	[[ $output != *s390x* ]] || fail "still the other platform"
}

# ---- errors as people see them ----

@test "pull: an unknown tag gives status 4 and the registry's code" {
	expect 4 imgfetch pull -q --store="$T/store" "$BAD/good:missing"
	says "HTTP 404 MANIFEST_UNKNOWN (not here) from http://$BAD/v2/good/manifests/missing"
	says "are the repository and the tag or digest right?"
	one_line
	store_is_empty
}
@test "pull: an unknown repository gives status 4" { refused 4 nowhere "NAME_UNKNOWN"; }
@test "pull: a missing layer gives status 4" { refused 4 layer-404 "HTTP 404 BLOB_UNKNOWN"; }
@test "pull: access denied gives status 3" { refused 3 denied "HTTP 403 DENIED"; }
@test "pull: too many requests are said so" { refused 5 limited "HTTP 429 TOOMANYREQUESTS"; }
@test "pull: a server that is no registry is status 5" { refused 5 teapot "HTTP 418"; }
@test "pull: what a registry says cannot control the terminal" {
	refused 4 escapes '\x1b]0;evil\x07'
	says 'a\x1b[2Jb\x0asecond line'
}
@test "inspect: what an image says cannot control the terminal" {
	expect 0 imgfetch pull -q --store="$T/store" "$BAD/evil-env:v1"
	expect 0 imgfetch inspect --store="$T/store" "$BAD/evil-env:v1"
	prints 'A=\x1b[31mred\x0aB=2'
	expect 0 imgfetch inspect --json --store="$T/store" "$BAD/evil-env:v1"
	prints '"A=\u001b[31mred\u000aB=2"'
}
@test "inspect: JSON says what an image says, in plain ASCII where it must" {
	expect 0 imgfetch pull -q --store="$T/store" "$BAD/evil-dir:v1"
	expect 0 imgfetch inspect --json --store="$T/store" "$BAD/evil-dir:v1"
	prints '"/a\u202eb\u0085\ufeff"'
	is "$(python3 -ISc 'import json, sys
sys.stdout.buffer.write(json.load(sys.stdin)["workdir"].encode())' <<<"$output")" \
		$'/a\xe2\x80\xaeb\xc2\x85\xef\xbb\xbf'
}
@test "pull: a registry that is down gives status 5" {
	expect 5 imgfetch pull -q --store="$T/store" 127.0.0.1:1/a/b:c
	says "is the registry running?"
	one_line
	store_is_empty
}

# ---- networks that fail ----

@test "pull: a reset connection is tried again" { accepted reset-once; }
@test "pull: a busy registry is asked again" { accepted busy-once; }
@test "pull: a registry that stays busy is given up" {
	refused 5 busy "HTTP 503 UNAVAILABLE (come back later)"
	is "$(badreg_log busy | grep -c HEAD)" 3
}
@test "pull: a server without HEAD will do" { accepted no-head; }
@test "pull: an answer to HEAD that has a body is got over" { accepted head-body; }
@test "pull: a layer that breaks off is resumed" { accepted layer-flaky; }
@test "pull: a layer is resumed without ranges" { accepted layer-flaky-norange; }
@test "pull: a wrong range is not believed" { accepted layer-flaky-badrange; }
@test "pull: a registry that knows the rest of no layer sends it anew" {
	accepted layer-flaky-416
	is "$(badreg_log layer-flaky-416 | grep -c "blobs/")" 4
}
@test "pull: a layer that is compressed once more on the way is refused" {
	refused 6 layer-encoded "are declared"
}
@test "pull: a layer is taken as it is stored, whatever its encoding is called" {
	accepted layer-encoded-name
}
@test "pull: a layer that always breaks off is given up" {
	refused 5 layer-cut "layer "
	says "the registry broke off: try again later"
	is "$(badreg_log layer-cut | grep -c blobs/)" 4
}
@test "pull: a layer of no length that ends early has broken off" {
	refused 5 layer-end "ended after "
	is "$(badreg_log layer-end | grep -c blobs/)" 4
}
@test "pull: a manifest of no length that ends early has broken off" {
	refused 5 manifest-end "ended in the middle of the manifest" --retries=1
	is "$(badreg_log manifest-end | grep -c GET)" 2
	accepted manifest-end-once
}
@test "pull: a layer without end is stopped at its size" { refused 6 layer-endless "larger than"; }
@test "pull: a layer that drips is given up" {
	local start=$SECONDS
	refused 5 layer-slow "no progress for 1 s" --timeout=1
	((SECONDS - start < 20)) || fail "took $((SECONDS - start)) s"
}

# ---- redirects ----

@test "pull: five redirects are followed" { accepted layer-hops; }
@test "pull: six redirects are too many" { refused 5 layer-many-hops "more than 5 redirects"; }
@test "pull: a redirect loop ends" { refused 5 layer-loop "more than 5 redirects"; }
@test "pull: a redirect to a file is refused" {
	refused 5 layer-file "only http and https are allowed"
}
@test "pull: a redirect to a target that is too long is said to be that" {
	refused 5 layer-far "bad redirect: its target has more than 8191 bytes"
}
@test "pull: a redirect into the local link is refused" {
	refused 5 layer-metadata "plain HTTP is not allowed"
}
@test "pull: a redirect into the local link is refused over https too" {
	refused 5 layer-metadata-tls "it is in the local link, where that server may not send us"
}
@test "pull: a token does not follow a redirect to another server" {
	accepted layer-elsewhere
	badreg_log layer-elsewhere | grep -q "^${BAD#*:} GET .*/blobs/.* Bearer public\$"
	is "$(grep "^$ELSEWHERE " "$BADREG/log" | grep -c ' GET /x/.* -$')" 1
}

# ---- logging in ----

login_file() {
	mkdir -p "$T/home/.docker"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$BAD" "$(printf teacher:s3cret | base64)" \
		>"$T/home/.docker/config.json"
	chmod 600 "$T/home/.docker/config.json"
	give_to_caller "$T/home/.docker" "$T/home/.docker/config.json"
}

@test "pull: an anonymous token is fetched" {
	accepted token
	badreg_log token | grep -q 'Bearer public$'
}
@test "pull: a busy token service is asked again" { accepted token-busy-once; }
@test "pull: a login is exchanged for a token" {
	login_file
	accepted token
	grep -q '/token?service=test&scope=repository:token:pull Basic ' "$BADREG/log"
	badreg_log token | grep -q 'Bearer private$'
}
@test "pull: a login goes to a registry that wants it" {
	login_file
	accepted basic
	badreg_log basic | head -n 1 | grep -q ' -$'
}
@test "pull: without a login a registry that wants one gives status 3" {
	refused 3 basic "manifest: HTTP 401 UNAUTHORIZED from http://$BAD/v2/basic/manifests/v1"
	says "no login was sent; if it wants one, 'imgfetch login $BAD' keeps it"
}
@test "pull: a wrong password gives status 3 and is not shown" {
	mkdir "$T/home/.docker"
	printf '{"auths":{"%s":{"username":"teacher","password":"wr0ng"}}}' "$BAD" \
		>"$T/home/.docker/config.json"
	give_to_caller "$T/home/.docker" "$T/home/.docker/config.json"
	refused 3 basic "HTTP 401 UNAUTHORIZED"
	says "the login from credentials file '$T/home/.docker/config.json' was sent"
	[[ $stderr != *wr0ng* ]] || fail "the password is in the message"
}
@test "pull: a password is not sent to another server's token service" {
	login_file
	refused 3 realm-elsewhere "over plain HTTP: refused"
	! grep -q "^$ELSEWHERE .*/token" "$BADREG/log" || fail "the other server was asked"
}
@test "pull: a token service outside of this machine is refused" {
	refused 3 realm-metadata "without TLS on another host"
}
@test "pull: a token service in the local link is refused" {
	refused 5 realm-metadata-tls "it is in the local link"
}
@test "pull: a token that is no token is refused" { refused 5 token-garbage "malformed token"; }
@test "pull: --authfile names the credentials" {
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$BAD" "$(printf teacher:s3cret | base64)" >"$T/auth"
	give_to_caller "$T/auth"
	accepted basic --authfile="$T/auth"
}
@test "pull: what is wrong with a credentials file is said without the passwords in it" {
	printf '{"auths":{"%s":{"username":"teacher","password":"hunter2' "$BAD" >"$T/auth"
	give_to_caller "$T/auth"
	refused 1 basic "credentials file '$T/auth': not valid JSON" --authfile="$T/auth"
	[[ $stderr != *hunter2* ]] || fail "it shows the password"
}
@test "pull: a broken credentials file is an error" {
	mkdir "$T/home/.docker"
	echo 'not json' >"$T/home/.docker/config.json"
	give_to_caller "$T/home/.docker" "$T/home/.docker/config.json"
	refused 1 basic "credentials file '$T/home/.docker/config.json'"
}

# ---- plain HTTP ----

# 0.0.0.0 leads here, but is no name of loopback.
@test "pull: a host that is not loopback is not asked over plain HTTP" {
	expect 5 imgfetch pull -q --store="$T/store" "0.0.0.0:${BAD#*:}/good:plain"
	says "does it speak TLS?"
	one_line
	is "$(badreg_log good | grep -w "manifests/plain" || true)" ""
	store_is_empty
}
@test "pull: --plain-http allows plain HTTP" {
	expect 0 imgfetch pull -q --store="$T/store" --plain-http "0.0.0.0:${BAD#*:}/good:unsafe"
	prints sha256:
}

# ---- present images ----

@test "pull: a present image costs one HEAD request" {
	expect 0 imgfetch pull -q --store="$T/store" "$BAD/good:twice"
	local first=$output before after
	before=$(badreg_log good | grep -c twice)
	expect 0 imgfetch pull --store="$T/store" "$BAD/good:twice"
	is "$output" "$first"
	says present
	after=$(badreg_log good | grep twice | tail -n +$((before + 1)))
	is "$after" "${BAD#*:} HEAD /v2/good/manifests/twice -"
}
@test "pull: a present image behind an index costs one HEAD request" {
	expect 0 imgfetch pull -q --store="$T/store" "$BAD/index:twice"
	local before after
	before=$(badreg_log index | grep -c twice)
	expect 0 imgfetch pull -q --store="$T/store" "$BAD/index:twice"
	after=$(badreg_log index | grep twice | tail -n +$((before + 1)))
	is "$after" "${BAD#*:} HEAD /v2/index/manifests/twice -"
}
@test "pull: a present digest costs no request" {
	expect 0 imgfetch pull -q --store="$T/store" "$BAD/good:bydigest"
	local d=$output
	# A name of its own, which the log can tell from those of other tests.
	expect 0 imgfetch pull -q --store="$T/store" "$BAD/here-already@$d"
	is "$output" "$d"
	is "$(badreg_log here-already)" ""
}
