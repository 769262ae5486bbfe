/* SPDX-License-Identifier: MIT */
/* What must stay when things are removed from a store: the layers of images and of pulls. */
#ifndef IMGFETCH_NEEDED_H
#define IMGFETCH_NEEDED_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/imgdesc.h"
#include "common/store.h"
#include "imgfetch/claim.h"

struct needed {
	struct claimed claimed;
	struct digest *layers; /* sorted; owned */
	size_t layer_count;
	/* An image is damaged so badly that nobody can tell its layers: it may need any. */
	bool unknown;
	struct digest unknown_image;
};

/* Called for each image: does it stay? */
typedef bool (*needed_keeps)(void *arg, const struct digest *image);

/* Layers of all images that stay, those they show and those their configurations list, and what
 * pulls claim. The caller holds the lock of the store exclusively. ERR_SYSTEM, ERR_VERIFY (a claim
 * cannot be understood). */
int needed_collect(const struct store *st, needed_keeps keeps, void *arg, struct needed *out,
		   struct err *e) NODISCARD;
bool needed_has_layer(const struct needed *n, const struct digest *layer);
bool needed_has_image(const struct needed *n, const struct digest *image); /* claimed, that is */
void needed_fini(struct needed *n);

/* The layers of an image: by its descriptor, or where that is damaged by its configuration, which
 * lists those and perhaps hidden ones. imgdesc_fini it. ERR_VERIFY where nothing tells,
 * ERR_NOTFOUND. */
int needed_read_image(const struct store *st, const struct digest *image, struct imgdesc *out,
		      struct err *e) NODISCARD;

#endif
