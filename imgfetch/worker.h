/* SPDX-License-Identifier: MIT */
/* All layers of an image into the store: in parallel, each once, downloads overlapped with
 * unpacking. */
#ifndef IMGFETCH_WORKER_H
#define IMGFETCH_WORKER_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/layer.h"
#include "imgfetch/progress.h"
#include "imgfetch/source.h"
#include "imgfetch/unpack.h"

/* What was done; layers that were there, or that another pull brought, are not counted. */
struct worker_stats {
	unsigned layers;
	uint64_t fetched_bytes; /* of their blobs, from the source */
	uint64_t resumed_bytes; /* that an earlier pull had fetched */
};

struct worker_opts {
	unsigned downloads; /* layers in flight, each with its own download, inflater and unpacker;
			      0: 4 */
	bool no_sync;	    /* leave it to the kernel when data reaches the disk */
	struct progress *progress; /* may be NULL */
	struct unpack_limits limits;
	uint64_t image_bytes_max;   /* sizes of all files of all layers; 0: any */
	uint64_t unpack_ns_max;	    /* for one layer, as in layer_job; 0: any */
	struct worker_stats *stats; /* filled at the end; may be NULL */
};

/* Bring every layer of specs into the store: fetched from src, blob digest and size and DiffID
 * verified, unpacked, synced and renamed into place. What is present already is not fetched; the
 * same layer twice in specs is fetched once; a layer that another process is fetching is waited
 * for. The caller has claimed them (imgfetch/claim.h). The first error stops everything
 * else and is the one returned (its text names the layer, by its place among specs); layers that
 * were complete by then stay, nothing else does. Besides what source_get_blob says: ERR_VERIFY
 * (digest, size, format, limits), ERR_DISK, ERR_SYSTEM. The sink given to source_get_blob takes len
 * 0 as a question whether to go on: a source that waits for the network should call it so about
 * once a second. */
int worker_fetch_layers(const struct store *st, struct source *src, const struct layer_spec *specs,
			size_t count, const struct worker_opts *opts, struct err *e) NODISCARD;

#endif
