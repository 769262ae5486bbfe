/* SPDX-License-Identifier: MIT */
/* Compressed streams: no input may do harm, and both gzip engines must make the same of it. The
 * first byte is the size of the pieces that it comes in. */
#include "imgfetch/inflate.h"
#include "tests/fuzz/fuzz.h"

#define OUT_MAX (1 << 20)

const char fuzz_name[] = "inflate";

struct feeder {
	const uint8_t *data;
	size_t len, piece;
};

static ssize_t feed(void *arg, const void **data, struct err *e)
{
	struct feeder *f = arg;
	size_t n = MIN(f->len, f->piece);

	(void)e;
	*data = f->data;
	f->data += n;
	f->len -= n;
	return (ssize_t)n;
}

/* Everything that comes out, at most OUT_MAX; -1 when refused. */
static ssize_t run(const uint8_t *data, size_t size, size_t piece, enum inflate_engine engine,
		   unsigned char *out)
{
	static const struct inflate_limits limits = {OUT_MAX - 1, 1000, OUT_MAX};
	struct feeder f = {data, size, piece};
	struct err e = {0};
	auto_inflate in = inflate_new(feed, &f, &limits, engine, &e);
	size_t len = 0;
	ssize_t n = -1;

	while (in && len < OUT_MAX && (n = inflate_read(in, out + len, OUT_MAX - len, &e)) > 0)
		len += (size_t)n;
	FUZZ_MUST(n >= 0 || e.kind == ERR_VERIFY);
	return n < 0 ? -1 : (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char out[2][OUT_MAX];

	if (size < 1)
		return 0;
	size_t piece = (size_t)data[0] + 1;
	ssize_t a = run(data + 1, size - 1, piece, INFLATE_AUTO, out[0]);
	ssize_t b = run(data + 1, size - 1, SIZE_MAX, INFLATE_ZLIB, out[1]);
	FUZZ_MUST(a == b);
	FUZZ_MUST(a <= 0 || memcmp(out[0], out[1], (size_t)a) == 0);
	return 0;
}
