/* SPDX-License-Identifier: MIT */
/* A growing buffer with a cap, filled through a blob_sink: for documents that are parsed whole. */
#ifndef IMGFETCH_MEMBUF_H
#define IMGFETCH_MEMBUF_H

#include <stdlib.h>

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/source.h"

struct membuf {
	char *data; /* owned; NUL-terminated once something was added */
	size_t len;
	size_t room;	/* bytes allocated */
	size_t len_max; /* more is ERR_VERIFY */
};

/* A blob_sink; arg is a struct membuf *. */
int membuf_add(void *arg, const void *data, size_t len, struct err *e);

static inline void cleanup_membuf(struct membuf *m)
{
	free(m->data);
	*m = (struct membuf){0};
}
#define auto_membuf __attribute__((cleanup(cleanup_membuf))) struct membuf

#endif
