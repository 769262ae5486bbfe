/* SPDX-License-Identifier: MIT */
/* Images on this machine as sources: oci:, oci-archive:, docker-archive:. */
#ifndef IMGFETCH_LOCAL_H
#define IMGFETCH_LOCAL_H

#include "common/err.h"
#include "common/ref.h"
#include "common/store.h"
#include "imgfetch/limits.h"
#include "imgfetch/platform.h"
#include "imgfetch/source.h"

/* ref: ref_is_local. limits (no field 0) are for archives that have to be uncompressed whole.
 * `want` decides where an index has several manifests. The image of a docker archive brings its
 * name along if *ref has none: that is put into *ref. ERR_NOTFOUND (no such file, or image in it),
 * ERR_VERIFY, ERR_DISK, ERR_SYSTEM. NULL with *e. */
struct source *local_open(const struct store *st, struct ref *ref, const struct platform *want,
			  const struct limits *limits, struct err *e);

#endif
