# SPDX-License-Identifier: MIT
# --copy-in and --copy-out. What a program can leave to be copied: tests/attack/copy.bats.

load ../lib/common
load ../lib/boxes

setup() {
	common_setup
	boxes_setup 2
	echo data >in
	chmod 640 in
	give_to_caller in
}

teardown() {
	boxes_teardown
	common_teardown
}

once() { own isolate --once -s "$M" -p "$@"; }

@test "copy: files go in under their names, belong to the program, and are not there afterwards" {
	printf '#!/bin/sh\necho "i am $0"\n' >tool
	chmod 755 tool
	expect 0 once --copy-in=in --copy-in=in=deep/er/name --copy-in="$T/tool" -- /bin/sh -c '
		cat in deep/er/name; ./tool; stat -c "%a %u" in tool deep/er/name; id -u; echo >>in; : >deep/er/new'
	local who
	who=$(tail -n 1 <<<"$output")
	is "$output" "data
data
i am ./tool
644 $who
755 $who
644 $who
$who"
	is "$(<in)" data
	own_is_tidy
}

@test "copy: files come out, the caller's, with his umask and the bit for execution" {
	expect 0 own bash -c 'umask 027; exec "$@"' bash isolate --once -s -p --copy-out=plain \
		--copy-out=sub/tool=name -- /bin/sh -c 'mkdir sub; echo 1 >plain; echo 2 >sub/tool; chmod 700 sub/tool'
	is "$(cat plain name)" $'1\n2'
	is "$(stat -c '%a %u' plain name)" "640 $(stat -c %u .)
750 $(stat -c %u .)"
	is "$(find . -name '.isolate*')" ""
}

@test "copy: a copy replaces what is there as a whole, and keeps out of its other names" {
	echo old >out
	ln out other
	give_to_caller out
	expect 0 once --copy-out=out -- /bin/sh -c 'echo new >out'
	is "$(<out)" new
	is "$(<other)" old
}

@test "copy: what a program that fails has left is copied, too" {
	expect 1 once --copy-out=out -- /bin/sh -c 'echo partly >out; exit 3'
	is "$(<out)" partly
	meta_is exitcode 3
	expect 1 once -t 0.1 --copy-out=out -- /bin/sh -c 'echo slowly >out; while :; do :; done'
	is "$(<out)" slowly
	meta_is status TO
}

@test "copy: a file that the program did not make is told, and is exit status 1" {
	echo old >out
	expect 1 own isolate --once "$M" --copy-out=out --copy-out=made -p -- /bin/sh -c 'echo 1 >made'
	says "isolate: --copy-out: the program left no file 'out'"
	is "$(cat out made)" $'old\n1'
	meta_is exitcode 0
	meta_lacks status
	expect 1 once --copy-out=out -- /bin/true
	is "$stderr" ""
}

@test "copy: what cannot be read or written is an error before anything runs" {
	mkdir dir
	mkfifo fifo
	ln -s in link
	ln -s . here
	local file
	for file in dir fifo /dev/null; do
		expect 2 once --copy-in="$file" --stdout=ran -- /bin/echo
		says "--copy-in: '$file' is not a regular file"
		expect 2 once --copy-out="x=$file" -- /bin/true
		says "is there and is not a regular file"
	done
	for file in link here/in; do
		expect 2 once --copy-in="$file" -- /bin/true
		says "'$file' leads along a symbolic link"
	done
	expect 2 once --copy-out=x=here/out -- /bin/true
	says "leads along a symbolic link"
	expect 2 once --copy-in=no/such/file -- /bin/true
	says "--copy-in: open 'no/such/file': no such file"
	meta_is status XX
	one_line
	truncate -s $((256 * 1024 * 1024 + 1)) large
	give_to_caller large
	expect 2 once --copy-in=large -- /bin/true
	says "'large' has more than 262144 KiB"
	if [[ $TEST_AS == user ]]; then
		echo secret >"$OWN/secret"
		chmod 600 "$OWN/secret"
		expect 2 once --copy-in="$OWN/secret=x" -- /bin/true
		says "permission denied"
		expect 2 once --copy-out="x=$OWN/new" -- /bin/true
		says "permission denied"
		[[ ! -e $OWN/new ]]
	fi
	own_is_tidy
}

@test "copy: what does not fit into the box is a sandbox error" {
	boxes_setup 2 'tmp_size = 64K'
	head -c 100000 /dev/zero >big
	chmod 644 big
	expect 2 once --copy-in=big -- /bin/true
	says "--copy-in: write 'big' in the box: no space left on device"
	own_is_tidy
	# In a box that stays there is no half of it for the next run.
	expect 0 own bash -c 'isolate -b 0 --disk=64K --init >/dev/null
		isolate -s -b 0 --copy-in=big --run -- /bin/true
		echo $?; isolate -s -b 0 --run -- /bin/ls; isolate -b 0 --cleanup'
	says "--copy-in: write 'big' in the box"
	is "$output" 2
}

@test "copy: nothing comes out of a run that was interrupted" {
	own_spawn isolate --once --copy-out=out -p --stdout=started -- \
		/bin/sh -c 'echo x >out; echo here; exec sleep 1000'
	wait_for 10 grep -q here started
	as_caller kill -TERM "$pid"
	wait_for 10 not test -e "/proc/$pid"
	[[ ! -e out ]]
}

@test "copy: with --run the files in the box are the caller's" {
	local box me
	me=$(stat -c %u "$T")
	expect 0 own isolate -b auto --init
	box=$output
	echo old | as_caller tee "$box/box/in" >/dev/null
	as_caller ln "$box/box/in" "$box/box/same"
	expect 0 own isolate -b "${box##*/}" -p -s --copy-in=in --copy-in=in=sub/in --copy-out=out --run -- \
		/bin/sh -c 'cat in same sub/in; id -u; stat -c %u in sub sub/in; cat in >out; echo more >>sub/in'
	is "$(head -n 3 <<<"$output")" $'data\nold\ndata'
	is "$(tail -n 4 <<<"$output" | sort -u | wc -l)" 1
	is "$(<out)" data
	is "$(stat -c %u out "$box"/box/{in,out,sub,sub/in} | sort -u)" "$me"
	is "$(tail -n 1 "$box/box/sub/in")" more
}
