/* SPDX-License-Identifier: MIT */
/* A registry and its mirrors as one source: the first that has what is wanted. */
#ifndef IMGFETCH_MIRRORS_H
#define IMGFETCH_MIRRORS_H

#include "common/err.h"
#include "common/ref.h"
#include "imgfetch/credentials.h"
#include "imgfetch/hostrules.h"
#include "imgfetch/http.h"
#include "imgfetch/progress.h"
#include "imgfetch/source.h"

/* Asks the endpoints in their order (count of them, at least 1). One that cannot be reached, does
 * not have it or refuses us is passed over with a line to progress; the error of the last one is
 * that of the source. One that sends something wrong ends it. Blobs come from where the manifest
 * came from, or from those behind it. A tag means what the first one that knows it says. http and
 * paths are borrowed as in registry_open, progress (may be NULL) too. NULL with *e. */
struct source *mirrors_open(struct http *http, const struct credential_paths *paths,
			    const struct ref *ref, const struct endpoint *endpoints, size_t count,
			    struct progress *progress, struct err *e);

#endif
