# SPDX-License-Identifier: MIT
# Requests that are tried again: when, how often, how long; and what is never asked for twice.
load ../lib/common
load ../lib/badreg

setup_file() { badreg_start; }
teardown_file() { badreg_stop; }

pull() { expect "$1" imgfetch pull --store="$T/store" "${@:2}"; }

@test "retry: Retry-After is waited for, in seconds and as a date, and said" {
	pull 0 "$BAD/wait-once:v1"
	says "HTTP 429 from http://$BAD/v2/wait-once/manifests/v1: next try in 1 s"
	is "$(badreg_log wait-once | grep -c HEAD)" 2
	pull 0 "$BAD/wait-date:v1"
	[[ $stderr == *"HTTP 503 from http://$BAD/v2/wait-date/manifests/v1: next try in "[12]" s"* ]] ||
		fail "it does not say for how long"
	is "$(badreg_log wait-date | grep -c HEAD)" 2
}

@test "retry: a token server is waited for as it says, but not for an hour" {
	pull 0 "$BAD/token-wait:v1"
	says "token server: HTTP 429 from http://$BAD/token: "
	says ": next try in 1 s"
	pull 5 -q "$BAD/token-never:v1"
	says "it asks to wait 3600 s"
	one_line
	is "$(grep -c 'service=never' "$BADREG/log")" 1
}

@test "retry: nobody waits for an hour; limits are said" {
	pull 5 -q "$BAD/limited:v1"
	says "HTTP 429 TOOMANYREQUESTS (slow down) from http://$BAD/v2/limited/manifests/v1"
	says "try again later, or log in; 0 of 100 requests are left (in 21600 s); it asks to wait 3600 s"
	one_line
	# Each of the two requests that it takes to have the registry's words was made once.
	is "$(badreg_log limited | wc -l)" 2
}

@test "retry: how often is an option and a key" {
	pull 5 -q --retries=0 "$BAD/busy:r0"
	is "$(badreg_log busy | grep r0 | grep -c HEAD)" 1
	echo 'retries = 1' >"$T/cf"
	give_to_caller "$T/cf"
	pull 5 -q --config="$T/cf" "$BAD/busy:r1"
	is "$(badreg_log busy | grep r1 | grep -c HEAD)" 2
	pull 5 -q --config="$T/cf" --retries=0 "$BAD/busy:r2"
	is "$(badreg_log busy | grep r2 | grep -c HEAD)" 1
	pull 0 -q --retries=1 "$BAD/reset-once:v1"
	pull 2 --retries=21 "$BAD/busy:v1"
	pull 2 --max-time=0 "$BAD/busy:v1"
}

@test "retry: --max-time ends transfers, and waits that would be longer" {
	pull 5 -q --max-time=2 --timeout=600 "$BAD/layer-slow:v1"
	says "not done within 2 s (--max-time)"
	one_line
	echo 'max_time = 40' >"$T/cf"
	give_to_caller "$T/cf"
	pull 5 -q --config="$T/cf" "$BAD/wait-long:v1"
	says "it asks to wait 50 s"
	is "$(badreg_log wait-long | wc -l)" 2
}

@test "retry: a registry that does not finish connecting is given up" {
	python3 -c 'import socket, sys
s = socket.create_server(("0.0.0.0", 0))
print(s.getsockname()[1], flush=True)
sys.stdin.read()' <"$BADREG/in" >"$T/port" 3>&- &
	SPAWNED+=($!)
	wait_for 10 test -s "$T/port"
	echo 'connect_timeout = 1' >"$T/cf"
	give_to_caller "$T/cf"
	pull 5 -q --config="$T/cf" --timeout=600 "0.0.0.0:$(cat "$T/port")/x:v1"
	says "tim"
	one_line
}

@test "retry: a connection that is reset before TLS is made again" {
	python3 -c 'import socket, struct, sys, threading
s = socket.create_server(("0.0.0.0", 0))
print(s.getsockname()[1], flush=True)
def reset_all():
    while True:
        c = s.accept()[0]
        c.recv(1)
        print("reset", flush=True)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
threading.Thread(target=reset_all, daemon=True).start()
sys.stdin.read()' <"$BADREG/in" >"$T/port" 3>&- &
	SPAWNED+=($!)
	wait_for 10 test -s "$T/port"
	pull 5 -q "0.0.0.0:$(head -n 1 "$T/port")/x:v1"
	says "reset by peer"
	one_line
	is "$(grep -c reset "$T/port")" 3
}

@test "retry: HEAD comes before GET, and nothing is fetched twice" {
	pull 0 -q "$BAD/nested:v1"
	badreg_log nested | head -n 1 | grep -q ' HEAD /v2/nested/manifests/v1 '
	is "$(badreg_log nested | grep -c HEAD)" 1
	is "$(badreg_log nested | grep GET | sort | uniq -d)" ""
	# Two indexes, a manifest, a configuration, a layer.
	is "$(badreg_log nested | grep -c GET)" 5
	# Under another name, with all of it here: the manifest of what is not known by that name.
	pull 0 -q "$BAD/nested:v2"
	is "$(badreg_log nested | tail -n +7 | cut -d ' ' -f 2,3)" "HEAD /v2/nested/manifests/v2"
	# Another image with the same layers.
	pull 0 -q "$BAD/index:v1"
	is "$(badreg_log index | grep -c blobs/ || true)" 0
}
