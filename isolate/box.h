/* SPDX-License-Identifier: MIT */
/* A box on disk: its directory, how a program sees it, and what becomes of it after a run.
 *
 *   <box_root>/<id>/       0755 root
 *   <box_root>/<id>/box/   0700 the caller's: the only place that he and his program write
 *   <box_root>/<id>/root/  0700 root, empty: where a run puts its root together
 *   <box_root>/<id>/rw/    0700 root: what is written to an image, a file system in memory
 *   <box_root>/<id>/image  which image the box is pinned to, for `imgfetch rm`
 */
#ifndef ISOLATE_BOX_H
#define ISOLATE_BOX_H

#include <sys/stat.h>
#include <sys/types.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "isolate/config.h"
#include "isolate/lock.h"
#include "isolate/limits.h"
#include "isolate/priv.h"

struct box {
	unsigned id;
	uid_t uid; /* of the program */
	gid_t gid;
	int root_fd;			 /* box_root */
	int dir_fd;			 /* <box_root>/<id>; -1: there is none */
	char name[16];			 /* <id> */
	char path[CONFIG_PATH_MAX + 16]; /* <box_root>/<id>, for printing */
};

/* A box in use by a run: on disk, or in memory only, when files_fd is not used. */
struct box_use {
	int files_fd;	     /* box/ */
	int stage_fd;	     /* root/ */
	int mnt_fd;	     /* detached mount of box/ as the program is to see it */
	int rw_fd;	     /* --image-rw: detached mount of its tmpfs, or -1 */
	bool idmapped;	     /* mnt_fd changes owners, nothing on disk did */
	bool watched;	     /* `before` tells whether box/ was changed */
	struct stat before;  /* of box/ */
	struct figure *left; /* or NULL: box_end_use tells here what the files take */
};

/* Ids of the box, box_root opened (and made where it is missing), the box's directory opened if it
 * exists. ERR_USAGE for an id out of range. As root. */
int box_open(const struct config *c, unsigned id, struct box *out, struct err *e) NODISCARD;
void box_close(struct box *b);

/* User who owns the files of an existing box on disk: of box/. 1 with *out, 0
 * when there is no box or no box/ in it, -1. The parent is root's, so the name cannot be swapped.
 */
int box_files_owner(const struct box *b, uid_t *out, struct err *e) NODISCARD;

/* Make the directories, which must not exist; box/ belongs to owner. As root. */
int box_create(struct box *b, const struct priv *owner, struct err *e) NODISCARD;

/* Can so much be a file system in memory, where tmp_max bytes are the most, and as many files as
 * one of that size has by itself? Pure. */
bool box_fits_memory(const struct room *room, uint64_t tmp_max);

/* Decide how box/ can be bounded to d->room: by a quota of the project b->uid where the file system
 * of box_root enforces those, otherwise for --disk (d->all) by a tmpfs that tmp_max bytes fit.
 * ERR_CONFIG where neither is to be had. As root. */
int box_plan_bound(const struct box *b, uint64_t tmp_max, struct lock_disk *d,
		   struct err *e) NODISCARD;
/* Do it, to the new box/. A tmpfs is seen wherever the caller's mounts are. As root. */
int box_bound(const struct box *b, const struct priv *owner, const struct lock_disk *d,
	      struct err *e) NODISCARD;
/* Make rw/ for --image-rw: a tmpfs of this size, for root only. It is seen where the one for --disk
 * would be. As root. */
int box_make_rw(const struct box *b, const struct room *room, struct err *e) NODISCARD;
/* Before a run: is the tmpfs of --disk still there? ERR_CONFIG. */
int box_check_bound(const struct box *b, const struct lock_disk *d, struct err *e) NODISCARD;
/* The same for rw/; use->rw_fd becomes a detached copy of its mount. As root. */
int box_open_rw(const struct box *b, struct box_use *use, struct err *e) NODISCARD;
/* The same for --once: a tmpfs that nobody else sees. As root. */
int box_open_rw_in_memory(const struct room *room, struct box_use *use, struct err *e) NODISCARD;
/* Before box_remove: take away a quota that d tells of, and any tmpfs on box/ and rw/. As root. */
int box_unbound(const struct box *b, const struct lock_disk *d, struct err *e) NODISCARD;
/* After a run of a box with a bound: has it no block or no inode left? */
bool box_is_full(const struct box_use *use);

/* Note in `image` which image the box is pinned to. As root. */
int box_write_image(const struct box *b, const char *store_path, const struct digest *image,
		    struct err *e) NODISCARD;

/* Remove the box's directory with all that is in it; missing is success. For an owner who is not
 * root, what is in box/ goes with his rights, after what is the box's user's was made his: whatever
 * he may not remove is an error, and the box stays. As root. */
int box_remove(struct box *b, const struct priv *owner, struct err *e) NODISCARD;

/* Before a run: box/ is owner's again and 0700, and mnt_fd shows owner's files as the program's, by
 * an id-mapped mount, or where the file system has none by walking through all of them. Files that
 * root put there get the right owner by the same walk. As root; on failure box_end_use repairs. */
int box_begin_use(const struct box *b, const struct priv *owner, struct box_use *out,
		  struct err *e) NODISCARD;

/* The box of --once, which is only there during the run: mnt_fd is an empty file system in memory
 * of this size, the box's user's own. Nobody else ever sees it, so there is nothing to
 * tidy up, and it is gone with the last descriptor, also after a kill. The stage is box_root. As
 * root. */
int box_begin_in_memory(const struct box *b, const struct room *room, struct box_use *out,
			struct err *e) NODISCARD;
/* Fill use->left; what else `use` holds stays for box_forget_use. */
int box_end_in_memory(const struct box_use *use, struct err *e) NODISCARD;

/* Close what `use` holds. */
void box_forget_use(struct box_use *use);

/* After a run, or to repair what a killed keeper left (`use` just zeroed by BOX_USE_NONE): box/ is
 * 0700, everything in it owner's, without set-id bits, and without symlinks, fifos, sockets and
 * devices unless keep_special. Closes what `use` holds, also on failure. As root. */
#define BOX_USE_NONE ((struct box_use){.files_fd = -1, .stage_fd = -1, .mnt_fd = -1, .rw_fd = -1})
int box_end_use(const struct box *b, const struct priv *owner, bool keep_special,
		struct box_use *use, struct err *e) NODISCARD;

#endif
