/* SPDX-License-Identifier: MIT */
/* passwd(5), group(5), subuid(5): whose an id is, read without NSS. */
#include "isolate/idfiles.h"

#include <string.h>

#include "common/text.h"

/* Fields of one line, not terminated. */
struct fields {
	const char *at[4];
	size_t len[4];
	size_t count;
};

/* Cut the next line off the text. False at the end. */
static bool next_line(const char **text, size_t *left, struct fields *f)
{
	const char *line = *text, *nl;
	size_t len = *left, start = 0;

	if (len == 0)
		return false;
	nl = memchr(line, '\n', len);
	if (nl)
		len = (size_t)(nl - line);
	*left -= nl ? len + 1 : len;
	*text += nl ? len + 1 : len;
	f->count = 0;
	while (f->count < ARRAY_LEN(f->at) && start <= len) {
		const char *colon = memchr(line + start, ':', len - start);
		size_t end = colon ? (size_t)(colon - line) : len;

		f->at[f->count] = line + start;
		f->len[f->count++] = end - start;
		start = end + 1;
	}
	return true;
}

/* A field that is a number up to UINT32_MAX - 1, and nothing else. */
static bool number(const struct fields *f, size_t i, uint32_t *out)
{
	uint64_t v = 0;

	if (i >= f->count || f->len[i] == 0)
		return false;
	for (size_t k = 0; k < f->len[i]; k++) {
		char c = f->at[i][k];

		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (uint64_t)(c - '0');
		if (v >= UINT32_MAX)
			return false;
	}
	*out = (uint32_t)v;
	return true;
}

static bool name_is(const struct fields *f, const char *name)
{
	return name && f->count > 0 && strlen(name) == f->len[0] &&
	       memcmp(f->at[0], name, f->len[0]) == 0;
}

/* first:count in the second and third field. */
static bool range(const struct fields *f, struct idrange *out)
{
	return number(f, 1, &out->first) && number(f, 2, &out->count) &&
	       (uint64_t)out->first + out->count <= UINT32_MAX;
}

int idfiles_find_subid(const char *name, const char *text, size_t len, const char *user,
		       struct idrange *out, struct err *e)
{
	struct fields f;
	struct idrange got;

	while (next_line(&text, &len, &f)) {
		if (!name_is(&f, user))
			continue;
		if (!range(&f, &got) || got.count == 0)
			return err_set(e, ERR_CONFIG, "%s: the line of '%s' is malformed", name,
				       text_quote(user).s);
		*out = got;
		return 1;
	}
	return 0;
}

static void note(struct idoverlap *o, const struct fields *f, uint32_t id)
{
	size_t len = MIN(f->len[0], sizeof(o->name) - 1);

	if (o->owners++ > 0)
		return;
	o->id = id;
	memcpy(o->name, f->at[0], len);
	o->name[len] = '\0';
}

bool idfiles_users_in(const char *text, size_t len, const struct idrange *r, struct idoverlap *out)
{
	struct idoverlap o = {0};
	struct fields f;
	uint32_t id;

	while (next_line(&text, &len, &f)) {
		if (number(&f, 2, &id) && id >= r->first && id - r->first < r->count)
			note(&o, &f, id);
	}
	*out = o;
	return o.owners > 0;
}

bool idfiles_has_name(const char *text, size_t len, const char *name)
{
	struct fields f;

	while (next_line(&text, &len, &f))
		if (name_is(&f, name))
			return true;
	return false;
}

bool idfiles_subids_in(const char *text, size_t len, const struct idrange *r, const char *except,
		       struct idoverlap *out)
{
	struct idoverlap o = {0};
	struct fields f;
	struct idrange other;

	while (next_line(&text, &len, &f)) {
		uint32_t low;

		if (name_is(&f, except) || !range(&f, &other))
			continue;
		low = MAX(r->first, other.first);
		if (low - r->first < r->count && low - other.first < other.count)
			note(&o, &f, low);
	}
	*out = o;
	return o.owners > 0;
}
