# SPDX-License-Identifier: MIT
# What a program can leave where --copy-out looks for its result, or --copy-in is going to write.

load ../lib/common
load ../lib/boxes

setup() {
	common_setup
	boxes_setup 1
	echo old >result
	give_to_caller result
}

teardown() {
	boxes_teardown
	common_teardown
}

# leaves SCRIPT TEXT: a program that runs SCRIPT ends well, but its result is refused with TEXT and
# nothing is written.
leaves() {
	expect 1 own isolate --once "$M" -p --copy-out=x=result -- /bin/sh -c "$1"
	says "$2"
	is "$(<result)" old
	is "$(find . -name '.isolate*')" ""
	meta_lacks status
}

@test "attack: links, fifos, sockets and directories are not copied out, and nobody waits" {
	leaves 'ln -s /etc/passwd x' "'x' in the box is not a regular file"
	leaves 'ln -s /proc/self/fd/0 x' "'x' in the box is not a regular file"
	leaves 'mkfifo x' "'x' in the box is not a regular file"
	leaves 'mkdir x' "'x' in the box is not a regular file"
	leaves '/usr/bin/python3 -ISc "import socket; socket.socket(socket.AF_UNIX).bind(\"x\")"' \
		"'x' in the box is not a regular file"
}

@test "attack: a directory on the way that is a link leads nowhere" {
	expect 1 own isolate --once -p --copy-out=d/passwd=result -- /bin/sh -c 'ln -s /etc d'
	says "--copy-out: open 'd/passwd' in the box: "
	is "$(<result)" old
	# On disk, in the caller's own files and with his rights, the same.
	mkdir "$T/mine"
	echo secret >"$T/mine/passwd"
	give_to_caller "$T/mine" "$T/mine/passwd"
	own isolate -b 0 --init >/dev/null
	expect 1 own isolate -b 0 -p --special-files --copy-out=d/passwd=result --run -- /bin/ln -s "$T/mine" d
	says "--copy-out: open 'd/passwd' in the box: "
	expect 2 own isolate -b 0 --copy-in=result=d/passwd --run -- /bin/true
	says "--copy-in: open directory 'd' in the box"
	is "$(cat result mine/passwd)" $'old\nsecret'
}

@test "attack: a huge file is not copied out, however little it takes" {
	leaves 'truncate -s 1T x' "'x' has more than 262144 KiB"
	expect 1 own isolate --once -p -f 100 --copy-out=x=result -- /bin/sh -c 'head -c 200000 /dev/zero >x'
	# What --fsize let it write.
	is "$(stat -c %s result)" 102400
	expect 0 own isolate --once -p --copy-out=x=result -- /usr/bin/truncate -s 200M x
	(($(stat -c %b result) < 100))
}

@test "attack: set-id bits do not come out" {
	# The filter forbids them; on disk the caller himself can set them meanwhile.
	own isolate -b 0 --init >/dev/null
	own_spawn isolate -b 0 -p --copy-out=x=result --stdout=started --run -- \
		/bin/sh -c 'cp /bin/true x; echo here; while [ ! -e go ]; do sleep 0.02; done'
	wait_for 10 grep -q here "$OWN/boxes/0/box/started"
	chmod 6755 "$OWN/boxes/0/box/x"
	as_caller touch "$OWN/boxes/0/box/go"
	wait_for 10 not test -e "/proc/$pid"
	is "$(stat -c %a result)" 755
}

@test "attack: a link that an earlier run left is replaced by --copy-in, not written through" {
	echo precious >"$T/victim"
	give_to_caller "$T/victim"
	own isolate -b 0 --init >/dev/null
	expect 0 own isolate -b 0 -p --special-files --run -- /bin/ln -s "$T/victim" x
	expect 0 own isolate -b 0 -p -s --special-files --copy-in=result=x --run -- /bin/cat x
	is "$output" old
	is "$(<victim)" precious
}
