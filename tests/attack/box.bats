# SPDX-License-Identifier: MIT
# What a program, or a caller, can do to the box's directory to get at other files.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	B=$BOXES/$BOX/box
	ME=$(stat -c %u "$T")
}

sh_box() { isolate -s -b "$BOX" -p --run -- /bin/sh -c "$1"; }

@test "attack: links in the box lead nowhere when files change their owner" {
	mkdir "$T/target"
	echo x >"$T/target/file"
	chown -R 0:0 "$T/target"
	as_caller ln -s "$T/target" "$B/dir"
	as_caller ln -s "$T/target/file" "$B/file"
	expect 0 sh_box true
	is "$(stat -c %u "$T/target" "$T/target/file" | sort -u)" 0
	expect 0 isolate -b "$BOX" --cleanup
	is "$(cat "$T/target/file")" x
}

@test "attack: a hard link to another user's file is refused, not given away" {
	# As root, and by the walk, since that is what would do it.
	need root
	as_uid "$((TEST_UID + 1))" true
	mkdir "$BOXES/.test-$BOX"
	echo precious >"$BOXES/.test-$BOX/victim"
	chown "$((TEST_UID + 1))" "$BOXES/.test-$BOX/victim"
	ln "$BOXES/.test-$BOX/victim" "$B/link"
	x isolate -b "$BOX" --run -- /bin/true
	local owner
	owner=$(stat -c %u "$BOXES/.test-$BOX/victim")
	rm -rf "${BOXES:?}/.test-$BOX"
	is "$status" 2
	says "'link' in the box belongs to user"
	one_line
	is "$owner" "$((TEST_UID + 1))"
	# Once it is taken away, the box is in order again.
	rm "$B/link"
	expect 0 isolate -b "$BOX" --run -- /bin/true
}

@test "attack: other users cannot reach into a box that its program opened for all" {
	expect 0 sh_box 'echo secret >f; chmod 777 /box f'
	not as_uid "$((TEST_UID + 1))" cat "$B/f" 2>/dev/null
	not as_uid "$((TEST_UID + 1))" touch "$B/planted" 2>/dev/null
}

@test "attack: what others put there while the program has it open stays theirs" {
	spawn isolate -b "$BOX" -p -o started --run -- /bin/sh -c 'chmod 777 /box; echo here; exec sleep 1000'
	wait_for 10 grep -q here "$B/started"
	as_uid "$((TEST_UID + 1))" touch "$B/planted"
	as_caller kill -TERM "$pid"
	wait "$pid" || true
	is "$(stat -c '%a' "$B")" 700
	need user
	is "$(stat -c '%u' "$B/planted")" "$((TEST_UID + 1))"
}

@test "attack: a directory tree is not walked out of when it is moved about" {
	# The caller turns directories into links to elsewhere while runs end, each with a full walk.
	mkdir -p "$T/outside/d"
	ln -s x "$T/outside/d/link"
	echo x >"$T/outside/d/file"
	chown -hR 0:0 "$T/outside"
	as_caller mkdir -p "$B/a/b/c"
	# shellcheck disable=SC2016
	"${CALLER[@]}" sh -c 'while :; do
		mv "$1/a/b" "$1/b2"; ln -s "$2" "$1/a/b"; rm -f "$1/a/b"; mv "$1/b2" "$1/a/b"
		done' sh "$B" "$T/outside" >/dev/null 2>&1 3>&- &
	SPAWNED+=("$!")
	local i
	for ((i = 0; i < 30 / TEST_SLOW; i++)); do
		x sh_box 'touch a/x 2>/dev/null; ln -s y "$$" 2>/dev/null; exit 0' >/dev/null
		[[ $status == 0 || $status == 2 ]]
	done
	[[ -L $T/outside/d/link ]]
	is "$(find "$T/outside" ! -uid 0)" ""
}

@test "attack: the box's files cannot be read by the next one who gets the box" {
	expect 0 sh_box 'echo secret >f; echo secret >/tmp/f'
	expect 0 isolate -b "$BOX" --cleanup
	expect 0 as_uid "$((TEST_UID + 1))" isolate -b "$BOX" --init
	expect 0 as_uid "$((TEST_UID + 1))" isolate -s -b "$BOX" -p --run -- \
		/bin/sh -c 'ls -A /box /tmp /dev/shm | grep -v :; exit 0'
	is "$output" ""
	expect 0 as_uid "$((TEST_UID + 1))" isolate -b "$BOX" --cleanup
}

@test "attack: another user's files in the box are not deleted by root's hand" {
	# V's directory is open to all, so U can move it; what is in `private` he could not delete.
	need user
	local v=$((TEST_UID + 1)) place=$BOXES/.test-$BOX found
	mkdir -m 777 "$place" "$place/open"
	mkdir -m 700 "$place/open/private"
	echo precious >"$place/open/private/file"
	chown -R "$v:$v" "$place/open"
	as_caller mv "$place/open" "$B/open"
	x isolate -b "$BOX" --cleanup
	found=$status:$stderr
	x isolate -b "$BOX" --init
	found+=/$status/$(find "$B" -name file -user "$v")
	# It is still the caller's box.
	x as_uid "$v" isolate -b "$BOX" --init
	found+=/$status
	as_caller mv "$B"/* "$B"/.[!.]* "$place" 2>/dev/null || true
	rm -rf "${place:?}"
	[[ $found == "2:"*"box $BOX holds what user $TEST_UID may not remove"*"'private' in 'box'"*/2/*/file/2 ]]
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
}

@test "cleanup: what a killed keeper left to the box's user goes, too" {
	local first
	conf_into first first_uid
	as_caller mkdir -p "$B/closed/a" "$B/left/b"
	as_caller chmod 0 "$B/closed/a" "$B/closed"
	touch "$B/left/b/file"
	chown -R "$((first + BOX))" "$B/left"
	chmod 700 "$B/left" "$B/left/b"
	chown "$((first + BOX))" "$B"
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
}

@test "attack: the place where roots are put together is root's, and empty" {
	expect 0 sh_box true
	is "$(stat -c '%u %a' "$BOXES/$BOX/root")" "0 700"
	is "$(ls -A "$BOXES/$BOX/root")" ""
	need user
	not as_caller rmdir "$BOXES/$BOX/root" 2>/dev/null
	not as_caller mv "$B" "$BOXES/$BOX/other" 2>/dev/null
}

@test "attack: the program cannot signal or see anything outside" {
	spawn sleep 1000
	expect 0 sh_box "kill -0 $pid 2>/dev/null && echo signals; kill -9 -1; ls /proc/$pid 2>/dev/null; exit 0" ||
		true
	kill -0 "$pid"
	[[ $output != *signals* ]]
}

@test "attack: no mount of a run is seen on the host" {
	# Where no other test mounts anything, and all is shared, as systemd has it.
	expect 0 unshare --mount --propagation private bash -euc '
		mount --make-rshared /
		cat /proc/self/mountinfo >before
		"${@:2}" -o started --run -- /bin/sh -c "echo here; exec sleep 1000" &
		run=$!
		until grep -qs here "$1"; do kill -0 "$run"; read -r -t 0.02 <><(:) || true; done
		cat /proc/self/mountinfo
		kill -TERM "$run"
		wait "$run" || true' bash "$B/started" "${CALLER[@]}" "$TEST_PREFIX/bin/isolate" -s -b "$BOX" -p
	is "$output" "$(<before)"
}

@test "attack: random kills of the keeper leave boxes that can always be used" {
	local i delay
	for ((i = 0; i < 20; i++)); do
		case $((i % 3)) in
		0) spawn isolate -b "$BOX" --init ;;
		1) spawn isolate -b "$BOX" -p --run -- /bin/sh -c 'ln -s x y; mkdir d; sleep 1' ;;
		2) spawn isolate -b "$BOX" --cleanup ;;
		esac
		delay=0.00$((RANDOM % 10))$((RANDOM % 10))
		read -r -t "$delay" <><(:) || true
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
	expect 0 isolate -b "$BOX" --init
	expect 0 isolate -b "$BOX" --run -- /bin/true
	is "$(ls -A "$B")" ""
}
