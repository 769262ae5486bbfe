/* SPDX-License-Identifier: MIT */
/* What has arrived of a large blob, kept in <store>/tmp so that a later pull need not fetch it
 * again.
 *
 * A cache: nothing here is trusted (whoever uses it verifies the digest of the whole blob), and
 * nothing that goes wrong with it is an error of the pull. */
#ifndef IMGFETCH_PARTIAL_H
#define IMGFETCH_PARTIAL_H

#include <stdatomic.h>
#include <sys/types.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"

/* Of smaller blobs nothing is kept: to fetch them again is as quick as to look. */
#define PARTIAL_BLOB_BYTES_MIN (UINT64_C(1) << 20)
/* What nobody has asked for in so long is swept by pulls; */
#define PARTIAL_KEEP_S (7 * 24 * 3600)
/* and by whoever wants the room: younger than that, somebody may be about to try again. */
#define PARTIAL_KEEP_GC_S (24 * 3600)

struct partial {
	int fd;		     /* tmp/blob-<algorithm>-<hex>, with an exclusive flock(2); -1: none */
	int tmp_fd;	     /* <store>/tmp, O_PATH */
	uint64_t have_bytes; /* in the file */
	atomic_uint *count;  /* of those that its taker has, or NULL: set before partial_take */
	int why;	     /* errno of what made it unusable, or 0 */
	char name[sizeof("blob-") + DIGEST_TEXT_MAX];
};

#define PARTIAL_NONE ((struct partial){.fd = -1, .tmp_fd = -1})

/* Take over what there is of the blob, or start anew (of *out, only count is read); more than
 * size_bytes is thrown away. Afterwards out->fd is -1 if another pull has it at the moment, or
 * (out->why says which) after an error. */
void partial_take(const struct store *st, const struct digest *blob, uint64_t size_bytes,
		  struct partial *out);

/* The bytes from offset on: their count, 0 at the end, -1 (errno). */
ssize_t partial_read(const struct partial *p, uint64_t offset, void *buf, size_t size);

/* The next bytes of the blob. When they cannot be written (a full disk) the file is dropped, so
 * that the layer itself gets the room, and p->why set. */
void partial_add(struct partial *p, const void *data, size_t len);

/* Begin again with nothing. */
void partial_restart(struct partial *p);

/* Remove the file; to be called when the blob is no longer needed, or known to be wrong. */
void partial_drop(struct partial *p);

/* Leave the file for a later pull. */
void partial_keep(struct partial *p);

/* Remove those of any blob that nobody holds and nobody has written to for older_than_s seconds.
 * How many they were, or -1: ERR_DISK, ERR_SYSTEM. */
int partial_sweep(const struct store *st, uint64_t older_than_s, struct err *e) NODISCARD;

/* Would that remove `name`, below tmp/ (open as tmp_fd), if nobody holds it? */
bool partial_is_old(int tmp_fd, const char *name, uint64_t older_than_s);

/* Is this the name of such a file, below tmp/? */
bool partial_is_name(const char *name);

#endif
