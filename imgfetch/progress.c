/* SPDX-License-Identifier: MIT */
/* Bars on a terminal, plain lines elsewhere. Whoever has news draws; there is no thread for it. */
#include "imgfetch/progress.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/text.h"
#include "imgfetch/bar.h"
#include "imgfetch/clock.h"

#define LABEL_MAX	32
#define DRAW_EVERY_NS	(100 * NSEC_PER_MSEC)
#define BARS_MAX	8
#define COLUMNS_DEFAULT 80
#define ROWS_DEFAULT	24

struct progress_item {
	struct progress *owner;
	struct progress_item *next;
	char label[LABEL_MAX];
	struct bar bar;
	uint64_t kept_bytes; /* of those that are done: there before */
	uint64_t started_ns;
};

struct progress {
	pthread_mutex_t mutex;
	int fd;
	bool quiet;
	bool terminal;
	struct progress_item *items; /* active ones, oldest first */
	unsigned expected;	     /* how many items there will be in all */
	struct bar all;		     /* their sum */
	uint64_t over_bytes;	     /* of items that are finished */
	uint64_t over_fresh_bytes;   /* of those, what came in this pull */
	unsigned drawn;		     /* lines of bars on the screen, the cursor below them */
	unsigned width[BARS_MAX + 1];
	uint64_t drawn_ns;
};

struct progress *progress_new(int fd, bool quiet, struct err *e)
{
	struct progress *p = calloc(1, sizeof(*p));
	const char *term = getenv("TERM");

	if (!p) {
		err_sys(e, ERR_SYSTEM, "start the progress display");
		return NULL;
	}
	pthread_mutex_init(&p->mutex, NULL);
	p->fd = fd;
	p->quiet = quiet;
	p->terminal = isatty(fd) && !(term && strcmp(term, "dumb") == 0);
	p->all.label = "all";
	return p;
}

/* A display that cannot be written to is no reason to stop a pull. */
static void put(const struct progress *p, const struct text *t)
{
	(void)!fdio_write_all(p->fd, t->buf, t->len);
}

static double seconds_since(uint64_t ns, uint64_t now_ns)
{
	return (double)(now_ns - ns) / (double)NSEC_PER_SEC;
}

/* The terminal's size now; it may change at any time, so it is asked for each time. */
static void get_size(const struct progress *p, unsigned *columns, unsigned *rows)
{
	struct winsize ws = {0};

	(void)ioctl(p->fd, TIOCGWINSZ, &ws); /* then it stays 0, as of a serial line */
	*columns = ws.ws_col > 0 ? ws.ws_col : COLUMNS_DEFAULT;
	*rows = ws.ws_row > 0 ? ws.ws_row : ROWS_DEFAULT;
}

/* Cursor up over the bars, clear from there to the end of the screen. A terminal that was made
 * narrower meanwhile has wrapped them. */
static void add_erase(struct progress *p, struct text *t)
{
	unsigned columns, rows, up = 0;

	if (p->drawn == 0)
		return;
	get_size(p, &columns, &rows);
	for (unsigned i = 0; i < p->drawn; i++)
		up += MAX(1, (p->width[i] + columns - 1) / columns);
	text_addf(t, "\033[%uA\r\033[J", MIN(up, rows));
	p->drawn = 0;
}

static void add_line(struct progress *p, struct text *t, struct bar *b, uint64_t fresh_bytes,
		     unsigned columns, uint64_t now_ns)
{
	size_t begin = t->len;

	bar_rate_look(&b->rate, fresh_bytes, now_ns);
	bar_add(t, b, columns);
	p->width[p->drawn++] = (unsigned)(t->len - begin);
	text_add(t, "\n");
}

static void draw(struct progress *p, uint64_t now_ns)
{
	char buf[8192];
	struct text t = TEXT_OVER(buf);
	unsigned columns, rows;
	uint64_t fresh = p->over_fresh_bytes;

	get_size(p, &columns, &rows);
	add_erase(p, &t);
	p->all.done_bytes = p->over_bytes;
	for (struct progress_item *it = p->items; it; it = it->next) {
		p->all.done_bytes += it->bar.done_bytes;
		fresh += it->bar.done_bytes - it->kept_bytes;
		/* The cursor must stay on the screen, and the sum have a line. */
		if (p->drawn < BARS_MAX && p->drawn + 2 < rows)
			add_line(p, &t, &it->bar, it->bar.done_bytes - it->kept_bytes, columns,
				 now_ns);
	}
	if (p->expected > 1)
		add_line(p, &t, &p->all, fresh, columns, now_ns);
	put(p, &t);
	p->drawn_ns = now_ns;
}

/* A line that stays, then the bars again. */
static void put_line(struct progress *p, const char *line)
{
	char buf[2048];
	struct text t = TEXT_OVER(buf);

	add_erase(p, &t);
	text_add_quoted(&t, line, strlen(line));
	t.len = MIN(t.len, t.size - 2); /* there must be room for the newline */
	t.buf[t.len] = '\0';
	t.full = false;
	text_add(&t, "\n");
	put(p, &t);
	if (p->terminal && p->items)
		draw(p, clock_mono_ns());
}

PRINTF(3, 0)
static void put_message(struct progress *p, const char *prefix, const char *fmt, va_list ap)
{
	char line[1024];
	struct text t = TEXT_OVER(line);

	text_add(&t, prefix);
	text_vaddf(&t, fmt, ap);
	pthread_mutex_lock(&p->mutex);
	put_line(p, line);
	pthread_mutex_unlock(&p->mutex);
}

void progress_message(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	if (!p || p->quiet)
		return;
	va_start(ap, fmt);
	put_message(p, "", fmt, ap);
	va_end(ap);
}

void progress_warning(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	if (!p)
		return;
	va_start(ap, fmt);
	put_message(p, "imgfetch: ", fmt, ap);
	va_end(ap);
}

void progress_expect(struct progress *p, unsigned items, uint64_t bytes)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->expected += items;
	p->all.total_bytes += bytes;
	pthread_mutex_unlock(&p->mutex);
}

void progress_brought(struct progress *p, uint64_t bytes)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->over_bytes += bytes;
	pthread_mutex_unlock(&p->mutex);
}

struct progress_item *progress_start(struct progress *p, const char *label, uint64_t total_bytes)
{
	struct progress_item *it = p && !p->quiet ? calloc(1, sizeof(*it)) : NULL;

	if (!it)
		return NULL;
	struct text t = TEXT_OVER(it->label);
	text_add_quoted(&t, label, strlen(label));
	it->owner = p;
	it->bar = (struct bar){.label = it->label, .total_bytes = total_bytes};
	it->started_ns = clock_mono_ns();
	pthread_mutex_lock(&p->mutex);
	struct progress_item **end = &p->items;
	while (*end)
		end = &(*end)->next;
	*end = it;
	if (p->terminal && it->started_ns - p->drawn_ns >= DRAW_EVERY_NS)
		draw(p, it->started_ns);
	pthread_mutex_unlock(&p->mutex);
	return it;
}

static void advance(struct progress_item *it, uint64_t bytes, bool kept)
{
	if (!it)
		return;
	struct progress *p = it->owner;
	pthread_mutex_lock(&p->mutex);
	it->bar.done_bytes += bytes;
	if (kept)
		it->kept_bytes += bytes;
	if (p->terminal) {
		uint64_t now = clock_mono_ns();
		if (now - p->drawn_ns >= DRAW_EVERY_NS)
			draw(p, now);
	}
	pthread_mutex_unlock(&p->mutex);
}

void progress_advance(struct progress_item *it, uint64_t bytes)
{
	advance(it, bytes, false);
}

void progress_advance_kept(struct progress_item *it, uint64_t bytes)
{
	advance(it, bytes, true);
}

void progress_restart(struct progress_item *it)
{
	if (!it)
		return;
	pthread_mutex_lock(&it->owner->mutex);
	it->bar.done_bytes = it->kept_bytes = 0;
	it->bar.rate = (struct bar_rate){0};
	it->started_ns = clock_mono_ns();
	pthread_mutex_unlock(&it->owner->mutex);
}

void progress_finish(struct progress_item *it, const char *state)
{
	if (!it)
		return;
	struct progress *p = it->owner;
	pthread_mutex_lock(&p->mutex);
	struct progress_item **at = &p->items;
	while (*at && *at != it)
		at = &(*at)->next;
	if (*at)
		*at = it->next;
	p->over_bytes += it->bar.done_bytes;
	p->over_fresh_bytes += it->bar.done_bytes - it->kept_bytes;
	if (state) {
		char line[256];
		struct text t = TEXT_OVER(line);
		text_addf(&t, "%s: %s", it->label, state);
		if (it->bar.done_bytes > 0) {
			text_add(&t, ", ");
			bar_add_size(&t, it->bar.done_bytes);
			text_addf(&t, " in %.1f s", seconds_since(it->started_ns, clock_mono_ns()));
		}
		put_line(p, line);
	} else if (p->terminal) {
		draw(p, clock_mono_ns());
	}
	pthread_mutex_unlock(&p->mutex);
	free(it);
}

void progress_free(struct progress *p)
{
	char buf[64];
	struct text t = TEXT_OVER(buf);

	if (!p)
		return;
	add_erase(p, &t);
	if (t.len > 0)
		put(p, &t);
	while (p->items) {
		struct progress_item *it = p->items;
		p->items = it->next;
		free(it);
	}
	pthread_mutex_destroy(&p->mutex);
	free(p);
}
