/* SPDX-License-Identifier: MIT */
/* One line of progress as text. */
#include "imgfetch/bar.h"

#include <string.h>

#define LOOK_NS	      (100 * NSEC_PER_MSEC)
#define MEMORY_S      4.0 /* what came so long ago counts a third of what comes now */
#define LABEL_COLUMNS 18
#define BAR_MIN	      5
#define BAR_MAX	      30
#define LEFT_MAX_S    (100 * 3600.0) /* who would wait for that */

void bar_rate_look(struct bar_rate *r, uint64_t bytes, uint64_t now_ns)
{
	if (r->at_ns == 0) {
		r->at_ns = now_ns;
		r->at_bytes = bytes;
		return;
	}
	/* Fewer than before: it was begun again. */
	if (bytes < r->at_bytes)
		r->at_bytes = bytes;
	if (now_ns - r->at_ns < LOOK_NS)
		return;
	double s = (double)(now_ns - r->at_ns) / (double)NSEC_PER_SEC;
	double now = (double)(bytes - r->at_bytes) / s;
	r->per_s = r->known ? r->per_s + (now - r->per_s) * (s / (s + MEMORY_S)) : now;
	r->known = true;
	r->at_ns = now_ns;
	r->at_bytes = bytes;
}

static void add_size(struct text *t, double bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	size_t u = 0;

	while (bytes >= 999.5 && u + 1 < ARRAY_LEN(units)) {
		bytes /= 1000;
		u++;
	}
	text_addf(t, u == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
}

void bar_add_size(struct text *t, uint64_t bytes)
{
	add_size(t, (double)bytes);
}

/* "  1.2 MB/s  0:12 left"; nothing while neither is known. */
static void add_pace(struct text *t, const struct bar *b, bool with_rate)
{
	double left = (double)(b->total_bytes - b->done_bytes) / b->rate.per_s;
	unsigned s;

	if (!b->rate.known)
		return;
	if (with_rate) {
		text_add(t, "  ");
		add_size(t, b->rate.per_s);
		text_add(t, "/s");
	}
	/* Less than a byte a second, or nothing that is left: no answer. */
	if (b->rate.per_s < 1 || left >= LEFT_MAX_S || b->done_bytes == b->total_bytes)
		return;
	s = (unsigned)left + (left > (unsigned)left);
	if (s >= 3600)
		text_addf(t, "  %u:%02u:%02u left", s / 3600, s / 60 % 60, s % 60);
	else
		text_addf(t, "  %u:%02u left", s / 60, s % 60);
}

/* What stands right of the bar, with less and less in it. */
static void add_figures(struct text *t, const struct bar *b, unsigned less)
{
	double share = b->total_bytes ? (double)b->done_bytes / (double)b->total_bytes : 1;

	text_addf(t, "%3u%%", (unsigned)(share * 100));
	if (less < 3) {
		text_add(t, "  ");
		add_size(t, (double)b->done_bytes);
		if (less < 1) {
			text_add(t, " of ");
			add_size(t, (double)b->total_bytes);
		}
	}
	if (less < 4)
		add_pace(t, b, less < 2);
}

static void add_meter(struct text *t, const struct bar *b, unsigned columns)
{
	double share = b->total_bytes ? (double)b->done_bytes / (double)b->total_bytes : 1;
	unsigned full = (unsigned)(share * columns);

	text_add(t, "[");
	for (unsigned i = 0; i < columns; i++)
		text_add(t, i < full ? "#" : ".");
	text_add(t, "] ");
}

void bar_add(struct text *t, const struct bar *bar, unsigned columns)
{
	struct bar b = *bar;
	char figures[128];
	struct text f = TEXT_OVER(figures);
	size_t room = columns > 0 ? columns - 1 : 0, begin = t->len;

	b.done_bytes = MIN(b.done_bytes, b.total_bytes);
	for (unsigned less = 0; less <= 4; less++) {
		f = TEXT_OVER(figures);
		add_figures(&f, &b, less);
		if (LABEL_COLUMNS + 1 + f.len <= room)
			break;
	}
	text_addf(t, "%-*.*s ", LABEL_COLUMNS, LABEL_COLUMNS, b.label);
	/* The bar has a frame, and a space behind it. */
	if (LABEL_COLUMNS + 1 + 3 + BAR_MIN + f.len <= room)
		add_meter(t, &b, (unsigned)MIN(room - LABEL_COLUMNS - 4 - f.len, (size_t)BAR_MAX));
	text_add(t, figures);
	if (t->len - begin > room) {
		t->len = begin + room;
		t->buf[t->len] = '\0';
	}
}
