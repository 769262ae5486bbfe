# SPDX-License-Identifier: MIT
# imgfetch.cf: which files count, and what their keys do.
load ../lib/common
load ../lib/badreg

setup_file() { badreg_start; }
teardown_file() { badreg_stop; }

# own_config LINES: the caller's own file.
own_config() {
	mkdir -p "$T/home/.config/isolate"
	printf '%s\n' "$1" >"$T/home/.config/isolate/imgfetch.cf"
	give_to_caller "$T"/home/.config{,/isolate{,/imgfetch.cf}}
}

@test "config: plain_http allows plain HTTP for the hosts it names, and for no other" {
	local host=0.0.0.0:${BAD#*:} # leads here, but is no name of loopback
	echo "plain_http = other.example:5000, $host" >"$T/cf"
	give_to_caller "$T/cf"
	expect 0 imgfetch pull -q --store="$T/store" --config="$T/cf" "$host/good:configured"
	prints sha256:
	echo "plain_http = other.example:5000, 0.0.0.0:1" >"$T/cf"
	expect 5 imgfetch pull -q --store="$T/store" --config="$T/cf" "$host/good:configured2"
	says "does it speak TLS?"
	is "$(badreg_log good | grep configured2 || true)" ""
}

@test "config: the caller's own file is read, and wins over the system's" {
	local host=0.0.0.0:${BAD#*:} cf=$TEST_PREFIX/etc/imgfetch.cf
	printf 'plain_http = 0.0.0.0:1\ntimeout = 5\n' >"$T/system"
	chmod 644 "$T/system"
	own_config "plain_http = $host"
	expect 0 with_mounts "mount --bind '$T/system' '$cf'" \
		"$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" "$host/good:own"
	prints sha256:
	# The system's counts where the caller says nothing.
	own_config "jobs = 2"
	printf 'plain_http = %s\n' "$host" >"$T/system"
	expect 0 with_mounts "mount --bind '$T/system' '$cf'" \
		"$TEST_PREFIX/bin/imgfetch" pull -q --store="$T/store" "$host/good:system"
	prints sha256:
}

@test "config: what is wrong is said with file and line, for every command" {
	own_config $'jobs = 4\njbos = 4'
	local cf=$T/home/.config/isolate/imgfetch.cf
	expect 1 imgfetch pull -q --store="$T/store" "$BAD/good:v1"
	says "imgfetch: $cf:2: unknown key 'jbos'"
	one_line
	expect 1 imgfetch list --store="$T/store"
	says "$cf:2: unknown key 'jbos'"
	own_config 'jobs = 33'
	expect 1 imgfetch list
	says "$cf:1: jobs: '33' is not a whole number from 1 to 32"
	# A file that is named replaces it.
	: >"$T/empty"
	give_to_caller "$T/empty"
	expect 0 imgfetch list --config="$T/empty"
}

@test "config: a file that others could have written is refused" {
	own_config 'jobs = 4'
	local cf=$T/home/.config/isolate/imgfetch.cf
	chmod 664 "$cf"
	expect 1 imgfetch list
	says "'$cf' is writable by its group or by everybody"
	chmod 644 "$cf"
	chown 12345:12345 "$cf"
	expect 1 imgfetch list
	says "'$cf' belongs to user 12345, who is not trusted here"
	one_line
	expect 1 imgfetch list --config="$T/nothing"
	says "open '$T/nothing': no such file"
}
