/* SPDX-License-Identifier: MIT */
/* An OCI image layout, in a directory or an archive, as a source. */
#ifndef IMGFETCH_LAYOUT_H
#define IMGFETCH_LAYOUT_H

#include "common/err.h"
#include "imgfetch/bundle.h"
#include "imgfetch/platform.h"
#include "imgfetch/source.h"

/* Takes files, also on failure. A reference's digest decides which image is meant; without one the
 * entry of the index that is called `wanted` (as index_select understands it; NULL: the only one)
 * or, with or_any, the only one there is when none is. `platform` decides where several are.
 * ERR_NOTFOUND, ERR_VERIFY (no layout). NULL with *e. */
struct source *layout_open(struct bundle *files, const char *wanted, bool or_any,
			   const struct platform *platform, struct err *e);

#endif
