/* SPDX-License-Identifier: MIT */
/* Stack directories into one read-only overlay mount. */
#ifndef MOUNT_OVERLAY_H
#define MOUNT_OVERLAY_H

#include "common/defs.h"
#include "common/err.h"

/* One detached, read-only, nosuid, nodev mount that shows the directories stacked, lower_fds[0]
 * topmost; count 1 to LAYERS_MAX + 1. The directories must be on attached mounts of the current
 * mount namespace (a detached mount as lower is EINVAL, Linux 6.18).
 * Options: userxattr (5.11; so that trusted.overlay.* in a layer means nothing and redirects and
 * metacopy are off), and nothing is ever written. One directory alone becomes a bind mount.
 * lowerdir+ by descriptor (6.13), by /proc/self/fd path (6.8), or mount options in one checked page
 * below that; which one is probed, never guessed from the version.
 * Needs CAP_SYS_ADMIN over the mount namespace. Returns the mount fd, or -1. */
int overlay_mount(const int *lower_fds, size_t count, struct err *e);

#endif
