# SPDX-License-Identifier: MIT
# imgfetch login and logout: a login is tried, then kept where podman, skopeo and we find it; what is
# in the file besides stays as it is; and the password is nowhere else.
load ../lib/common
load ../lib/badreg
load ../lib/registry

setup_file() {
	need registry umoci
	badreg_start
	# teacher:s3cret, with as little work as bcrypt allows
	echo 'teacher:$2b$04$R1nv4.Ny6iyJN2/3Mcbo5OB/esOZoPaH8A4z2b79ukVMEuJqQyHde' >"$BATS_FILE_TMPDIR/htpasswd"
	registry_start "$BATS_FILE_TMPDIR/open"
	OPEN=$REGISTRY OPEN_PID=$REGISTRY_PID
	registry_start "$BATS_FILE_TMPDIR/registry" "$BATS_FILE_TMPDIR/htpasswd"
	umoci init --layout "$BATS_FILE_TMPDIR/oci"
	umoci new --image "$BATS_FILE_TMPDIR/oci:x"
	mkdir "$BATS_FILE_TMPDIR/files"
	umoci insert --image "$BATS_FILE_TMPDIR/oci:x" "$BATS_FILE_TMPDIR/files" /etc
	registry_push "$BATS_FILE_TMPDIR/oci:x" course/x:1 --dest-creds teacher:s3cret
	export REGISTRY REGISTRY_PID OPEN OPEN_PID
}

teardown_file() {
	badreg_stop
	registry_stop
	REGISTRY_PID=$OPEN_PID
	registry_stop
}

setup() {
	common_setup
	AUTH=$T/auth.json
	ENTRY=$(printf teacher:s3cret | base64)
}

# login HOST [OPTION...]: as teacher, with the password on standard input
login() { imgfetch login --username=teacher --password-stdin --authfile="$AUTH" "$@" <<<s3cret; }
logout() { imgfetch logout --authfile="$AUTH" "$@"; }

# helper NAME SCRIPT: a credential helper in $T/bin, which is in PATH
helper() {
	mkdir -p "$T/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$T/bin/docker-credential-$1"
	chmod -R a+rx "$T/bin"
	PATH=$PATH:$T/bin
}

write_auth() {
	printf '%s' "$1" >"$AUTH"
	chmod "${2:-600}" "$AUTH"
	give_to_caller "$AUTH"
}

@test "login: what is kept works for us and for others, until logout" {
	expect 3 imgfetch pull -q --store="$T/store" --authfile="$AUTH" "$REGISTRY/course/x:1"
	expect 0 login "$REGISTRY"
	is "$output" "Login succeeded; kept in credentials file '$AUTH'"
	is "$stderr" ""
	is "$(stat -c %a "$AUTH")" 600
	is "$(<"$AUTH")" "$(printf '{\n\t"auths": {\n\t\t"%s": {\n\t\t\t"auth": "%s"\n\t\t}\n\t}\n}' "$REGISTRY" "$ENTRY")"
	expect 0 imgfetch pull -q --store="$T/store" --authfile="$AUTH" "$REGISTRY/course/x:1"
	prints sha256:
	expect 0 as_caller skopeo inspect --raw --tls-verify=false --authfile="$AUTH" "docker://$REGISTRY/course/x:1"
	expect 0 logout "$REGISTRY"
	is "$output" "Login removed from credentials file '$AUTH'"
	is "$(jq -c . "$AUTH")" '{"auths":{}}'
	expect 4 logout "$REGISTRY"
	says "log out of '$REGISTRY': credentials file '$AUTH' has no login for '$REGISTRY'"
	one_line
}

@test "login: a wrong password is refused, and nothing is kept" {
	expect 3 imgfetch login --username=teacher --password-stdin --authfile="$AUTH" "$REGISTRY" <<<wr0ng-one
	says "log in to '$REGISTRY': login: HTTP 401 UNAUTHORIZED"
	says "it refuses this user name or password"
	one_line
	[[ $stderr != *wr0ng* ]] || fail "it shows the password"
	not test -e "$AUTH"
	# By way of a token server, which has its own words.
	expect 3 imgfetch login --username=teacher --password-stdin --authfile="$AUTH" "$BAD" <<<wr0ng-one
	says "token server: HTTP 401 (incorrect username or password) from http://$BAD/token: it refuses this user name or password"
	not test -e "$AUTH"
}

@test "login: by way of a token server, for no repository" {
	expect 0 login "$BAD"
	prints "Login succeeded"
	is "$(jq -r ".auths[\"$BAD\"].auth" "$AUTH")" "$ENTRY"
}

@test "login: a registry that wants no login says so, and the file is written nevertheless" {
	expect 0 login "$OPEN"
	is "$output" "Login not tried; kept in credentials file '$AUTH'"
	says "'$OPEN' asks for no login: this one was not tried"
	is "$(jq -r ".auths[\"$OPEN\"].auth" "$AUTH")" "$ENTRY"
}

@test "login: for part of a host" {
	expect 0 login "$REGISTRY/course"
	is "$(jq -c '.auths|keys' "$AUTH")" "[\"$REGISTRY/course\"]"
	expect 0 imgfetch pull -q --store="$T/store" --authfile="$AUTH" "$REGISTRY/course/x:1"
	expect 3 imgfetch pull -q --store="$T/store" --authfile="$AUTH" "$REGISTRY/other/x:1"
	expect 4 logout "$REGISTRY"
	expect 0 logout "$REGISTRY/course"
}

@test "login: the rest of the file stays as it is, byte for byte" {
	write_auth "{ \"auths\" : {\"q.example\":{\"auth\":\"eDp5\",\"email\":\"a@b\"} },
  \"HttpHeaders\":{\"X\":\"}{\\\"\"}, \"n\": 1.50 }" 640
	local before after
	before=$(<"$AUTH")
	expect 0 login -q "$REGISTRY"
	is "$output$stderr" ""
	after=$(<"$AUTH")
	is "${after//,$'\n\t\t'\"$REGISTRY\": \{$'\n\t\t\t'\"auth\": \"$ENTRY\"$'\n\t\t'\}/}" "$before"
	is "$(stat -c %a "$AUTH")" 600
	expect 0 logout "$REGISTRY"
	is "$(<"$AUTH")" "$before"
	expect 0 login "$REGISTRY"
	expect 0 logout --all
	is "$(<"$AUTH")" '{ "auths" : {},
  "HttpHeaders":{"X":"}{\""}, "n": 1.50 }'
	expect 4 logout --all
}

@test "login: a file that is a link stays one" {
	mkdir "$T/real"
	give_to_caller "$T/real"
	ln -s real/auth.json "$T/auth.json"
	echo '{}' >"$T/real/auth.json"
	chmod 600 "$T/real/auth.json"
	give_to_caller "$T/real/auth.json"
	expect 0 login "$REGISTRY"
	is "$(readlink "$T/auth.json")" real/auth.json
	is "$(jq -r ".auths[\"$REGISTRY\"].auth" "$T/real/auth.json")" "$ENTRY"
	is "$(ls -A "$T/real")" auth.json
}

@test "login: ten at once lose nothing" {
	local i pids=()
	for i in {0..9}; do
		login "$REGISTRY/course$i" >"$T/out$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || { cat "$T"/out*; fail "one failed"; }; done
	is "$(jq '.auths|length' "$AUTH")" 10
}

@test "login: without --authfile the file is podman's" {
	export HOME=$T/home
	expect 0 imgfetch login --username=teacher --password-stdin "$REGISTRY" <<<s3cret
	prints "kept in credentials file '$HOME/.config/containers/auth.json'"
	is "$(stat -c %a "$HOME/.config/containers")" 700
	expect 0 imgfetch pull -q --store="$T/store" "$REGISTRY/course/x:1"
	mkdir "$T/run"
	give_to_caller "$T/run"
	export XDG_RUNTIME_DIR=$T/run
	expect 0 imgfetch login --username=teacher --password-stdin "$REGISTRY" <<<s3cret
	prints "kept in credentials file '$T/run/containers/auth.json'"
	# What is left is told.
	expect 0 imgfetch logout "$REGISTRY"
	says "credentials file '$HOME/.config/containers/auth.json' still has a login for '$REGISTRY'"
	export REGISTRY_AUTH_FILE=$T/named.json
	expect 0 imgfetch login --username=teacher --password-stdin "$REGISTRY" <<<s3cret
	prints "kept in credentials file '$T/named.json'"
}

@test "login: a helper that is configured keeps it, and forgets it" {
	helper box "case \$1 in
store) cat >'$T/kept/login' ;;
get) [ -e '$T/kept/login' ] && cat '$T/kept/login' && exit; echo credentials not found in native keychain; exit 1 ;;
erase) rm '$T/kept/login' ;;
esac"
	mkdir "$T/kept"
	give_to_caller "$T/kept"
	# An entry of before would hide what the helper has.
	write_auth "{\"auths\":{\"$REGISTRY\":{\"auth\":\"b2xkOm9sZA==\"}},\"credsStore\":\"box\"}"
	expect 0 login "$REGISTRY"
	is "$output" "Login succeeded; kept in credential helper 'docker-credential-box'"
	is "$(jq -c . "$T/kept/login")" "{\"ServerURL\":\"$REGISTRY\",\"Username\":\"teacher\",\"Secret\":\"s3cret\"}"
	is "$(<"$AUTH")" '{"auths":{},"credsStore":"box"}'
	expect 0 imgfetch pull -q --store="$T/store" --authfile="$AUTH" "$REGISTRY/course/x:1"
	expect 0 logout "$REGISTRY"
	is "$output" "Login removed from credential helper 'docker-credential-box'"
	not test -e "$T/kept/login"
	helper box "echo 'the box is closed to s3cret'; exit 1"
	expect 3 login "$REGISTRY"
	says "credential helper 'docker-credential-box' for '$REGISTRY': exit status 1"
	[[ $stderr != *s3cret* ]] || fail "it shows the password"
}

@test "login: a folder or file that cannot be written, or is no such file, is said so" {
	expect 1 login --authfile="$T/none/auth.json" "$REGISTRY"
	says "open folder '$T/none'"
	write_auth 'hunter2'
	expect 1 login "$REGISTRY"
	says "credentials file '$AUTH': not valid JSON"
	is "$(<"$AUTH")" hunter2
	write_auth '{}' 666
	expect 1 login "$REGISTRY"
	says "others may write it"
	write_auth ''
	expect 0 login "$REGISTRY"
	is "$(find "$T" -name '.imgfetch-*')" ""
}

@test "login: usage" {
	local host
	for host in registry https://r.example r.example/a:1 "r.example/a@sha256:$(printf %064d 1)" oci:x r.example/../x \
		r.example/A r.example/ '' 'r.exa mple'; do
		expect 2 login "$host"
		says "is not HOST[:PORT][/PREFIX]"
		one_line
	done
	expect 2 imgfetch login
	says "login needs a host"
	expect 2 imgfetch logout
	says "logout needs a host"
	expect 2 imgfetch logout --all r.example
	says "logout --all takes no operand"
	expect 2 imgfetch login --all r.example
	says "login has no option --all"
	expect 2 imgfetch login --password-stdin r.example </dev/null
	says "--password-stdin needs --username=NAME"
	expect 2 imgfetch login --username=a:b --password-stdin r.example <<<x
	says "has a colon"
	expect 2 imgfetch login --username=a --password-stdin r.example </dev/null
	says "password on standard input: it is empty"
	expect 2 imgfetch login --username=a --password-stdin r.example <<<$'hunter\e2'
	says "control characters"
	[[ $stderr != *hunter* ]] || fail "it shows the password"
	expect 2 imgfetch login --username=a --password-stdin r.example < <(printf 'a\0b')
	says "it has a zero byte"
	expect 2 imgfetch login --username=a --password-stdin r.example < <(printf '%8193s' x)
	says "longer than 8192 bytes"
	# Nobody is there to ask.
	expect 2 setsid -w "${CALLER[@]}" "$TEST_PREFIX/bin/imgfetch" login --username=a r.example </dev/null
	says "there is no terminal to ask at: give --username=NAME and --password-stdin"
	one_line
}

@test "login: a terminal is asked, without showing the password" {
	expect 0 python3 "$TESTS_DIR/tools/typist.py" 'User name for ' 'teacher\n' 'Password of teacher for ' 's3cret\n' -- \
		"${CALLER[@]}" "$TEST_PREFIX/bin/imgfetch" login --authfile="$AUTH" "$REGISTRY"
	prints "Login succeeded; kept in credentials file '$AUTH'"
	prints "typist: status 0 echo on"
	[[ $output != *s3cret* ]] || fail "the terminal shows the password"
	# Interrupted in the middle, the terminal is as before.
	expect 0 python3 "$TESTS_DIR/tools/typist.py" 'Password of teacher for ' 's3c\x03' -- \
		"${CALLER[@]}" "$TEST_PREFIX/bin/imgfetch" login --username=teacher --authfile="$AUTH" "$REGISTRY"
	prints "typist: status -2 echo on"
}

@test "login: the password is in no command line and no environment" {
	# Brackets, so that the search does not find itself.
	helper look "grep -aqE 's3[c]ret' /proc/\$PPID/cmdline /proc/\$PPID/environ /proc/\$\$/cmdline \
	/proc/\$\$/environ && echo found >>'$T/found'
[ \"\$(tr -d '\\0' </proc/\$PPID/cmdline | grep -c login)\" = 1 ] && echo looked >>'$T/looked'
cat >/dev/null"
	: >"$T/looked"
	: >"$T/found"
	give_to_caller "$T/looked" "$T/found"
	write_auth '{"credsStore":"look"}'
	expect 0 login "$REGISTRY"
	is "$(<"$T/looked")" looked
	is "$(<"$T/found")" ""
}
