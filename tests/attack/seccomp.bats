# SPDX-License-Identifier: MIT
# System calls that a program in a box must not get through, tried from inside one.

load ../lib/common

# The probe goes into the box, and what it printed into $output. `got NAME` is one line's result.
probe() {
	[[ -e $BOXES/$BOX/box ]] || isolate -b "$BOX" --init >/dev/null
	as_caller cp "$TOOLS/probe" "$BOXES/$BOX/box/"
	expect 0 isolate -s -b "$BOX" "${ISOLATE_OPTIONS[@]}" --run -- ./probe "$@"
}

got() { awk -v n="$1" '$1 == n { print $2 }' <<<"$output"; }

all_are() {
	local want=$1 name
	shift
	for name; do is "$name $(got "$name")" "$name $want"; done
}

@test "seccomp: namespaces, mounts and other roots are refused" {
	probe calls
	all_are EPERM unshare-user unshare-mount clone-user clone-user-above setns mount umount fsopen \
		open_tree chroot pivot_root open_by_handle_at
	all_are ENOSYS clone3 newer
}

@test "seccomp: parts of the kernel with many holes are refused" {
	probe calls
	all_are EPERM bpf perf_event_open stop-counters userfaultfd kcmp process_vm_readv personality \
		syslog fanotify_init
	all_are ENOSYS io_uring_setup
}

@test "seccomp: where keyrings are allowed, no key is there from an earlier run or box" {
	# Into and out of the user, user session and persistent keyrings, by number (x86-64).
	local keys='
import ctypes, sys
call = ctypes.CDLL(None, use_errno=True).syscall
def rings():
    yield from (-4, -5)
    persistent = call(250, 22, ctypes.c_long(-1), ctypes.c_long(-3))
    if persistent > 0: yield persistent
for ring in rings():
    if sys.argv[1] == "put":
        print(call(248, b"user", b"secret", b"data", 4, ctypes.c_long(ring)) > 0)
    else:
        print(call(250, 10, ctypes.c_long(ring), b"user", b"secret", 0) > 0)'
	[[ $(uname -m) == x86_64 ]] || skip "part: x86-64"
	isolate -b "$BOX" --init >/dev/null
	expect 0 isolate -s -b "$BOX" --syscalls=30 --run -- /usr/bin/python3 -ISc "$keys" put
	prints $'True\nTrue'
	not grep -q False <<<"$output"
	isolate -b "$BOX" --init >/dev/null
	expect 0 isolate -s -b "$BOX" --syscalls=30 --run -- /usr/bin/python3 -ISc "$keys" get
	not grep -q True <<<"$output"
	prints $'False\nFalse'
}

@test "seccomp: keyrings, locks and notifications cannot carry messages between boxes" {
	probe calls
	all_are ENOSYS add_key request_key keyctl inotify_init1 flock
	all_are ENOLCK lock lock-above ofd-lock-above
	all_are EINVAL lease-above
}

@test "seccomp: socket families are the four allowed ones, whatever is above the lower half" {
	probe calls
	all_are EAFNOSUPPORT vsock vsock-above alg alg-above
	all_are EPROTONOSUPPORT netlink-audit-above
	all_are ok inet
}

@test "seccomp: nothing is typed into the caller's terminal, which stays one" {
	probe calls
	all_are EPERM tiocsti tiocsti-above tiocsetd tioclinux-above
}

@test "seccomp: no character devices, but fifos" {
	probe calls
	all_are EPERM whiteout whiteout-above
	all_are EINVAL whiteout-rename
	all_are ok fifo
}

@test "seccomp: the core limit stays as it is" {
	probe calls
	all_are kept core
}

@test "seccomp: system calls of another architecture end the program" {
	[[ $(uname -m) == x86_64 ]] || skip "only on x86-64"
	isolate -b "$BOX" --init >/dev/null
	as_caller cp "$TOOLS/probe" "$BOXES/$BOX/box/"
	expect 1 isolate -b "$BOX" "$M" --run -- ./probe int80
	meta_is status SG
	meta_is exitsig 31
	prints ""
}

@test "seccomp: --syscalls opens what its flags name, and only that" {
	ISOLATE_OPTIONS=(--syscalls=0)
	probe calls
	all_are ok add_key flock inotify_init1
	all_are EPERM unshare-user clone-user-above mount bpf tiocsti-above whiteout-above
	all_are EAFNOSUPPORT alg alg-above
	ISOLATE_OPTIONS=(--syscalls=27)
	probe calls
	all_are ok flock inotify_init1
	all_are ENOSYS add_key io_uring_setup
	all_are EAFNOSUPPORT vsock-above
}

@test "seccomp: no_new_privs and the filter are there with --syscalls=0, too" {
	isolate -b "$BOX" --init >/dev/null
	expect 0 isolate -s -b "$BOX" --syscalls=0 --run -- /bin/cat /proc/self/status
	prints "NoNewPrivs:	1"
	prints "Seccomp:	2"
	prints "CapBnd:	0000000000000000"
}

@test "seccomp: who allows io_uring binds nothing writable, unless root" {
	need user
	isolate -b "$BOX" --init >/dev/null
	expect 2 isolate -b "$BOX" --syscalls=23 --dir="x=$T:rw" --run -- /bin/true
	says "with io_uring allowed"
	one_line
	expect 0 isolate -b "$BOX" --syscalls=23 --dir="x=$T" --dir=y=./box:rw --run -- /bin/true
	expect 0 isolate -b "$BOX" --syscalls=8 --dir="x=$T:rw" --run -- /bin/true
}
