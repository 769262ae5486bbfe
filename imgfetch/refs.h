/* SPDX-License-Identifier: MIT */
/* All names and images that a store knows. */
#ifndef IMGFETCH_REFS_H
#define IMGFETCH_REFS_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/ref.h"
#include "common/store.h"

#define REFS_MAX 100000

struct ref_entry {
	char *name;	      /* host/repo:tag or host/repo@sha256:...; owned */
	char *path;	      /* of its file below the store; owned */
	bool by_digest;	      /* a note of which image an index meant, not a name somebody gave */
	struct digest digest; /* of the manifest */
};

struct refs {
	struct ref_entry *entries; /* sorted by name; owned */
	size_t count;
};

/* Read refs/. Files and folders whose names or contents are none that imgfetch writes are passed
 * over. ERR_SYSTEM, ERR_CONFIG (more than REFS_MAX). refs_fini what came out. */
int refs_read(const struct store *st, struct refs *out, struct err *e) NODISCARD;
void refs_fini(struct refs *r);

/* Digests of all images in the store (malloc'd, *count of them), in order. */
int refs_read_images(const struct store *st, struct digest **out, size_t *count,
		     struct err *e) NODISCARD;

#endif
