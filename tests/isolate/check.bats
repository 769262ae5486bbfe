# SPDX-License-Identifier: MIT
# --check-config and --check: what they say must be so.

load ../lib/common

# with_conf_after SCRIPT 'LINES' CMD...: with_conf, where root has run SCRIPT (":" for none) before.
with_conf_after() {
	conf_plus "$2"
	if [[ $1 == : ]]; then
		with_own_conf "${@:3}"
	else
		with_mounts "mount --bind '$T/conf' '$CONF'; $1" "${@:3}"
	fi
}

# conf_with SCRIPT 'LINES': --check-config of the configuration with these lines at its end, where
# root has run SCRIPT before.
conf_with() {
	with_conf_after "$1" "$2" "$TEST_PREFIX/bin/isolate" --check-config
}

# over FILE TEXT: a script for with_mounts that puts a file with this text over FILE.
over() {
	local file=$T/over-${1//\//-}
	printf '%s' "$2" >"$file"
	echo "mount --bind '$file' '$1';"
}

lines() { wc -l <"$CONF"; }

@test "check-config: a good file has no errors" {
	expect 0 isolate --check-config
	is "$output" "$CONF: no errors, 0 warnings"
	is "$stderr" ""
}

@test "check-config: every error and warning has its line" {
	local n
	n=$(lines)
	expect 2 conf_with : 'no_such_key = 1
cg_parent = boxes
tmp_size = much
just words'
	prints "$CONF:$((n + 1)): error: unknown key 'no_such_key'"
	prints "$CONF:$((n + 2)): warning: cg_parent means nothing"
	prints "$CONF:$((n + 3)): error: tmp_size"
	prints "$CONF:$((n + 4)): error: 'just words' is not 'key = value'"
	is "$(wc -l <"$T/x.out")" 4
	says "configuration file '$CONF' has 3 errors"
	one_line
	expect 0 conf_with : 'cg_parent = boxes'
	prints "no errors, 1 warning"
	expect 2 conf_with : 'num_boxes = 2147483647
first_uid = 4000000000'
	prints "beyond the last user id"
}

@test "check-config: ids of boxes that belong to somebody are errors" {
	local n
	n=$(lines)
	expect 2 conf_with "$(over /etc/passwd $'root:x:0:0::/:/bin/sh\nbob:x:1005:5::/:/bin/sh\neve:x:1006:5::/:\n')" \
		$'num_boxes = 10\nfirst_uid = 1000'
	prints "$CONF:$((n + 2)): error: first_uid, num_boxes: boxes have ids 1000 to 1009, but 1005 belongs to 'bob' and 1 more in /etc/passwd"
	expect 2 conf_with "$(over /etc/group $'users:x:5001:\n')" $'num_boxes = 10\nfirst_gid = 5000'
	prints "5001 belongs to 'users' in /etc/group"
	expect 2 conf_with "$(over /etc/subuid $'bob:99000:65536\n')" $'first_uid = 98999\nnum_boxes = 2'
	prints "99000 belongs to 'bob' in /etc/subuid"
	expect 0 conf_with "$(over /etc/subuid $'bob:99000:65536\n')" $'first_uid = 98999\nnum_boxes = 1'
}

@test "config: subid_user takes the ids of boxes from subuid and subgid" {
	local subs uid=$(($(conf first_uid) + 5000)) gid=$(($(conf first_uid) + 5100))
	subs="$(over /etc/subuid "box:$uid:90"$'\n')$(over /etc/subgid "box:$gid:80"$'\n')"
	grep -vE '^(first_uid|first_gid|num_boxes)' "$CONF" >"$T/conf"
	echo "subid_user = box" >>"$T/conf"
	chown 0:0 "$T/conf"
	chmod 644 "$T/conf"
	subs+="mount --bind '$T/conf' '$CONF'"
	expect 0 with_mounts "$subs" "$TEST_PREFIX/bin/isolate" --check-config
	# Box 79 is in both ranges. Other tests have boxes below.
	expect 0 with_mounts "$subs; for d in '$BOXES' '$(conf lock_root)'; do mount -t tmpfs -o mode=755 none \$d; done" \
		bash -c 'isolate -s -b 79 --init && isolate -s -b 79 --run -- /usr/bin/id -u && isolate -s -b 79 --run -- /usr/bin/id -g'
	is "$(sed 1d <<<"$output" | paste -sd ' ')" "$((uid + 79)) $((gid + 79))"
	expect 2 with_mounts "$subs" "$TEST_PREFIX/bin/isolate" -b 80 --init
	says "boxes are 0 to 79"
	echo "num_boxes = 81" >>"$T/conf"
	expect 2 with_mounts "$subs" "$TEST_PREFIX/bin/isolate" -b 1 --init
	says "/etc/subgid has only 80 ids for 'box'"
	expect 2 with_mounts "$subs" "$TEST_PREFIX/bin/isolate" --check-config
	prints "/etc/subgid has only 80 ids for 'box'"
}

@test "config: a caller whose id is the box's is refused" {
	need user
	expect 2 with_conf "first_uid = $TEST_UID" "$TEST_PREFIX/bin/isolate" -b 0 --init
	says "user id $TEST_UID is the caller's and that of box 0"
	one_line
}

# state NAME: what the last --check said of it.
state() { awk -v n="$1" '/^(ok|warning|missing) / && $2 == n { print $1 }' "$T/x.out"; }

# tells TEXT: the last --check said so, wherever lines are broken.
tells() {
	local flat
	flat=$(tr -s '\n ' ' ' <"$T/x.out")
	[[ $flat == *"$1"* ]] || fail "it does not tell '$1'"
}

# check_with SCRIPT 'LINES' [OPTION...]: --check with these lines at the end of the configuration,
# where root has run SCRIPT before.
check_with() {
	with_conf_after "$1" "$2" "$TEST_PREFIX/bin/isolate" --check "${@:3}"
}

@test "check: a machine where runs work is fit, as text and as JSON" {
	local names json
	expect 0 isolate --check
	is "$stderr" ""
	is "$(awk 'length > 80' <<<"$output" | grep -v '/')" ""
	tells "runs without options work"
	for name in config kernel namespaces mounts filter userns box_root lock_root; do
		is "$(state "$name")" ok
	done
	names=$(awk '/^(ok|warning|missing) / { print $2, $1 }' "$T/x.out")
	expect 0 isolate --check --json
	json='import json, sys
found = json.load(sys.stdin)
for c in found["checks"]:
    assert set(c) == {"name", "state", "needed_for", "text", "mend"}, c
    assert c["text"], c
    assert c["mend"] is None or c["state"] != "ok", c
    print(c["name"], c["state"])
s = found["summary"]
assert s["ok"] + s["warning"] + s["missing"] == len(found["checks"]), s
assert s["works"]["run"] is True, s'
	is "$(/usr/bin/python3 -ISc "$json" <"$T/x.out")" "$names"
	# Who is not root is not told how full file systems are.
	if [[ $TEST_AS == root ]]; then
		tells "MiB free"
	else
		[[ $output != *"MiB free"* ]]
	fi
}

@test "check: tells whether CPU time of several processes can be counted" {
	expect 0 isolate --check
	is "$(state counter)" ok
	expect 0 "$TOOLS/deny" perf_event_open "${CALLER[@]}" "$TEST_PREFIX/bin/isolate" --check
	is "$(state counter)" warning
	tells "open a counter of CPU time (perf_event_open): operation not permitted"
	tells "--time with --processes is refused: use --cg"
	tells "runs without options work"
}

@test "check: changes nothing and leaves nothing" {
	local group
	need cgroup
	group=$(conf cg_root)
	group=${group%/*}/check-$BOX
	{
		cat "$CONF"
		echo "cg_root = $group"
		for dir in box lock image; do echo "${dir}_root = /run/check-$BOX/$dir"; done
	} >"$T/conf"
	chown 0:0 "$T/conf"
	chmod 644 "$T/conf"
	# In a mount namespace that nobody else has, so that no other test changes it.
	expect 0 with_mounts "mount --bind '$T/conf' '$CONF'" bash -c '
		mounts() { cut -d " " -f 5- /proc/self/mountinfo; }
		before=$(mounts)
		isolate --check --cg || exit 3
		[[ $(mounts) == "$before" ]]'
	is "$(state cgroup)" ok
	tells "/run/check-$BOX/box (not there yet)"
	[[ ! -e /run/check-$BOX ]]
	is "$(find /sys/fs/cgroup -maxdepth 3 -name "check-$BOX")" ""
}

@test "check: what makes timings unsteady is told as it is" {
	local k=/proc/sys/kernel f=/proc/sys/fs
	expect 0 check_with "$(over $k/core_pattern $'|/usr/bin/handler %p\n')$(over $k/randomize_va_space $'2\n')$(
		over $f/protected_hardlinks $'0\n')$(over /proc/swaps $'Filename\n/dev/swap partition\n')" ''
	is "$(state core_pattern) $(state aslr) $(state hardlinks) $(state swap)" "warning warning warning warning"
	tells "(/usr/bin/handler)"
	tells "swapoff -a"
	expect 0 check_with "$(over $k/core_pattern $'core\n')$(over $k/randomize_va_space $'0\n')$(
		over $f/protected_hardlinks $'1\n')$(over /proc/swaps $'Filename\n')" ''
	is "$(state core_pattern) $(state aslr) $(state hardlinks) $(state swap)" "ok ok ok ok"
}

@test "check: places that a run refuses are missing, and the status is 1" {
	mkdir -p "/run/check-$BOX/locks" "/run/check-$BOX/open/boxes"
	chmod 775 "/run/check-$BOX/locks"
	chmod 777 "/run/check-$BOX/open"
	expect 1 check_with : "lock_root = /run/check-$BOX/locks"
	is "$(state lock_root) $(state box_root)" "missing ok"
	tells "runs without options do not work: lock_root"
	expect 2 with_conf "lock_root = /run/check-$BOX/locks" "$TEST_PREFIX/bin/isolate" -b "$BOX" --init
	expect 1 check_with : "box_root = /run/check-$BOX/open/boxes"
	is "$(state box_root)" missing
	expect 2 with_conf "box_root = /run/check-$BOX/open/boxes" "$TEST_PREFIX/bin/isolate" -b "$BOX" --init
	rm -rf "/run/check-${BOX:?}"

	expect 1 check_with "mount -t tmpfs -o ro,mode=755 none '$BOXES'" ''
	is "$(state box_root)" missing
	tells "read-only"
	expect 0 check_with "mount -t tmpfs -o noexec,mode=755 none '$BOXES'" ''
	is "$(state box_root)" warning
	tells "noexec"
	expect 1 check_with : 'no_such_key = 1'
	is "$(state config)" missing
	tells "unknown key 'no_such_key'"
}

@test "check: what only some runs need counts when it is asked for" {
	expect 0 check_with : 'cg_root = /nonexistent/group'
	is "$(state cgroup)" missing
	tells "runs without options work"
	tells "runs with --cg do not work: cgroup"
	expect 1 check_with : 'cg_root = /nonexistent/group' --cg
	expect 2 with_conf 'cg_root = /nonexistent/group' "$TEST_PREFIX/bin/isolate" --cg -b "$BOX" --init
	expect 1 isolate --check --image=no/such:image
	is "$(state image)" missing
	is "$stderr" ""
}

@test "check: controllers that only some options need are told as they are" {
	local have want=ok c
	need cgroup
	if [[ $TEST_CG == v2 ]]; then
		have=" $(cat "$(conf cg_root)/cgroup.controllers") "
		for c in cpu cpuset io; do [[ $have == *" $c "* ]] || want=warning; done
	else
		for c in cpu cpuset blkio; do
			awk -v c="$c" '$1 == c && $2 != 0 { ok = 1 } END { exit !ok }' /proc/cgroups || want=warning
		done
	fi
	expect 0 isolate --check
	is "$(state controllers)" "$want"
	need v1
	expect 0 check_with "$(over /proc/cgroups $'#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t2\t1\t1\ncpuset\t0\t1\t1\n')" ''
	is "$(state controllers)" warning
	tells "missing: cpuset (for boxN.cpus and boxN.mems), blkio (for"
}

@test "check: ids of real users are a warning" {
	expect 0 check_with "$(over /etc/passwd $'bob:x:1005:5::/:/bin/sh\n')" $'num_boxes = 10\nfirst_uid = 1000'
	is "$(state ids)" warning
	tells "1005 belongs to 'bob'"
	expect 0 check_with : ''
	is "$(state ids)" ok
}

@test "check: without root's rights it says so" {
	need user
	expect 1 as_caller setpriv --no-new-privs "$TEST_PREFIX/bin/isolate" --check
	is "$(state privileges)" missing
	is "$(state box_root)" ""
	tells "setuid"
	tells "do not work: privileges"
}
