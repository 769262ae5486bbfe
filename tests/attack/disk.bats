# SPDX-License-Identifier: MIT
# Programs that want to write more than their box may hold.

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

# Whether ext4 counts a file is decided by its project, and by a flag of the directory it was made
# in: tries to take both away, then writes 4 MiB in the old places and in new ones.
ESCAPE='
import ctypes, fcntl, os, struct
GETFLAGS, SETFLAGS, SETFLAGS32 = 0x80086601, 0x40086602, 0x40046602
GETX, SETX, INHERIT = 0x801c581f, 0x401c5820, 0x20000000
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what, call):
    try: call(); print(what, "worked")
    except OSError as e: print(what, e.errno)
os.mkdir("/box/d")
for place in "/box", "/box/d":
    fd = os.open(place, os.O_RDONLY)
    flags = struct.unpack("l", fcntl.ioctl(fd, GETFLAGS, bytes(8)))[0] & ~INHERIT
    for name, cmd in ("flags", SETFLAGS), ("flags32", SETFLAGS32):
        attempt(name, lambda: fcntl.ioctl(fd, cmd, struct.pack("l", flags)))
        # The kernel looks at 32 bits of the command.
        if libc.syscall(16, fd, ctypes.c_ulong(cmd | 1 << 32), struct.pack("l", flags)) == 0:
            print(name, "worked")
    x = list(struct.unpack("IIIII8x", fcntl.ioctl(fd, GETX, bytes(28))))
    x[0] &= ~0x200; x[3] = 0
    attempt("project", lambda: fcntl.ioctl(fd, SETX, struct.pack("IIIII8x", *x)))
    # file_setattr (6.17): struct file_attr is the same without the padding
    if libc.syscall(469, fd, b"", struct.pack("QIIII", x[0], x[1], x[2], x[3], x[4]), 24, 0x1000) == 0:
        print("file_setattr worked")
n = 0
os.mkdir("/box/d/e")
for place in "/box/a", "/box/d/b", "/box/d/e/c":
    try:
        with open(place, "wb", 0) as f:
            while n < 4 << 20: n += f.write(b"x" * 4096)
    except OSError as e: pass
print(n)'

@test "attack: no program takes its files out of their project, and so out of the quota" {
	quota_place
	isolate -b "$BOX" --disk=1M --init >/dev/null
	expect 0 isolate -b "$BOX" --run -- /usr/bin/python3 -ISc "$ESCAPE"
	[[ $output != *worked* ]] || fail "it did"
	between 900000 "${output##*$'\n'}" 1048576
}

@test "attack: many files on disk are not many files in memory" {
	quota_place
	isolate -b "$BOX" --disk=1M,2000000 --init >/dev/null
	expect 0 isolate -b "$BOX" --run -- /bin/df --output=itotal /tmp /dev/shm
	is "$(grep -c ' 65536$' <<<" $output")" 2
}

@test "attack: a box that fills its disk takes nothing from another" {
	local other=$((BOX + 1)) how
	isolate -b "$BOX" --disk=2M --init >/dev/null
	isolate -b "$other" --disk=2M --init >/dev/null
	how='for d in /box /tmp /dev/shm; do
		head -c 64M /dev/zero >$d/big
		i=0; while : >$d/$i; do i=$((i + 1)); done
	done 2>/dev/null; echo "$i"'
	expect 0 isolate -b "$BOX" -p --run -- /bin/bash -c "$how"
	between 1000 "$output" 1024
	expect 0 isolate -b "$other" -p --run -- /bin/sh -c '
		for d in /box /tmp /dev/shm; do head -c 1M /dev/zero >$d/f && : >$d/g || exit 1; done'
	expect 0 isolate -b "$BOX" --cleanup
	expect 0 isolate -b "$BOX" --disk=1M --init
	expect 0 isolate -b "$BOX" -p --run -- /bin/sh -c 'head -c 900k /dev/zero >f'
}

@test "attack: a stranger cannot see into a box in memory, nor a program unmount it" {
	need user
	isolate -b "$BOX" --disk=1M --init >/dev/null
	echo secret | as_caller tee "$BOXES/$BOX/box/s" >/dev/null
	expect 1 as_uid $((TEST_UID + 1)) cat "$BOXES/$BOX/box/s"
	expect 1 isolate -b "$BOX" --run -- /bin/umount /box
	is "$(as_caller cat "$BOXES/$BOX/box/s")" secret
}
