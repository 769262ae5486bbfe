/* SPDX-License-Identifier: MIT */
/* One layer: a blob from a source becomes a directory, verified on the way. */
#ifndef IMGFETCH_LAYER_H
#define IMGFETCH_LAYER_H

#include <stdatomic.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "imgfetch/facts.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/partial.h"
#include "imgfetch/progress.h"
#include "imgfetch/source.h"
#include "imgfetch/unpack.h"

struct layer_spec {
	struct blob_desc blob; /* from the manifest */
	struct digest diffid;  /* from the config: digest of the uncompressed tar */
};

/* All that the work at one layer needs. */
struct layer_job {
	struct source *src;
	const struct layer_spec *spec;
	int dir_fd;  /* of an empty directory; the layer's root when it is done */
	int list_fd; /* of an empty file, for the list of what is made */
	bool owners; /* see listwriter_new */
	struct unpack_limits limits;
	uint64_t unpack_ns_max; /* that unpacking may take, not counting what it waits for data; 0:
				 * any
				 */
	struct progress_item *progress; /* may be NULL */
	const atomic_bool *stop;	/* true: end soon, with an error that nobody needs to see */
	/* What there is of the blob comes from here, and what arrives goes there, too, until
	 * keep_nothing becomes true. fd -1: neither. */
	struct partial *partial;
	const atomic_bool *keep_nothing;
	uint64_t fetched_bytes; /* out: of the blob, from the source */
	bool blob_right;	/* out, also after a failure: the blob's digest was as declared */
};

/* Fetch the blob from its source and unpack it into the directory. Three threads work at it, each
 * on what the one before hands on in a bounded buffer: download and digest of the blob; inflate and
 * digest of the tar (the DiffID); unpack. About 1 MB of memory in all. Returns 0 (*info
 * and *facts filled, the latter to be facts_fini'd) only if both digests and the size were right;
 * otherwise dir_fd holds a part of the layer. Errors are those of source_get_blob and unpack_tar,
 * without the layer's name.
 */
int layer_fetch(struct layer_job *job, struct layer_info *info, struct facts *facts,
		struct err *e) NODISCARD;

#endif
