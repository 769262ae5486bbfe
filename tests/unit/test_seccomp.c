/* SPDX-License-Identifier: MIT */
/* isolate/seccomp: the filter is run by a small BPF interpreter over tables of calls, then by the
 * kernel in children. Every argument that is an int is also tried with bits set above it. */
#include "isolate/seccomp.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolate/seccomp_impl.h"
#include "tests/unit/tap.h"

#define ALLOW	 SECCOMP_RET_ALLOW
#define KILL	 SECCOMP_RET_KILL_PROCESS
#define FAILS(e) (SECCOMP_RET_ERRNO | (e))
#define HIGH	 UINT64_C(0x5a5a000100000000)

/* Classic BPF as far as the filter uses it. UINT32_MAX: the program is broken. */
static uint32_t run_filter(const struct filter *f, const struct seccomp_data *data)
{
	uint32_t acc = 0;
	size_t pc = 0;

	while (pc < f->count) {
		const struct sock_filter *i = &f->code[pc++];
		bool taken;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k + 4 > sizeof(*data))
				return UINT32_MAX;
			memcpy(&acc, (const char *)data + i->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			taken = acc == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			taken = acc >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			taken = acc > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			taken = acc & i->k;
			break;
		default:
			return UINT32_MAX;
		}
		pc += taken ? i->jt : i->jf;
	}
	return UINT32_MAX;
}

static const struct call_row {
	const char *name;
	int nr;
	uint64_t args[6];
	unsigned int_args; /* bit set: those that are ints, to be tried with bits above */
	uint32_t all;	   /* with every restriction */
	uint32_t none;	   /* with --syscalls=0 */
} call_rows[] = {
	{"read", SYS_read, {0}, 0x3f, ALLOW, ALLOW},
	{"execve", SYS_execve, {0}, 0x3f, ALLOW, ALLOW},
	{"ptrace", SYS_ptrace, {0}, 0x3f, ALLOW, ALLOW},
	{"clone3", SYS_clone3, {0}, 0x3f, FAILS(ENOSYS), FAILS(ENOSYS)},
	{"fork by clone", SYS_clone, {SIGCHLD}, 0x3f, ALLOW, ALLOW},
	{"thread by clone", SYS_clone, {0x003d0f00}, 1, ALLOW, ALLOW},
	{"clone user namespace", SYS_clone, {CLONE_NEWUSER}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"clone net namespace", SYS_clone, {CLONE_NEWNET | 17}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"clone mount namespace", SYS_clone, {CLONE_NEWNS}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"clone pid namespace", SYS_clone, {CLONE_NEWPID}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"clone ipc namespace", SYS_clone, {CLONE_NEWIPC}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"clone uts namespace", SYS_clone, {CLONE_NEWUTS}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"clone cgroup namespace", SYS_clone, {0x02000000}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"unshare user", SYS_unshare, {CLONE_NEWUSER}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"unshare time", SYS_unshare, {0x80}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"unshare files", SYS_unshare, {CLONE_FILES}, 1, ALLOW, ALLOW},
	{"setns", SYS_setns, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"mount", SYS_mount, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"umount2", SYS_umount2, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"chroot", SYS_chroot, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"pivot_root", SYS_pivot_root, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"open_tree_attr", 467, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"file_setattr", 469, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"newer than the table", 470, {0}, 0x3f, FAILS(ENOSYS), FAILS(ENOSYS)},
	{"far newer", 100000, {0}, 0x3f, FAILS(ENOSYS), FAILS(ENOSYS)},
	{"skipped by a debugger", -1, {0}, 0x3f, FAILS(ENOSYS), FAILS(ENOSYS)},
	{"x32 read", 0x40000000, {0}, 0x3f, KILL, FAILS(ENOSYS)},
	{"x32 ptrace", 0x40000209, {0}, 0x3f, KILL, FAILS(ENOSYS)},
	{"open_by_handle_at", SYS_open_by_handle_at, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"bpf", SYS_bpf, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"userfaultfd", SYS_userfaultfd, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"personality 0", SYS_personality, {0}, 1, ALLOW, ALLOW},
	{"personality query", SYS_personality, {UINT32_MAX}, 1, ALLOW, ALLOW},
	{"no randomisation", SYS_personality, {0x40000}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"stop counters", SYS_prctl, {31}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"start counters", SYS_prctl, {32}, 1, FAILS(EPERM), FAILS(EPERM)},
	{"set a process's name", SYS_prctl, {15, 31}, 1, ALLOW, ALLOW},
	{"io_uring_setup", SYS_io_uring_setup, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"io_uring_enter", SYS_io_uring_enter, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"io_uring_register", SYS_io_uring_register, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"add_key", SYS_add_key, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"request_key", SYS_request_key, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"keyctl", SYS_keyctl, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"TIOCSTI", SYS_ioctl, {0, TIOCSTI}, 3, FAILS(EPERM), FAILS(EPERM)},
	{"TIOCLINUX", SYS_ioctl, {0, TIOCLINUX}, 3, FAILS(EPERM), FAILS(EPERM)},
	{"TIOCSETD", SYS_ioctl, {0, TIOCSETD}, 3, FAILS(EPERM), FAILS(EPERM)},
	{"TIOCEXCL", SYS_ioctl, {0, TIOCEXCL}, 3, FAILS(EPERM), FAILS(EPERM)},
	{"project id", SYS_ioctl, {0, FS_IOC_FSSETXATTR}, 3, FAILS(EPERM), FAILS(EPERM)},
	{"project inherited", SYS_ioctl, {0, FS_IOC_SETFLAGS}, 3, FAILS(EPERM), FAILS(EPERM)},
	{"project inherited, 32 bits",
	 SYS_ioctl,
	 {0, FS_IOC32_SETFLAGS},
	 3,
	 FAILS(EPERM),
	 FAILS(EPERM)},
	{"TCGETS", SYS_ioctl, {TIOCSTI, TCGETS, TIOCSTI}, 3, ALLOW, ALLOW},
	{"fchmod plain", SYS_fchmod, {0, 01755}, 2, ALLOW, ALLOW},
	{"fchmod setuid", SYS_fchmod, {0, 04755}, 2, FAILS(EPERM), FAILS(EPERM)},
	{"fchmodat setgid", SYS_fchmodat, {0, 0, 02755}, 3, FAILS(EPERM), FAILS(EPERM)},
	{"fchmodat2 setuid", 452, {0, 0, 04000}, 4, FAILS(EPERM), FAILS(EPERM)},
	{"openat makes", SYS_openat, {0, 0, O_CREAT | O_WRONLY, 0777}, 12, ALLOW, ALLOW},
	{"openat reads", SYS_openat, {0, 0, O_RDONLY | O_DIRECTORY, 04755}, 12, ALLOW, ALLOW},
	{"openat makes setuid", SYS_openat, {0, 0, O_CREAT, 04755}, 12, FAILS(EPERM), FAILS(EPERM)},
	{"openat makes unnamed setgid",
	 SYS_openat,
	 {0, 0, O_TMPFILE | O_RDWR, 02700},
	 12,
	 FAILS(EPERM),
	 FAILS(EPERM)},
	{"openat2", SYS_openat2, {0}, 0x3f, FAILS(ENOSYS), FAILS(ENOSYS)},
	{"mknodat setuid", SYS_mknodat, {0, 0, S_IFREG | 04755}, 4, FAILS(EPERM), FAILS(EPERM)},
	{"mknodat char", SYS_mknodat, {0, 0, S_IFCHR | 0666}, 4, FAILS(EPERM), FAILS(EPERM)},
	{"mknodat block", SYS_mknodat, {0, 0, S_IFBLK}, 4, FAILS(EPERM), FAILS(EPERM)},
	{"mknodat fifo", SYS_mknodat, {0, 0, S_IFIFO | 0666}, 4, ALLOW, ALLOW},
	{"mknodat socket", SYS_mknodat, {0, 0, S_IFSOCK}, 4, ALLOW, ALLOW},
	{"mknodat mode bits above 16",
	 SYS_mknodat,
	 {0, 0, S_IFCHR | 0x10000},
	 4,
	 FAILS(EPERM),
	 FAILS(EPERM)},
	{"renameat2 whiteout", SYS_renameat2, {0, 0, 0, 0, 4}, 0x10, FAILS(EINVAL), FAILS(EINVAL)},
	{"renameat2 exchange", SYS_renameat2, {0, 0, 0, 0, 2}, 0x10, ALLOW, ALLOW},
	{"prlimit core", SYS_prlimit64, {0, RLIMIT_CORE, 16}, 2, FAILS(0), FAILS(0)},
	{"prlimit core, high pointer",
	 SYS_prlimit64,
	 {0, RLIMIT_CORE, HIGH},
	 2,
	 FAILS(0),
	 FAILS(0)},
	{"prlimit core, only asked", SYS_prlimit64, {0, RLIMIT_CORE, 0, 16}, 2, ALLOW, ALLOW},
	{"prlimit stack", SYS_prlimit64, {0, RLIMIT_STACK, HIGH | 16}, 2, ALLOW, ALLOW},
	{"socket unix", SYS_socket, {AF_UNIX, SOCK_STREAM}, 7, ALLOW, ALLOW},
	{"socket inet", SYS_socket, {AF_INET, SOCK_DGRAM}, 7, ALLOW, ALLOW},
	{"socket inet6", SYS_socket, {AF_INET6, SOCK_DGRAM}, 7, ALLOW, ALLOW},
	{"socket netlink route", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, 7, ALLOW, ALLOW},
	{"socket netlink audit",
	 SYS_socket,
	 {AF_NETLINK, SOCK_RAW, 9},
	 7,
	 FAILS(EPROTONOSUPPORT),
	 FAILS(EPROTONOSUPPORT)},
	{"socket vsock", SYS_socket, {40, SOCK_STREAM}, 7, FAILS(EAFNOSUPPORT), ALLOW},
	{"socket alg", SYS_socket, {AF_ALG, 5}, 7, FAILS(EAFNOSUPPORT), FAILS(EAFNOSUPPORT)},
	{"socket packet", SYS_socket, {AF_PACKET, 3}, 7, FAILS(EAFNOSUPPORT), FAILS(EAFNOSUPPORT)},
	{"socketpair unix", SYS_socketpair, {AF_UNIX}, 7, ALLOW, ALLOW},
	{"socketpair tipc", SYS_socketpair, {30}, 7, FAILS(EAFNOSUPPORT), FAILS(EAFNOSUPPORT)},
	{"socketpair vsock", SYS_socketpair, {40}, 7, FAILS(EAFNOSUPPORT), FAILS(EAFNOSUPPORT)},
	{"fcntl getfl", SYS_fcntl, {6, F_GETFL, 6}, 3, ALLOW, ALLOW},
	{"fcntl lock", SYS_fcntl, {3, F_SETLK}, 3, FAILS(ENOLCK), ALLOW},
	{"fcntl lock, wait", SYS_fcntl, {3, F_SETLKW}, 3, FAILS(ENOLCK), ALLOW},
	{"fcntl ofd lock", SYS_fcntl, {3, F_OFD_SETLK}, 3, FAILS(ENOLCK), ALLOW},
	{"fcntl ofd lock, wait", SYS_fcntl, {3, F_OFD_SETLKW}, 3, FAILS(ENOLCK), ALLOW},
	{"fcntl lease", SYS_fcntl, {3, F_SETLEASE}, 3, FAILS(EINVAL), ALLOW},
	{"fcntl notify", SYS_fcntl, {3, F_NOTIFY}, 3, FAILS(EINVAL), ALLOW},
	{"flock", SYS_flock, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"inotify_init1", SYS_inotify_init1, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"inotify_add_watch", SYS_inotify_add_watch, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
	{"fanotify_init", SYS_fanotify_init, {0}, 0x3f, FAILS(EPERM), FAILS(EPERM)},
	{"cachestat", 451, {0}, 0x3f, FAILS(ENOSYS), ALLOW},
};

static uint32_t ask(const struct filter *f, uint32_t arch, int nr, const uint64_t *args)
{
	struct seccomp_data data = {.nr = nr, .arch = arch};

	for (size_t i = 0; args && i < 6; i++)
		data.args[i] = args[i];
	return run_filter(f, &data);
}

static void build(struct tap *t, unsigned flags, struct filter *f)
{
	struct err e = {0};

	tap_int(t, filter_build(flags, f, &e), 0, "build %u: %s", flags, e.text);
}

static void test_calls(struct tap *t)
{
	static struct filter all, none;

	build(t, FILTER_ALL, &all);
	build(t, 0, &none);
	tap_note("%zu instructions with everything, %zu with nothing", all.count, none.count);
	for (size_t i = 0; i < ARRAY_LEN(call_rows); i++) {
		const struct call_row *row = &call_rows[i];
		uint64_t high[6];

		tap_u64(t, ask(&all, filter_arch_native, row->nr, row->args), row->all,
			"%s: all restrictions", row->name);
		tap_u64(t, ask(&none, filter_arch_native, row->nr, row->args), row->none,
			"%s: no restrictions", row->name);
		for (size_t a = 0; a < 6; a++)
			high[a] = row->args[a] | (row->int_args & (1u << a) ? HIGH : 0);
		tap_u64(t, ask(&all, filter_arch_native, row->nr, high), row->all,
			"%s: with bits above", row->name);
	}
}

/* Each flag opens just what it names. */
static void test_flags(struct tap *t)
{
	static struct filter f;

	for (unsigned flags = 0; flags <= FILTER_ALL; flags++) {
		bool ok;

		build(t, flags, &f);
		ok = (ask(&f, filter_arch_native, SYS_keyctl, NULL) == ALLOW) ==
			     !(flags & FILTER_KEYRINGS) &&
		     (ask(&f, filter_arch_native, SYS_socket, (uint64_t[6]){40}) == ALLOW) ==
			     !(flags & FILTER_VSOCK) &&
		     (ask(&f, filter_arch_native, SYS_flock, NULL) == ALLOW) ==
			     !(flags & FILTER_INODES) &&
		     (ask(&f, filter_arch_native, SYS_io_uring_setup, NULL) == ALLOW) ==
			     !(flags & FILTER_IO_URING) &&
		     (ask(&f, AUDIT_ARCH_I386, 3, NULL) == ALLOW) ==
			     !(flags & FILTER_FOREIGN_ARCH || !filter_numbers_compat);
		tap_ok(t, ok, "flags %u: only what they name", flags);
		tap_u64(t, ask(&f, AUDIT_ARCH_MIPS, 3, NULL), KILL, "flags %u: other machines",
			flags);
	}
}

/* 32-bit programs, where they are allowed, meet the same rules under other numbers. */
static void test_compat(struct tap *t)
{
	static struct filter f;
	static const struct compat_row {
		const char *name;
		int nr;
		uint64_t arg0, arg1;
		uint32_t want;
	} rows[] = {
		{"write", 4, 0, 0, ALLOW},
		{"creat setuid", 8, 0, 04777, FAILS(EPERM)},
		{"mknod setgid", 14, 0, S_IFREG | 02777, FAILS(EPERM)},
		{"mount", 21, 0, 0, FAILS(EPERM)},
		{"umount", 22, 0, 0, FAILS(EPERM)},
		{"setrlimit core", 75, RLIMIT_CORE, 0, FAILS(0)},
		{"socketcall", 102, 1, 0, FAILS(ENOSYS)},
		{"vm86old", 113, 0, 0, FAILS(ENOSYS)},
		{"clone user namespace", 120, CLONE_NEWUSER, 0, FAILS(EPERM)},
		{"ioctl TIOCSTI", 54, 0, TIOCSTI, FAILS(EPERM)},
		{"personality", 136, 8, 0, FAILS(EPERM)},
		{"socket vsock", 359, 40, 0, ALLOW},
		{"socket alg", 359, 38, 0, FAILS(EAFNOSUPPORT)},
		{"clone3", 435, 0, 0, FAILS(ENOSYS)},
		{"newer", 470, 0, 0, FAILS(ENOSYS)},
		{"negative", -1, 0, 0, FAILS(ENOSYS)},
	};

	if (!filter_numbers_compat) {
		tap_skip(t, "no 32-bit programs on this machine");
		return;
	}
	build(t, 0, &f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		tap_u64(t,
			ask(&f, AUDIT_ARCH_I386, rows[i].nr,
			    (uint64_t[6]){rows[i].arg0, rows[i].arg1}),
			rows[i].want, "i386 %s", rows[i].name);
}

/* ---- with the kernel ---------------------------------------------------------------------- */

static const struct real_row {
	const char *name;
	long nr;
	long args[5];
	int want; /* errno; 0: succeeds */
} real_rows[] = {
	{"getppid", SYS_getppid, {0}, 0},
	{"fcntl lock", SYS_fcntl, {0, F_SETLK, 0}, ENOLCK},
	{"fcntl lock with a bit above", SYS_fcntl, {0, F_SETLK | 1L << 32, 0}, ENOLCK},
	{"vsock", SYS_socket, {40, SOCK_STREAM, 0}, EAFNOSUPPORT},
	{"vsock with a bit above", SYS_socket, {40 | 1L << 32, SOCK_STREAM, 0}, EAFNOSUPPORT},
	{"TIOCSTI", SYS_ioctl, {0, TIOCSTI, 0}, EPERM},
	{"TIOCSTI with a bit above", SYS_ioctl, {0, TIOCSTI | 1L << 32, 0}, EPERM},
	{"unshare user", SYS_unshare, {CLONE_NEWUSER}, EPERM},
	{"clone user with a bit above", SYS_clone, {CLONE_NEWUSER | SIGCHLD | 1L << 32, 0}, EPERM},
	{"clone3", SYS_clone3, {0, 0}, ENOSYS},
	{"io_uring_setup", SYS_io_uring_setup, {1, 0}, ENOSYS},
	{"add_key", SYS_add_key, {0, 0, 0, 0, 0}, ENOSYS},
	{"bpf", SYS_bpf, {0}, EPERM},
	{"core limit is left alone", SYS_prlimit64, {0, RLIMIT_CORE, 1, 0}, 0},
};

static void test_real(struct tap *t)
{
	char got[ARRAY_LEN(real_rows)];
	int out[2], status;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC))
		abort();
	pid = fork();
	if (!pid) {
		struct err e = {0};

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_apply(FILTER_ALL, &e))
			_exit(9);
		for (size_t i = 0; i < ARRAY_LEN(real_rows); i++) {
			const long *a = real_rows[i].args;
			char byte = 0;

			errno = 0;
			if (syscall(real_rows[i].nr, a[0], a[1], a[2], a[3], a[4]) < 0)
				byte = (char)errno;
			if (write(out[1], &byte, 1) != 1)
				_exit(8);
		}
		_exit(0);
	}
	(void)close(out[1]);
	tap_ok(t, pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
	       "filter loads in a child");
	if (tap_int(t, read(out[0], got, sizeof(got)), sizeof(got), "all calls were tried"))
		for (size_t i = 0; i < ARRAY_LEN(real_rows); i++)
			tap_int(t, got[i], real_rows[i].want, "kernel: %s", real_rows[i].name);
	(void)close(out[0]);
}

static void test_without_nnp(struct tap *t)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct err e = {0};

		if (!geteuid() && setresuid(65534, 65534, 65534))
			_exit(9);
		_exit(filter_apply(FILTER_ALL, &e) == -1 && e.errnum == EACCES ? 0 : 1);
	}
	tap_ok(t, pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
	       "without no_new_privs loading fails");
}

#if defined(__x86_64__)
/* getpid of i386 */
static long call_int80(void)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(20L)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static int try_int80(unsigned flags)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct err e = {0};

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_apply(flags, &e))
			_exit(9);
		_exit(call_int80() > 0 ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static void test_int80(struct tap *t)
{
	int status = try_int80(FILTER_ALL);

	tap_ok(t, WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "int 0x80 is killed");
	status = try_int80(FILTER_ALL & ~FILTER_FOREIGN_ARCH);
	/* A kernel without 32-bit support sends SIGSEGV. */
	tap_ok(t, status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV),
	       "int 0x80 works when foreign architectures are allowed");
}
#endif

static void note_cost(void)
{
	static struct filter f;
	struct timespec a, b;
	struct err e = {0};

	if (clock_gettime(CLOCK_MONOTONIC, &a) || filter_build(FILTER_ALL, &f, &e) ||
	    clock_gettime(CLOCK_MONOTONIC, &b))
		abort();
	tap_note("building takes %ld ns",
		 (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec);
}

int main(void)
{
	struct tap t = {0};

	test_calls(&t);
	test_flags(&t);
	test_compat(&t);
	test_real(&t);
	test_without_nnp(&t);
#if defined(__x86_64__)
	test_int80(&t);
#endif
	note_cost();
	return tap_done(&t);
}
