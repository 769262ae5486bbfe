/* SPDX-License-Identifier: MIT */
/* A compressed layer becomes its tar stream: gzip, zstd or plain, told apart by the first bytes.
 * inflate.c is the only file that includes zlib, ISA-L and zstd. */
#ifndef IMGFETCH_INFLATE_H
#define IMGFETCH_INFLATE_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

/* A zstd frame may ask for so much memory and no more (RFC 8878 advises decoders to take 8 MiB;
 * `zstd --ultra -22` and --long make up to 128 MiB). */
#define INFLATE_WINDOW_LOG_MAX 27

/* Next piece of the compressed stream; valid until the next call. Its length, 0 at the end, -1. */
typedef ssize_t (*inflate_fill)(void *arg, const void **data, struct err *e);

struct inflate_limits {
	uint64_t bytes; /* largest output */
	uint64_t ratio; /* output : input, once more than ratio_from_bytes came out */
	uint64_t ratio_from_bytes;
};

/* Who undoes gzip. AUTO is ISA-L (four times faster) where it was there at build time; the choice
 * exists for tests. */
enum inflate_engine { INFLATE_AUTO, INFLATE_ZLIB };

struct inflate;

/* NULL (ERR_SYSTEM) when there is no memory. Nothing is read yet. */
struct inflate *inflate_new(inflate_fill fill, void *arg, const struct inflate_limits *limits,
			    enum inflate_engine engine, struct err *e);

/* Up to size (at least 1) bytes of output into out: fewer only at the end. Returns the count, 0 at
 * the end, -1: ERR_VERIFY (broken, cut, trailing garbage, over a limit, a compression we do not
 * take) or what fill said.
 *   gzip  several members are one stream (RFC 1952 2.2); NUL bytes after the last are padding
 *   zstd  several frames are one stream, skippable frames are skipped (RFC 8878 3)
 *   plain everything else; whether it is a tar is for unpack to say */
ssize_t inflate_read(struct inflate *in, void *out, size_t size, struct err *e);

/* Do the first bytes of something, INFLATE_HEAD_BYTES or all there are, say that it is compressed,
 * be it with something that inflate_read refuses? Pure. */
#define INFLATE_HEAD_BYTES 4
bool inflate_is_packed(const unsigned char *head, size_t len);

/* "gzip", "zstd", "tar"; "" before the first read. */
const char *inflate_format(const struct inflate *in);

/* NULL is fine. */
void inflate_free(struct inflate *in);

static inline void inflate_cleanup(struct inflate **in)
{
	inflate_free(*in);
	*in = NULL;
}
#define auto_inflate __attribute__((cleanup(inflate_cleanup))) struct inflate *

#endif
