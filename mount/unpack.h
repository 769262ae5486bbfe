/* SPDX-License-Identifier: MIT */
/* Merge layers into one directory that can be used without a mount. */
#ifndef MOUNT_UNPACK_H
#define MOUNT_UNPACK_H

#include <signal.h>

#include "common/defs.h"
#include "common/err.h"
#include "mount/layers.h"

/* How a file of a layer gets into the tree. Whoever writes to a hard-linked one, or changes its
 * mode, changes the image: for trees that are only read. */
enum unpack_by {
	UNPACK_ANYHOW,	/* a hard link, but to files that others than the caller may write; else, or
			   where there can be none, a copy */
	UNPACK_WITHIN,	/* a hard link, or where there can be none, a copy: for a tree that is
			   closed like the store */
	UNPACK_LINK,	/* a hard link, or an error */
	UNPACK_REFLINK, /* a copy that shares its blocks with the store, or an error */
	UNPACK_COPY,	/* a copy, which shares blocks where the file system can */
};

struct unpack_opts {
	enum unpack_by by;
	const volatile sig_atomic_t
		*stop; /* not 0: give up, clean up (errnum EINTR); may be NULL */
};

/* Make parent_fd/name (one component) what an overlay of the layers would show: whiteouts and
 * opaque directories are obeyed and do not appear. The directory must not exist, and then appears
 * complete by a rename, or be empty, and is then filled where it is. After a failure it is as
 * before. Takes over owners (as root), modes, times and user.* attributes. The layers are trusted
 * not to change meanwhile; nothing is followed out of them or out of the target. Needs no
 * privilege. ERR_BUSY: not empty, or no directory; ERR_DISK, ERR_VERIFY, ERR_SYSTEM. */
int unpack_layers(const struct layers *l, int parent_fd, const char *name,
		  const struct unpack_opts *o, struct err *e) NODISCARD;

#endif
