# SPDX-License-Identifier: MIT
# The command line of imgfetch, and references that must not reach anybody.
load ../lib/common
load ../lib/badreg

setup_file() { badreg_start; }
teardown_file() { badreg_stop; }

# wrong TEXT WORD...: a usage error that says so, in one line.
wrong() {
	local text=$1
	shift
	expect 2 imgfetch "$@"
	says "$text"
	one_line
	is "$output" ""
}

@test "usage: --help and --version need nothing" {
	expect 0 as_caller env -u HOME imgfetch --help
	prints "Usage: imgfetch"
	expect 0 as_caller env -u HOME imgfetch pull --help
	prints "--plain-http"
	expect 0 as_caller env -u HOME imgfetch --version
	prints "imgfetch (isolate-oci)"
	is "$stderr" ""
}

@test "usage: --help that cannot be written is an error" {
	x as_caller sh -c "'$TEST_PREFIX/bin/imgfetch' --help >/dev/full"
	is "$status" 1
	says "write to stdout: no space left on device"
}

@test "usage: a reader that has seen enough ends it as SIGPIPE would, without a word" {
	local imgfetch=$TEST_PREFIX/bin/imgfetch
	mkfifo -m 666 "$T/f"
	# A pipe that nobody reads any more.
	local unread="exec 3<>'$T/f' 4>'$T/f' 3<&-"
	local what
	for what in --help --version "list --json"; do
		x as_caller sh -c "$unread; env --default-signal=PIPE '$imgfetch' $what >&4; echo \$?"
		is "$output $stderr" "141 "
	done
	x as_caller sh -c "$unread; env --ignore-signal=PIPE '$imgfetch' --help >&4; echo \$?"
	is "$output" 1
	says "write to stdout: broken pipe"
}

@test "usage: what is missing, superfluous or unknown" {
	wrong "no command"
	wrong "unknown command 'fetch'" fetch x
	wrong "needs the reference" pull
	wrong "superfluous operand 'y'" pull x y
	wrong "list takes no operand" list x
	wrong "unknown option '--frobnicate'" pull --frobnicate x
	wrong "--platform" pull x --platform
}

@test "usage: options of other commands are refused" {
	wrong "tag has no option --json" tag --json x y
	wrong "list has no option --plain-http" list --plain-http
	wrong "rm has no option -j" rm -j 3 x
	wrong "inspect has no option --platform" inspect --platform=linux/amd64 x
}

@test "usage: values out of range" {
	wrong "platform 'linux'" pull --platform=linux x
	wrong "-j" pull -j 0 x
	wrong "-j" pull -j 33 x
	wrong "-j" pull -j 1x x
	wrong "--timeout" pull --timeout=0 x
	wrong "--store" pull --store= x
	wrong "where from" pull "sha256:$(printf %064d 1)"
}

@test "usage: options may come before, between and behind" {
	expect 4 imgfetch --store="$T/none" inspect --json a/b
	expect 4 imgfetch inspect a/b --store="$T/none" --json
	expect 2 imgfetch inspect -- --store="$T/none"
}

@test "usage: hostile references give status 2 and no request" {
	local ref count=0
	while IFS= read -r ref; do
		ref=${ref//'\n'/$'\n'}
		expect 2 imgfetch pull -q --store="$T/store" "$ref"
		one_line
		count=$((count + 1))
	done <<-EOF
		$BAD/../hostile:v1
		$BAD/hostile/../x
		$BAD/hostile//x
		$BAD//hostile
		$BAD/Hostile
		$BAD/hostile:
		$BAD/hostile:a:b
		$BAD/hostile:../../x
		$BAD/hostile:a/b
		$BAD/hostile@sha256:abc
		$BAD/hostile@sha256:$(printf %064d 1 | tr 0 A)
		$BAD/hostile@md5:$(printf %032d 1)
		$BAD/hostile@sha256:$(printf %064d 1)@x
		$BAD/hos%2etile
		$BAD/hos\ntile
		$BAD/hostile\n:v1
		$BAD/hostile:v1\n
		$BAD/hostile?x=y
		$BAD/hostile#x
		$BAD/hos tile
		$BAD/hostile/
		user:password@$BAD/hostile
		http://$BAD/hostile
		$BAD/$(printf 'hostile%0250d' 0)
		$BAD/hostile:$(printf %0129d 0)
		$BAD/-hostile
		$BAD/hostile..x
		$BAD/hostilé
	EOF
	is "$count" 28
	is "$(grep -ic hostil "$BADREG/log" || true)" 0
	[[ ! -e $T/store ]] || fail "a store was made"
}

@test "usage: an empty reference" { wrong "" pull ""; }

@test "usage: no home and no --store" {
	need user
	x as_caller env -u HOME -u XDG_DATA_HOME imgfetch list
	is "$status" 1
	one_line
	x as_caller env HOME=relative imgfetch list
	is "$status" 1
	one_line
}
