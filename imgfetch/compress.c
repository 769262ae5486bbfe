/* SPDX-License-Identifier: MIT */
/* Streaming zstd, fast and small rather than tight. */
#include "imgfetch/compress.h"

#include <stdlib.h>

#include <zstd.h>

/* One runs beside each layer that is being unpacked: little memory, and less time than the text
 * takes to write uncompressed. Half of a list is digests, which no level makes smaller. */
#define LEVEL	   1
#define WINDOW_LOG 17

struct compress {
	compress_sink sink;
	void *arg;
	ZSTD_CCtx *ctx;
	char out[16 << 10];
};

static int refuse(size_t code, struct err *e)
{
	return err_set(e, ERR_SYSTEM, "compress with zstd: %s", ZSTD_getErrorName(code));
}

struct compress *compress_new(compress_sink sink, void *arg, struct err *e)
{
	struct compress *c = calloc(1, sizeof(*c));
	size_t r;

	if (!c || !(c->ctx = ZSTD_createCCtx())) {
		err_sys(e, ERR_SYSTEM, "start zstd");
		free(c);
		return NULL;
	}
	r = ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_compressionLevel, LEVEL);
	if (!ZSTD_isError(r))
		r = ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_windowLog, WINDOW_LOG);
	if (ZSTD_isError(r)) {
		(void)refuse(r, e); /* told by the NULL */
		compress_free(c);
		return NULL;
	}
	c->sink = sink;
	c->arg = arg;
	return c;
}

static int run(struct compress *c, const void *data, size_t len, ZSTD_EndDirective end,
	       struct err *e)
{
	ZSTD_inBuffer in = {.src = data, .size = len};
	size_t left;

	do {
		ZSTD_outBuffer out = {.dst = c->out, .size = sizeof(c->out)};

		left = ZSTD_compressStream2(c->ctx, &out, &in, end);
		if (ZSTD_isError(left))
			return refuse(left, e);
		if (out.pos > 0 && c->sink(c->arg, c->out, out.pos, e) < 0)
			return -1;
	} while (end == ZSTD_e_end ? left > 0 : in.pos < in.size);
	return 0;
}

int compress_write(struct compress *c, const void *data, size_t len, struct err *e)
{
	return run(c, data, len, ZSTD_e_continue, e);
}

int compress_end(struct compress *c, struct err *e)
{
	return run(c, NULL, 0, ZSTD_e_end, e);
}

void compress_free(struct compress *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->ctx);
	free(c);
}
