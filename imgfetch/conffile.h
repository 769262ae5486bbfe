/* SPDX-License-Identifier: MIT */
/* Files that say whom to believe: read whole, and only if nobody else could have written them. */
#ifndef IMGFETCH_CONFFILE_H
#define IMGFETCH_CONFFILE_H

#include "common/defs.h"
#include "common/err.h"

/* The whole file, at most 4 MiB, with a NUL behind it, in *text (owned by the caller). check: it
 * must be a regular file of root's or the caller's that nobody else can write. (The machine's files
 * are checked by root only: in a user namespace that lacks root they belong to nobody.) 1, 0 when
 * it is missing and may be, -1: ERR_CONFIG, ERR_SYSTEM. */
int conffile_read(const char *path, bool may_be_missing, bool check, char **text, size_t *len,
		  struct err *e) NODISCARD;

#endif
