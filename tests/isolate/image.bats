# SPDX-License-Identifier: MIT
# --image: a stored image is the root file system.

load ../lib/common
load ../lib/images

# Root's store is everybody's; a user has one of his own in each test, with links to the files of one
# that is made once.
setup_file() {
	fixture busybox
	if [[ $TEST_AS == root ]]; then
		HOME=$BATS_FILE_TMPDIR imgfetch --quiet pull "oci:$TEST_FIXTURES/busybox"
	else
		mkdir "$BATS_FILE_TMPDIR/isolate"
		"$TEST_PREFIX/bin/imgfetch" --store="$BATS_FILE_TMPDIR/isolate/images" --quiet pull "oci:$TEST_FIXTURES/busybox"
		chown -hR "$TEST_UID:$TEST_UID" "$BATS_FILE_TMPDIR/isolate"
	fi
}

setup() {
	common_setup
	need images overlay
	if [[ $TEST_AS == user ]]; then
		as_caller mkdir -p "$T/home/.local/share"
		cp -al "$BATS_FILE_TMPDIR/isolate" "$T/home/.local/share/"
	fi
	REF=localhost/busybox
	isolate -b "$BOX" --init >/dev/null
}

run_image() { isolate -b "$BOX" "$M" --image="$REF" "$@"; }

@test "image: a command runs in it, and the host's directories are not there" {
	expect 0 run_image -s -p --run -- /bin/sh -c 'ls /; cat /data/kept /data/replaced /data/back'
	is "$(grep -xcE 'bin|box|data|dev|proc|tmp' <<<"$output")" 6
	prints one
	prints two
	prints four
	expect 1 run_image -s --run -- /usr/bin/python3 --version
	expect 0 run_image -s --run -- true
	grep -Eqx 'image:sha256:[0-9a-f]{64}' "$T/meta"
}

@test "image: deleted and hidden files are not seen" {
	expect 0 run_image -s -p --run -- /bin/sh -c '
		[ ! -e /data/deleted ] && ls /data/opaque && cat /data/link && [ -f /data/dir-to-file ] && ls /data/file-to-dir'
	is "$output" $'new\none\ninner'
}

@test "image: commands are found along its PATH" {
	expect 0 run_image -s --run -- echo found
	is "$output" found
	expect 1 run_image -s --run -- no-such-command
	says 'execve("no-such-command"): No such file or directory'
	meta_is exitcode 127
	expect 1 run_image -s --run -- ''
	says 'execve(""): No such file or directory'
	expect 1 run_image -s -E PATH=/data --run -- echo found
	expect 0 run_image -s -E PATH=/nowhere:relative:/bin: --run -- echo found
}

@test "image: a file along PATH that may not be executed is passed over" {
	as_caller touch "$BOXES/$BOX/box/echo"
	expect 0 run_image -s -E PATH=/box:/bin --run -- echo found
	is "$output" found
	expect 1 run_image -s -E PATH=/box --run -- echo found
	says "Permission denied"
}

@test "image: its environment is the default, --env wins, --no-image-env drops it" {
	expect 0 run_image -s --run -- env
	grep -qx 'GREETING=hello world' <<<"$output"
	grep -qx 'PATH=/bin' <<<"$output"
	expect 0 run_image -s -E GREETING=bye --run -- env
	grep -qx 'GREETING=bye' <<<"$output"
	expect 0 run_image -s --no-image-env --run -- env
	is "$output" LIBC_FATAL_STDERR_=1
}

@test "image: nothing of it can be changed, /box and /tmp can" {
	expect 0 run_image -s -p --run -- /bin/sh -c '
		for d in / /bin /data /data/opaque /etc /usr /proc /dev; do
			(echo x >$d/new) 2>/dev/null && echo "wrote $d"; done
		rm -f /data/kept 2>/dev/null; cat /data/kept
		echo y >/box/f && echo z >/tmp/f && echo w >/dev/shm/f && echo done'
	is "$output" $'one\ndone'
	is "$(cat "$BOXES/$BOX/box/f")" y
}

@test "image: /dev is minimal" {
	expect 0 run_image -s -p --run -- /bin/sh -c 'ls /dev; echo x >/dev/null; head -c 4 /dev/zero | wc -c'
	is "$(paste -sd ' ' <<<"$output")" "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero 4"
}

@test "image: --dir rules apply on top" {
	mkdir "$T/extra"
	echo outside >"$T/extra/file"
	chmod -R a+rX "$T/extra"
	chmod a+x "$T"
	expect 0 run_image -s -p --dir="data/mine=$T/extra" --run -- /bin/sh -c 'cat /data/mine/file /data/kept'
	is "$output" $'outside\none'
}

@test "image: with --cg and limits" {
	need cgroup
	expect 0 isolate -b "$BOX" --cg --init
	expect 1 run_image --cg --cg-mem=12000 -p --run -- sh -c 'head -c 100000000 /dev/zero >/tmp/f'
	meta_is cg-oom-killed 1
	expect 1 run_image --cg -t 0.2 --run -- sh -c 'while :; do :; done'
	meta_is message "Time limit exceeded"
}

@test "image: --init pins the box to it" {
	expect 0 isolate -b "$BOX" --image="$REF" --init
	expect 0 isolate -s -b "$BOX" "$M" --run -- cat /data/kept
	is "$output" one
	meta_is image "$(sed -n 2p "$BOXES/$BOX/image")"
	is "$(stat -c '%u %a' "$BOXES/$BOX/image")" "0 644"
	expect 0 isolate -s -b "$BOX" "$M" --image="$REF" --run -- true
	expect 0 isolate -s -b "$BOX" "$M" --image="$(sed -n 2p "$BOXES/$BOX/image")" --run -- true
	expect 0 isolate -b "$BOX" --init
	expect 1 isolate -s -b "$BOX" --run -- cat /data/kept
}

@test "image: one that a box is pinned to is in use" {
	need user
	REF+=:plain
	imgfetch --quiet pull "oci:$TEST_FIXTURES/busybox:plain"
	expect 0 isolate -b "$BOX" --image="$REF" --init
	expect 9 imgfetch rm "$REF"
	says "in use by box $BOX"
	expect 0 isolate -s -b "$BOX" --run -- true
	expect 0 isolate -b "$BOX" --cleanup
	expect 0 imgfetch rm "$REF"
	expect 0 isolate -b "$BOX" --init
	expect 2 run_image --run -- true
	says "there is no image"
}

@test "image: one that is running is in use" {
	need user
	spawn isolate -b "$BOX" --image="$REF" -p -o started --run -- sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/started"
	expect 9 imgfetch rm "$REF"
	says "in use"
	kill -TERM "$pid"
	wait "$pid" || true
	expect 0 imgfetch rm "$REF"
}

@test "image: with user_images = no an own image is no image, and it says why" {
	need user
	sed 's/^user_images.*/user_images = no/' "$CONF" >"$T/conf"
	chown 0:0 "$T/conf"
	chmod 644 "$T/conf"
	expect 2 unshare --mount --propagation private bash -euc \
		'mount --bind "$1" "$2"; shift 2; exec "$@"' _ "$T/conf" "$CONF" \
		"${CALLER[@]}" "$TEST_PREFIX/bin/isolate" -b "$((BOX + 1))" --image="$REF" --init
	says "there is no image '$REF' in the system's image store: have root imgfetch pull it"
	one_line
	[[ ! -e $BOXES/$((BOX + 1)) ]]
}

@test "image: unknown ones are refused with a hint" {
	expect 2 isolate -b "$BOX" "$M" --image=localhost/nothing --run -- true
	says "there is no image 'localhost/nothing' in the image stores: imgfetch pull it"
	one_line
	meta_is status XX
	expect 2 isolate -b "$((BOX + 1))" --image=localhost/nothing --init
	[[ ! -e $BOXES/$((BOX + 1)) ]]
}

@test "image: by digest, and not by a digest that is not there" {
	local hex
	expect 0 run_image -s --run -- true
	hex=$(meta image)
	expect 0 isolate -s -b "$BOX" --image="$hex" --run -- cat /data/kept
	is "$output" one
	expect 2 isolate -b "$BOX" --image="sha256:$(printf '%064d' 7)" --run -- true
	says "there is no image"
}

@test "image: another user cannot use an image in a user's own store" {
	need user
	chmod -R a+rX "$T/home"
	chmod a+x "$T"
	expect 0 as_uid "$((TEST_UID + 1))" isolate -b "$((BOX + 1))" --init
	# HOME still names the first user's: the store there is not his.
	expect 2 as_uid "$((TEST_UID + 1))" isolate -b "$((BOX + 1))" --image="$REF" --run -- true
	says "belongs to user"
	expect 0 as_uid "$((TEST_UID + 1))" isolate -b "$((BOX + 1))" --cleanup
}

@test "image: the user's own store is used before the system's, and the system's by everybody" {
	need user
	expect 0 env HOME="$T/home" "$TEST_PREFIX/bin/imgfetch" --quiet pull "oci:$TEST_FIXTURES/busybox"
	expect 0 imgfetch rm "$REF"
	expect 0 run_image -s --run -- cat /data/kept
	is "$output" one
}

@test "image: a store with a path too long for the box's record is no place to pin one in" {
	need user
	local part deep=$T/home
	printf -v part '%0200d' 0
	while ((${#deep} < 3480)); do deep+=/$part; done
	as_caller mkdir -p "$deep"
	cp -al "$BATS_FILE_TMPDIR/isolate" "$deep/"
	set_caller XDG_DATA_HOME="$deep"
	expect 2 isolate -b "$BOX" --init --image="$REF"
	says "the path of the image store is unusable"
	one_line
	expect 0 isolate -b "$BOX" --init
	expect 0 run_image -s --run -- true
}
