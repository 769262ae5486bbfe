/* SPDX-License-Identifier: MIT */
/* What an image may cost, as the command line and the configuration say it. Pure. */
#ifndef IMGFETCH_LIMITS_H
#define IMGFETCH_LIMITS_H

#include "common/defs.h"
#include "common/err.h"

/* 0: not said. */
struct limits {
	uint64_t layer_bytes; /* of one uncompressed layer, and of the sizes of its files: 64 GiB */
	uint64_t image_bytes; /* of the sizes of all files of all layers: 256 GiB */
	uint64_t entries;     /* of one layer: 2,000,000 */
	uint64_t ratio;	      /* uncompressed : compressed: 250 */
	uint64_t unpack_s; /* that unpacking a layer may take, without the time it waits for data:
			      3600 */
};

#define LIMITS_LAYER_BYTES_DEFAULT (UINT64_C(64) << 30)
#define LIMITS_IMAGE_BYTES_DEFAULT (UINT64_C(256) << 30)
#define LIMITS_ENTRIES_DEFAULT	   UINT64_C(2000000)
#define LIMITS_RATIO_DEFAULT	   UINT64_C(250)
#define LIMITS_UNPACK_S_DEFAULT	   UINT64_C(3600)

/* Set the limit of that name ("max_layer_size" and so on; as an option "max-layer-size" with two
 * dashes before it). 1: done; 0: no limit is called so; -1: ERR_USAGE, with the name. */
int limits_set(struct limits *l, const char *name, const char *value, struct err *e) NODISCARD;

/* What the first leaves open the second says, and then the defaults. */
struct limits limits_merge(const struct limits *first, const struct limits *second);

#endif
