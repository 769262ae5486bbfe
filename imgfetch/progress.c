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
#include "imgfetch/clock.h"

#define LABEL_MAX	32
#define DRAW_EVERY_NS	(100 * NSEC_PER_MSEC)
#define BARS_MAX	8
#define COLUMNS_DEFAULT 80
#define BAR_COLUMNS_MAX 30
#define BAR_COLUMNS_MIN 5
#define TEXT_COLUMNS	60 /* what a line has besides its bar */

struct progress_item {
	struct progress *owner;
	struct progress_item *next;
	char label[LABEL_MAX];
	uint64_t total_bytes, done_bytes;
	uint64_t kept_bytes; /* of those that are done: there before */
	uint64_t started_ns;
};

struct progress {
	pthread_mutex_t mutex;
	int fd;
	bool quiet;
	bool terminal;
	struct progress_item *items; /* active ones, oldest first */
	unsigned drawn;		     /* lines of bars on the screen, the cursor below them */
	uint64_t drawn_ns;
};

struct progress *progress_new(int fd, bool quiet, struct err *e)
{
	struct progress *p = calloc(1, sizeof(*p));

	if (!p) {
		err_sys(e, ERR_SYSTEM, "start the progress display");
		return NULL;
	}
	pthread_mutex_init(&p->mutex, NULL);
	p->fd = fd;
	p->quiet = quiet;
	p->terminal = isatty(fd);
	return p;
}

/* A display that cannot be written to is no reason to stop a pull. */
static void put(const struct progress *p, const struct text *t)
{
	(void)!fdio_write_all(p->fd, t->buf, t->len);
}

/* 1234567 as "1.2 MB": powers of 1000, as the sizes in registries are shown. */
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

static double seconds_since(uint64_t ns, uint64_t now_ns)
{
	return (double)(now_ns - ns) / (double)NSEC_PER_SEC;
}

/* Cursor up over the bars, clear from there to the end of the screen. */
static void add_erase(struct progress *p, struct text *t)
{
	if (p->drawn > 0)
		text_addf(t, "\033[%uA\r\033[J", p->drawn);
	p->drawn = 0;
}

static unsigned bar_columns(const struct progress *p)
{
	struct winsize ws;
	unsigned columns = COLUMNS_DEFAULT;

	if (ioctl(p->fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		columns = ws.ws_col;
	if (columns < TEXT_COLUMNS + BAR_COLUMNS_MIN)
		return 0; /* the line would wrap: no bar, and the figures as far as they go */
	return MIN(columns - TEXT_COLUMNS, BAR_COLUMNS_MAX);
}

static void add_bar(struct text *t, const struct progress_item *it, unsigned columns,
		    uint64_t now_ns)
{
	double share = it->total_bytes ? (double)it->done_bytes / (double)it->total_bytes : 1;
	double s = seconds_since(it->started_ns, now_ns);

	text_addf(t, "%-20.20s ", it->label);
	if (columns > 0) {
		unsigned full = (unsigned)(MIN(share, 1) * columns);
		text_add(t, "[");
		for (unsigned i = 0; i < columns; i++)
			text_add(t, i < full ? "#" : ".");
		text_add(t, "] ");
	}
	text_addf(t, "%3.0f%% ", MIN(share, 1) * 100);
	add_size(t, (double)it->done_bytes);
	if (s > 0.2) {
		text_add(t, "  ");
		add_size(t, (double)(it->done_bytes - it->kept_bytes) / s);
		text_add(t, "/s");
	}
	text_add(t, "\n");
}

static void draw(struct progress *p, uint64_t now_ns)
{
	char buf[4096];
	struct text t = TEXT_OVER(buf);
	unsigned columns = bar_columns(p);

	add_erase(p, &t);
	for (const struct progress_item *it = p->items; it && p->drawn < BARS_MAX; it = it->next) {
		add_bar(&t, it, columns, now_ns);
		p->drawn++;
	}
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

struct progress_item *progress_start(struct progress *p, const char *label, uint64_t total_bytes)
{
	struct progress_item *it = p && !p->quiet ? calloc(1, sizeof(*it)) : NULL;

	if (!it)
		return NULL;
	struct text t = TEXT_OVER(it->label);
	text_add_quoted(&t, label, strlen(label));
	it->owner = p;
	it->total_bytes = total_bytes;
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
	it->done_bytes += bytes;
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
	it->done_bytes = it->kept_bytes = 0;
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
	if (state) {
		char line[256];
		struct text t = TEXT_OVER(line);
		text_addf(&t, "%s: %s", it->label, state);
		if (it->done_bytes > 0) {
			text_add(&t, ", ");
			add_size(&t, (double)it->done_bytes);
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
