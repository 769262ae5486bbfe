/* SPDX-License-Identifier: MIT */
/* Compressed streams of all kinds, whole and broken, in pieces of every size, by both engines. */
#include "imgfetch/inflate.h"

#include <zlib.h>
#include <zstd.h>

#include "tests/unit/tap.h"

struct buf {
	unsigned char *data;
	size_t len, room;
};

static void add(struct buf *b, const void *data, size_t len)
{
	if (b->len + len >= b->room) {
		b->room = 2 * (b->len + len) + 64;
		b->data = realloc(b->data, b->room);
	}
	if (!b->data)
		abort();
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void add_gzip(struct buf *b, const void *data, size_t len, int level)
{
	z_stream z = {0};
	size_t room = compressBound(len) + 64;
	unsigned char *out = malloc(room);

	if (!out || deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	add(b, out, room - z.avail_out);
	deflateEnd(&z);
	free(out);
}

/* With name, comment, extra field and header checksum. */
static void add_gzip_dressed(struct buf *b, const void *data, size_t len)
{
	z_stream z = {0};
	unsigned char out[65536], extra[] = "extra field";
	gz_header h = {.extra = extra,
		       .extra_len = sizeof(extra),
		       .name = (Bytef *)(uintptr_t) "layer.tar",
		       .comment = (Bytef *)(uintptr_t) "a comment",
		       .hcrc = 1};

	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflateSetHeader(&z, &h) != Z_OK)
		abort();
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = sizeof(out);
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	add(b, out, sizeof(out) - z.avail_out);
	deflateEnd(&z);
}

static void add_zstd(struct buf *b, const void *data, size_t len, int window_log, bool checksum)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(len) + 64;
	unsigned char *out = malloc(room);

	if (!c || !out)
		abort();
	if (window_log)
		ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, checksum);
	/* Streamed without a size: otherwise a small content makes for a small window. */
	ZSTD_inBuffer ib = {data, len, 0};
	ZSTD_outBuffer ob = {out, room, 0};
	if (ZSTD_compressStream2(c, &ob, &ib, ZSTD_e_flush) != 0 ||
	    ZSTD_compressStream2(c, &ob, &ib, ZSTD_e_end) != 0)
		abort();
	add(b, out, ob.pos);
	free(out);
	ZSTD_freeCCtx(c);
}

static void add_skippable(struct buf *b, size_t len)
{
	unsigned char h[8] = {
		0x5a, 0x2a, 0x4d, 0x18, (unsigned char)len, (unsigned char)(len >> 8)};

	add(b, h, sizeof(h));
	for (size_t i = 0; i < len; i++)
		add(b, "s", 1);
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct feeder {
	const struct buf *b;
	size_t at, piece;
	bool fail;
};

static ssize_t feed(void *arg, const void **data, struct err *e)
{
	struct feeder *f = arg;
	size_t n = MIN(f->piece, f->b->len - f->at);

	if (f->fail && n == 0)
		return err_set(e, ERR_NETWORK, "the feeder failed");
	*data = f->b->data + f->at;
	f->at += n;
	return (ssize_t)n;
}

static const struct inflate_limits wide = {1 << 30, 1000000, 1 << 30};

/* Everything, in pieces; -1 with *e. */
static ssize_t read_all(const struct buf *b, size_t piece, size_t out_piece,
			const struct inflate_limits *limits, enum inflate_engine engine,
			struct buf *out, struct err *e)
{
	struct feeder f = {.b = b, .piece = piece};
	auto_inflate in = inflate_new(feed, &f, limits, engine, e);
	unsigned char *chunk = malloc(out_piece);
	ssize_t n;

	if (!in || !chunk)
		abort();
	*out = (struct buf){0};
	add(out, "", 0);
	while ((n = inflate_read(in, chunk, out_piece, e)) > 0)
		add(out, chunk, (size_t)n);
	/* The end stays the end. */
	if (n == 0 && inflate_read(in, chunk, out_piece, e) != 0)
		abort();
	free(chunk);
	return n < 0 ? -1 : (ssize_t)out->len;
}

static const size_t pieces[] = {1, 2, 3, 7, 17, 64, 1000, 65536, SIZE_MAX};

static void expect_pieces(struct tap *t, const char *name, const struct buf *in, const void *want,
			  size_t want_len, size_t in_piece, size_t out_piece)
{
	for (int engine = INFLATE_AUTO; engine <= INFLATE_ZLIB; engine++) {
		struct err e = {0};
		struct buf out;
		ssize_t n = read_all(in, in_piece, out_piece, &wide, (enum inflate_engine)engine,
				     &out, &e);
		bool ok = n == (ssize_t)want_len && memcmp(out.data, want, want_len) == 0;

		tap_ok(t, ok, "%s: pieces of %zd to %zd, engine %d", name, (ssize_t)in_piece,
		       (ssize_t)out_piece, engine);
		if (!ok)
			tap_note("%zd of %zu bytes: %s", n, want_len, e.text);
		free(out.data);
	}
}

static void expect_good(struct tap *t, const char *name, const struct buf *in, const void *want,
			size_t want_len)
{
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		for (size_t o = 0; o < ARRAY_LEN(pieces) - 1; o += 3)
			expect_pieces(t, name, in, want, want_len, pieces[i], pieces[o]);
	}
}

static void expect_bad(struct tap *t, const char *name, const struct buf *in, const char *fragment)
{
	for (int engine = INFLATE_AUTO; engine <= INFLATE_ZLIB; engine++) {
		for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
			struct err e = {0};
			struct buf out;
			ssize_t n = read_all(in, pieces[i], 4096, &wide,
					     (enum inflate_engine)engine, &out, &e);
			tap_int(t, n, -1, "%s: refused in pieces of %zd, engine %d", name,
				(ssize_t)pieces[i], engine);
			tap_int(t, e.kind, ERR_VERIFY, "... as bad data");
			tap_has(t, e.text, fragment, "... saying why");
			free(out.data);
		}
	}
}

#define CONTENT_LEN 50000
static unsigned char content[CONTENT_LEN];

static void test_good(struct tap *t)
{
	static unsigned char twice[2 * CONTENT_LEN];
	static const char zeros[3000];
	struct buf b = {0};

	memcpy(twice, content, CONTENT_LEN);
	memcpy(twice + CONTENT_LEN, content, CONTENT_LEN);

	add(&b, content, CONTENT_LEN);
	expect_good(t, "plain", &b, content, CONTENT_LEN);
	b.len = 0;
	expect_good(t, "nothing at all", &b, "", 0);
	for (size_t n = 1; n <= 5; n++) {
		b.len = 0;
		add(&b, "xyzuv", n);
		expect_good(t, "a few plain bytes", &b, "xyzuv", n);
	}

	b.len = 0;
	add_gzip(&b, content, CONTENT_LEN, 6);
	expect_good(t, "gzip", &b, content, CONTENT_LEN);
	add_gzip(&b, content, CONTENT_LEN, 1);
	expect_good(t, "gzip of two members", &b, twice, sizeof(twice));
	add_gzip(&b, "", 0, 6);
	expect_good(t, "gzip with an empty member", &b, twice, sizeof(twice));
	add(&b, zeros, sizeof(zeros));
	expect_good(t, "gzip with NULs after it", &b, twice, sizeof(twice));
	b.len = 0;
	add_gzip(&b, content, CONTENT_LEN, 0);
	add(&b, zeros, 1);
	expect_good(t, "gzip of stored blocks, one NUL after it", &b, content, CONTENT_LEN);
	b.len = 0;
	add_gzip(&b, "", 0, 6);
	expect_good(t, "gzip of nothing", &b, "", 0);
	b.len = 0;
	for (size_t i = 0; i < 200; i++)
		add_gzip(&b, content + i, 1, 6);
	expect_good(t, "gzip of 200 members", &b, content, 200);
	b.len = 0;
	add_gzip_dressed(&b, content, 3000);
	add_gzip_dressed(&b, content + 3000, 3000);
	expect_good(t, "gzip with all optional header fields", &b, content, 6000);

	b.len = 0;
	add_zstd(&b, content, CONTENT_LEN, 0, true);
	expect_good(t, "zstd", &b, content, CONTENT_LEN);
	add_zstd(&b, content, CONTENT_LEN, 27, false);
	/* Not in all sizes: each time 128 MiB are allocated, which sanitizers take minutes for. */
	expect_pieces(t, "zstd of two frames, window 128 MiB", &b, twice, sizeof(twice), 64, 1000);
	b.len = 0;
	add_zstd(&b, content, CONTENT_LEN, 0, true);
	add_zstd(&b, content, CONTENT_LEN, 0, false);
	expect_good(t, "zstd of two frames", &b, twice, sizeof(twice));
	add_skippable(&b, 300);
	expect_good(t, "zstd with a skippable frame last", &b, twice, sizeof(twice));
	b.len = 0;
	add_skippable(&b, 0);
	add_skippable(&b, 77);
	add_zstd(&b, content, 100, 0, false);
	add_skippable(&b, 5);
	add_zstd(&b, content + 100, 100, 0, true);
	expect_good(t, "zstd with skippable frames first and between", &b, content, 200);
	b.len = 0;
	add_zstd(&b, "", 0, 0, true);
	expect_good(t, "zstd of nothing", &b, "", 0);
	free(b.data);
}

static void test_cut(struct tap *t)
{
	struct buf gz = {0}, zs = {0};

	add_gzip(&gz, content, 2000, 6);
	add_zstd(&zs, content, 2000, 0, true);
	for (int kind = 0; kind < 2; kind++) {
		const struct buf *whole = kind ? &zs : &gz;
		unsigned bad = 0, tried = 0;
		for (int engine = INFLATE_AUTO; engine <= INFLATE_ZLIB; engine++) {
			/* Not everywhere in the middle: with sanitizers each try takes
			 * milliseconds. */
			for (size_t len = 4; len < whole->len;
			     len += len < 40 || len + 40 > whole->len ? 1 : 17) {
				struct buf b = {.data = whole->data, .len = len}, out;
				struct err e = {0};
				tried++;
				if (read_all(&b, 1 + len % 97, 512, &wide,
					     (enum inflate_engine)engine, &out, &e) == -1 &&
				    e.kind == ERR_VERIFY)
					bad++;
				else
					tap_note("engine %d: cut at %zu of %zu was taken", engine,
						 len, whole->len);
				free(out.data);
			}
		}
		tap_u64(t, bad, tried, "%s cut anywhere is refused", kind ? "zstd" : "gzip");
	}
	struct buf b = {.data = gz.data, .len = gz.len - 1};
	expect_bad(t, "gzip without its last byte", &b, "cut short");
	b = (struct buf){.data = zs.data, .len = zs.len - 1};
	expect_bad(t, "zstd without its last byte", &b, "cut short");
	free(gz.data);
	free(zs.data);
}

static void test_bad(struct tap *t)
{
	struct buf b = {0};

	add_gzip(&b, content, 2000, 6);
	add(&b, "garbage", 7);
	expect_bad(t, "garbage after gzip", &b, "garbage after");
	b.len = 0;
	add_gzip(&b, content, 2000, 6);
	add(&b, "\0\0\0x", 4);
	expect_bad(t, "garbage after NULs after gzip", &b, "garbage after");
	b.len = 0;
	add_gzip(&b, content, 2000, 6);
	b.data[b.len - 6] ^= 1; /* in the CRC */
	expect_bad(t, "gzip with a wrong CRC", &b, "broken gzip");
	b.data[b.len - 6] ^= 1;
	b.data[b.len - 2] ^= 1; /* in the length */
	expect_bad(t, "gzip with a wrong length", &b, "broken gzip");
	b.data[b.len - 2] ^= 1;
	b.data[2] = 7; /* method */
	expect_bad(t, "gzip of an unknown method", &b, "broken gzip");
	b.len = 0;
	add_gzip(&b, content, 2000, 6);
	add_gzip(&b, content, 2000, 6);
	b.data[b.len / 2 + 1] ^= 0x55; /* magic of the second member */
	expect_bad(t, "gzip with a broken second member", &b, "gzip");

	b.len = 0;
	add_zstd(&b, content, 2000, 0, true);
	add(&b, "garbage", 7);
	expect_bad(t, "garbage after zstd", &b, "broken zstd");
	b.len = 0;
	add_zstd(&b, content, 2000, 0, true);
	b.data[b.len - 1] ^= 1;
	expect_bad(t, "zstd with a wrong checksum", &b, "broken zstd");
	b.len = 0;
	add_zstd(&b, content, 2000, 28, false);
	expect_bad(t, "zstd with a window of 256 MiB", &b, "broken zstd");

	b.len = 0;
	add(&b, "BZh91AY&SY", 10);
	expect_bad(t, "bzip2", &b, "bzip2");
	b.len = 0;
	add(&b,
	    "\xfd"
	    "7zXZ\0\0",
	    7);
	expect_bad(t, "xz", &b, "xz");
	free(b.data);
}

static void test_limits(struct tap *t)
{
	const size_t len = 8 << 20;
	unsigned char *zeros = calloc(1, len);
	struct inflate_limits l = {.bytes = len - 1, .ratio = 1000000, .ratio_from_bytes = len};
	struct buf b = {0}, out;
	struct err e = {0};

	if (!zeros)
		abort();
	add_gzip(&b, zeros, len, 9);
	tap_int(t, read_all(&b, 4096, 65536, &l, INFLATE_AUTO, &out, &e), -1, "one byte too many");
	tap_has(t, e.text, "larger than 8388607 bytes", "... is refused with the limit");
	free(out.data);
	l.bytes = len;
	tap_int(t, read_all(&b, 4096, 65536, &l, INFLATE_AUTO, &out, &e), (int64_t)len,
		"as many as allowed");
	free(out.data);
	l = (struct inflate_limits){.bytes = len, .ratio = 250, .ratio_from_bytes = 1 << 20};
	tap_int(t, read_all(&b, 4096, 65536, &l, INFLATE_AUTO, &out, &e), -1, "1000 : 1");
	tap_has(t, e.text, "250 : 1", "... is refused with the ratio");
	tap_ok(t, out.len <= (1 << 20) + (1 << 17) + 250 * 4096, "... before much came out");
	free(out.data);
	l.ratio_from_bytes = len;
	tap_int(t, read_all(&b, 4096, 65536, &l, INFLATE_AUTO, &out, &e), (int64_t)len,
		"a high ratio of little is fine");
	free(out.data);
	free(b.data);
	free(zeros);
}

static void test_feeder(struct tap *t)
{
	struct buf b = {0};
	struct err e = {0};
	unsigned char out[4096];

	add_gzip(&b, content, 2000, 6);
	b.len /= 2;
	struct feeder f = {.b = &b, .piece = 100, .fail = true};
	auto_inflate in = inflate_new(feed, &f, &wide, INFLATE_AUTO, &e);
	tap_int(t, inflate_read(in, out, sizeof(out), &e), -1, "a feeder that fails");
	tap_int(t, e.kind, ERR_NETWORK, "... has its own error reported");
	tap_str(t, inflate_format(in), "gzip", "the format is known by then");
	free(b.data);
}

int main(void)
{
	struct tap t = {0};
	uint32_t x = 12345;

	/* Neither random nor all the same: the kind of thing that makes all sorts of blocks. */
	for (size_t i = 0; i < CONTENT_LEN; i++) {
		x = x * 1103515245 + 12345;
		content[i] = (x >> 16) % 7 ? (unsigned char)(i / 13) : (unsigned char)(x >> 24);
	}
	test_good(&t);
	test_cut(&t);
	test_bad(&t);
	test_limits(&t);
	test_feeder(&t);
	return tap_done(&t);
}
