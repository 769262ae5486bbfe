/* SPDX-License-Identifier: MIT */
/* Copy single entries of a directory tree between held directories. */
#ifndef MOUNT_COPY_H
#define MOUNT_COPY_H

#include <signal.h>
#include <sys/stat.h>

#include "common/defs.h"
#include "common/err.h"

/* All take over owner, mode, times and user.* attributes as far as the caller may: owners only as
 * root, user.overlay.* never, setuid and setgid bits of files never. Errors are ERR_DISK for want
 * of room, else ERR_SYSTEM; `what` names the object in them. */

struct copy_opts {
	bool share; /* blocks must be shared (reflinks); else they are where the file systems can */
	const volatile sig_atomic_t *stop; /* not 0: end with errnum EINTR; may be NULL */
};

/* Copy the regular file `name` of src_dirfd (st: its lstat) to a new file of that name in
 * dst_dirfd; holes stay holes. */
int copy_regular(int src_dirfd, int dst_dirfd, const char *name, const struct stat *st,
		 const struct copy_opts *o, const char *what, struct err *e) NODISCARD;

/* Only the data: the first `size` bytes of one open file to the beginning of another, empty one.
 * *stop is looked at between pieces. 0 or -1 (errno; EIO when there is less to read). */
int copy_contents(int src_fd, int dst_fd, off_t size, const struct copy_opts *o) NODISCARD;

/* The same for a symbolic link or a fifo; sockets and devices are refused (ERR_VERIFY): a layer in
 * a store has none. */
int copy_special(int src_dirfd, int dst_dirfd, const char *name, const struct stat *st,
		 const char *what, struct err *e) NODISCARD;

/* What is not data, from one open file or directory to another. st is of src_fd. */
int copy_meta(int src_fd, int dst_fd, const struct stat *st, const char *what,
	      struct err *e) NODISCARD;

/* errno as an error: no space, no quota, a read-only file system are the user's disk. */
int copy_fault(const char *verb, const char *what, struct err *e);

#endif
