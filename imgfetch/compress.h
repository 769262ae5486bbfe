/* SPDX-License-Identifier: MIT */
/* A stream of bytes becomes one zstd frame: for files of the store that we write ourselves. */
#ifndef IMGFETCH_COMPRESS_H
#define IMGFETCH_COMPRESS_H

#include "common/defs.h"
#include "common/err.h"

struct compress;

/* Takes the next piece of the frame. 0 or -1 with *e. */
typedef int (*compress_sink)(void *arg, const void *data, size_t len, struct err *e);

/* NULL (ERR_SYSTEM) when there is no memory: about half a MB. */
struct compress *compress_new(compress_sink sink, void *arg, struct err *e);

int compress_write(struct compress *c, const void *data, size_t len, struct err *e) NODISCARD;

/* The end of the frame goes to the sink. Nothing may be written afterwards. */
int compress_end(struct compress *c, struct err *e) NODISCARD;

/* NULL is fine. */
void compress_free(struct compress *c);

#endif
