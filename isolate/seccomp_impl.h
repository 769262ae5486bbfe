/* SPDX-License-Identifier: MIT */
/* The filter as data: what seccomp.c and its test share. */
#ifndef ISOLATE_SECCOMP_IMPL_H
#define ISOLATE_SECCOMP_IMPL_H

#include <linux/filter.h>

#include "common/defs.h"
#include "isolate/seccomp.h"

/* Every system call that the table names. The numbers differ between architectures. */
#define FILTER_SYSCALLS(X)                                                                         \
	X(add_key)                                                                                 \
	X(bpf)                                                                                     \
	X(cachestat)                                                                               \
	X(chmod)                                                                                   \
	X(chroot)                                                                                  \
	X(clone)                                                                                   \
	X(clone3)                                                                                  \
	X(creat)                                                                                   \
	X(fanotify_init)                                                                           \
	X(fanotify_mark)                                                                           \
	X(fchmod)                                                                                  \
	X(fchmodat)                                                                                \
	X(fchmodat2)                                                                               \
	X(fcntl)                                                                                   \
	X(fcntl64)                                                                                 \
	X(file_setattr)                                                                            \
	X(flock)                                                                                   \
	X(fsconfig)                                                                                \
	X(fsmount)                                                                                 \
	X(fsopen)                                                                                  \
	X(fspick)                                                                                  \
	X(inotify_add_watch)                                                                       \
	X(inotify_init)                                                                            \
	X(inotify_init1)                                                                           \
	X(io_uring_enter)                                                                          \
	X(io_uring_register)                                                                       \
	X(io_uring_setup)                                                                          \
	X(ioctl)                                                                                   \
	X(kcmp)                                                                                    \
	X(keyctl)                                                                                  \
	X(migrate_pages)                                                                           \
	X(mknod)                                                                                   \
	X(mknodat)                                                                                 \
	X(modify_ldt)                                                                              \
	X(mount)                                                                                   \
	X(mount_setattr)                                                                           \
	X(move_mount)                                                                              \
	X(move_pages)                                                                              \
	X(open)                                                                                    \
	X(open_by_handle_at)                                                                       \
	X(open_tree)                                                                               \
	X(open_tree_attr)                                                                          \
	X(openat)                                                                                  \
	X(openat2)                                                                                 \
	X(perf_event_open)                                                                         \
	X(personality)                                                                             \
	X(pivot_root)                                                                              \
	X(prctl)                                                                                   \
	X(prlimit64)                                                                               \
	X(process_vm_readv)                                                                        \
	X(process_vm_writev)                                                                       \
	X(quotactl)                                                                                \
	X(quotactl_fd)                                                                             \
	X(renameat2)                                                                               \
	X(request_key)                                                                             \
	X(setns)                                                                                   \
	X(setrlimit)                                                                               \
	X(socket)                                                                                  \
	X(socketcall)                                                                              \
	X(socketpair)                                                                              \
	X(syslog)                                                                                  \
	X(umount)                                                                                  \
	X(umount2)                                                                                 \
	X(unshare)                                                                                 \
	X(uselib)                                                                                  \
	X(userfaultfd)                                                                             \
	X(vm86)                                                                                    \
	X(vm86old)

enum filter_syscall {
#define X(name) SC_##name,
	FILTER_SYSCALLS(X)
#undef X
		SC_COUNT
};

/* Numbers by enum filter_syscall; -1 where the architecture has no such call. */
extern const int filter_numbers_native[SC_COUNT];
/* Of the 32-bit programs that this kernel also runs; NULL on machines without. */
extern const int *const filter_numbers_compat;

/* AUDIT_ARCH_* of the two; compat 0 where there is none. */
extern const uint32_t filter_arch_native, filter_arch_compat;

/* From Linux 5.x on, all architectures give new calls the same number. What is newer than the
 * newest that somebody has looked at for this table (file_setattr, 6.17) does not exist here. */
#define FILTER_NEWEST 469

#define FILTER_SIZE_MAX 1024
struct filter {
	struct sock_filter code[FILTER_SIZE_MAX];
	size_t count;
};

/* Pure. ERR_BUG when it does not fit. */
int filter_build(unsigned flags, struct filter *f, struct err *e) NODISCARD;

#endif
