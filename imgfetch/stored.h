/* SPDX-License-Identifier: MIT */
/* An image as the store has it: manifest and configuration read back. */
#ifndef IMGFETCH_STORED_H
#define IMGFETCH_STORED_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/imgconfig.h"
#include "imgfetch/manifest.h"

struct stored {
	struct manifest manifest;
	struct imgconfig config;
};

/* The text of one of the image's files, "manifest.json" or "config.json": malloc'd, with a NUL
 * behind its *len bytes; or NULL. */
char *stored_read(const struct store *st, const struct digest *image, const char *name, size_t *len,
		  struct err *e);

/* Read and parse manifest.json and config.json of an image. They were checked when they came; here
 * they must parse. ERR_NOTFOUND, ERR_VERIFY, ERR_SYSTEM. stored_fini what came out. */
int stored_load(const struct store *st, const struct digest *image, struct stored *out,
		struct err *e) NODISCARD;
/* Only the configuration. imgconfig_fini it. */
int stored_load_config(const struct store *st, const struct digest *image, struct imgconfig *out,
		       struct err *e) NODISCARD;
void stored_fini(struct stored *s);

/* store_resolve in words for those who look after a store: nobody who removes something wants to be
 * told to pull it. */
int stored_resolve(const struct store *st, const struct ref *ref, struct digest *out,
		   struct err *e) NODISCARD;

/* Sum of the layers' sizes as they were downloaded. */
uint64_t stored_compressed_bytes(const struct stored *s);

#endif
