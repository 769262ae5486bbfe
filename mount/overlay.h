/* SPDX-License-Identifier: MIT */
/* Stack directories into one overlay mount, read-only or with a directory for what is written. */
#ifndef MOUNT_OVERLAY_H
#define MOUNT_OVERLAY_H

#include "common/defs.h"
#include "common/err.h"

/* Ways to tell the kernel the lower directories, tried in this order. Which one works is found out
 * by trying, never from the version. */
enum overlay_way {
	OVERLAY_BY_FD = 1 << 0,	  /* "lowerdir+" as a descriptor, Linux 6.13 */
	OVERLAY_BY_PATH = 1 << 1, /* "lowerdir+" as /proc/self/fd/N, Linux 6.8 */
	OVERLAY_BY_LIST = 1 << 2, /* one "lowerdir" of at most 255 bytes */
	OVERLAY_BY_PAGE = 1 << 3, /* mount(2) with at most one page of options */
	OVERLAY_ANY_WAY = (1 << 4) - 1,
};

/* An image's layers, its fix-up layer, and the skeleton of a box. */
#define OVERLAY_DIRS_MAX (LAYERS_MAX + 2)

struct overlay_opts {
	const char
		*source; /* first field in /proc/mounts, under 256 bytes; NULL: "isolate-image" */
	/* A directory (O_PATH) of the current mount namespace that may be covered for a moment:
	 * OVERLAY_BY_PAGE does so, since mount(2) makes no detached mounts, and more than 500
	 * directories, since a detached mount is none to be stacked. -1: the topmost lower
	 * directory, which is right only in a mount namespace that no other process uses. */
	int scratch_fd;
	unsigned ways; /* enum overlay_way bits that may be used */
	/* Two empty or formerly so used directories (O_PATH) of one attached mount, root's alone:
	 * what is written goes to upper_fd, the other is the kernel's. Both -1: read-only. */
	int upper_fd, work_fd;
};
#define OVERLAY_OPTS_DEFAULT                                                                       \
	((struct overlay_opts){                                                                    \
		.scratch_fd = -1, .ways = OVERLAY_ANY_WAY, .upper_fd = -1, .work_fd = -1})

/* One detached, nosuid, nodev, private mount, read-only without an upper directory, that shows the
 * directories stacked, lower_fds[0] topmost; count 1 to OVERLAY_DIRS_MAX. The directories must lie
 * on attached mounts of the current mount namespace (otherwise EINVAL, Linux 6.18): what was opened
 * before clone or unshare gave a new namespace does not. The result may be attached in any. No
 * directory may occur twice (ELOOP). Options: userxattr (5.11; so that trusted.overlay.* in a layer
 * means nothing and redirects and metacopy are off); the lower directories are never written. On
 * tmpfs before Linux 6.6, which has no user attributes, a directory of theirs that was removed
 * cannot be made anew (EIO). One directory alone becomes a bind mount. More than 500 become two
 * overlays, the lower ones stacked first: then the directories must not be on an overlay
 * themselves, since the kernel stacks two and no more. Needs CAP_SYS_ADMIN over the mount
 * namespace, and /proc below Linux 6.13. May change directory and back (OVERLAY_BY_PAGE). Returns
 * the mount fd, or -1 (ERR_SYSTEM).
 *
 * Runs as: root (isolate) or the caller (imgmount).
 *
 * Trusts: nothing inside the directories.
 *
 * Must not: look up names in them. */
int overlay_mount(const int *lower_fds, size_t count, struct err *e);
int overlay_mount_opts(const int *lower_fds, size_t count, const struct overlay_opts *o,
		       struct err *e);

#endif
