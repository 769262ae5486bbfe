/* SPDX-License-Identifier: MIT */
/* imgfetch gc: what nothing refers to leaves the store. */
#ifndef IMGFETCH_GC_H
#define IMGFETCH_GC_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/usage.h"

struct gc_opts {
	bool dry_run; /* only count */
	bool images;  /* images without a name, too */
	const char *box_root;
};

/* What was removed, or would be. */
struct gc_result {
	uint64_t names;		/* of images that are not there */
	uint64_t images;	/* without a name */
	uint64_t images_in_use; /* without a name, but kept: a box, run or mount has them */
	uint64_t layers;	/* of no image */
	uint64_t notes;		/* files beside layers that are not there */
	uint64_t temporary;	/* abandoned entries of tmp/ but for: */
	uint64_t partial_blobs; /* parts of downloads that nobody was at for a day */
	struct usage_sum freed;
	/* An image is damaged and may need any layer: none was removed. */
	bool layers_unknown;
	struct digest unknown_image;
};

/* Collect the garbage of a store. What a pull, run, box or mount uses stays, and none of them is
 * waited for, but the few moments that each holds the lock of the store. ERR_BUSY (that lock is
 * held for long, by an earlier program), ERR_DISK, ERR_SYSTEM. */
int gc_run(const struct store *st, const struct gc_opts *opts, struct gc_result *out,
	   struct err *e) NODISCARD;

#endif
