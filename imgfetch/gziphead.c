/* SPDX-License-Identifier: MIT */
/* The header of a gzip member. ISA-L 2.30 can read it too, but finds the header checksum of the
 * FHCRC flag wrong when it is right. */
#include "imgfetch/gziphead.h"

enum field { FIXED, EXTRA_LEN, EXTRA, NAME, COMMENT, HEADER_CRC, COMPLETE };

enum flag {
	FLAG_HCRC = 2,
	FLAG_EXTRA = 4,
	FLAG_NAME = 8,
	FLAG_COMMENT = 16,
	FLAGS_RESERVED = 0xe0
};

#define FIXED_LEN      10
#define METHOD_DEFLATE 8

/* CRC-32 of one byte more. Headers are short: no table. */
static uint32_t crc_add(uint32_t crc, unsigned char byte)
{
	crc = ~crc ^ byte;
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	return ~crc;
}

/* Is this field there, and is there anything left of it? */
static bool wanted(const struct gziphead *h)
{
	switch ((enum field)h->field) {
	case FIXED:
		return h->at < FIXED_LEN;
	case EXTRA_LEN:
		return (h->flags & FLAG_EXTRA) && h->at < 2;
	case EXTRA:
		return h->at < h->extra_len;
	case NAME:
		return (h->flags & FLAG_NAME) && h->at == 0;
	case COMMENT:
		return (h->flags & FLAG_COMMENT) && h->at == 0;
	case HEADER_CRC:
		return (h->flags & FLAG_HCRC) && h->at < 2;
	case COMPLETE:
		break;
	}
	return false;
}

static int take_fixed(struct gziphead *h, unsigned char byte)
{
	switch (h->at++) {
	case 0:
		return byte == 0x1f ? 0 : -1;
	case 1:
		return byte == 0x8b ? 0 : -1;
	case 2:
		return byte == METHOD_DEFLATE ? 0 : -1;
	case 3:
		h->flags = byte;
		return byte & FLAGS_RESERVED ? -1 : 0;
	default:
		return 0; /* time, extra flags, system */
	}
}

static int take_byte(struct gziphead *h, unsigned char byte)
{
	if (h->field != HEADER_CRC)
		h->crc = crc_add(h->crc, byte);
	switch ((enum field)h->field) {
	case FIXED:
		return take_fixed(h, byte);
	case EXTRA_LEN:
		h->extra_len |= (unsigned)byte << (8 * h->at++);
		return 0;
	case EXTRA:
		h->at++;
		return 0;
	case NAME:
	case COMMENT:
		h->at = byte == 0; /* it ends with its NUL */
		return 0;
	case HEADER_CRC:
		h->stored_crc |= (unsigned)byte << (8 * h->at++);
		return h->at < 2 || h->stored_crc == (h->crc & 0xffff) ? 0 : -1;
	case COMPLETE:
		break;
	}
	return -1;
}

int gziphead_feed(struct gziphead *h, const unsigned char *data, size_t len, size_t *used)
{
	size_t n = 0;

	for (;;) {
		while (h->field != COMPLETE && !wanted(h)) {
			h->field++;
			h->at = 0;
		}
		if (h->field == COMPLETE || n == len)
			break;
		if (take_byte(h, data[n++]) < 0)
			return -1;
	}
	*used = n;
	return h->field == COMPLETE;
}
