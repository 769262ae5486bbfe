/* SPDX-License-Identifier: MIT */
/* Runs inside a box and tries what a box must refuse. Static, so that it works in any root.
 *
 *   probe calls      one line "name ERRNO" per system call that a filter may refuse; "ok" if it
 * works probe int80      a system call of i386; prints ok if it works probe open FILE...  for each
 * "FILE ERRNO" of opening it for reading
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ABOVE (1L << 32)

static const char *error_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "?";
}

/* Those with ABOVE have a bit set that the kernel cuts off and a careless filter compares. */
static const struct call {
	const char *name;
	long nr;
	long args[5];
} calls[] = {
	{"getppid", SYS_getppid, {0}},
	{"unshare-user", SYS_unshare, {CLONE_NEWUSER}},
	{"unshare-mount", SYS_unshare, {CLONE_NEWNS}},
	{"clone-user", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
	{"clone-user-above", SYS_clone, {CLONE_NEWUSER | SIGCHLD | ABOVE}},
	{"clone3", SYS_clone3, {0}},
	{"setns", SYS_setns, {0}},
	{"mount", SYS_mount, {(long)"none", (long)"/tmp", (long)"tmpfs"}},
	{"umount", SYS_umount2, {(long)"/proc", 2}},
	{"fsopen", SYS_fsopen, {(long)"tmpfs"}},
	{"open_tree", SYS_open_tree, {AT_FDCWD, (long)"/tmp", 1}},
	{"chroot", SYS_chroot, {(long)"/tmp"}},
	{"pivot_root", SYS_pivot_root, {(long)"/", (long)"/tmp"}},
	{"open_by_handle_at", SYS_open_by_handle_at, {AT_FDCWD, 0, 0}},
	{"bpf", SYS_bpf, {0}},
	{"perf_event_open", SYS_perf_event_open, {0}},
	{"userfaultfd", SYS_userfaultfd, {1}},
	{"io_uring_setup", SYS_io_uring_setup, {1, 0}},
	{"add_key", SYS_add_key, {(long)"user", (long)"k", (long)"v", 1, -3}},
	{"request_key", SYS_request_key, {(long)"user", (long)"k", 0, -3}},
	{"keyctl", SYS_keyctl, {0, -3, 1}},
	{"kcmp", SYS_kcmp, {1, 1, 0, 0, 0}},
	{"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0}},
	{"personality", SYS_personality, {0x0040000}},
	{"stop-counters", SYS_prctl, {31}},
	{"syslog", SYS_syslog, {3, 0, 0}},
	{"fanotify_init", SYS_fanotify_init, {0, 0}},
	{"inotify_init1", SYS_inotify_init1, {0}},
	{"lock", SYS_fcntl, {0, F_SETLK, 0}},
	{"lock-above", SYS_fcntl, {0, F_SETLK | ABOVE, 0}},
	{"ofd-lock-above", SYS_fcntl, {0, F_OFD_SETLK | ABOVE, 0}},
	{"lease-above", SYS_fcntl, {0, F_SETLEASE | ABOVE, 0}},
	{"flock", SYS_flock, {0, 5}},
	{"vsock", SYS_socket, {40, SOCK_STREAM, 0}},
	{"vsock-above", SYS_socket, {40 | ABOVE, SOCK_STREAM, 0}},
	{"alg", SYS_socket, {38, SOCK_SEQPACKET, 0}},
	{"alg-above", SYS_socket, {38 | ABOVE, SOCK_SEQPACKET, 0}},
	{"netlink-audit-above", SYS_socket, {16, SOCK_RAW, 9 | ABOVE}},
	{"inet", SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
	{"tiocsti", SYS_ioctl, {0, TIOCSTI, (long)"x"}},
	{"tiocsetd", SYS_ioctl, {0, TIOCSETD, (long)"\x1b\0\0"}},
	{"tiocsti-above", SYS_ioctl, {0, TIOCSTI | ABOVE, (long)"x"}},
	{"tioclinux-above", SYS_ioctl, {0, TIOCLINUX | ABOVE, (long)"\2"}},
	{"whiteout", SYS_mknodat, {AT_FDCWD, (long)"/tmp/w", S_IFCHR | 0666, 0}},
	{"whiteout-above", SYS_mknodat, {AT_FDCWD, (long)"/tmp/w", S_IFCHR | 0666 | ABOVE, 0}},
	{"whiteout-rename", SYS_renameat2, {AT_FDCWD, (long)"/tmp/w", AT_FDCWD, (long)"/tmp/x", 4}},
	{"fifo", SYS_mknodat, {AT_FDCWD, (long)"/tmp/fifo", S_IFIFO | 0666, 0}},
	{"newer", 470, {0}},
};

static void print(const char *name, long result)
{
	if (result < 0)
		printf("%s %s\n", name, error_name(errno));
	else
		printf("%s ok\n", name);
}

static int try_calls(void)
{
	struct rlimit before, after, core = {0, 0};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const long *a = calls[i].args;
		pid_t self = getpid();
		long r = syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4]);

		/* A clone that was let through. */
		if (getpid() != self || (calls[i].nr == SYS_clone && r == 0))
			_exit(0);
		print(calls[i].name, r);
	}
	/* Told to work, and to change nothing: see the filter about RLIMIT_CORE. */
	if (getrlimit(RLIMIT_CORE, &before) || setrlimit(RLIMIT_CORE, &core) ||
	    syscall(SYS_prlimit64, 0, RLIMIT_CORE | ABOVE, &core, 0) ||
	    getrlimit(RLIMIT_CORE, &after))
		print("core", -1);
	else
		printf("core %s\n", before.rlim_cur == after.rlim_cur ? "kept" : "changed");
	return 0;
}

static int try_int80(void)
{
#if defined(__x86_64__)
	long pid;

	__asm__ volatile("int $0x80" : "=a"(pid) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	printf("int80 %s\n", pid > 0 ? "ok" : "refused");
#endif
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "calls"))
		return try_calls();
	if (argc == 2 && !strcmp(argv[1], "int80"))
		return try_int80();
	if (argc > 2 && !strcmp(argv[1], "open")) {
		for (int i = 2; i < argc; i++) {
			int fd = open(argv[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

			print(argv[i], fd);
			if (fd >= 0)
				(void)close(fd);
		}
		return 0;
	}
	fprintf(stderr, "usage: probe calls | int80 | open FILE...\n");
	return 2;
}
