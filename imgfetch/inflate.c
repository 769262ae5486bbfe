/* SPDX-License-Identifier: MIT */
/* gzip, zstd or plain in, tar stream out; everything about the input is hostile. */
#include "imgfetch/inflate.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif
#include <zlib.h>
#include <zstd.h>

#include "imgfetch/gziphead.h"

enum format { FORMAT_UNKNOWN, FORMAT_PLAIN, FORMAT_GZIP_ISAL, FORMAT_GZIP_ZLIB, FORMAT_ZSTD };

struct inflate {
	inflate_fill fill;
	void *arg;
	struct inflate_limits limits;
	enum inflate_engine engine;
	enum format format;

	const unsigned char *in; /* not yet consumed */
	size_t in_len;
	bool in_eof;
	uint64_t in_bytes, out_bytes;
	unsigned char head[INFLATE_HEAD_BYTES]; /* looked at to tell the format; consumed first */
	const unsigned char *rest;		/* what follows head in the piece it came from */
	size_t rest_len;

	bool between; /* gzip: before the first or after a complete member; zstd: frame */
	bool done;
#ifdef HAVE_ISAL
	struct inflate_state *isal;
	struct gziphead head_isal; /* of the member at hand */
	bool head_done;
#endif
	z_stream zlib;
	bool zlib_open;
	ZSTD_DCtx *zstd;
};

struct inflate *inflate_new(inflate_fill fill, void *arg, const struct inflate_limits *limits,
			    enum inflate_engine engine, struct err *e)
{
	struct inflate *in = calloc(1, sizeof(*in));

	if (!in) {
		err_sys(e, ERR_SYSTEM, "start decompression");
		return NULL;
	}
	in->fill = fill;
	in->arg = arg;
	in->limits = *limits;
	in->engine = engine;
	in->between = true;
	return in;
}

void inflate_free(struct inflate *in)
{
	if (!in)
		return;
#ifdef HAVE_ISAL
	free(in->isal);
#endif
	if (in->zlib_open)
		inflateEnd(&in->zlib);
	ZSTD_freeDCtx(in->zstd);
	free(in);
}

const char *inflate_format(const struct inflate *in)
{
	switch (in->format) {
	case FORMAT_GZIP_ISAL:
	case FORMAT_GZIP_ZLIB:
		return "gzip";
	case FORMAT_ZSTD:
		return "zstd";
	case FORMAT_PLAIN:
		return "tar";
	case FORMAT_UNKNOWN:
		break;
	}
	return "";
}

/* Make sure that some input is there. 1, 0 at the end, -1. */
static int need_input(struct inflate *in, struct err *e)
{
	if (in->in_len > 0)
		return 1;
	if (in->rest_len > 0) {
		in->in = in->rest;
		in->in_len = in->rest_len;
		in->rest_len = 0;
		return 1;
	}
	if (in->in_eof)
		return 0;
	const void *data;
	ssize_t n = in->fill(in->arg, &data, e);
	if (n < 0)
		return -1;
	if (n == 0) {
		in->in_eof = true;
		return 0;
	}
	in->in = data;
	in->in_len = (size_t)n;
	in->in_bytes += (uint64_t)n;
	return 1;
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_SYSTEM, "start decompression: out of memory");
}

static int open_format(struct inflate *in, enum format format, struct err *e)
{
	in->format = format;
	switch (format) {
	case FORMAT_GZIP_ISAL:
#ifdef HAVE_ISAL
		/* 90 KiB, and it wants its tables aligned for vector loads. */
		in->isal = aligned_alloc(64, (sizeof(*in->isal) + 63) / 64 * 64);
		if (!in->isal)
			return no_memory(e);
#endif
		break;
	case FORMAT_GZIP_ZLIB:
		/* 15: the whole 32 KiB window; + 16: a gzip wrapper and nothing else. */
		if (inflateInit2(&in->zlib, 15 + 16) != Z_OK)
			return no_memory(e);
		in->zlib_open = true;
		break;
	case FORMAT_ZSTD:
		in->zstd = ZSTD_createDCtx();
		if (!in->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(in->zstd, ZSTD_d_windowLogMax,
								     INFLATE_WINDOW_LOG_MAX)))
			return no_memory(e);
		break;
	case FORMAT_PLAIN:
	case FORMAT_UNKNOWN:
		break;
	}
	return 0;
}

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD, PACKED_BZIP2, PACKED_XZ };

static enum packing tell_packing(const unsigned char *h, size_t len)
{
	static const unsigned char xz[INFLATE_HEAD_BYTES] = {0xfd, '7', 'z', 'X'};

	if (len >= 2 && h[0] == 0x1f && h[1] == 0x8b)
		return PACKED_GZIP;
	if (len < INFLATE_HEAD_BYTES)
		return PACKED_NOT;
	/* A zstd frame, or one of the sixteen kinds of skippable frame (zstd:chunked). */
	if ((h[0] == 0x28 && h[1] == 0xb5 && h[2] == 0x2f && h[3] == 0xfd) ||
	    ((h[0] & 0xf0) == 0x50 && h[1] == 0x2a && h[2] == 0x4d && h[3] == 0x18))
		return PACKED_ZSTD;
	if (memcmp(h, "BZh", 3) == 0)
		return PACKED_BZIP2;
	return memcmp(h, xz, sizeof(xz)) == 0 ? PACKED_XZ : PACKED_NOT;
}

bool inflate_is_packed(const unsigned char *head, size_t len)
{
	return tell_packing(head, len) != PACKED_NOT;
}

/* Tell the format by up to four bytes, which stay to be consumed. */
static int sniff(struct inflate *in, struct err *e)
{
	const unsigned char *h = in->head;
	size_t len = 0;

	while (len < sizeof(in->head)) {
		int r = need_input(in, e);
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		in->head[len++] = *in->in++;
		in->in_len--;
	}
	in->rest = in->in;
	in->rest_len = in->in_len;
	in->in = in->head;
	in->in_len = len;

	switch (tell_packing(h, len)) {
	case PACKED_GZIP:
#ifdef HAVE_ISAL
		if (in->engine == INFLATE_AUTO)
			return open_format(in, FORMAT_GZIP_ISAL, e);
#endif
		return open_format(in, FORMAT_GZIP_ZLIB, e);
	case PACKED_ZSTD:
		return open_format(in, FORMAT_ZSTD, e);
	case PACKED_BZIP2:
		return err_set(e, ERR_VERIFY, "compressed with bzip2, which is not supported");
	case PACKED_XZ:
		return err_set(e, ERR_VERIFY, "compressed with xz, which is not supported");
	case PACKED_NOT:
		break;
	}
	return open_format(in, FORMAT_PLAIN, e);
}

/* At a border of gzip members. 1: another one begins; 0: the end; -1. */
static int gzip_next_member(struct inflate *in, struct err *e)
{
	int r = need_input(in, e);

	if (r <= 0)
		return r;
	if (in->in[0] == 0x1f)
		return 1;
	/* Layers padded with NULs to whole blocks exist (umoci issue 358); other bytes would be
	 * somebody else's idea of what this stream holds. */
	while (r > 0) {
		for (size_t i = 0; i < in->in_len; i++) {
			if (in->in[i] != 0)
				return err_set(e, ERR_VERIFY,
					       "garbage after the end of the gzip data");
		}
		in->in_len = 0;
		r = need_input(in, e);
	}
	return r;
}

#ifdef HAVE_ISAL
static int step_isal(struct inflate *in, unsigned char *out, size_t size, size_t *got,
		     struct err *e)
{
	struct inflate_state *s = in->isal;

	if (in->between) {
		isal_inflate_init(s);
		s->crc_flag = ISAL_GZIP_NO_HDR_VER; /* it checks CRC and length at the end */
		in->head_isal = (struct gziphead){0};
		in->head_done = false;
	}
	in->between = false;
	if (!in->head_done) {
		size_t used;
		int h = gziphead_feed(&in->head_isal, in->in, in->in_len, &used);
		if (h < 0)
			return err_set(e, ERR_VERIFY, "broken gzip data (header)");
		in->head_done = h == 1;
		in->in += used;
		in->in_len -= used;
		return 0;
	}
	/* The library reads through a pointer it forgot to make const. */
	s->next_in = (uint8_t *)(uintptr_t)in->in;
	s->avail_in = (uint32_t)MIN(in->in_len, UINT32_MAX);
	size_t offered = s->avail_in;
	s->next_out = out;
	s->avail_out = (uint32_t)MIN(size, UINT32_MAX);
	size_t room = s->avail_out;
	int r = isal_inflate(s);
	if (r != ISAL_DECOMP_OK)
		return err_set(e, ERR_VERIFY, "broken gzip data (%s)",
			       r == ISAL_INCORRECT_CHECKSUM ? "checksum" : "format");
	in->in += offered - s->avail_in;
	in->in_len -= offered - s->avail_in;
	*got = room - s->avail_out;
	in->between = s->block_state == ISAL_BLOCK_FINISH;
	return 0;
}
#endif

static int step_zlib(struct inflate *in, unsigned char *out, size_t size, size_t *got,
		     struct err *e)
{
	z_stream *z = &in->zlib;

	if (in->between && inflateReset(z) != Z_OK)
		return err_set(e, ERR_BUG, "restart zlib");
	in->between = false;
	z->next_in = (Bytef *)(uintptr_t)in->in;
	z->avail_in = (uInt)MIN(in->in_len, UINT_MAX);
	size_t offered = z->avail_in;
	z->next_out = out;
	z->avail_out = (uInt)MIN(size, UINT_MAX);
	size_t room = z->avail_out;
	int r = inflate(z, Z_NO_FLUSH);
	if (r == Z_MEM_ERROR)
		return no_memory(e);
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return err_set(e, ERR_VERIFY, "broken gzip data (%s)", z->msg ? z->msg : "format");
	in->in += offered - z->avail_in;
	in->in_len -= offered - z->avail_in;
	*got = room - z->avail_out;
	in->between = r == Z_STREAM_END;
	return 0;
}

static int step_zstd(struct inflate *in, unsigned char *out, size_t size, size_t *got,
		     struct err *e)
{
	ZSTD_inBuffer ib = {.src = in->in, .size = in->in_len};
	ZSTD_outBuffer ob = {.dst = out, .size = size};
	size_t r = ZSTD_decompressStream(in->zstd, &ob, &ib);

	if (ZSTD_isError(r))
		return err_set(e, ERR_VERIFY, "broken zstd data (%s)", ZSTD_getErrorName(r));
	in->in += ib.pos;
	in->in_len -= ib.pos;
	*got = ob.pos;
	in->between = r == 0;
	return 0;
}

static int step(struct inflate *in, unsigned char *out, size_t size, size_t *got, struct err *e)
{
	switch (in->format) {
#ifdef HAVE_ISAL
	case FORMAT_GZIP_ISAL:
		return step_isal(in, out, size, got, e);
#endif
	case FORMAT_GZIP_ZLIB:
		return step_zlib(in, out, size, got, e);
	case FORMAT_ZSTD:
		return step_zstd(in, out, size, got, e);
	case FORMAT_PLAIN:
		*got = MIN(size, in->in_len);
		memcpy(out, in->in, *got);
		in->in += *got;
		in->in_len -= *got;
		in->between = true;
		return 0;
	default:
		return err_set(e, ERR_BUG, "decompress: unknown format");
	}
}

/* One piece of output. 1: progress was made (perhaps *got = 0 bytes of it); 0: the end; -1. */
static int advance(struct inflate *in, unsigned char *out, size_t size, size_t *got, struct err *e)
{
	bool gzip = in->format == FORMAT_GZIP_ISAL || in->format == FORMAT_GZIP_ZLIB;
	int r;

	*got = 0;
	if (gzip && in->between)
		r = gzip_next_member(in, e);
	else
		r = need_input(in, e);
	if (r < 0 || (r == 0 && in->between))
		return r;
	/* At the end of the input a decoder may still hold output that had no room. */
	size_t before = in->in_len;
	if (step(in, out, size, got, e) < 0)
		return -1;
	if (*got == 0 && before == in->in_len && !in->between) {
		if (r == 0)
			return err_set(e, ERR_VERIFY, "the %s data is cut short",
				       inflate_format(in));
		return err_set(e, ERR_VERIFY, "broken %s data (no progress)", inflate_format(in));
	}
	return 1;
}

static int check_limits(const struct inflate *in, struct err *e)
{
	const struct inflate_limits *l = &in->limits;

	if (in->out_bytes > l->bytes)
		return err_set(e, ERR_VERIFY,
			       "larger than %llu bytes when uncompressed (max_layer_size)",
			       (unsigned long long)l->bytes);
	if (in->out_bytes > l->ratio_from_bytes && in->out_bytes / l->ratio > in->in_bytes)
		return err_set(
			e, ERR_VERIFY,
			"compressed more than %llu : 1, which no honest layer is (max_ratio)",
			(unsigned long long)l->ratio);
	return 0;
}

ssize_t inflate_read(struct inflate *in, void *out, size_t size, struct err *e)
{
	unsigned char *p = out;
	size_t have = 0;

	if (in->format == FORMAT_UNKNOWN && sniff(in, e) < 0)
		return -1;
	while (have < size && !in->done) {
		size_t got;
		int r = advance(in, p + have, size - have, &got, e);
		if (r < 0)
			return -1;
		if (r == 0)
			in->done = true;
		have += got;
		in->out_bytes += got;
		if (check_limits(in, e) < 0)
			return -1;
	}
	return (ssize_t)have;
}
