/* SPDX-License-Identifier: MIT */
/* A tar stream from strangers becomes a layer directory. unpack.c is the only file that includes
 * libarchive. */
#ifndef IMGFETCH_UNPACK_H
#define IMGFETCH_UNPACK_H

#include <stdatomic.h>
#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/facts.h"
#include "imgfetch/listwriter.h"

/* What one layer may cost. 0 anywhere means the default. */
struct unpack_limits {
	/* Sum of the sizes of all files that layers of this image have so far, in any thread, and
	 * its limit. When unpacking fails, what it has added is taken off again. NULL: none. */
	atomic_ullong *image_bytes;
	uint64_t image_bytes_max;
	uint64_t entries; /* tar entries of all kinds: 2,000,000 */
	uint64_t bytes;	  /* of the uncompressed stream, and again of the logical sizes of all files
			     (holes count): 64 GiB */
	unsigned path_bytes; /* of one name in the archive: 4096, which is also the largest value */
	unsigned depth;	     /* components of one name: 256 */
	unsigned ratio;	     /* uncompressed : compressed, looked at once more than 256 MiB have
				come out: 250 */
};

/* All fields filled: those that are 0 in *l with their defaults. */
struct unpack_limits unpack_limits_default(const struct unpack_limits *l);

/* What came of it. Only counts of what the archive held; nothing here is needed to use the layer,
 * but for opaque_root. */
struct unpack_info {
	uint64_t entries; /* tar entries seen */
	uint64_t files;	  /* regular files written */
	uint64_t bytes;	  /* their logical sizes */
	uint64_t hardlinks, symlinks, directories, fifos;
	uint64_t whiteouts;	  /* 0:0 character devices made */
	uint64_t opaques;	  /* directories that hide what is below them */
	uint64_t dropped_setid;	  /* setuid or setgid bits not kept */
	uint64_t dropped_devices; /* device nodes (and hard links to them) not made */
	uint64_t dropped_sockets;
	uint64_t dropped_xattrs; /* other than user.*, or user.overlay.*, or not on a file or
				    directory */
	bool owners_kept; /* numeric owners applied (root), else some or all are the caller's */
	bool opaque_root; /* the layer hides all layers below it */
};

/* Next piece of the uncompressed stream: *data is valid until the next call. Returns its length, 0
 * at the end, -1 with *e. */
typedef ssize_t (*unpack_read)(void *arg, const void **data, struct err *e);

/* Unpack the tar stream below layer_fd, an empty directory that nobody else changes meanwhile
 * (an fd open for reading, O_DIRECTORY, not O_PATH). Stops reading at the end of the archive; the
 * caller reads the rest for its digest. No name, link or whiteout of the archive can touch
 * anything outside layer_fd. Changes the umask of the process: call it from a thread that has
 * unshared CLONE_FS. list: gets a line for everything that is made; may be NULL, then contents are
 * not hashed either. *facts (facts_fini it) gets what only the layers below can settle. On failure
 * the directory holds a part of the layer and is to be removed. ERR_VERIFY   the archive is broken,
 * hostile or over a limit; the text says which entry and why ERR_DISK     no space, no quota,
 * read-only, or the file system lacks what a layer needs ERR_SYSTEM   anything else that failed
 *   whatever read said */
int unpack_tar(int layer_fd, unpack_read read, void *arg, const struct unpack_limits *limits,
	       struct listwriter *list, struct unpack_info *info, struct facts *facts,
	       struct err *e) NODISCARD;

#endif
