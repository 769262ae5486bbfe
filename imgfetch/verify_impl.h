/* SPDX-License-Identifier: MIT */
/* What the files of verify share. */
#ifndef IMGFETCH_VERIFY_IMPL_H
#define IMGFETCH_VERIFY_IMPL_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"

struct verify_damage {
	struct digest *images, *layers; /* that are wrong themselves; owned by verify_run */
	size_t image_count, layer_count;
	size_t bad_images; /* these, and those with such layers */
};

/* Append d to a list. ERR_SYSTEM. */
int verify_damage_add(struct digest **list, size_t *count, const struct digest *d,
		      struct err *e) NODISCARD;

/* Take the damaged layers out of the store, and all images that are damaged or have such a layer;
 * their names stay, so that one pull each mends it. Nothing changes if one of them is in use
 * (ERR_BUSY). Always -1: ERR_VERIFY and what was done when all went well. */
int verify_mend(const struct store *st, const struct verify_damage *damage, const char *box_root,
		struct err *e);

#endif
