/* SPDX-License-Identifier: MIT */
/* What lies where in a tar archive that is read in place: images as one file. Pure but for the
 * reading, which the caller does.
 *
 * Small on purpose: of a layer everything counts, and libarchive reads it; of these archives only
 * names, sizes and places do, and what is read there has to have the right digest anyway. Whatever
 * readers of tar do not agree on is refused. */
#include "imgfetch/tarindex.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/num.h"
#include "common/text.h"
#include "imgfetch/whiteout.h"

#define BLOCK_BYTES	 512
#define EXTRA_BYTES_MAX	 (UINT64_C(1) << 20)  /* pax records or a long name, before one entry */
#define NAME_BYTES_MAX	 (UINT64_C(64) << 20) /* of all names together */
#define LINK_HOPS_MAX	 16
#define PAX_KEY_LEN_MAX	 64
#define BASE256_POSITIVE 0x80

/* POSIX.1-1988, with the prefix of POSIX.1-2001's ustar. */
struct header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char linkname[100];
	char magic[6], version[2];
	char uname[32], gname[32];
	char devmajor[8], devminor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK_BYTES, "a tar header is a block");

struct entry {
	char *name;   /* canonical; owned */
	char *target; /* of a link, as it was written; owned; NULL: a regular file */
	bool hard;    /* target is a name in the archive, not relative to the link */
	uint64_t offset, size_bytes;
	size_t order; /* position in the archive */
};

struct tarindex {
	struct entry *entries; /* sorted by name, then order */
	size_t count, room;
	uint64_t name_bytes;
};

/* What headers before an entry said about it. */
struct extra {
	char *path, *linkpath; /* owned */
	bool has_size;
	uint64_t size_bytes;
};

struct reader {
	tarindex_read read;
	void *arg;
	uint64_t pos, size_bytes;
	struct extra extra;
	struct tarindex *out;
};

static void extra_fini(struct extra *x)
{
	free(x->path);
	free(x->linkpath);
	*x = (struct extra){0};
}

void tarindex_free(struct tarindex *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++) {
		free(t->entries[i].name);
		free(t->entries[i].target);
	}
	free(t->entries);
	free(t);
}

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "index an archive");
}

/* --- header -------------------------------------------------------------------------------- */

/* Octal digits between spaces, ended by a space, a NUL or the field; or base 256 (GNU). */
static int parse_number(const char *field, size_t len, uint64_t *out, struct err *e)
{
	const unsigned char *p = (const unsigned char *)field;
	uint64_t v = 0;
	size_t i = 0;

	if (p[0] == BASE256_POSITIVE) {
		for (i = 1; i < len; i++) {
			if (v >> 55)
				return err_set(e, ERR_VERIFY, "a number is too large");
			v = v << 8 | p[i];
		}
		*out = v;
		return 0;
	}
	while (i < len && p[i] == ' ')
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0'); /* 12 digits at most */
	for (; i < len; i++) {
		if (p[i] != ' ' && p[i] != '\0')
			return err_set(e, ERR_VERIFY, "a number is none");
	}
	*out = v;
	return 0;
}

static int check_sum(const struct header *h, struct err *e)
{
	const unsigned char *p = (const unsigned char *)h;
	uint64_t want, got = 0;

	for (size_t i = 0; i < BLOCK_BYTES; i++) {
		bool in_sum =
			i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);

		got += in_sum ? ' ' : p[i];
	}
	if (parse_number(h->checksum, sizeof(h->checksum), &want, e) < 0)
		return -1;
	if (got != want)
		return err_set(e, ERR_VERIFY, "the checksum of a header is wrong");
	return 0;
}

/* The text of a field, which need not end with a NUL. */
static char *field_text(const char *field, size_t len)
{
	return strndup(field, len);
}

static char *header_name(const struct header *h)
{
	char *s = NULL;
	int n;

	/* GNU's old format (magic "ustar  ") has other things there. */
	if (memcmp(h->magic, "ustar\0", 6) != 0 || !h->prefix[0])
		return field_text(h->name, sizeof(h->name));
	n = asprintf(&s, "%.*s/%.*s", (int)sizeof(h->prefix), h->prefix, (int)sizeof(h->name),
		     h->name);
	return n < 0 ? NULL : s;
}

/* --- pax records and long names ------------------------------------------------------------ */

static int set_text(char **out, const char *value, size_t len, struct err *e)
{
	if (memchr(value, '\0', len))
		return err_set(e, ERR_VERIFY, "a name holds a NUL");
	free(*out);
	*out = strndup(value, len);
	return *out ? 0 : no_memory(e);
}

static int pax_record(struct reader *r, const char *key, const char *value, size_t len, bool global,
		      struct err *e)
{
	bool path = strcmp(key, "path") == 0, link = strcmp(key, "linkpath") == 0;
	bool size = strcmp(key, "size") == 0;
	char digits[24];

	if (strncmp(key, "GNU.sparse.", 11) == 0)
		return err_set(e, ERR_VERIFY, "it has sparse files: write it without them");
	if (!path && !link && !size)
		return 0;
	if (global)
		return err_set(e, ERR_VERIFY, "it gives all entries one %s", key);
	if (path)
		return set_text(&r->extra.path, value, len, e);
	if (link)
		return set_text(&r->extra.linkpath, value, len, e);
	if (len >= sizeof(digits) || memchr(value, '\0', len))
		return err_set(e, ERR_VERIFY, "a size is no number");
	*(char *)mempcpy(digits, value, len) = '\0';
	r->extra.has_size = true;
	if (num_parse_u64(digits, 0, INT64_MAX, "size", &r->extra.size_bytes, e) < 0) {
		e->kind = ERR_VERIFY;
		return -1;
	}
	return 0;
}

/* "LENGTH KEY=VALUE\n", where LENGTH is that of all of it. */
static int parse_pax(struct reader *r, const char *text, size_t len, bool global, struct err *e)
{
	while (len > 0) {
		char key[PAX_KEY_LEN_MAX + 1];
		size_t n = 0, i = 0;
		const char *k, *eq;

		for (; i < len && i < 8 && text[i] >= '0' && text[i] <= '9'; i++)
			n = n * 10 + (size_t)(text[i] - '0');
		if (i == 0 || i >= len || text[i] != ' ' || n > len || n < i + 3 ||
		    text[n - 1] != '\n')
			return err_set(e, ERR_VERIFY, "a pax record is broken");
		k = text + i + 1;
		eq = memchr(k, '=', n - i - 2);
		if (!eq || eq == k)
			return err_set(e, ERR_VERIFY, "a pax record has no key");
		/* None that matters is so long. */
		if ((size_t)(eq - k) < sizeof(key)) {
			*(char *)mempcpy(key, k, (size_t)(eq - k)) = '\0';
			if (pax_record(r, key, eq + 1, (size_t)(text + n - 1 - (eq + 1)), global,
				       e) < 0)
				return -1;
		}
		text += n;
		len -= n;
	}
	return 0;
}

static int read_extra(struct reader *r, char type, uint64_t len, struct err *e)
{
	auto_free char *text = NULL;

	if (len > EXTRA_BYTES_MAX)
		return err_set(e, ERR_VERIFY, "a name or its records have more than 1 MiB");
	text = malloc(len + 1);
	if (!text)
		return no_memory(e);
	if (len > 0 && r->read(r->arg, r->pos, text, len, e) < 0)
		return -1;
	text[len] = '\0';
	if (type == 'x' || type == 'g')
		return parse_pax(r, text, len, type == 'g', e);
	/* GNU's end with a NUL that belongs to them. */
	len = strlen(text);
	return set_text(type == 'L' ? &r->extra.path : &r->extra.linkpath, text, len, e);
}

/* --- entries ------------------------------------------------------------------------------- */

static struct entry *new_entry(struct tarindex *t, struct err *e)
{
	if (t->count == TARINDEX_ENTRIES_MAX) {
		err_set(e, ERR_VERIFY, "more than %d entries", TARINDEX_ENTRIES_MAX);
		return NULL;
	}
	if (t->count == t->room) {
		size_t room = MAX(2 * t->room, 64);
		struct entry *p = reallocarray(t->entries, room, sizeof(*p));

		if (!p) {
			no_memory(e);
			return NULL;
		}
		t->entries = p;
		t->room = room;
	}
	t->entries[t->count] = (struct entry){.order = t->count};
	return &t->entries[t->count++];
}

static char *canonical(const char *raw, struct err *e)
{
	auto_free struct entry_name *name = malloc(sizeof(*name));
	char *s;

	if (!name) {
		no_memory(e);
		return NULL;
	}
	if (entry_name_parse(raw, ENTRY_PATH_MAX, ENTRY_DEPTH_MAX, name, e) < 0) {
		err_wrap(e, "'%s'", text_quote(raw).s);
		return NULL;
	}
	s = strndup(name->path, name->len);
	if (!s)
		no_memory(e);
	return s;
}

static int add_entry(struct reader *r, const struct header *h, uint64_t size, struct err *e)
{
	struct tarindex *t = r->out;
	auto_free char *raw = take_ptr(r->extra.path);
	auto_free char *target = take_ptr(r->extra.linkpath);
	struct entry *en = new_entry(t, e);

	if (!en)
		return -1;
	if (!raw)
		raw = header_name(h);
	if (!raw)
		return no_memory(e);
	en->name = canonical(raw, e);
	if (!en->name)
		return -1;
	if (h->type == '1' || h->type == '2') {
		en->hard = h->type == '1';
		en->target =
			target ? take_ptr(target) : field_text(h->linkname, sizeof(h->linkname));
		if (!en->target)
			return no_memory(e);
	}
	t->name_bytes += strlen(en->name) + (en->target ? strlen(en->target) : 0);
	if (t->name_bytes > NAME_BYTES_MAX)
		return err_set(e, ERR_VERIFY, "its names have more than 64 MiB");
	en->offset = r->pos;
	en->size_bytes = size;
	return 0;
}

/* The header at r->pos - BLOCK_BYTES and its data. */
static int do_header(struct reader *r, const struct header *h, struct err *e)
{
	uint64_t size;
	bool is_extra = h->type && strchr("xgLK", h->type);

	if (check_sum(h, e) < 0 || parse_number(h->size, sizeof(h->size), &size, e) < 0)
		return -1;
	if (!is_extra && r->extra.has_size)
		size = r->extra.size_bytes;
	if (size > r->size_bytes - r->pos)
		return err_set(e, ERR_VERIFY, "it is cut short, or the size of an entry is wrong");
	if (h->type == 'S')
		return err_set(e, ERR_VERIFY, "it has sparse files: write it without them");
	/* Some readers look for the next header behind such data, some do not. */
	if (h->type >= '1' && h->type <= '6' && size > 0)
		return err_set(e, ERR_VERIFY, "it has a link or directory with data");
	if (is_extra) {
		if (read_extra(r, h->type, size, e) < 0)
			return -1;
	} else {
		if (h->type == '\0' || strchr("0127", h->type)) {
			if (add_entry(r, h, size, e) < 0)
				return -1;
		}
		extra_fini(&r->extra);
	}
	/* Data fill whole blocks; the last may lack its end only at the end of the archive. */
	size += (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES;
	r->pos += MIN(size, r->size_bytes - r->pos);
	return 0;
}

static int read_all(struct reader *r, struct err *e)
{
	static const struct header zero;
	struct header h;

	while (r->size_bytes - r->pos >= BLOCK_BYTES) {
		if (r->read(r->arg, r->pos, &h, sizeof(h), e) < 0)
			return -1;
		r->pos += BLOCK_BYTES;
		if (memcmp(&h, &zero, sizeof(h)) == 0)
			return 0;
		if (do_header(r, &h, e) < 0)
			return r->out->count == 0 && e->kind == ERR_VERIFY
				       ? err_wrap(e, "not a tar archive, or a broken one")
				       : -1;
	}
	if (r->size_bytes < BLOCK_BYTES)
		return err_set(e, ERR_VERIFY, "not a tar archive: it has %llu bytes",
			       (unsigned long long)r->size_bytes);
	return err_set(e, ERR_VERIFY, "it is cut short: there is no end");
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->order > y->order) - (x->order < y->order);
}

struct tarindex *tarindex_new(tarindex_read read, void *arg, uint64_t size_bytes, struct err *e)
{
	struct reader r = {.read = read, .arg = arg, .size_bytes = size_bytes};

	r.out = calloc(1, sizeof(*r.out));
	if (!r.out) {
		no_memory(e);
		return NULL;
	}
	int rc = read_all(&r, e);
	extra_fini(&r.extra);
	if (rc < 0) {
		tarindex_free(r.out);
		return NULL;
	}
	if (r.out->count > 0)
		qsort(r.out->entries, r.out->count, sizeof(*r.out->entries), by_name);
	return r.out;
}

/* --- looking up ---------------------------------------------------------------------------- */

/* The last entry of this name, or NULL. */
static const struct entry *find(const struct tarindex *t, const char *name)
{
	size_t from = 0, to = t->count;

	/* First entry whose name is greater. */
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(t->entries[mid].name, name) <= 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from > 0 && strcmp(t->entries[from - 1].name, name) == 0 ? &t->entries[from - 1]
									: NULL;
}

/* What the link en stands for, as a canonical name. */
static char *resolve(const struct entry *en, struct err *e)
{
	char path[2 * ENTRY_PATH_MAX];
	size_t len = 0;
	const char *slash = strrchr(en->name, '/'), *p = en->target;

	if (en->hard)
		return canonical(en->target, e);
	if (*p == '/' || *p == '\0' || strlen(p) >= ENTRY_PATH_MAX)
		goto out;
	if (slash)
		len = (size_t)(slash - en->name);
	memcpy(path, en->name, len); /* a canonical name is shorter than ENTRY_PATH_MAX */
	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (len == 0)
				goto out;
			while (len > 0 && path[len - 1] != '/')
				len--;
			len -= len > 0; /* the slash */
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (len > 0)
				path[len++] = '/';
			memcpy(path + len, p, n);
			len += n;
		}
		p += n;
		p += strspn(p, "/");
	}
	path[len] = '\0';
	return canonical(path, e);
out:
	err_set(e, ERR_VERIFY, "'%s' is a link that leads out of the archive",
		text_quote(en->name).s);
	return NULL;
}

int tarindex_find(const struct tarindex *t, const char *name, uint64_t *offset,
		  uint64_t *size_bytes, struct err *e)
{
	auto_free char *now = canonical(name, e);

	for (unsigned hops = 0; now && hops <= LINK_HOPS_MAX; hops++) {
		const struct entry *en = find(t, now);

		if (!en)
			return 0;
		if (!en->target) {
			*offset = en->offset;
			*size_bytes = en->size_bytes;
			return 1;
		}
		char *next = resolve(en, e);
		free(now);
		now = next;
	}
	return now ? err_set(e, ERR_VERIFY, "'%s' is a link that leads nowhere, in too many steps",
			     text_quote(name).s)
		   : -1;
}
