# SPDX-License-Identifier: MIT
# What the configuration changes. Each test has one of its own, seen by its commands only.

load ../lib/common
load ../lib/images

iso() { with_conf "$1" "$TEST_PREFIX/bin/isolate" -b "$BOX" "${@:2}"; }

# Another user than the caller.
as_other() {
	local CALLER=("$TOOLS/as" $((TEST_UID + 1)))
	"$@"
}

@test "config: init_existing = refuse lets --init fail on a box that exists" {
	expect 0 iso 'init_existing = refuse' --init
	touch "$BOXES/$BOX/box/kept"
	expect 2 iso 'init_existing = refuse' --init
	is "$stderr" "Box already exists: $BOXES/$BOX"
	is "$output" ""
	one_line
	[[ -e $BOXES/$BOX/box/kept ]]
	# Somebody who tries one number after the other goes on if the box is busy or another's, too.
	expect 2 as_other iso 'init_existing = refuse' --init
	says "Box already exists: box $BOX belongs to another user"
	spawn isolate -b "$BOX" -p -o started --run -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
	expect 2 iso 'init_existing = refuse' --init
	says "Box already exists: box $BOX is busy"
	one_line
	as_caller kill -TERM "$pid"
	wait "$pid" || true
	expect 0 iso 'init_existing = refuse' --cleanup
	expect 0 iso 'init_existing = refuse' --init
}

@test "config: restricted_init leaves --init to root" {
	if [[ $TEST_AS == root ]]; then
		expect 0 iso 'restricted_init = 1' --init
	else
		expect 2 iso 'restricted_init = 1' --init
		says "only root may make boxes"
		[[ ! -e $BOXES/$BOX ]]
	fi
}

@test "config: share_net = root or no keeps --share-net from users" {
	expect 0 isolate -b "$BOX" --init
	expect 2 iso 'share_net = no' "$M" --share-net --run -- /bin/true
	says "--share-net is not allowed here (share_net = no)"
	one_line
	meta_is status XX
	expect 0 iso 'share_net = no' --run -- /bin/true
	if [[ $TEST_AS == root ]]; then
		expect 0 iso 'share_net = root' --share-net --run -- /bin/true
	else
		expect 2 iso 'share_net = root' --share-net --run -- /bin/true
		says "(share_net = root)"
	fi
}

@test "config: user_images = no forbids stores of users" {
	need user images overlay
	fixture busybox
	imgfetch --quiet pull "oci:$TEST_FIXTURES/busybox:plain"
	expect 0 isolate -b "$BOX" --init
	expect 0 iso '' -s --image=localhost/busybox:plain --run -- true
	expect 2 iso 'user_images = no' --image=localhost/busybox:plain --run -- true
	says "there is no image"
}

@test "config: syscall_flags is the default of --syscalls" {
	local try='import fcntl
try: fcntl.flock(open("f", "w"), fcntl.LOCK_EX); print("locked")
except OSError: print("refused")'
	expect 0 isolate -b "$BOX" --init
	expect 0 iso '' -s --run -- /usr/bin/python3 -ISc "$try"
	is "$output" refused
	expect 0 iso 'syscall_flags = 27' -s --run -- /usr/bin/python3 -ISc "$try"
	is "$output" locked
	expect 0 iso 'syscall_flags = 27' -s --syscalls=31 --run -- /usr/bin/python3 -ISc "$try"
	is "$output" refused
}

@test "config: tmp_size limits what can be written in memory" {
	expect 0 isolate -b "$BOX" --init
	expect 1 iso 'tmp_size = 1M' -s --run -- /bin/dd if=/dev/zero of=/tmp/f bs=1M count=2
	says "No space left"
	expect 0 iso 'tmp_size = 4M' -s --run -- /bin/dd if=/dev/zero of=/tmp/f bs=1M count=2
}

@test "config: an unknown key or a wrong value ends everything" {
	expect 2 iso 'no_such_key = 1' --init
	says "unknown key 'no_such_key'"
	one_line
	expect 2 iso 'first_uid = 0' --init
	says "first_uid"
	[[ ! -e $BOXES/$BOX ]]
}

@test "config: directories that are missing are made, and are root's" {
	expect 0 iso "box_root = /run/made-$BOX/a/boxes
lock_root = /run/made-$BOX/b/locks" --init
	is "$output" "/run/made-$BOX/a/boxes/$BOX"
	is "$(stat -c '%u %a' "/run/made-$BOX" "/run/made-$BOX/a/boxes" "/run/made-$BOX/b/locks" | paste -sd ' ')" \
		"0 755 0 755 0 700"
	expect 0 iso "box_root = /run/made-$BOX/a/boxes
lock_root = /run/made-$BOX/b/locks" --cleanup
	rm -rf "/run/made-${BOX:?}"
}

@test "config: without one, nothing is done" {
	expect 2 unshare --mount --propagation private bash -c \
		'mount -t tmpfs -o mode=755 none "$1" && shift && exec "$@"' bash "${CONF%/*}" "${CALLER[@]}" \
		"$TEST_PREFIX/bin/isolate" -b "$BOX" --init
	says "there is no configuration file '$CONF': make install"
	one_line
}
