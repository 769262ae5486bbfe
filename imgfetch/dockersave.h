/* SPDX-License-Identifier: MIT */
/* manifest.json of the archives that `docker save` writes, and the manifest they lack. Pure. */
#ifndef IMGFETCH_DOCKERSAVE_H
#define IMGFETCH_DOCKERSAVE_H

#include "common/defs.h"
#include "common/err.h"
#include "common/ref.h"
#include "imgfetch/source.h"

/* One image: names of files in the archive, as they are written there. */
struct dockersave {
	struct ref_name name; /* canonical, with a tag; "" when it has none */
	bool alone; /* no other image there has this name, or (without one) there is none */
	char *config;
	size_t layer_count; /* 1 to LAYERS_MAX */
	char **layers;	    /* bottom first */
};

/* Choose from manifest.json the image that has the name `wanted` (canonical, with a tag) among its
 * RepoTags or, with NULL, the one at *place (from 0) or, with NULL too, the only one; of these the
 * first name that is one is theirs. ERR_NOTFOUND (the text lists the names there are), ERR_VERIFY.
 * dockersave_fini what came out. */
int dockersave_select(const char *json, size_t len, const char *wanted, const uint32_t *place,
		      struct dockersave *out, struct err *e) NODISCARD;
void dockersave_fini(struct dockersave *d);

/* A manifest for such an image, malloc'd: byte for byte what containers/image (skopeo, podman)
 * makes of an archive with uncompressed layers, so that all know the image by one digest. The media
 * types given are not used. NULL with *e. */
char *dockersave_format(const struct blob_desc *config, const struct blob_desc *layers,
			size_t count, struct err *e);

#endif
