# SPDX-License-Identifier: MIT
# A pull that takes its time is in nobody's way: neither of runs, nor of what else is done in its store.
load ../lib/common
load ../lib/images
load ../lib/layoutreg

setup_file() {
	fixture together
	layoutreg_start "$TEST_FIXTURES/together"
}
teardown_file() { layoutreg_stop; }

@test "pull: while one goes on, boxes run and other images come and go" {
	need overlay
	local here=localhost/together
	expect 0 imgfetch pull -q "oci:$TEST_FIXTURES/together:v1"
	expect 0 imgfetch pull -q "oci:$TEST_FIXTURES/together:v2"
	rm -f "$NETDIR/held"
	spawn imgfetch pull -q --timeout=3600 "$NET/hold1500000:v3"
	local puller=$pid
	wait_for 20 test -e "$NETDIR/held"
	expect 0 isolate -s --once --image="$here:v1" -- /bin/true
	expect 0 imgfetch list
	prints "$here:v2"
	expect 0 imgfetch rm "$here:v2"
	expect 4 imgfetch inspect "$here:v2"
	expect 0 imgfetch pull -q "oci:$TEST_FIXTURES/together:v2"
	kill -0 "$puller" || fail "the pull is over"
	# Killed, it leaves what is needed to go on.
	kill -KILL "$puller"
	expect 0 imgfetch pull -q "$NET/again:v3"
	layoutreg_log '^GET /v2/again/blobs/.* bytes=1500000- 206$' | grep -q .
	expect 0 imgfetch rm "$NET/again:v3"
}
