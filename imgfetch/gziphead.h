/* SPDX-License-Identifier: MIT */
/* The header of a gzip member (RFC 1952), in pieces of any size. Pure. */
#ifndef IMGFETCH_GZIPHEAD_H
#define IMGFETCH_GZIPHEAD_H

#include "common/defs.h"

/* All zeros is a fresh one. */
struct gziphead {
	unsigned field; /* of the format's order */
	unsigned at;	/* bytes of the field that were seen */
	unsigned flags;
	unsigned extra_len;
	uint32_t crc;	     /* of the header so far */
	unsigned stored_crc; /* its low half, as the header says */
};

/* Look at len more bytes. 1: the header is complete and *used of the bytes belonged to it; 0: all
 * were used and more are needed; -1: no gzip header, or one with a wrong checksum. */
int gziphead_feed(struct gziphead *h, const unsigned char *data, size_t len, size_t *used);

#endif
