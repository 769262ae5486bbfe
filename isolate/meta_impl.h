/* SPDX-License-Identifier: MIT */
/* What meta.c and meta_json.c share. Nobody else includes this. */
#ifndef ISOLATE_META_IMPL_H
#define ISOLATE_META_IMPL_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/meta.h"

/* The whole text into the file, by one write(2) where the kernel takes it. */
int meta_put(const struct meta *m, const char *text, size_t len, struct err *e) NODISCARD;

/* As meta_write_run and meta_write_error, for m->json. */
int meta_json_run(const struct meta *m, const struct outcome *o, const struct verdict *v,
		  const char *image_digest, struct err *e) NODISCARD;
int meta_json_error(const struct meta *m, const struct err *why, struct err *e) NODISCARD;

#endif
