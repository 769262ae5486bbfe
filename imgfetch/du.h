/* SPDX-License-Identifier: MIT */
/* imgfetch du: what takes the room in a store. */
#ifndef IMGFETCH_DU_H
#define IMGFETCH_DU_H

#include <stdio.h>

#include "common/defs.h"
#include "common/err.h"
#include "common/store.h"

/* For each image (words: references, parsed without an error before; none: all): what its removal
 * would free, what it shares with others; then the store as a whole. ERR_NOTFOUND, ERR_SYSTEM. */
int du_run(const struct store *st, char *const *words, size_t word_count, bool json, FILE *out,
	   struct err *e) NODISCARD;

#endif
