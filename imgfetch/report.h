/* SPDX-License-Identifier: MIT */
/* What the store holds, for people and as JSON: imgfetch list and imgfetch inspect. */
#ifndef IMGFETCH_REPORT_H
#define IMGFETCH_REPORT_H

#include <stdio.h>

#include "common/defs.h"
#include "common/err.h"
#include "common/ref.h"
#include "common/store.h"
#include "imgfetch/pull.h"

/* All names of the store with what they mean, and images without a name; st NULL: there is no store
 * yet, and nothing in it. Write errors on out are the caller's to find. */
int report_list(const struct store *st, bool json, FILE *out, struct err *e) NODISCARD;

/* What a pull of ref has done, as JSON. */
int report_pull(const struct store *st, const struct ref *ref, const struct pull_result *result,
		uint64_t wall_ns, FILE *out, struct err *e) NODISCARD;

/* One image: layers, what unpacking them left out, settings. ERR_NOTFOUND. */
int report_inspect(const struct store *st, const struct ref *ref, bool json, FILE *out,
		   struct err *e) NODISCARD;

#endif
