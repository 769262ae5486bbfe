/* SPDX-License-Identifier: MIT */
/* The note beside each layer of the store, layers/sha256/<diffid>.info: see isolate-image(5). */
#ifndef IMGFETCH_LAYERINFO_H
#define IMGFETCH_LAYERINFO_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/unpack.h"

struct layer_info {
	struct digest diffid;
	struct digest blob; /* what it was unpacked from */
	uint64_t blob_bytes;
	struct unpack_info unpack;
	/* Of layers/sha256/<diffid>.files; layers of earlier versions have none. */
	bool has_files;
	struct digest files;
};

/* Text form into out (at least LAYERINFO_BYTES_MAX). Returns its length, or -1 (ERR_BUG). Pure. */
#define LAYERINFO_BYTES_MAX 2048
ssize_t layerinfo_format(const struct layer_info *info, char *out, size_t size, struct err *e);

/* Parse len bytes at text (writable, NUL-terminated). ERR_VERIFY. Pure. */
int layerinfo_parse(const char *name, char *text, size_t len, struct layer_info *out,
		    struct err *e) NODISCARD;

/* Read the note of a layer in the store. ERR_NOTFOUND when there is none. */
int layerinfo_read(const struct store *st, const struct digest *diffid, struct layer_info *out,
		   struct err *e) NODISCARD;

#endif
