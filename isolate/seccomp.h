/* SPDX-License-Identifier: MIT */
/* The system call filter of the program. */
#ifndef ISOLATE_SECCOMP_H
#define ISOLATE_SECCOMP_H

#include "common/defs.h"
#include "common/err.h"

/* Bits of --syscalls and syscall_flags: restrictions that can be switched off one by one. What is
 * not listed here is always refused. */
enum filter_flag {
	FILTER_KEYRINGS = 1,
	FILTER_VSOCK = 2,
	FILTER_INODES = 4, /* locks, leases, notification on shared inodes */
	FILTER_IO_URING = 8,
	FILTER_FOREIGN_ARCH = 16,
	FILTER_ALL = 31,
};

/* Load the filter into the calling thread. no_new_privs must be set already. Last step before
 * execve; a filter that cannot be loaded whole is an error. */
int filter_apply(unsigned flags, struct err *e) NODISCARD;

#endif
