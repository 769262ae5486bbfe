/* SPDX-License-Identifier: MIT */
/* One layer: a blob from a source becomes a directory, verified on the way. */
#ifndef IMGFETCH_LAYER_H
#define IMGFETCH_LAYER_H

#include <stdatomic.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/progress.h"
#include "imgfetch/source.h"
#include "imgfetch/unpack.h"

struct layer_spec {
	struct blob_desc blob; /* from the manifest */
	struct digest diffid;  /* from the config: digest of the uncompressed tar */
};

/* Fetch spec's blob from src and unpack it into the empty directory dir_fd. Three threads work at
 * it, each on what the one before hands on in a bounded buffer: download and digest of the blob;
 * inflate and digest of the tar (the DiffID); unpack. About 1 MB of memory in all.
 * When *stop becomes true it ends soon, with an error that nobody needs to see. Returns 0 (*info
 * filled) only if both digests and the size were right; otherwise dir_fd holds a part of the layer.
 * Errors are those of source_get_blob and unpack_tar, without the layer's name. */
int layer_fetch(struct source *src, const struct layer_spec *spec, int dir_fd,
		const struct unpack_limits *limits, struct progress_item *progress,
		const atomic_bool *stop, struct layer_info *info, struct err *e) NODISCARD;

#endif
