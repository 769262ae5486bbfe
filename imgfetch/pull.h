/* SPDX-License-Identifier: MIT */
/* One pull: from a reference to an image in the store. */
#ifndef IMGFETCH_PULL_H
#define IMGFETCH_PULL_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/ref.h"
#include "common/store.h"
#include "imgfetch/platform.h"
#include "imgfetch/progress.h"
#include "imgfetch/source.h"

struct pull_opts {
	struct platform platform;
	unsigned downloads; /* layers in flight, 0: the default */
	bool no_sync;
	struct progress *progress; /* may be NULL */
};

/* Bring the image that ref names at src into the store and let ref mean it there; *out is the
 * digest of its manifest. An image that is present costs one request and no bodies. Takes the
 * store's shared lock. On failure the store is as it was, but for finished layers. Any kind. */
int pull_image(const struct store *st, struct source *src, const struct ref *ref,
	       const struct pull_opts *opts, struct digest *out, struct err *e) NODISCARD;

#endif
