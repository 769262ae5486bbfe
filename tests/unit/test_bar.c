/* SPDX-License-Identifier: MIT */
/* imgfetch/bar: what a line says, how wide it is, and how fast something goes. */
#include "imgfetch/bar.h"

#include <string.h>

#include "tests/unit/tap.h"

#define LAYER "layer 0123456789ab"

static const struct {
	const char *name, *label;
	uint64_t total, done;
	double per_s; /* -1: unknown */
	unsigned columns;
	const char *want;
} rows[] = {
	{"all of it", LAYER, 341000000, 34100000, 10200000, 200,
	 LAYER " [###...........................]  10%  34.1 MB of 341 MB  10.2 MB/s  0:31 left"},
	{"80 columns", LAYER, 341000000, 34100000, 10200000, 80,
	 LAYER " [#...........]  10%  34.1 MB of 341 MB  10.2 MB/s  0:31 left"},
	{"no bar", LAYER, 341000000, 34100000, 10200000, 70,
	 LAYER "  10%  34.1 MB of 341 MB  10.2 MB/s  0:31 left"},
	{"less: of what", LAYER, 341000000, 34100000, 10200000, 58,
	 LAYER "  10%  34.1 MB  10.2 MB/s  0:31 left"},
	{"less: how fast", LAYER, 341000000, 34100000, 10200000, 50,
	 LAYER "  10%  34.1 MB  0:31 left"},
	{"less: how much", LAYER, 341000000, 34100000, 10200000, 38, LAYER "  10%  0:31 left"},
	{"less: how long", LAYER, 341000000, 34100000, 10200000, 28, LAYER "  10%"},
	{"cut", LAYER, 341000000, 34100000, 10200000, 10, "layer 012"},
	{"nothing", LAYER, 100, 10, 1, 1, ""},
	{"no columns", LAYER, 100, 10, 1, 0, ""},
	{"at the start", "x", 1000, 0, -1, 60,
	 "x                  [..................]   0%  0 B of 1.0 kB"},
	{"at the end", "x", 1000, 1000, 500, 70,
	 "x                  [################] 100%  1.0 kB of 1.0 kB  500 B/s"},
	{"more than there is", "x", 1000, 5000, -1, 45,
	 "x                  100%  1.0 kB of 1.0 kB"},
	{"of nothing", "x", 0, 0, -1, 40, "x                  100%  0 B of 0 B"},
	{"it stands", "x", 1000, 10, 0, 50, "x                    1%  10 B of 1.0 kB  0 B/s"},
	{"hours", "x", 1000000000000, 0, 100000000, 50,
	 "x                    0%  0 B  2:46:40 left"},
	{"days", "x", 1000000000000, 0, 1000000, 60,
	 "x                  [........]   0%  0 B of 1.0 TB  1.0 MB/s"},
	{"a last second", "x", 1000, 999, 1000, 64,
	 "x                   99%  999 B of 1.0 kB  1.0 kB/s  0:01 left"},
};

static void test_rate(struct tap *t)
{
	struct bar_rate r = {0};
	uint64_t now = 5 * NSEC_PER_SEC, bytes = 0;

	bar_rate_look(&r, 0, now);
	tap_ok(t, !r.known, "rate: one look is none");
	bar_rate_look(&r, 1000, now + 50 * NSEC_PER_MSEC);
	tap_ok(t, !r.known, "... nor are two at once");
	for (unsigned i = 0; i < 100; i++)
		bar_rate_look(&r, bytes += 100000, now += 100 * NSEC_PER_MSEC);
	tap_ok(t, r.known && r.per_s > 999000 && r.per_s < 1001000, "... steady: %.0f", r.per_s);
	for (unsigned i = 0; i < 40; i++)
		bar_rate_look(&r, bytes, now += 100 * NSEC_PER_MSEC);
	tap_ok(t, r.per_s > 300000 && r.per_s < 450000, "... falls while nothing comes: %.0f",
	       r.per_s);
	for (unsigned i = 0; i < 300; i++)
		bar_rate_look(&r, bytes += 200000, now += 100 * NSEC_PER_MSEC);
	tap_ok(t, r.per_s > 1990000 && r.per_s < 2001000, "... follows: %.0f", r.per_s);
	bar_rate_look(&r, 0, now += NSEC_PER_SEC);
	tap_ok(t, r.per_s >= 0 && r.per_s < 2000000, "... begun again: %.0f", r.per_s);
}

int main(void)
{
	struct tap t = {0};
	char buf[512];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct text out = TEXT_OVER(buf);
		struct bar b = {.label = rows[i].label,
				.total_bytes = rows[i].total,
				.done_bytes = rows[i].done,
				.rate = {.known = rows[i].per_s >= 0, .per_s = rows[i].per_s}};

		bar_add(&out, &b, rows[i].columns);
		tap_str(&t, buf, rows[i].want, "bar: %s", rows[i].name);
	}
	for (unsigned columns = 0; columns <= 200; columns++) {
		struct text out = TEXT_OVER(buf);
		struct bar b = {.label = LAYER,
				.total_bytes = UINT64_MAX,
				.done_bytes = UINT64_MAX / 3,
				.rate = {.known = true, .per_s = 1e14}};

		bar_add(&out, &b, columns);
		if (out.len + 1 > MAX(columns, 1) || out.len != strlen(buf))
			tap_ok(&t, false, "%u columns: '%s'", columns, buf);
	}
	test_rate(&t);
	return tap_done(&t);
}
