/* SPDX-License-Identifier: MIT */
/* System call numbers of the architecture that isolate is built for. */
#include <linux/audit.h>
#include <sys/syscall.h>

#include "isolate/seccomp_impl.h"

#if defined(__x86_64__) && !defined(__ILP32__)
const uint32_t filter_arch_native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
const uint32_t filter_arch_native = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
const uint32_t filter_arch_native = AUDIT_ARCH_RISCV64;
#else
#error "look at seccomp.c with this architecture in mind, then add it here"
#endif

/* Calls of other architectures, or newer than the kernel headers. */
#ifndef __NR_chmod
#define __NR_chmod (-1)
#endif
#ifndef __NR_creat
#define __NR_creat (-1)
#endif
#ifndef __NR_fcntl64
#define __NR_fcntl64 (-1)
#endif
#ifndef __NR_inotify_init
#define __NR_inotify_init (-1)
#endif
#ifndef __NR_mknod
#define __NR_mknod (-1)
#endif
#ifndef __NR_modify_ldt
#define __NR_modify_ldt (-1)
#endif
#ifndef __NR_open
#define __NR_open (-1)
#endif
#ifndef __NR_setrlimit
#define __NR_setrlimit (-1)
#endif
#ifndef __NR_socketcall
#define __NR_socketcall (-1)
#endif
#ifndef __NR_umount
#define __NR_umount (-1)
#endif
#ifndef __NR_uselib
#define __NR_uselib (-1)
#endif
#ifndef __NR_vm86
#define __NR_vm86 (-1)
#endif
#ifndef __NR_vm86old
#define __NR_vm86old (-1)
#endif
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_open_tree_attr
#define __NR_open_tree_attr 467
#endif
#ifndef __NR_file_setattr
#define __NR_file_setattr 469
#endif

const int filter_numbers_native[SC_COUNT] = {
#define X(name) [SC_##name] = __NR_##name,
	FILTER_SYSCALLS(X)
#undef X
};
