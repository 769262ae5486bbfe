/* SPDX-License-Identifier: MIT */
/* Working directories below <store>/tmp. Each is held by a lock on itself for as long as its maker
 * lives, so that the rest of a killed pull can be told from the work of a running one. */
#ifndef IMGFETCH_TMPDIR_H
#define IMGFETCH_TMPDIR_H

#include "common/defs.h"
#include "common/err.h"
#include "common/store.h"

struct tmpdir {
	int fd;	    /* the directory, open for reading, with an exclusive flock(2) */
	int tmp_fd; /* <store>/tmp, O_PATH */
	char name[96];
};

#define TMPDIR_NONE ((struct tmpdir){.fd = -1, .tmp_fd = -1})

/* Make or take over tmp/<name>, mode 0700. 1: ours, empty; 0: somebody else holds it now; -1:
 * ERR_DISK, ERR_SYSTEM. Never waits. */
int tmpdir_take(const struct store *st, const char *name, struct tmpdir *out,
		struct err *e) NODISCARD;

/* One of our own: tmp/<prefix>-<something new>. */
int tmpdir_new(const struct store *st, const char *prefix, struct tmpdir *out,
	       struct err *e) NODISCARD;

/* An empty directory dirfd/name for what is to be a layer, mode 0755, that has nothing of the
 * store's own: a setgid bit, group or default ACL of the store would be handed down to everything
 * in it. Open for reading, or -1. */
int tmpdir_make_root(int dirfd, const char *name, const struct store *st, struct err *e);

/* Remove it with all its contents and let go. After a failure it is unlocked all the same, for a
 * later sweep. */
int tmpdir_remove(struct tmpdir *t, struct err *e);

/* Does somebody hold the directory or file `name` in tmp/ (open as tmp_fd)? 1, 0 (also: gone), or
 * -1 when that cannot be told. */
int tmpdir_is_held(int tmp_fd, const char *name, struct err *e) NODISCARD;

/* Remove everything in tmp/ that nobody holds, but for parts of blobs (imgfetch/partial.h). */
int tmpdir_sweep(const struct store *st, struct err *e) NODISCARD;

#endif
