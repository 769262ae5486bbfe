/* SPDX-License-Identifier: MIT */
/* Raw wrappers for system calls that glibc 2.36 lacks. All return -1 and set errno, ENOSYS where
 * the kernel does not know the call; none falls back to anything. */
#ifndef COMMON_SYS_H
#define COMMON_SYS_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/types.h>

#include "common/defs.h"

/* glibc 2.36 has fsopen, fsconfig, fsmount, move_mount, open_tree, mount_setattr (sys/mount.h),
 * pidfd_open, pidfd_send_signal (sys/pidfd.h), close_range (unistd.h): use those directly. */

/* openat2(2), Linux 5.6. resolve: RESOLVE_* bits. O_CLOEXEC is added. mode only with O_CREAT. */
int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

/* clone3(2), Linux 5.3, fork-like (no CLONE_VM): 0 in the child. flags: CLONE_* (CLONE_PIDFD is
 * implied); *pidfd gets a close-on-exec pidfd in the parent. cgroup_fd: -1, or a cgroup v2
 * directory to be born in (CLONE_INTO_CGROUP, 5.7). The child's exit signal is SIGCHLD. */
pid_t sys_clone(uint64_t flags, int *pidfd, int cgroup_fd);

/* rt_sigaction(2) to SIG_DFL, also for the two signals that libc keeps for itself (32, 33) and
 * refuses to touch: ignored by whoever started us, they stay so over execve. */
int sys_signal_default(int sig);

#endif
