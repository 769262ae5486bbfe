/* SPDX-License-Identifier: MIT */
/* One line of progress as text: how much, how fast, how long still. Pure. */
#ifndef IMGFETCH_BAR_H
#define IMGFETCH_BAR_H

#include "common/defs.h"
#include "common/text.h"

/* How fast something goes at the moment: what has come lately counts most. */
struct bar_rate {
	bool known;
	double per_s;	/* bytes */
	uint64_t at_ns; /* of the last look, 0: none yet */
	uint64_t at_bytes;
};

/* bytes have come until now_ns (of a clock that only goes forward). More often than ten times a
 * second nothing happens. */
void bar_rate_look(struct bar_rate *r, uint64_t bytes, uint64_t now_ns);

struct bar {
	const char *label; /* printable, ASCII */
	uint64_t total_bytes, done_bytes;
	struct bar_rate rate;
};

/* The line without its end, never wider than columns - 1, so that no terminal wraps it: first the
 * bar goes, then what is left to do, then sizes. Its width is t->len. */
void bar_add(struct text *t, const struct bar *b, unsigned columns);

/* 1234567 as "1.2 MB": powers of 1000, as the sizes in registries are shown. */
void bar_add_size(struct text *t, uint64_t bytes);

#endif
