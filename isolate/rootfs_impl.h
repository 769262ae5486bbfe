/* SPDX-License-Identifier: MIT */
/* What the files of rootfs share. Nobody else includes this. */
#ifndef ISOLATE_ROOTFS_IMPL_H
#define ISOLATE_ROOTFS_IMPL_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/rootfs.h"

/* How a rule gets what it shows. */
enum source_kind {
	SOURCE_NONE,  /* removed, or `maybe` and not there */
	SOURCE_MOUNT, /* fd is a detached mount, ready */
	SOURCE_BOX,   /* the box directory itself (fd -1), or a directory in it (fd: O_PATH) */
	SOURCE_NEW, /* a new file system, made in the proxy; fd then: its mount, if it is a tmpfs */
};

struct source {
	enum source_kind kind;
	int fd;
	bool file;    /* a regular file, not a directory */
	char *target; /* where it goes: path in the root without symbolic links; owned; from
			 skeleton_plan */
	int cover;    /* index of the rule in whose mount the target lies, or -1 */
};

struct rootfs {
	struct rootfs_spec spec;
	struct source *sources; /* one per rule */
	size_t count;
	bool named; /* the program's user got a line in the image's passwd(5) */
};

/* MOUNT_ATTR_* bits that a rule's flags ask for. */
uint64_t rootfs_attrs(unsigned dirrule_flags);

/* --- rootfs_sources: in the keeper --- */
int sources_open(struct rootfs *r, const struct priv *p, struct err *e) NODISCARD;

/* --- rootfs_fs: new file systems, each a detached mount --- */
int fs_make_dev(struct err *e);
int fs_make_tmpfs(const struct rootfs_spec *s, uint64_t attrs, struct err *e);
int fs_make(const struct rootfs_spec *s, const struct dirrule *rule, struct err *e);
/* Small tmpfs for mount points, writable until it is sealed with MOUNT_ATTR_RDONLY. */
int fs_make_skeleton(struct err *e);
/* For the keeper's eyes. */
int fs_make_proc_for_keeper(struct err *e);

/* --- rootfs_ids: the program's user in an image's passwd(5) and group(5) --- */
#define ROOTFS_USER_NAME "box"
/* Where the image at root_fd (attached) has these files, readable to all and without such an id or
 * name: mount copies over them, which are made on the tmpfs tmp_fd, with a line for the program,
 * and set r->named. Runs as: root. Trusts: nothing in the image. Must not: follow a link out of it.
 */
int ids_add(struct rootfs *r, int tmp_fd, int root_fd, struct err *e) NODISCARD;
/* In the fresh /tmp at tmp_fd, if r->named: what keeps Java from complaining. */
int ids_furnish_tmp(const struct rootfs *r, int tmp_fd, struct err *e) NODISCARD;

/* --- rootfs_skeleton: mount points --- */
/* Decide where every source goes, and make below the directory top_fd those mount points that are
 * not inside another rule's mount. image_fd: a mount of the image alone, or -1 without one. */
int skeleton_make(struct rootfs *r, int top_fd, int image_fd, struct err *e) NODISCARD;
/* Does any rule lie so deep that the image has to be asked about its parents? */
bool skeleton_needs_image(const struct rootfs *r);
/* Canonical form of path inside the image at root_fd: all symbolic links but the last component
 * resolved, in at most size bytes. Parents that are missing are taken literally. */
int skeleton_resolve(int root_fd, const char *path, char *out, size_t size,
		     struct err *e) NODISCARD;
/* The mount point of a source in the finished root, O_PATH, or -1. */
int skeleton_open_target(const struct rootfs *r, size_t i, int root_fd, struct err *e);

#endif
