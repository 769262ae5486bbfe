# SPDX-License-Identifier: MIT
# How much a box may write: --disk by a file system in memory, --disk and --quota by project quotas.

load ../lib/common
load ../lib/quota

setup() {
	common_setup
	quota_setup
}

teardown() {
	common_teardown
	quota_teardown
}

box() { isolate -b "$BOX" "$@"; }

# fill DIR BYTES: a program that writes so much there, and tells how much it could.
FILL='import os, sys
n = 0
try:
    with open(sys.argv[1] + "/big", "wb", 0) as f:
        while n < int(sys.argv[2]): n += f.write(b"x" * 4096)
except OSError as e: print(os.strerror(e.errno))
print(n)'
FILES='import os, sys
n = 0
try:
    for n in range(int(sys.argv[2])): open("%s/%d" % (sys.argv[1], n), "w").close()
except OSError as e: print(os.strerror(e.errno))
print(n)'
program() { box "${@:4}" --run -- /usr/bin/python3 -ISc "$1" "$2" "$3"; }

hit() { jget limit_hit <"$T/json"; }
JSON=(--meta-format=json)

# bounds_hold WORDS: of a box made with --disk=1M,100.
bounds_hold() {
	local n
	expect 0 program "$FILL" /box 8388608 --meta="$T/json" "${JSON[@]}"
	prints "$1"
	between 900000 "${output##*$'\n'}" 1048576
	is "$(hit)" disk
	rm "$BOXES/$BOX/box/big"
	expect 0 program "$FILES" /box 1000000 --meta="$T/json" "${JSON[@]}"
	prints "$1"
	between 90 "${output##*$'\n'}" 100
	is "$(hit)" disk
	rm "$BOXES/$BOX"/box/*
	expect 0 program "$FILL" /box 524288 --meta="$T/json" "${JSON[@]}"
	is "$output" 524288
	is "$(hit)" null
	# Another box has all of its room.
	isolate -b $((BOX + 1)) --disk=2M --init >/dev/null
	as_caller cp "$BOXES/$BOX/box/big" "$BOXES/$((BOX + 1))/box/"
	expect 0 isolate -b $((BOX + 1)) --run -- /usr/bin/python3 -ISc "$FILL" /box 1572864
	is "$output" 1572864
}

@test "disk: a file system in memory bounds the box, where there are no quotas" {
	box --disk=1M,100 --init >"$T/out"
	is "$(<"$T/out")" "$BOXES/$BOX"
	is "$(stat -f -c %T "$BOXES/$BOX/box")" tmpfs
	is "$(stat -c '%u %a' "$BOXES/$BOX/box")" "$(as_caller id -u) 700"
	as_caller touch "$BOXES/$BOX/box/mine"
	expect 0 box --run -- /usr/bin/stat -c %U /box/mine
	rm "$BOXES/$BOX/box/mine"
	bounds_hold 'No space left'
	box --cleanup
	isolate -b $((BOX + 1)) --cleanup
	[[ ! -e $BOXES/$BOX ]] || fail "the box is still there"
	not grep " $BOXES/$BOX/" /proc/self/mountinfo
}

@test "disk: /tmp and /dev/shm have the same bounds, also by tmp_size alone" {
	local dir
	box --disk=1M,100 --init >/dev/null
	for dir in /tmp /dev/shm; do
		expect 0 program "$FILL" "$dir" 8388608 --meta="$T/json" "${JSON[@]}"
		prints 'No space left'
		is "${output##*$'\n'}" 1048576
		is "$(hit)" disk
		expect 0 program "$FILES" "$dir" 1000000
		prints 'No space left'
		between 90 "${output##*$'\n'}" 100
	done
	box --init >/dev/null
	expect 0 program "$FILL" /tmp 2097152 --meta="$T/json" "${JSON[@]}"
	is "$(hit)" null
	# 256M by default, and an inode for each 4K: slow where the machine is emulated.
	((${TEST_SLOW:-1} == 1)) || return 0
	expect 0 program "$FILES" /tmp 1000000
	prints 'No space left'
	between 60000 "${output##*$'\n'}" 65536
}

@test "disk: a box in memory counts as memory of the run that writes it" {
	need cgroup
	box --cg --disk=32M --init >/dev/null
	expect 0 program "$FILL" /box 20971520 "$M" --cg
	between 20480 "$(meta cg-mem)" 1000000
	expect 0 box "$M" --cg --run -- /bin/true
	between 0 "$(meta cg-mem)" 20480
	expect 1 program "$FILL" /box 20971520 "$M" --cg --cg-mem=16384
	meta_is cg-oom-killed 1
}

@test "disk: a reset, a killed --init's box and one without its lock file lose the mount" {
	box --disk=1M --init >/dev/null
	box --disk=2M --init >/dev/null
	is "$(grep -c " $BOXES/$BOX/box " /proc/self/mountinfo)" 1
	box --init >/dev/null
	not grep " $BOXES/$BOX/" /proc/self/mountinfo
	box --disk=1M --init >/dev/null
	: >"$(conf lock_root)/$BOX"
	# Somebody looks into it.
	(cd "$BOXES/$BOX/box" && box --cleanup)
	[[ ! -e $BOXES/$BOX ]] || fail "the box is still there"
	not grep " $BOXES/$BOX/" /proc/self/mountinfo
}

@test "disk: --run bounds nothing that --init did not" {
	box --init >/dev/null
	expect 2 box --disk=1M --run -- /bin/true
	says "box $BOX was initialised without --disk: it is --init that bounds a box"
	box --disk=1M --init >/dev/null
	expect 0 box --disk=1M --run -- /bin/true
	expect 2 box --disk=2M --run -- /bin/true
	says "with another --disk"
	umount "$BOXES/$BOX/box"
	expect 2 box "$M" --run -- /bin/true
	one_line
	says "is not mounted here"
	meta_is status XX
}

@test "disk: --once has its box within it" {
	expect 0 isolate --once --disk=1M,100 --meta="$T/json" "${JSON[@]}" -- \
		/usr/bin/python3 -ISc "$FILL" /box 8388608
	prints 'No space left'
	is "${output##*$'\n'}" 1048576
	is "$(hit)" disk
	local disk
	for disk in 1G 16K,65537; do
		expect 2 isolate --once --disk=$disk -- /bin/true
		says "at most tmp_size"
	done
	expect 0 isolate --once --disk=16K,65536 -- /bin/df --output=itotal /tmp
	is "${output##*[!0-9]}" 65536
}

@test "disk, quota: what cannot be bounded is refused before anything is made" {
	local disk
	# Files without any content take memory, too, which no size counts.
	for disk in 1G 16K,65537 16K,2147483647; do
		expect 2 box --disk=$disk --init
		one_line
		says "--disk: more than tmp_size"
	done
	expect 2 box -q 1000,100 --init
	one_line
	says "--quota: the file system of boxes enforces no quotas of projects"
	[[ ! -e $BOXES/$BOX ]] || fail "a box was made"
	is "$output" ""
	expect 0 isolate --check
	prints "runs with --quota    do not work: quotas"
	expect 1 isolate --check --quota=1000,100
	box -q 0,0 --init >/dev/null
	expect 0 box --quota=1000,100 --run -- /bin/true
}

@test "disk: by a project quota where the file system has them" {
	quota_place
	box --disk=1M,100 --init >/dev/null
	is "$(stat -f -c %T "$BOXES/$BOX/box")" ext2/ext3
	expect 0 isolate --check
	grep -q '^ok *quotas ' "$T/x.out" || fail "--check does not see them"
	bounds_hold 'quota exceeded'
	box --cleanup
	isolate -b $((BOX + 1)) --cleanup
	# The numbers are free again, and a box without a bound has none.
	box --init >/dev/null
	expect 0 program "$FILL" /box 4194304
	is "$output" 4194304
	box --disk=4G --cleanup
}

@test "quota: --init --quota counts KiB and files, and --cleanup takes it back" {
	quota_place
	expect 0 isolate --check --quota=1000,50
	prints "runs with --quota    work"
	box --quota=1000,50 --init >/dev/null
	expect 0 program "$FILL" /box 4194304 --meta="$T/json" "${JSON[@]}" --quota=1000,50
	prints 'quota exceeded'
	between 900000 "${output##*$'\n'}" 1024000
	is "$(hit)" disk
	expect 0 program "$FILES" /box 100
	prints 'quota exceeded'
	box -q 0,50 --init >/dev/null
	expect 0 program "$FILL" /box 4194304
	is "$output" 4194304
	expect 0 program "$FILES" /box 100
	prints 'quota exceeded'
	box --cleanup
}

@test "quota: a file system that only counts is not taken" {
	quota_place defaults
	expect 2 box --quota=1000,50 --init
	says "enforces no quotas of projects"
}
