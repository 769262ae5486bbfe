/* SPDX-License-Identifier: MIT */
/* From a descriptor to the directories that overlayfs will stack. */
#ifndef MOUNT_LAYERS_H
#define MOUNT_LAYERS_H

#include "common/defs.h"
#include "common/err.h"
#include "common/imgdesc.h"
#include "common/store.h"

/* O_PATH directories, topmost first (the order of overlayfs). */
struct layers {
	int *fds;
	size_t count;
};

/* Open every layer of d in s, ownership checked, and its fix-up layer if it has one. A layer that
 * occurs twice is kept only where it is topmost: overlayfs refuses duplicates (ELOOP), and the
 * lower copy shows nothing anyway. */
int layers_open_stored(const struct store *s, const struct imgdesc *d, struct layers *out,
		       struct err *e) NODISCARD;
/* The merged tree of the image alone (imgfetch flatten), or where there is none the same. */
int layers_open(const struct store *s, const struct imgdesc *d, struct layers *out,
		struct err *e) NODISCARD;
void layers_close(struct layers *l);

#endif
