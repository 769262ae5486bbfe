/* SPDX-License-Identifier: MIT */
/* What containers-registries.conf(5), the file of podman and its kin, says about registries. */
#include "imgfetch/registriesconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define PARTS_MAX 4

enum table { TABLE_TOP, TABLE_OTHER, TABLE_REGISTRY, TABLE_MIRROR };

struct mirror {
	const char *location;
	bool insecure, has_insecure;
	enum hostrule_use use;
	bool has_use;
	unsigned line;
};

/* Strings lie in the text. */
struct parser {
	const char *name;
	char *pos, *end; /* *end is NUL, and there is no other one */
	unsigned line;
	struct hostrules *rules;
	enum table table;
	/* the [[registry]] that is being read, from this line */
	unsigned from;
	const char *prefix, *location;
	bool insecure, has_insecure, blocked, has_blocked, digests, has_digests;
	struct mirror mirrors[HOSTRULES_MIRRORS_MAX];
	size_t mirror_count;
};

static int bad_at(const struct parser *p, unsigned line, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s:%u: %s", p->name, line, what);
}

static int bad(const struct parser *p, const char *what, struct err *e)
{
	return bad_at(p, p->line, what, e);
}

/* --- words --------------------------------------------------------------------------------- */

static void skip_blanks(struct parser *p)
{
	while (*p->pos == ' ' || *p->pos == '\t' || *p->pos == '\r')
		p->pos++;
}

static void skip_comment(struct parser *p)
{
	if (*p->pos == '#')
		p->pos += strcspn(p->pos, "\n");
}

static void skip_newlines(struct parser *p)
{
	for (;;) {
		skip_blanks(p);
		skip_comment(p);
		if (*p->pos != '\n')
			return;
		p->pos++;
		p->line++;
	}
}

static int end_line(struct parser *p, struct err *e)
{
	skip_blanks(p);
	skip_comment(p);
	if (*p->pos && *p->pos != '\n')
		return bad(p, "something is behind the end of the value", e);
	return 0;
}

/* A string on one line, unescaped in place. */
static int read_string(struct parser *p, const char **out, struct err *e)
{
	char quote = *p->pos, *to = p->pos + 1;

	if (quote != '"' && quote != '\'')
		return bad(p, "not a string", e);
	if (p->pos[1] == quote && p->pos[2] == quote)
		return bad(p, "a string over several lines is not understood here", e);
	*out = to;
	for (p->pos++; *p->pos != quote; *to++ = *p->pos++) {
		if (*p->pos == '\\' && quote == '"') {
			p->pos++;
			if (*p->pos != '"' && *p->pos != '\\')
				return bad(p, "an escape that is not understood here", e);
		}
		if (!*p->pos || *p->pos == '\n')
			return bad(p, "a string without its end", e);
	}
	p->pos++;
	*to = '\0'; /* on the quote, or before it */
	return 0;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* a.b."c d", cut up into its parts. Where the last one ends a NUL is put later (*close), since
 * there may stand what is still to be read. */
static int read_key(struct parser *p, const char *parts[PARTS_MAX], size_t *count, char **close,
		    struct err *e)
{
	*count = 0;
	*close = NULL;
	for (;;) {
		if (*count == PARTS_MAX)
			return bad(p, "a key of too many parts", e);
		skip_blanks(p);
		if (*p->pos == '"' || *p->pos == '\'') {
			if (read_string(p, &parts[*count], e) < 0)
				return -1;
			*close = NULL;
		} else {
			parts[*count] = p->pos;
			while (is_bare(*p->pos))
				p->pos++;
			if (p->pos == parts[*count])
				return bad(p, "neither a table nor a key", e);
			*close = p->pos;
		}
		(*count)++;
		skip_blanks(p);
		if (*p->pos != '.')
			return 0;
		p->pos++;
		if (*close)
			**close = '\0';
	}
}

/* Past a value that is not ours, which may have several lines. */
static int skip_value(struct parser *p, struct err *e)
{
	unsigned depth = 0;

	for (;;) {
		char c = *p->pos;

		if (c == '\0' || (c == '\n' && depth == 0))
			return depth ? bad(p, "a value without its end", e) : 0;
		if (c == '#') {
			skip_comment(p);
			continue;
		}
		if (c == '"' || c == '\'') {
			bool longer = p->pos[1] == c && p->pos[2] == c;
			char close[] = {c, c, c, '\0'};
			unsigned from = p->line;

			if (!longer)
				close[1] = '\0';
			p->pos += strlen(close);
			while (*p->pos && strncmp(p->pos, close, strlen(close)) != 0 &&
			       (longer || *p->pos != '\n')) {
				if (*p->pos == '\n')
					p->line++;
				if (*p->pos == '\\' && c == '"' && p->pos[1] && p->pos[1] != '\n')
					p->pos++;
				p->pos++;
			}
			if (!*p->pos || (!longer && *p->pos == '\n'))
				return bad_at(p, from, "a string without its end", e);
			p->pos += strlen(close);
			continue;
		}
		if (c == '[' || c == '{')
			depth++;
		if ((c == ']' || c == '}') && depth-- == 0)
			return bad(p, "a bracket too many", e);
		if (c == '\n')
			p->line++;
		p->pos++;
	}
}

/* --- tables -------------------------------------------------------------------------------- */

/* A location or prefix may end with a slash, which means nothing. */
static const char *trim_slashes(const char *s)
{
	char *end = (char *)(uintptr_t)s + strlen(s); /* it lies in our text */

	while (end > s && end[-1] == '/')
		*--end = '\0';
	return s;
}

static int said_twice(const struct parser *p, const char *prefix, struct err *e)
{
	const struct hostrule *r = hostrules_get(p->rules, HOSTRULE_BLOCKED, true, prefix);
	size_t len = strlen(p->name);

	if (r && strncmp(r->from, p->name, len) == 0 && r->from[len] == ':')
		return err_set(e, ERR_CONFIG, "'%s' has a table already (%s)", text_quote(prefix).s,
			       r->from);
	return 0;
}

static struct hostrule *new_rule(const struct parser *p, enum hostrule_kind kind,
				 const char *prefix, struct err *e)
{
	char from[600];

	if (text_format(from, sizeof(from), "%s:%u", p->name, p->from) < 0) {
		err_sys(e, ERR_CONFIG, "name of the configuration file");
		return NULL;
	}
	return hostrules_set(p->rules, kind, true, prefix, from, e);
}

/* All three rules, also where a table says nothing: it is the one table that counts. */
static int add_rules(const struct parser *p, const char *prefix, struct err *e)
{
	struct hostrule *r;

	if (said_twice(p, prefix, e) < 0)
		return -1;
	r = new_rule(p, HOSTRULE_BLOCKED, prefix, e);
	if (!r)
		return -1;
	r->yes = p->blocked;
	r = new_rule(p, HOSTRULE_REWRITE, prefix, e);
	if (!r)
		return -1;
	r->yes = p->insecure;
	if (p->location && hostrule_add(r, p->location, p->insecure, HOSTRULE_ALWAYS, e) < 0)
		return -1;
	r = new_rule(p, HOSTRULE_MIRROR, prefix, e);
	if (!r)
		return -1;
	for (size_t i = 0; i < p->mirror_count; i++) {
		const struct mirror *m = &p->mirrors[i];

		if (!m->location)
			return err_set(e, ERR_CONFIG, "a mirror without a location");
		if (m->has_use && p->digests)
			return err_set(e, ERR_CONFIG,
				       "both mirror-by-digest-only and pull-from-mirror");
		if (hostrule_add(r, m->location, m->insecure,
				 p->digests ? HOSTRULE_DIGESTS : m->use, e) < 0)
			return -1;
	}
	return 0;
}

static int finish_registry(struct parser *p, struct err *e)
{
	/* An empty one is none, there too. */
	const char *prefix = p->prefix && *p->prefix ? p->prefix : p->location;

	if (p->from == 0)
		return 0;
	if (!prefix)
		return bad_at(p, p->from, "a registry with neither prefix nor location", e);
	if (add_rules(p, prefix, e) < 0)
		return err_wrap(e, "%s:%u", p->name, p->from);
	p->from = 0;
	p->prefix = p->location = NULL;
	p->insecure = p->has_insecure = p->blocked = p->has_blocked = false;
	p->digests = p->has_digests = false;
	p->mirror_count = 0;
	return 0;
}

static int begin_mirror(struct parser *p, struct err *e)
{
	if (p->from == 0)
		return bad(p, "a mirror without a registry", e);
	if (p->mirror_count == HOSTRULES_MIRRORS_MAX)
		return bad(p, "too many mirrors", e);
	p->mirrors[p->mirror_count++] = (struct mirror){.line = p->line};
	p->table = TABLE_MIRROR;
	return 0;
}

/* [name] or [[name]] */
static int read_header(struct parser *p, struct err *e)
{
	const char *parts[PARTS_MAX];
	char *close;
	size_t count = 0;
	bool array = p->pos[1] == '[';

	p->pos += array ? 2 : 1;
	if (read_key(p, parts, &count, &close, e) < 0)
		return -1;
	if (*p->pos != ']' || (array && p->pos[1] != ']'))
		return bad(p, "the name of a table without its end", e);
	p->pos += array ? 2 : 1;
	if (close)
		*close = '\0';
	if (end_line(p, e) < 0)
		return -1;
	if (array && count == 2 && strcmp(parts[0], "registry") == 0 &&
	    strcmp(parts[1], "mirror") == 0)
		return begin_mirror(p, e);
	if (finish_registry(p, e) < 0)
		return -1;
	p->table = TABLE_OTHER;
	if (array && count == 1 && strcmp(parts[0], "registry") == 0) {
		p->table = TABLE_REGISTRY;
		p->from = p->line;
	} else if (strcmp(parts[0], "registry") == 0) {
		return bad(p, "not understood: only [[registry]] and [[registry.mirror]] are", e);
	} else if (strcmp(parts[0], "registries") == 0) {
		/* To skip it would be to ask a registry that it blocks. */
		return bad(p, "version 1 of this format is not understood", e);
	}
	return 0;
}

/* --- keys ---------------------------------------------------------------------------------- */

static int set_string(struct parser *p, const char **out, struct err *e)
{
	const char *s = NULL;

	if (*out)
		return bad(p, "the key was there already", e);
	if (read_string(p, &s, e) < 0)
		return -1;
	*out = trim_slashes(s);
	return 0;
}

static int set_bool(struct parser *p, bool *out, bool *has, struct err *e)
{
	size_t len = strspn(p->pos, "abcdefghijklmnopqrstuvwxyz");

	if (*has)
		return bad(p, "the key was there already", e);
	*has = true;
	*out = len == 4 && memcmp(p->pos, "true", 4) == 0;
	if (!*out && !(len == 5 && memcmp(p->pos, "false", 5) == 0))
		return bad(p, "neither true nor false", e);
	p->pos += len;
	return 0;
}

static int set_use(struct parser *p, struct mirror *m, struct err *e)
{
	const char *s = NULL;

	if (m->has_use)
		return bad(p, "the key was there already", e);
	m->has_use = true;
	if (read_string(p, &s, e) < 0)
		return -1;
	if (strcmp(s, "all") == 0)
		m->use = HOSTRULE_ALWAYS;
	else if (strcmp(s, "digest-only") == 0)
		m->use = HOSTRULE_DIGESTS;
	else if (strcmp(s, "tag-only") == 0)
		m->use = HOSTRULE_TAGS;
	else
		return bad(p, "pull-from-mirror is all, digest-only or tag-only", e);
	return 0;
}

static int set_key(struct parser *p, const char *key, struct err *e);

/* Of an inline table: up to its '}'. */
static int read_inline_pairs(struct parser *p, struct err *e)
{
	for (;;) {
		const char *parts[PARTS_MAX];
		char *close;
		size_t count = 0;

		if (read_key(p, parts, &count, &close, e) < 0)
			return -1;
		if (*p->pos != '=' || count > 1)
			return bad(p, "not 'key = value'", e);
		p->pos++;
		skip_blanks(p);
		if (close)
			*close = '\0';
		if (set_key(p, parts[0], e) < 0)
			return -1;
		skip_blanks(p);
		if (*p->pos == '}')
			return 0;
		if (*p->pos != ',')
			return bad(p, "an inline table without its end", e);
		p->pos++;
	}
}

/* mirror = [{location = "x", ...}, ...], another way to write [[registry.mirror]]. */
static int set_mirrors(struct parser *p, struct err *e)
{
	if (p->mirror_count > 0)
		return bad(p, "the key was there already", e);
	if (*p->pos != '[')
		return bad(p, "mirror is a list of tables", e);
	p->pos++;
	for (bool more = true;;) {
		skip_newlines(p);
		if (*p->pos == ']')
			break;
		if (!more || *p->pos != '{')
			return bad(p, "mirror is a list of tables", e);
		p->pos++;
		if (begin_mirror(p, e) < 0 || read_inline_pairs(p, e) < 0)
			return -1;
		p->table = TABLE_REGISTRY;
		p->pos++;
		skip_newlines(p);
		more = *p->pos == ',';
		if (more)
			p->pos++;
	}
	p->pos++;
	return 0;
}

static int set_key(struct parser *p, const char *key, struct err *e)
{
	struct mirror *m = &p->mirrors[p->mirror_count ? p->mirror_count - 1 : 0];
	bool mirror = p->table == TABLE_MIRROR;

	if (strcmp(key, "location") == 0)
		return set_string(p, mirror ? &m->location : &p->location, e);
	if (strcmp(key, "insecure") == 0)
		return mirror ? set_bool(p, &m->insecure, &m->has_insecure, e)
			      : set_bool(p, &p->insecure, &p->has_insecure, e);
	if (mirror && strcmp(key, "pull-from-mirror") == 0)
		return set_use(p, m, e);
	if (!mirror && strcmp(key, "prefix") == 0)
		return set_string(p, &p->prefix, e);
	if (!mirror && strcmp(key, "blocked") == 0)
		return set_bool(p, &p->blocked, &p->has_blocked, e);
	if (!mirror && strcmp(key, "mirror-by-digest-only") == 0)
		return set_bool(p, &p->digests, &p->has_digests, e);
	if (!mirror && strcmp(key, "mirror") == 0)
		return set_mirrors(p, e);
	return err_set(e, ERR_CONFIG, "%s:%u: '%s' is not understood here", p->name, p->line,
		       text_quote(key).s);
}

static int read_pair(struct parser *p, struct err *e)
{
	const char *parts[PARTS_MAX];
	char *close;
	size_t count = 0;
	bool ours = p->table == TABLE_REGISTRY || p->table == TABLE_MIRROR;

	if (read_key(p, parts, &count, &close, e) < 0)
		return -1;
	if (*p->pos != '=')
		return bad(p, "neither a table nor 'key = value'", e);
	p->pos++;
	skip_blanks(p);
	if (close)
		*close = '\0';
	if (ours && count > 1)
		return bad(p, "a dotted key is not understood here", e);
	if (ours)
		return set_key(p, parts[0], e) < 0 ? -1 : end_line(p, e);
	if (p->table == TABLE_TOP &&
	    (strcmp(parts[0], "registry") == 0 || strcmp(parts[0], "registries") == 0))
		return bad(p, "registries are understood as [[registry]] only", e);
	return skip_value(p, e);
}

int registriesconf_parse(const char *name, char *text, size_t len, struct hostrules *rules,
			 struct err *e)
{
	struct parser p = {.name = name, .pos = text, .end = text + len, .line = 1, .rules = rules};

	if (memchr(text, '\0', len))
		return err_set(e, ERR_CONFIG, "%s: it holds a NUL byte", name);
	for (;;) {
		skip_newlines(&p);
		if (p.pos == p.end)
			return finish_registry(&p, e);
		if ((*p.pos == '[' ? read_header(&p, e) : read_pair(&p, e)) < 0)
			return -1;
	}
}
