/* SPDX-License-Identifier: MIT */
/* The image descriptor of isolate-image(5): all that isolate ever reads about an image. Pure. */
#ifndef COMMON_IMGDESC_H
#define COMMON_IMGDESC_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"

struct imgdesc {
	struct digest digest;  /* of the manifest */
	size_t layer_count;    /* 0 to LAYERS_MAX; imgfetch refuses to store images with 0 */
	struct digest *layers; /* DiffIDs, bottom first; owned */
	bool fixup;	       /* above them lies images/sha256/<digest>/fixup/tree */
	size_t env_count;
	char **env;    /* "NAME=VALUE", owned; names checked: no '=' or NUL, not empty */
	char *workdir; /* absolute, or NULL; owned */
	char *user;    /* as in the image config, or NULL; owned. Never acted upon. */
};

/* Parse len bytes at text (writable, NUL-terminated, cut up in place) as hostile input: format of
 * isolate-image(5), at most IMGDESC_BYTES_MAX. On success *out owns its memory; on failure *out is
 * untouched. kind ERR_VERIFY; name is for messages. */
int imgdesc_parse(const char *name, char *text, size_t len, struct imgdesc *out,
		  struct err *e) NODISCARD;

/* Text form, malloc'd into *out (length without NUL in *out_len); refuses what imgdesc_parse would
 * refuse. */
int imgdesc_format(const struct imgdesc *d, char **out, size_t *out_len, struct err *e) NODISCARD;

void imgdesc_fini(struct imgdesc *d);

#endif
