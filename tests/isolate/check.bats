# SPDX-License-Identifier: MIT
# --check-config and --check: what they say must be so.

load ../lib/common

# conf_with SCRIPT 'LINES': --check-config of the configuration with these lines at its end, where
# root has run SCRIPT before.
conf_with() {
	cp "$CONF" "$T/conf"
	printf '%s\n' "$2" >>"$T/conf"
	chown 0:0 "$T/conf"
	chmod 644 "$T/conf"
	with_mounts "mount --bind '$T/conf' '$CONF'; $1" "$TEST_PREFIX/bin/isolate" --check-config
}

# over FILE TEXT: a script for with_mounts that puts a file with this text over FILE.
over() {
	local file=$T/over-${1//\//-}
	printf '%s' "$2" >"$file"
	chown 0:0 "$file"
	chmod 644 "$file"
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
