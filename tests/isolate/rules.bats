# SPDX-License-Identifier: MIT
# --dir and --no-default-dirs: what each rule and each of its options does.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	as_caller mkdir "$T/d"
	as_caller tee "$T/d/prog" >/dev/null <<<'echo ran'
	as_caller chmod 755 "$T/d" "$T/d/prog"
}

run_box() { isolate -s -b "$BOX" "$M" -p "$@"; }

# mounts ARG...: sets $mounted, lines of "where options type", the lowest mount of each place.
mounts() {
	expect 0 run_box "$@" --run -- /bin/cat /proc/self/mountinfo
	mounted=$(sed -E 's/^([^ ]+ ){4}([^ ]+) ([^ ]+) .*- ([^ ]+) .*/\2 \3 \4/' <<<"$output" | sort -sut ' ' -k1,1)
	show mounts "$mounted"
}
# has_options WHERE WORD...: it is mounted so; -WORD: it is not.
has_options() {
	local where=$1 word options
	options=,$(awk -v w="$where" '$1 == w { print $2 }' <<<"$mounted"),
	shift
	for word; do
		case $word in
		-*) [[ $options != *",${word#-},"* ]] || fail "$where has $word: $options" ;;
		*) [[ $options == *",$word,"* ]] || fail "$where lacks $word: $options" ;;
		esac
	done
}

@test "rules: by default box, bin, dev, dev/shm, lib, lib64, proc, tmp and usr" {
	mounts
	local where
	for where in /box /bin /dev /dev/shm /lib /proc /tmp /usr; do
		[[ -L /${where#/} ]] || grep -q "^$where " <<<"$mounted" || fail "no $where"
		has_options "$where" nosuid
	done
	is "$(awk '$2 ~ /^rw/ { print $1 }' <<<"$mounted" | paste -sd ' ')" "/box /dev/shm /tmp"
	has_options /dev -nodev
	is "$(awk '$3 == "proc" { print $1 }' <<<"$mounted")" /proc
	expect 0 run_box --run -- /bin/ls /
	is "$(grep -vx lib64 <<<"$output" | paste -sd ' ')" "bin box dev lib proc tmp usr"
}

@test "rules: read-only, nosuid, nodev, unless rw or dev says otherwise; noexec" {
	as_caller chmod 777 "$T/d"
	mounts "--dir=plain=$T/d" "--dir=w=$T/d:rw" "--dir=x=$T/d:noexec" "--dir=v=$T/d:dev" \
		"--dir=all/below=$T/d:rw:noexec:dev"
	has_options /plain ro nosuid nodev -noexec
	has_options /w rw nosuid nodev
	has_options /x ro noexec
	has_options /v ro nosuid -nodev
	has_options /all/below rw nosuid noexec -nodev
	expect 0 run_box "--dir=plain=$T/d" "--dir=w=$T/d:rw" "--dir=x=$T/d:noexec" --run -- \
		/bin/sh -c '/plain/prog; /x/prog; echo >/plain/f || echo >/w/f' 2>/dev/null
	is "$output" ran
	[[ -e $T/d/f ]]
}

@test "rules: IN alone is the same directory; ./ is that of the box" {
	as_caller touch "$BOXES/$BOX/box/mine"
	expect 0 run_box "--dir=$T/d" --dir=again=./box --run -- \
		/bin/sh -c "sh $T/d/prog; ls /again; echo >/again/x || echo >/box/x" 2>/dev/null
	is "$output" $'ran\nmine'
	[[ -e $BOXES/$BOX/box/x ]]
}

@test "rules: IN= removes a rule, also a default one" {
	expect 0 run_box "--dir=gone=$T/d" --dir=/gone= --dir=tmp= --dir=dev/shm= --run -- \
		/bin/sh -c 'ls -d /gone /tmp; touch /dev/shm/x; pwd' 2>/dev/null
	is "$output" /box
	# The directory to start in may be among them.
	expect 0 run_box --dir=box= --run -- /bin/pwd
	is "$output" /
}

@test "rules: /x and x are one, and the later takes the place of the earlier" {
	as_caller mkdir "$T/outer" "$T/outer/in" "$T/inner"
	as_caller touch "$T/outer/in/wrong" "$T/inner/right"
	as_caller chmod -R a+rX "$T/outer" "$T/inner"
	# Were /a mounted in its second place, after /a/in, it would cover that.
	expect 0 run_box "--dir=a=$T/d" "--dir=a/in=$T/inner" "--dir=/a/=$T/outer" --run -- /bin/ls /a/in
	is "$output" right
}

@test "rules: maybe is for what may not be there" {
	expect 0 run_box "--dir=a=$T/none:maybe" "--dir=b=$T/d:maybe" --run -- /bin/sh -c 'echo /[ab]'
	is "$output" /b
	expect 2 run_box "--dir=a=$T/none" --run -- /bin/true
	says "$T/none"
	one_line
	meta_is status XX
}

@test "rules: fs mounts proc, sysfs, tmpfs and devpts" {
	mounts --dir=p=proc:fs --dir=s=sysfs:fs --dir=t=tmpfs:fs:rw:noexec --dir=q=devpts:fs
	local pair
	for pair in p:proc s:sysfs t:tmpfs q:devpts; do
		grep -q "^/${pair%:*} .* ${pair#*:}$" <<<"$mounted" || fail "$pair"
		has_options "/${pair%:*}" nosuid
	done
	has_options /s ro
	has_options /t rw noexec nodev
	for pair in ext4 cgroup2 proc:rw:bogus /proc; do
		expect 2 run_box "--dir=x=$pair:fs" --run -- /bin/true
		one_line
	done
}

@test "rules: tmp is new, writable and empty in each run" {
	local i
	for i in 1 2; do
		expect 0 run_box --dir=scratch:tmp --dir=deep/er:tmp --run -- \
			/bin/sh -c 'ls -A /scratch /deep/er; echo x >/scratch/f; stat -c %u /scratch; cat /scratch/f'
		is "$(tail -n 2 <<<"$output")" "$(($(conf first_uid) + BOX))"$'\nx'
		[[ $output != *f* ]]
	done
	expect 2 run_box "--dir=scratch=$T/d:tmp" --run -- /bin/true
}

@test "rules: mounts below come along, but for norec" {
	as_caller mkdir -p "$T/tree/sub"
	chmod 755 "$T/tree" "$T/tree/sub"
	expect 0 with_mounts "mount -t tmpfs -o mode=755 none $T/tree/sub; touch $T/tree/sub/below" \
		"$TEST_PREFIX/bin/isolate" -s -b "$BOX" -p "--dir=a=$T/tree" "--dir=b=$T/tree:norec" --run -- \
		/bin/sh -c 'ls /a/sub; ls /b/sub'
	is "$output" below
}

@test "no-default-dirs: only what --dir says" {
	# A static program: there are no libraries.
	expect 0 run_box -D "--dir=tools=$TOOLS" --run -- /tools/probe open /bin/true /proc/self /box
	is "$output" $'/bin/true ENOENT\n/proc/self ENOENT\n/box ENOENT'
	expect 0 run_box --no-default-dirs "--dir=tools=$TOOLS" --dir=box=./box:rw -o out --run -- \
		/tools/probe open /box/out
	is "$(cat "$BOXES/$BOX/box/out")" "/box/out ok"
}
