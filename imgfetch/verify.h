/* SPDX-License-Identifier: MIT */
/* imgfetch verify: is what the store holds still what was pulled? */
#ifndef IMGFETCH_VERIFY_H
#define IMGFETCH_VERIFY_H

#include <stdio.h>

#include "common/defs.h"
#include "common/err.h"
#include "common/store.h"

struct verify_opts {
	char *const *words; /* references, each parsed without an error before; none: all images */
	size_t word_count;
	bool json, quiet; /* quiet: problems only */
	bool remove_damaged;
	const char *box_root;
};

/* For each image: digests of manifest and configuration, and what of the descriptor follows from
 * them; for each of its layers, once: the list of files against its digest, and all files against
 * the list; then, where these are right, the fix-up layer and the merged tree against them. Says on
 * out what is wrong, and what was not checked. ERR_VERIFY when something is wrong, also when it
 * could be removed; ERR_BUSY: something damaged is in use; ERR_NOTFOUND, ERR_SYSTEM. */
int verify_run(const struct store *st, const struct verify_opts *opts, FILE *out,
	       struct err *e) NODISCARD;

#endif
