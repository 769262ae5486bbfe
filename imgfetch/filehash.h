/* SPDX-License-Identifier: MIT */
/* Digests of what a file is: its contents, and its extended attributes. */
#ifndef IMGFETCH_FILEHASH_H
#define IMGFETCH_FILEHASH_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"

/* The SHA-256 of the contents where these hold no aligned block of FILEHASH_BLOCK zero bytes. Such
 * blocks are left out, so that a hole of a terabyte costs nothing and it does not matter whether a
 * file system keeps zeros or a hole: at each run of them the digest so far is finished, and the
 * next begins with its 32 bytes and the number of the block that follows, in 8 bytes, lowest first.
 * One digest and one size belong to one sequence of bytes. */
#define FILEHASH_BLOCK (UINT64_C(64) << 10)

struct filehash;

/* For any number of files, one after the other. NULL: ERR_SYSTEM. */
struct filehash *filehash_new(struct err *e);

/* The next bytes of the file; or so many zero bytes. */
int filehash_data(struct filehash *h, const void *data, size_t len, struct err *e) NODISCARD;
int filehash_hole(struct filehash *h, uint64_t len, struct err *e) NODISCARD;

/* The file's digest; what comes next is another file. */
int filehash_end(struct filehash *h, struct digest *out, struct err *e) NODISCARD;

/* The next bytes are those of another file, whatever came before. */
int filehash_restart(struct filehash *h, struct err *e) NODISCARD;

/* NULL is fine. */
void filehash_free(struct filehash *h);

static inline void filehash_cleanup(struct filehash **h)
{
	filehash_free(*h);
	*h = NULL;
}
#define auto_filehash __attribute__((cleanup(filehash_cleanup))) struct filehash *

/* Digest of the extended attributes that a layer could have, or should not (user.*, ACLs, file
 * capabilities, trusted.overlay.*): 1, 0 if there is none, -1. Names in order, each with a NUL,
 * then the value's length in 8 bytes, lowest first, and the value. ERR_SYSTEM. */
int filehash_xattrs(int fd, struct digest *out, struct err *e) NODISCARD;

/* Is it one of these names? Pure. */
bool filehash_counts_xattr(const char *name);

#endif
