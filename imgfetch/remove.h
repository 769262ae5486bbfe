/* SPDX-License-Identifier: MIT */
/* imgfetch rm: a name, and the image behind it when that was its last. */
#ifndef IMGFETCH_REMOVE_H
#define IMGFETCH_REMOVE_H

#include "common/defs.h"
#include "common/err.h"
#include "common/ref.h"
#include "common/store.h"

struct removed {
	struct digest digest; /* of the image that the name meant */
	size_t names;	      /* tags taken away */
	bool image;	      /* the image went too */
	size_t layers;	      /* layers that went with it */
	bool layers_unknown;  /* an image is damaged and may need any layer: none was removed */
};

/* ref with a tag: that tag, and the image if no other tag means it. ref with a digest: the image
 * and all its names. An image whose descriptor is damaged goes like any other. box_root: where
 * boxes pin images, see isolate.cf(5). ERR_BUSY ("in use by box N", mounted, being pulled: nothing
 * was changed), ERR_NOTFOUND, ERR_DISK, ERR_SYSTEM. */
int remove_image(const struct store *st, const struct ref *ref, const char *box_root,
		 struct removed *out, struct err *e) NODISCARD;

#endif
