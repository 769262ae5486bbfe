# SPDX-License-Identifier: MIT
# How registries ask for logins, and token servers hand out tokens: all the ways there are, tokens
# that end in the middle, helpers that keep the logins; and that no secret goes astray.
load ../lib/common
load ../lib/badreg

setup_file() { badreg_start; }
teardown_file() { badreg_stop; }

# with_auths JSON: a credentials file with this entry for $BAD; $AUTH is its name.
with_auths() { auth_file '{"auths":{"%s":%s}}' "$BAD" "$1"; }

# auth_file FORMAT ARG...: any credentials file
auth_file() {
	AUTH=$T/auth.json
	# shellcheck disable=SC2059
	printf "$@" >"$AUTH"
	chmod 600 "$AUTH"
	give_to_caller "$AUTH"
}

LOGIN='{"username":"teacher","password":"s3cret"}'
IDENTITY='{"identitytoken":"R1"}'

# pull REPOSITORY STATUS [OPTION...]
pull() { expect "$2" imgfetch pull -q --store="$T/store" --authfile="$AUTH" "${@:3}" "$BAD/$1:v1"; }

# helper NAME SCRIPT: a credential helper in $T/bin, which is in PATH
helper() {
	mkdir -p "$T/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$T/bin/docker-credential-$1"
	chmod -R a+rx "$T/bin"
	PATH=$PATH:$T/bin
}

# log_count REGEX: how many requests to the registry look so
log_count() { grep -cE "^${BAD#*:} $1" "$BADREG/log" || true; }

# ---- challenges ----

@test "auth: of two headers the one with a token server is taken, whatever its spelling" {
	with_auths "$LOGIN"
	pull auth-both 0
	# Quoted commas are no separators; the scope was for us to say.
	grep -qE ' GET /token\?service=te,st&scope=repository:auth-both:pull Basic ' "$BADREG/log"
	is "$(badreg_log auth-both | grep -c Basic)" 0
}

@test "auth: Bearer without a token server leaves Basic" {
	with_auths "$LOGIN"
	pull auth-norealm 0
}

@test "auth: a token for nobody is refused; with the login it is taken" {
	with_auths '{}'
	pull auth-ngc 3
	says "manifest: HTTP 401 UNAUTHORIZED"
	says "no login was sent; if it wants one, 'imgfetch login $BAD' keeps it"
	one_line
	with_auths "$LOGIN"
	pull auth-ngc 0
}

@test "auth: a registry that takes no token is asked a bounded number of times" {
	with_auths "$LOGIN"
	pull auth-never 3
	says "HTTP 401 UNAUTHORIZED"
	says "the login from credentials file '$AUTH' was sent; 'imgfetch login $BAD' changes it"
	one_line
	# Its message quotes the password.
	says "you, ******? go away"
	[[ $stderr != *s3cret* ]] || fail "the password is shown"
	(($(badreg_log auth-never | wc -l) <= 6)) || fail "too many requests"
}

@test "auth: what a registry quotes of a login is not shown, nor the beginning of it" {
	with_auths "$LOGIN"
	pull auth-echo 3
	says "UNAUTHORIZED (got Basic $(printf teacher:s3cret | base64 | tr -c '\n' '*'))"
	expect 5 imgfetch pull --store="$T/store" --authfile="$AUTH" --retries=3 "$BAD/auth-led:v1"
	says "http://127.0.0.1:1/********************/: "
	says "next try in "
	[[ $stderr != *"$(printf teacher:s3cret | base64)"* ]] || fail "it shows the login"
	# Its message is cut in the middle of this.
	local long
	long=$(printf 'abcdefgh%.0s' {1..40})
	with_auths "{\"username\":\"u\",\"password\":\"$long\"}"
	pull auth-echo 3
	says "(got Basic ************"
	[[ $stderr != *"$(printf 'u:%s' "$long" | base64 -w0 | head -c 16)"* ]] || fail "it shows the beginning"
}

@test "auth: an identity token does not go to another server's token service" {
	with_auths "$IDENTITY"
	pull realm-elsewhere 3
	says "'$BAD' wants its password sent to http://127.0.0.1:$ELSEWHERE/token over plain HTTP: refused"
	is "$(grep "^$ELSEWHERE POST" "$BADREG/log" || true)" ""
	pull realm-metadata 3
	says "names a token server without TLS on another host (http://169.254.169.254/latest/): refused"
}

# ---- tokens that are kept ----

@test "auth: an identity token is sent as a form" {
	with_auths "$IDENTITY"
	pull auth-identity 0
	grep -q "POST /token - grant_type=refresh_token&client_id=imgfetch&service=test&scope=repository%3Aauth-identity%3Apull&refresh_token=R1\$" "$BADREG/log"
	with_auths '{"username":"<token>","password":"R1"}'
	pull auth-identity 0
}

@test "auth: a refused identity token is not shown" {
	with_auths '{"identitytoken":"R2secret"}'
	pull auth-identity 3
	says "token server: HTTP 400 invalid_grant (token ******** has been revoked) from http://$BAD/token"
	says "the login from credentials file '$AUTH' was sent"
	one_line
	[[ $stderr != *R2secret* ]] || fail "the token is shown"
}

@test "auth: a token server that knows no POST is asked by GET" {
	with_auths "$IDENTITY"
	pull auth-nopost 0
	# With the user name that the file has for it, if it has one.
	with_auths "{\"auth\":\"$(printf acr: | base64)\",\"identitytoken\":\"R1\"}"
	rm -r "$T/store"
	pull auth-nopost 0
	grep -q "GET /token?service=test&scope=repository:auth-nopost:pull Basic $(printf acr:R1 | base64)" "$BADREG/log"
}

@test "auth: a refresh token is replaced by the next one" {
	with_auths "$IDENTITY"
	pull auth-rotate 0
	grep -q 'auth-rotate%3Apull&refresh_token=R2$' "$BADREG/log"
}

@test "auth: a form follows a redirect within its origin, and no other" {
	with_auths "$IDENTITY"
	pull auth-post-here 0
	pull auth-post-there 3
	says "redirects a request that holds a login (to http://127.0.0.1:$ELSEWHERE/token): refused"
	one_line
	is "$(grep "^$ELSEWHERE .* /token" "$BADREG/log" || true)" ""
	pull auth-post-get 3
	says "redirects a request that holds a login"
	is "$(grep ' GET /token2' "$BADREG/log" || true)" ""
}

@test "auth: a registry token is used as it is" {
	with_auths '{"registrytoken":"DIRECT"}'
	pull auth-direct 0
	is "$(grep -c '/token.*auth-direct' "$BADREG/log" || true)" 0
	with_auths '{"registrytoken":"EXPIRED"}'
	rm -r "$T/store"
	pull auth-direct 3
	says "the login from credentials file '$AUTH' was sent"
	[[ $stderr != *EXPIRED* ]] || fail "the token is shown"
}

# ---- tokens that end ----

@test "auth: tokens that end in the middle of a pull are renewed" {
	with_auths "$LOGIN"
	pull auth-expire 0 -j 4
	# 1 + 1 + 1 + 8 answers, 6 for each token: in whatever order the threads get there, none of them
	# meets more than one that is used up.
	(($(grep -c '/token.*auth-expire:pull' "$BADREG/log") >= 2)) || fail "too few tokens"
	expect 0 imgfetch inspect --store="$T/store" "$BAD/auth-expire:v1"
}

@test "auth: a layer is resumed with a new token" {
	with_auths "$LOGIN"
	pull auth-resume 0
	is "$(badreg_log auth-resume | sed -n 's/.*Bearer //p' | sort -u | tr '\n' ' ')" "auth-resume.1 auth-resume.2 "
}

@test "auth: a layer may need more than two tokens" {
	with_auths "$LOGIN"
	pull auth-once 0
	# One that is used for HEAD; then each request is refused and sent again, the layer twice cut.
	is "$(badreg_log auth-once | grep -c Bearer)" 11
}

@test "auth: a token whose life is over is renewed before it is refused" {
	with_auths "$LOGIN"
	pull auth-brief 0
	badreg_log auth-brief | grep -q 'Bearer auth-brief.2$'
	# Only the first request had none.
	is "$(badreg_log auth-brief | grep -c ' -$')" 1
}

# ---- helpers ----

@test "auth: the helper of the host is asked before the file, and credsStore after it" {
	helper right "read -r host; [ \"\$host\" = $BAD ] && echo '{\"Username\":\"teacher\",\"Secret\":\"s3cret\"}'"
	helper wrong "echo asked >$T/asked; exit 1"
	helper empty "echo 'credentials not found in native keychain'; exit 1"
	auth_file '{"auths":{"%s":{"auth":"eDp5"}},"credHelpers":{"%s":"right"},"credsStore":"wrong"}' "$BAD" "$BAD"
	pull basic 0
	auth_file '{"auths":{"%s":%s},"credHelpers":{"other":"wrong"},"credsStore":"wrong"}' "$BAD" "$LOGIN"
	rm -r "$T/store"
	pull basic 0
	auth_file '{"auths":{"%s":%s},"credHelpers":{"%s":"empty"}}' "$BAD" "$LOGIN" "$BAD"
	rm -r "$T/store"
	pull basic 0
	auth_file '{"auths":{"%s":{}},"credsStore":"right"}' "$BAD"
	rm -r "$T/store"
	pull basic 0
	not test -e "$T/asked"
}

@test "auth: a helper may have an identity token" {
	helper id "echo '{\"Username\":\"<token>\",\"Secret\":\"R1\"}'"
	auth_file '{"credsStore":"id"}'
	pull auth-identity 0
}

@test "auth: a helper that has nothing is no error, one that fails is" {
	helper none "echo 'credentials not found in native keychain'; exit 1"
	helper locked "echo 'the keychain is locked'; echo more; exit 1"
	auth_file '{"credsStore":"none"}'
	pull token 0
	auth_file '{"credsStore":"locked"}'
	rm -r "$T/store"
	pull token 3
	says "credential helper 'docker-credential-locked' for '$BAD': exit status 1: the keychain is locked"
	one_line
	auth_file '{"credsStore":"missing"}'
	pull token 1
	says "there is no program 'docker-credential-missing' in PATH"
	auth_file '{"credsStore":"../../bin/sh"}'
	pull token 1
	says "'../../bin/sh' cannot be the name of a credential helper"
}

@test "auth: the login of a helper is told by its name when it is refused" {
	helper old "echo '{\"Username\":\"teacher\",\"Secret\":\"expired-password\"}'"
	auth_file '{"credsStore":"old"}'
	pull basic 3
	says "the login from credential helper 'docker-credential-old' was sent"
	[[ $stderr != *expired-password* ]] || fail "the password is shown"
}
