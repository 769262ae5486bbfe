/* SPDX-License-Identifier: MIT */
/* An image in an archive that `docker save` wrote, as a source. */
#ifndef IMGFETCH_DOCKERARCHIVE_H
#define IMGFETCH_DOCKERARCHIVE_H

#include "common/err.h"
#include "imgfetch/bundle.h"
#include "imgfetch/dockersave.h"
#include "imgfetch/source.h"

/* Takes files, also on failure. The archive has no manifest, so one is made of the configuration
 * and of the layers' sizes and digests: an uncompressed layer's is the DiffID that the
 * configuration gives it, which is verified like any other when the layer is fetched; a compressed
 * layer is read once for it. ERR_VERIFY, ERR_NOTFOUND, ERR_SYSTEM. NULL with *e. */
struct source *dockerarchive_open(struct bundle *files, const struct dockersave *image,
				  struct err *e);

#endif
