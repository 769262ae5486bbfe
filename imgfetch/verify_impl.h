/* SPDX-License-Identifier: MIT */
/* What the files of verify share. */
#ifndef IMGFETCH_VERIFY_IMPL_H
#define IMGFETCH_VERIFY_IMPL_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/jsonout.h"
#include "common/store.h"
#include "imgfetch/layercheck.h"
#include "imgfetch/refs.h"
#include "imgfetch/verify.h"

struct verify_damage {
	struct digest *images, *layers; /* that are wrong themselves; owned by verify_run */
	struct digest *flats;		/* images whose merged trees are; likewise */
	size_t image_count, layer_count, flat_count;
	size_t bad_images; /* all of these, and those with such layers */
};

struct verified_layer {
	struct digest diffid;
	struct layercheck_result result;
};

struct verify {
	const struct store *st;
	const struct verify_opts *opts;
	FILE *out;
	struct jsonout json;
	struct refs refs;
	struct digest *images; /* owned */
	size_t image_count;
	struct verified_layer *layers; /* owned; in the order of their checks */
	size_t layer_count;
	struct layercheck_result trees; /* of all fix-up layers and merged trees together */
	struct verify_damage damage;

	/* The image and layer at hand. */
	const struct digest *image, *layer;
	uint64_t image_problems;
};

/* --- verify.c --- */

/* Something is wrong with one of the image's own files; error: in words. */
void verify_tell_image(struct verify *v, const char *file, const char *error);
/* With a file in a tree of the image at hand, "fixup/tree" or "flat/tree"; in its layer at hand:
 * "". */
void verify_tell_file(struct verify *v, const char *tree, const struct layercheck_problem *p);

/* --- verify_trees.c --- */

/* The image's fix-up layer and merged tree against its layers. d: NULL where something is wrong
 * with these, so that there is nothing to compare with. */
int verify_check_trees(struct verify *v, const struct imgdesc *d, struct err *e) NODISCARD;

/* --- verify_mend.c --- */

/* Append d to a list. ERR_SYSTEM. */
int verify_damage_add(struct digest **list, size_t *count, const struct digest *d,
		      struct err *e) NODISCARD;

/* Take the damaged layers out of the store, and all images that are damaged or have such a layer;
 * their names stay, so that one pull each mends it. Merged trees go without their images. Nothing
 * changes if one of them is in use (ERR_BUSY). Always -1: ERR_VERIFY and what was done when all
 * went well. */
int verify_mend(const struct store *st, const struct verify_damage *damage, const char *box_root,
		struct err *e);

#endif
