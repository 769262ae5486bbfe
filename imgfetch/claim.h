/* SPDX-License-Identifier: MIT */
/* What a pull in progress is going to need, told to those who remove things.
 *
 * A pull must not hold the lock of the whole store while it works: hours, over a slow line. So it
 * writes down, in a directory of its own below tmp/ that is locked as long as it lives, which image
 * it makes and of which layers, and does so under the shared lock of the store, for a moment. Who
 * removes layers holds that lock exclusively while he reads what is claimed and moves away what is
 * not. So each pull either is seen, or looks for its layers when what was removed is gone. */
#ifndef IMGFETCH_CLAIM_H
#define IMGFETCH_CLAIM_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/tmpdir.h"

struct claim {
	struct tmpdir dir;
};

#define CLAIM_NONE ((struct claim){.dir = TMPDIR_NONE})

/* From now on nobody removes this image or these layers, also where they are not there yet. Before
 * the caller looks which of them are. Waits for the lock of the store. ERR_DISK, ERR_SYSTEM. */
int claim_take(const struct store *st, const struct digest *image, const struct digest *layers,
	       size_t count, struct claim *out, struct err *e) NODISCARD;

/* Let go; what was claimed and never made is nobody's now. CLAIM_NONE is fine. */
void claim_drop(struct claim *c);

struct claimed {
	struct digest *images, *layers; /* owned */
	size_t image_count, layer_count;
};

/* What all living pulls claim. The caller holds the lock of the store exclusively. ERR_VERIFY: one
 * of them cannot be understood; then nothing may be removed. */
int claim_read_all(const struct store *st, struct claimed *out, struct err *e) NODISCARD;
/* Does one of them claim this image? 1, 0 or -1, as above. */
int claim_has_image(const struct store *st, const struct digest *image, struct err *e) NODISCARD;
void claimed_fini(struct claimed *c);

#endif
