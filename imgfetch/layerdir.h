/* SPDX-License-Identifier: MIT */
/* The directory a layer is unpacked into: each operation works on a canonical name beneath a held
 * descriptor and cannot leave it. Keeps what must wait for the end: metadata of directories. */
#ifndef IMGFETCH_LAYERDIR_H
#define IMGFETCH_LAYERDIR_H

#include <sys/types.h>
#include <time.h>

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/listwriter.h"
#include "imgfetch/facts.h"
#include "imgfetch/whiteout.h"

struct layerdir;

/* Metadata of one entry, as it is to be. */
struct entry_meta {
	mode_t mode; /* permission bits, perhaps sticky; nothing else */
	uid_t uid;   /* both used only by a layerdir that keeps owners */
	gid_t gid;
	struct timespec mtime;
};

/* layer_fd: empty directory, open for reading, borrowed. keep_owners: chown (needs CAP_CHOWN).
 * list: gets an entry for everything that is made, borrowed; may be NULL. */
struct layerdir *layerdir_new(int layer_fd, bool keep_owners, struct listwriter *list,
			      struct err *e);
void layerdir_free(struct layerdir *ld);

/* Replace name's parents (whole: and its last component) where they are symbolic links of this
 * layer by where those lead, as a lookup with the layer as root directory would; what is not there
 * yet is taken as it stands. Needed once for each name before it is used below; what all of these
 * get is the result. ERR_VERIFY: more than 40 links, or a name that becomes too long. */
int layerdir_resolve(struct layerdir *ld, struct entry_name *name, bool whole,
		     struct err *e) NODISCARD;

/* All of these create missing parents (0755, the entry's mtime), and replace what this layer has at
 * the name already: the last entry of a name wins, a directory replaced by anything else goes with
 * all its contents, a directory given again keeps them. A parent that is no directory is refused:
 * here nothing is ever reached through a symbolic link. Errors: ERR_VERIFY, ERR_DISK, ERR_SYSTEM.
 */
/* *again: it was there; also for the root. Then attributes of an earlier entry may be left. */
int layerdir_make_dir(struct layerdir *ld, const struct entry_name *name,
		      const struct entry_meta *m, bool *again, struct err *e) NODISCARD;
/* An empty file, open for writing: fd or -1. Write, then layerdir_close_file. for_xattrs: the file
 * stays writable by its owner until then. */
int layerdir_make_file(struct layerdir *ld, const struct entry_name *name,
		       const struct entry_meta *m, bool for_xattrs, struct err *e);
/* Give the file its metadata; takes *fd. content: what it holds, for the list; NULL without one. */
int layerdir_close_file(struct layerdir *ld, int *fd, const struct entry_name *name,
			const struct entry_meta *m, bool for_xattrs, const struct digest *content,
			struct err *e) NODISCARD;
int layerdir_make_symlink(struct layerdir *ld, const struct entry_name *name, const char *target,
			  const struct entry_meta *m, struct err *e) NODISCARD;
int layerdir_make_fifo(struct layerdir *ld, const struct entry_name *name,
		       const struct entry_meta *m, struct err *e) NODISCARD;
/* A target that is in this layer must be no directory, device or whiteout; one that is not, nor
 * deleted by it, is left to the image (FACT_LINK). m: of implied parents only. */
int layerdir_make_link(struct layerdir *ld, const struct entry_name *name,
		       const struct entry_name *target, const struct entry_meta *m,
		       struct err *e) NODISCARD;

/* The archive has something at name that is not made: what the layer had there goes, and what the
 * layers below have there is not to be seen either (FACT_GONE). m: of implied parents only. */
int layerdir_drop(struct layerdir *ld, const struct entry_name *name, const struct entry_meta *m,
		  struct err *e) NODISCARD;

/* Open a directory made before, to set extended attributes: fd or -1. */
int layerdir_open_dir(struct layerdir *ld, const struct entry_name *name, struct err *e);

/* Hide `name` of the lower layers; what this layer has there stays, wherever in the tar it comes.
 */
int layerdir_whiteout(struct layerdir *ld, const struct entry_name *name,
		      const struct entry_meta *m, struct err *e) NODISCARD;
/* The same for everything in the directory `dir` ("": the root). */
int layerdir_opaque(struct layerdir *ld, const struct entry_name *dir, const struct entry_meta *m,
		    struct err *e) NODISCARD;

struct layerdir_counts {
	uint64_t whiteouts, opaques;
	bool opaque_root;
	bool owners_lost; /* some were of users that this user namespace does not have */
};

/* After the last entry: take away whiteouts that could only be seen as odd names, list in *facts
 * (empty before) what is left to the layers below, give the directories their modes and times,
 * deepest first. */
int layerdir_finish(struct layerdir *ld, struct layerdir_counts *counts, struct facts *facts,
		    struct err *e) NODISCARD;

/* errno of a failed write to the store, as an error kind. */
enum err_kind layerdir_errno_kind(int errnum);

#endif
