/* SPDX-License-Identifier: MIT */
/* System call numbers of i386 programs on x86-64. Other machines have no 32-bit side here: their
 * 32-bit programs are refused whatever the flags say. */
#include <linux/audit.h>

#include "isolate/seccomp_impl.h"

#if defined(__x86_64__) && !defined(__ILP32__)

/* Not sys/syscall.h, which has the native numbers by the same names. */
#include <asm/unistd_32.h>

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

static const int numbers[SC_COUNT] = {
#define X(name) [SC_##name] = __NR_##name,
	FILTER_SYSCALLS(X)
#undef X
};
const int *const filter_numbers_compat = numbers;
const uint32_t filter_arch_compat = AUDIT_ARCH_I386;

#else

const int *const filter_numbers_compat = NULL;
const uint32_t filter_arch_compat = 0;

#endif
