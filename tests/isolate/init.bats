# SPDX-License-Identifier: MIT
# --init and --cleanup: what is made, printed, reset, removed and refused.

load ../lib/common

me() { [[ $TEST_AS == root ]] && echo 0 || echo "$TEST_UID"; }

@test "init: prints the box's path and nothing else" {
	expect 0 isolate -b "$BOX" --init
	is "$output" "$BOXES/$BOX"
	is "$stderr" ""
	is "$(wc -l <"$T/x.out")" 1
}

@test "init: the box is root's, its box directory the caller's alone" {
	expect 0 isolate -b "$BOX" --init
	is "$(stat -c '%a %u %g' "$BOXES/$BOX")" "755 0 0"
	is "$(stat -c '%a %u %g' "$BOXES/$BOX/box")" "700 $(me) $(me)"
	is "$(find "$BOXES/$BOX/box" -mindepth 1)" ""
}

@test "init: owner and modes do not depend on the umask" {
	expect 0 as_caller sh -c "umask 777; exec '$TEST_PREFIX/bin/isolate' -b $BOX --init"
	is "$(stat -c '%a' "$BOXES/$BOX")" 755
	is "$(stat -c '%a' "$BOXES/$BOX/box")" 700
}

@test "init: closes standard output, so that a pipe ends" {
	isolate -b "$BOX" --init | { cat >"$T/path"; echo ended >>"$T/path"; }
	is "$(cat "$T/path")" "$BOXES/$BOX"$'\n'ended
}

@test "init: when its output cannot be written there is no box either" {
	local init="exec '$TEST_PREFIX/bin/isolate' -b $BOX --init"
	expect 2 as_caller bash -c "$init >/dev/full"
	says "write to standard output: no space left on device"
	one_line
	[[ ! -e $BOXES/$BOX ]]
	# A pipe that nobody reads.
	expect 2 as_caller bash -c "exec {w}> >(:); wait \$!; $init >&\$w"
	says "broken pipe"
	expect 2 isolate -b "$BOX" --run -- /bin/true
	says "not initialised"
	# What stands in for a closed one can be written or not: up to the C library, for a user.
	x as_caller bash -c "$init >&-"
	if [[ -d $BOXES/$BOX/box ]]; then is "$status" 0; else is "$status" 2; fi
}

@test "init: a second time it empties the box" {
	expect 0 isolate -b "$BOX" --init
	as_caller mkdir -p "$BOXES/$BOX/box/a/b"
	as_caller touch "$BOXES/$BOX/box/a/b/c" "$BOXES/$BOX/box/d"
	expect 0 isolate -b "$BOX" --init
	is "$output" "$BOXES/$BOX"
	is "$(find "$BOXES/$BOX/box" -mindepth 1)" ""
}

@test "init: box 0 is the default and --box-id is read in all spellings" {
	expect 0 isolate "-b$BOX" --init
	is "$output" "$BOXES/$BOX"
	expect 0 isolate --box-id "$((BOX + 1))" --init
	is "$output" "$BOXES/$((BOX + 1))"
	expect 0 isolate --init "--box-id=$((BOX + 2))"
	is "$output" "$BOXES/$((BOX + 2))"
}

@test "init: two boxes lie in one file system" {
	expect 0 isolate -b "$BOX" --init
	expect 0 isolate -b "$((BOX + 1))" --init
	as_caller touch "$BOXES/$BOX/box/f"
	as_caller python3 -ISc 'import os, sys; os.rename(*sys.argv[1:])' \
		"$BOXES/$BOX/box/f" "$BOXES/$((BOX + 1))/box/f"
	[[ -e $BOXES/$((BOX + 1))/box/f ]]
}

@test "init: writes an empty meta file" {
	expect 0 isolate -b "$BOX" "$M" --init
	is "$(cat "$T/meta")" ""
}

@test "init: box id out of range is refused" {
	expect 2 isolate -b "$(conf num_boxes)" --init
	says "out of range"
	one_line
	is "$output" ""
	expect 2 isolate -b 2147483647 --init
	one_line
}

@test "cleanup: of a box that never was succeeds" {
	expect 0 isolate -b "$BOX" --cleanup
	is "$output$stderr" ""
	[[ ! -e $BOXES/$BOX ]]
}

@test "cleanup: removes the box with everything in it" {
	expect 0 isolate -b "$BOX" --init
	as_caller mkdir -p "$BOXES/$BOX/box/a/b"
	mkdir "$T/victim" "$T/victim/dir"
	as_caller ln -s "$T/victim" "$BOXES/$BOX/box/a/link"
	as_caller mkfifo "$BOXES/$BOX/box/a/b/fifo"
	as_caller mkdir -m 0 "$BOXES/$BOX/box/closed"
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
	[[ -d $T/victim/dir ]]
}

@test "cleanup: twice succeeds, and the box is nobody's then" {
	expect 0 isolate -b "$BOX" --init
	expect 0 isolate -b "$BOX" --cleanup
	expect 0 isolate -b "$BOX" --cleanup
	expect 0 as_uid "$((TEST_UID + 1))" isolate -b "$BOX" --init
	expect 0 as_uid "$((TEST_UID + 1))" isolate -b "$BOX" --cleanup
}

@test "cleanup: tolerates that the box directory is gone already" {
	need root
	expect 0 isolate -b "$BOX" --init
	rmdir "${BOXES:?}/${BOX:?}/box"
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
}

@test "run: a box that was not initialised is refused" {
	expect 2 isolate -b "$BOX" "$M" --run -- /bin/true
	says "not initialised"
	one_line
	meta_is status XX
	[[ ! -e $BOXES/$BOX ]]
}

@test "run: a box that was cleaned up is refused" {
	expect 0 isolate -b "$BOX" --init
	expect 0 isolate -b "$BOX" --cleanup
	expect 2 isolate -b "$BOX" --run -- /bin/true
	says "not initialised"
}

@test "owner: another user's box cannot be initialised, run or cleaned up" {
	expect 0 isolate -b "$BOX" --init
	echo mine | as_caller tee "$BOXES/$BOX/box/file"
	for command in --init --cleanup "--run -- /bin/true"; do
		# shellcheck disable=SC2086
		expect 2 as_uid "$((TEST_UID + 1))" isolate -b "$BOX" $command
		says "box $BOX belongs to another user"
		one_line
	done
	is "$(cat "$BOXES/$BOX/box/file")" mine
	is "$(stat -c %u "$BOXES/$BOX/box/file")" "$(me)"
}

@test "owner: a box whose lock file a reboot has cleared is still its owner's" {
	need root
	local command
	expect 0 as_uid "$TEST_UID" isolate -b "$BOX" --init
	echo mine >"$BOXES/$BOX/box/file"
	rm "$(conf lock_root)/$BOX"
	for command in --init --cleanup; do
		expect 2 as_uid "$((TEST_UID + 1))" isolate -b "$BOX" "$command"
		says "belongs to another user"
		one_line
	done
	is "$(cat "$BOXES/$BOX/box/file")" mine
	expect 0 as_uid "$TEST_UID" isolate -b "$BOX" --init
	rm "$(conf lock_root)/$BOX"
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
}

@test "owner: root may clean up a user's box" {
	need root
	expect 0 as_uid "$TEST_UID" isolate -b "$BOX" --init
	expect 2 isolate -b "$BOX" --run -- /bin/true
	says "belongs to another user"
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]]
}

@test "as-uid: root acts for another user" {
	need root
	expect 0 isolate --as-uid="$TEST_UID" --as-gid="$TEST_UID" -b "$BOX" --init
	is "$(stat -c '%u %g' "$BOXES/$BOX/box")" "$TEST_UID $TEST_UID"
	expect 0 isolate --as-uid="$TEST_UID" --as-gid="$TEST_UID" -b "$BOX" --run -- \
		/bin/sh -c 'echo x >f'
	is "$(stat -c '%u %g' "$BOXES/$BOX/box/f")" "$TEST_UID $TEST_UID"
	expect 0 as_uid "$TEST_UID" isolate -b "$BOX" --cleanup
}

@test "as-uid: is root's alone, and needs --as-gid" {
	expect 2 isolate --as-uid="$TEST_UID" -b "$BOX" --init
	says "--as-gid"
	need user
	expect 2 isolate --as-uid=0 --as-gid=0 -b "$BOX" --init
	says "only root"
	one_line
	[[ ! -e $BOXES/$BOX ]]
}

@test "print-cg-root: prints where groups are made" {
	need cgroup
	expect 0 isolate --print-cg-root
	is "$(wc -l <"$T/x.out")" 1
	[[ $output == /* ]]
}
