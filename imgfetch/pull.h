/* SPDX-License-Identifier: MIT */
/* One pull: from a reference to an image in the store. */
#ifndef IMGFETCH_PULL_H
#define IMGFETCH_PULL_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/ref.h"
#include "common/store.h"
#include "imgfetch/limits.h"
#include "imgfetch/platform.h"
#include "imgfetch/progress.h"
#include "imgfetch/source.h"
#include "imgfetch/worker.h"

/* When the source is asked. */
enum pull_policy {
	PULL_ALWAYS,  /* each time; the pull fails if it cannot be asked */
	PULL_NEWER,   /* each time; if it cannot be reached, the image that is there will do */
	PULL_MISSING, /* only for an image that is not there */
	PULL_NEVER,   /* not at all */
};

struct pull_opts {
	enum pull_policy policy;
	struct platform platform;
	struct limits limits; /* all of them said */
	unsigned downloads;   /* layers in flight, 0: the default */
	bool no_sync;
	struct progress *progress; /* may be NULL */
};

struct pull_result {
	struct digest digest; /* of the image's manifest */
	bool present;	      /* it was there, complete */
	struct worker_stats fetched;
};

/* Bring the image that ref names at src into the store and let ref mean it there. An image that is
 * present costs one request and no bodies, or not even that, as the policy says; src may be NULL
 * with PULL_NEVER. Takes the store's shared lock. On failure the store is as it was, but for
 * finished layers. Any kind; ERR_NOTFOUND also when nothing may be asked and the image is not
 * there, or not complete. */
int pull_image(const struct store *st, struct source *src, const struct ref *ref,
	       const struct pull_opts *opts, struct pull_result *out, struct err *e) NODISCARD;

#endif
