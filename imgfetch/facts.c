/* SPDX-License-Identifier: MIT */
/* What a layer leaves to be settled with the layers below it, as a list and as text. */
#include "imgfetch/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/exact.h"
#include "common/fdio.h"
#include "common/num.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/whiteout.h"

#define FIRST_LINE "isolate-facts 1"
/* The root; no canonical name is spelled so. */
#define ROOT_TEXT "."

static const char *const kind_names[] = {
	[FACT_IMPLIED] = "implied",
	[FACT_GONE] = "gone",
	[FACT_LINK] = "link",
};

void facts_fini(struct facts *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->list[i].path);
		free(f->list[i].target);
	}
	free(f->list);
	*f = (struct facts){0};
}

/* --- the list ---------------------------------------------------------------------------- */

/* What a name takes as text, at most. */
static size_t text_bytes(const char *name)
{
	return name ? 4 * strlen(name) + 2 : 0;
}

int facts_add(struct facts *f, enum fact_kind kind, const char *path, const char *target,
	      struct err *e)
{
	size_t bytes = sizeof("implied") + text_bytes(path) + text_bytes(target);

	/* The lines around them are little. */
	if (bytes > FACTS_BYTES_MAX - 256 - f->bytes)
		return err_set(e, ERR_VERIFY,
			       "what it leaves to the layers below takes more than %zu MiB",
			       FACTS_BYTES_MAX >> 20);
	if (f->count == f->room) {
		size_t room = f->room ? f->room * 2 : 32;
		struct fact *list = reallocarray(f->list, room, sizeof(*list));
		if (!list)
			return err_sys(e, ERR_SYSTEM, "remember a name");
		f->list = list;
		f->room = room;
	}
	auto_free char *p = strdup(path);
	auto_free char *t = target ? strdup(target) : NULL;
	if (!p || (target && !t))
		return err_sys(e, ERR_SYSTEM, "remember a name");
	f->list[f->count] = (struct fact){
		.kind = kind, .path = take_ptr(p), .target = take_ptr(t), .seq = f->count};
	f->count++;
	f->bytes += bytes;
	return 0;
}

static int compare(enum fact_kind kind, const char *path, const struct fact *with)
{
	if (kind != with->kind)
		return kind < with->kind ? -1 : 1;
	return strcmp(path, with->path);
}

/* The last one added comes first. */
static int by_order(const void *a, const void *b)
{
	const struct fact *x = a, *y = b;
	int c = compare(x->kind, x->path, y);

	return c ? c : (x->seq < y->seq) - (x->seq > y->seq);
}

void facts_sort(struct facts *f)
{
	size_t kept = 0;

	if (f->count == 0)
		return;
	qsort(f->list, f->count, sizeof(*f->list), by_order);
	for (size_t i = 0; i < f->count; i++) {
		struct fact *fact = &f->list[i];
		if (kept > 0 && compare(fact->kind, fact->path, &f->list[kept - 1]) == 0) {
			free(fact->path);
			free(fact->target);
		} else {
			f->list[kept++] = *fact;
		}
	}
	f->count = kept;
}

const struct fact *facts_find(const struct facts *f, enum fact_kind kind, const char *path)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare(kind, path, &f->list[mid]);
		if (c == 0)
			return &f->list[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool facts_has_below(const struct facts *f, enum fact_kind kind, const char *path)
{
	size_t low = 0, high = f->count, len = strlen(path);

	/* The first that comes after path and all that begins with path and a byte below '/'. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct fact *m = &f->list[mid];
		bool before = m->kind < kind;
		if (m->kind == kind) {
			int c = strncmp(m->path, path, len);
			before = c < 0 || (c == 0 && (unsigned char)m->path[len] < '/');
		}
		if (before)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->count && f->list[low].kind == kind &&
	       strncmp(f->list[low].path, path, len) == 0 && f->list[low].path[len] == '/';
}

/* --- text -------------------------------------------------------------------------------- */

/* As in the image descriptor; but spaces separate names here. */
static void add_name(struct text *t, const char *name)
{
	text_add(t, " ");
	if (*name == '\0')
		text_add(t, ROOT_TEXT);
	exact_add(t, name, false);
}

int facts_format(const struct facts *f, char **out, size_t *out_len, struct err *e)
{
	size_t size = f->bytes + 256;
	auto_free char *buf = malloc(size);

	if (!buf)
		return err_sys(e, ERR_SYSTEM, "write the facts of a layer");
	struct text t = {.buf = buf, .size = size};
	buf[0] = '\0';
	text_add(&t, FIRST_LINE "\n");
	for (size_t i = 0; i < f->count; i++) {
		text_add(&t, kind_names[f->list[i].kind]);
		add_name(&t, f->list[i].path);
		if (f->list[i].target)
			add_name(&t, f->list[i].target);
		text_add(&t, "\n");
	}
	text_addf(&t, "end %zu\n", f->count + 1);
	if (t.full)
		return err_set(e, ERR_BUG, "write the facts of a layer: no room");
	*out = take_ptr(buf);
	*out_len = t.len;
	return 0;
}

/* Lines here are longer than those of common/lineconf: two names of four bytes a byte. */
struct reader {
	const char *name;
	char *pos, *end;
	unsigned line;
};

static int fault(const struct reader *r, const char *what, struct err *e)
{
	return err_set(e, ERR_VERIFY, "%s:%u: %s", r->name, r->line, what);
}

static int next_line(struct reader *r, char **line, struct err *e)
{
	char *newline = memchr(r->pos, '\n', (size_t)(r->end - r->pos));

	r->line++;
	if (!newline)
		return fault(r, "the file is cut off", e);
	*newline = '\0';
	if (memchr(r->pos, '\0', (size_t)(newline - r->pos)))
		return fault(r, "NUL byte", e);
	*line = r->pos;
	r->pos = newline + 1;
	return 0;
}

/* Undo the escapes in place. False for what the writer would not have written. */
static bool take_name(char *name, bool root_allowed)
{
	struct entry_name canonical;
	struct err ignored;

	if (root_allowed && strcmp(name, ROOT_TEXT) == 0) {
		*name = '\0';
		return true;
	}
	return exact_parse(name, false) &&
	       entry_name_parse(name, ENTRY_PATH_MAX, ENTRY_DEPTH_MAX, &canonical, &ignored) == 0 &&
	       canonical.len > 0 && strcmp(canonical.path, name) == 0;
}

/* `KIND PATH [TARGET]`, the key split off. */
static int parse_fact(const struct reader *r, const char *key, char *path, struct facts *f,
		      struct err *e)
{
	enum fact_kind kind = FACT_IMPLIED;
	char *target = strchr(path, ' ');

	while (strcmp(key, kind_names[kind]) != 0) {
		if (kind == FACT_LINK)
			return fault(r, "unknown key", e);
		kind++;
	}
	if (target)
		*target++ = '\0';
	if ((kind == FACT_LINK) != (target != NULL))
		return fault(r, "a name too many or too few", e);
	if (!take_name(path, kind == FACT_IMPLIED) || (target && !take_name(target, false)))
		return fault(r, "no canonical name", e);
	const struct fact *last = f->count > 0 ? &f->list[f->count - 1] : NULL;
	if (last && compare(kind, path, last) <= 0)
		return fault(r, "out of order", e);
	return facts_add(f, kind, path, target, e);
}

static int parse_lines(struct reader *r, struct facts *f, struct err *e)
{
	char *line, *value;
	uint64_t above;
	struct err ignored;

	if (next_line(r, &line, e) < 0)
		return -1;
	if (strcmp(line, FIRST_LINE) != 0)
		return fault(r, "not '" FIRST_LINE "'", e);
	for (;;) {
		if (next_line(r, &line, e) < 0)
			return -1;
		value = strchr(line, ' ');
		if (!value)
			return fault(r, "no value", e);
		*value++ = '\0';
		if (strcmp(line, "end") == 0)
			break;
		if (parse_fact(r, line, value, f, e) < 0)
			return -1;
	}
	if (*value == '0' || num_parse_u64(value, 1, UINT64_MAX, "end", &above, &ignored) < 0 ||
	    above != r->line - 1)
		return fault(r, "'end' does not count the lines above it", e);
	return r->pos == r->end ? 0 : fault(r, "text after 'end'", e);
}

int facts_parse(const char *name, char *text, size_t len, struct facts *out, struct err *e)
{
	struct reader r = {.name = name, .pos = text, .end = text + len};
	struct facts f = {0};

	if (len > FACTS_BYTES_MAX)
		return err_set(e, ERR_VERIFY, "%s: larger than %zu bytes", name, FACTS_BYTES_MAX);
	if (parse_lines(&r, &f, e) < 0) {
		facts_fini(&f);
		return -1;
	}
	*out = f;
	return 0;
}

int facts_read(const struct store *st, const struct digest *diffid, struct facts *out,
	       struct err *e)
{
	char rel[128];
	struct stat sb;

	if (text_format(rel, sizeof(rel), "layers/sha256/%s.facts", diffid->hex) < 0)
		return err_sys(e, ERR_BUG, "name the facts of a layer");
	auto_fd fd = path_open_beneath(st->fd, rel, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 && errno == ENOENT) {
		*out = (struct facts){0};
		return 0;
	}
	if (fd < 0 || fstat(fd, &sb) < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s' in the store '%s'", rel,
			       text_quote(st->path).s);
	if (sb.st_size < 0 || (uint64_t)sb.st_size > FACTS_BYTES_MAX)
		return err_set(e, ERR_VERIFY, "'%s' in the store '%s' is too large", rel,
			       text_quote(st->path).s);
	auto_free char *text = malloc((size_t)sb.st_size + 1);
	if (!text)
		return err_sys(e, ERR_SYSTEM, "read '%s'", rel);
	ssize_t len = fdio_read_text(fd, text, (size_t)sb.st_size + 1);
	if (len < 0)
		return err_sys(e, ERR_SYSTEM, "read '%s' in the store '%s'", rel,
			       text_quote(st->path).s);
	if (facts_parse(rel, text, (size_t)len, out, e) < 0)
		return err_wrap(e, "store '%s'", text_quote(st->path).s);
	return 0;
}
