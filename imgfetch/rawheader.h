/* SPDX-License-Identifier: MIT */
/* The header of a tar entry as the archive has it, for what libarchive does not tell. Pure. */
#ifndef IMGFETCH_RAWHEADER_H
#define IMGFETCH_RAWHEADER_H

#include <time.h>

#include "common/defs.h"
#include "common/err.h"

/* The stream comes in pieces, which are gone when the next one is asked for: the begin of a header
 * in an earlier piece is kept here. All zero is the begin of a stream. */
struct rawheader {
	const unsigned char *piece; /* borrowed: the last one */
	size_t piece_len;
	uint64_t piece_at;   /* of the stream */
	uint64_t from;	     /* where the header begins */
	unsigned char *kept; /* owned: what it has in earlier pieces */
	size_t kept_len, kept_room;
};

/* A header begins at this byte of the stream. */
void rawheader_begin(struct rawheader *h, uint64_t at);

/* The last piece is about to go, while a header is read. ERR_SYSTEM: out of memory. */
int rawheader_keep(struct rawheader *h, struct err *e) NODISCARD;

/* The next piece of the stream, which may be empty. It must stay until the next call. */
void rawheader_feed(struct rawheader *h, const void *data, size_t len);

/* The time of last modification by the pax records of the header, if they have one, exactly. */
bool rawheader_mtime(struct rawheader *h, struct timespec *out);

void rawheader_fini(struct rawheader *h);

#endif
