/* SPDX-License-Identifier: MIT */
/* What lies where in a tar archive that is read in place: images as one file. Pure but for the
 * reading, which the caller does. */
#ifndef IMGFETCH_TARINDEX_H
#define IMGFETCH_TARINDEX_H

#include "common/defs.h"
#include "common/err.h"

/* More is no image archive. */
#define TARINDEX_ENTRIES_MAX 200000

/* len bytes from offset on, all of which are below the size given to tarindex_new. */
typedef int (*tarindex_read)(void *arg, uint64_t offset, void *buf, size_t len, struct err *e);

struct tarindex;

/* Read all headers of an archive of size_bytes: ustar, with pax records (path, linkpath, size) and
 * GNU's long names. Nothing is unpacked. NULL with ERR_VERIFY: no archive, a broken or cut one, one
 * with a ".." or an empty name, with sparse files, or too many entries; or what read said. */
struct tarindex *tarindex_new(tarindex_read read, void *arg, uint64_t size_bytes, struct err *e);

/* Where the contents of the regular file `name` are. Names are taken without "./", leading or
 * double slashes; of several entries of one name the last counts, as when an archive is unpacked.
 * Links, also hard ones, are followed within the archive, at most 16. 1; 0: there is none; -1,
 * ERR_VERIFY: links that lead out of the archive or in a circle, a bad name. */
int tarindex_find(const struct tarindex *t, const char *name, uint64_t *offset,
		  uint64_t *size_bytes, struct err *e);

/* NULL is fine. */
void tarindex_free(struct tarindex *t);

#endif
