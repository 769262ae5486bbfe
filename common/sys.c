/* SPDX-License-Identifier: MIT */
/* Raw wrappers for system calls that glibc 2.36 lacks. */
#include "common/sys.h"

#include <sys/syscall.h>
#include <unistd.h>

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = mode,
		.resolve = resolve,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

pid_t sys_clone(uint64_t flags, int *pidfd, int cgroup_fd)
{
	int fd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&fd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	/* Without a stack of its own the child goes on with a copy of this one, as after fork(2).
	 * glibc's fork handlers do not run: callers have one thread only. */
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid > 0)
		*pidfd = fd;
	return (pid_t)pid;
}

int sys_signal_default(int sig)
{
	/* The kernel's struct sigaction on any architecture, and SIG_DFL is 0. The last argument is
	 * the size of its signal set. */
	static const uint64_t all_default[8];

	return (int)syscall(SYS_rt_sigaction, sig, all_default, NULL, (size_t)8);
}
