/* SPDX-License-Identifier: MIT */
/* Rules about registries: mirrors, other places, what is not to be asked at all. Pure. */
#include "imgfetch/hostrules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/url.h"

/* --- names --------------------------------------------------------------------------------- */

static bool is_path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* "/a/b" or "": components as in references, roughly; what is too loose here the registry says. */
static bool is_path(const char *s)
{
	while (*s == '/') {
		const char *start = ++s;

		while (is_path_char(*s))
			s++;
		if (s == start || *start == '.' || *start == '-')
			return false;
	}
	return *s == '\0';
}

/* Host in lower case, as references have it, and Docker Hub by one name. The result is the
 * caller's. */
static char *parse_name(const char *s, bool wild_allowed, struct err *e)
{
	bool wild = wild_allowed && s[0] == '*' && s[1] == '.';
	const char *host = wild ? s + 2 : s;
	size_t len = strcspn(host, "/");
	char text[REF_HOST_MAX + 16], *out = NULL;
	struct url u;
	struct err ignored;

	if (len == 0 || len > REF_HOST_MAX - 2 ||
	    text_format(text, sizeof(text), "http://%.*s", (int)len, host) < 0 ||
	    strpbrk(text + 7, "?#") || text[strlen(text) - 1] == ':' ||
	    url_parse(text, &u, &ignored) < 0 || strlen(host + len) > REF_REPO_MAX ||
	    !is_path(host + len)) {
		err_set(e, ERR_CONFIG, "'%s' is not host[:port][/path]", text_quote(s).s);
		return NULL;
	}
	for (char *p = text + 7; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	if (strcmp(text + 7, "index.docker.io") == 0 ||
	    strcmp(text + 7, "registry-1.docker.io") == 0)
		strcpy(text + 7, "docker.io");
	if (asprintf(&out, "%s%s%s", wild ? "*." : "", text + 7, host + len) < 0) {
		err_sys(e, ERR_SYSTEM, "remember a rule");
		return NULL;
	}
	return out;
}

/* --- the rules ----------------------------------------------------------------------------- */

static void clear(struct hostrule *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->places[i].location);
	free(r->prefix);
	free(r->from);
	*r = (struct hostrule){0};
}

void hostrules_fini(struct hostrules *h)
{
	for (size_t i = 0; i < h->count; i++)
		clear(&h->rules[i]);
	free(h->rules);
	*h = (struct hostrules){0};
}

static struct hostrule *find(const struct hostrules *h, enum hostrule_kind kind, bool foreign,
			     const char *name)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->rules[i].kind == kind && h->rules[i].foreign == foreign &&
		    strcmp(h->rules[i].prefix, name) == 0)
			return &h->rules[i];
	return NULL;
}

const struct hostrule *hostrules_get(const struct hostrules *h, enum hostrule_kind kind,
				     bool foreign, const char *prefix)
{
	struct err ignored;
	auto_free char *name = parse_name(prefix, true, &ignored);

	return name ? find(h, kind, foreign, name) : NULL;
}

/* A place in the array: of the rule that is replaced, or a new one. */
static struct hostrule *make_room(struct hostrules *h, enum hostrule_kind kind, bool foreign,
				  const char *prefix, struct err *e)
{
	struct hostrule *grown = find(h, kind, foreign, prefix);

	if (grown) {
		clear(grown);
		return grown;
	}
	if (h->count == HOSTRULES_MAX) {
		err_set(e, ERR_CONFIG, "more than %d rules", HOSTRULES_MAX);
		return NULL;
	}
	grown = realloc(h->rules, (h->count + 1) * sizeof(*grown));
	if (!grown) {
		err_sys(e, ERR_SYSTEM, "remember a rule");
		return NULL;
	}
	h->rules = grown;
	grown[h->count] = (struct hostrule){0};
	return &grown[h->count++];
}

struct hostrule *hostrules_set(struct hostrules *h, enum hostrule_kind kind, bool foreign,
			       const char *prefix, const char *from, struct err *e)
{
	char *name = parse_name(prefix, true, e), *where;
	struct hostrule *r;

	if (!name)
		return NULL;
	where = strdup(from);
	r = where ? make_room(h, kind, foreign, name, e) : NULL;
	if (!where)
		err_sys(e, ERR_SYSTEM, "remember a rule");
	if (!r) {
		free(name);
		free(where);
		return NULL;
	}
	r->kind = kind;
	r->foreign = foreign;
	r->prefix = name;
	r->from = where;
	return r;
}

int hostrule_add(struct hostrule *r, const char *location, bool plain, enum hostrule_use use,
		 struct err *e)
{
	char *name;

	if (r->count == HOSTRULES_MIRRORS_MAX)
		return err_set(e, ERR_CONFIG, "more than %d places", HOSTRULES_MIRRORS_MAX);
	name = parse_name(location, false, e);
	if (!name)
		return -1;
	r->places[r->count++] =
		(struct hostrule_place){.location = name, .plain = plain, .use = use};
	return 0;
}

/* --- which one counts ---------------------------------------------------------------------- */

/* How much of "host/repo" the prefix covers (its length there), 0 when it does not match. */
static size_t covers(const char *prefix, const struct ref *ref, const char *name)
{
	size_t len = strlen(prefix), host_len = strlen(ref->host);

	if (prefix[0] == '*') {
		size_t tail = strcspn(++prefix, "/"); /* ".example.com" */

		/* at least one byte before the dot */
		if (tail >= host_len || memcmp(name + host_len - tail, prefix, tail) != 0)
			return 0;
		name += host_len - tail;
		len--;
		if (strncmp(name, prefix, len) != 0 || (name[len] && name[len] != '/'))
			return 0;
		return host_len - tail + len;
	}
	if (strncmp(name, prefix, len) != 0 || (name[len] && name[len] != '/'))
		return 0;
	return len;
}

static const struct hostrule *choose(const struct hostrules *h, enum hostrule_kind kind,
				     const struct ref *ref, const char *name, size_t *covered)
{
	const struct hostrule *best = NULL;

	for (size_t i = 0; i < h->count; i++) {
		const struct hostrule *r = &h->rules[i];
		size_t n = r->kind == kind ? covers(r->prefix, ref, name) : 0;

		if (n == 0 || (best && r->foreign && !best->foreign))
			continue;
		/* As long: the one without a star, which no other with one can be as long as. */
		if (best && r->foreign == best->foreign &&
		    (strlen(r->prefix) < strlen(best->prefix) ||
		     (strlen(r->prefix) == strlen(best->prefix) && r->prefix[0] == '*')))
			continue;
		best = r;
		*covered = n;
	}
	return best;
}

/* location and what of the name the prefix did not cover. */
static int fill(struct endpoint *out, const struct hostrule *r, const struct hostrule_place *p,
		const char *rest, struct err *e)
{
	const char *path = p->location + strcspn(p->location, "/");
	char repo[2 * (REF_REPO_MAX + 1)];

	if (text_format(repo, sizeof(repo), "%s%s", path, rest) < 0 || strlen(repo) < 2 ||
	    text_format(out->repo, sizeof(out->repo), "%s", repo + 1) < 0 ||
	    text_format(out->host, sizeof(out->host), "%.*s", (int)(path - p->location),
			p->location) < 0)
		return err_set(e, ERR_CONFIG, "%s: '%s' and '%s' make no repository name", r->from,
			       p->location, rest);
	out->plain = p->plain;
	return 0;
}

static bool is_for(const struct hostrule_place *p, const struct ref *ref)
{
	return p->use == HOSTRULE_ALWAYS || (p->use == HOSTRULE_DIGESTS) == ref->has_digest;
}

int hostrules_endpoints(const struct hostrules *h, const struct ref *ref,
			struct endpoint out[ENDPOINTS_MAX], struct err *e)
{
	char name[REF_HOST_MAX + REF_REPO_MAX + 2];
	const struct hostrule *r;
	size_t covered = 0;
	int n = 0;

	if (text_format(name, sizeof(name), "%s/%s", ref->host, ref->repo) < 0)
		return err_set(e, ERR_CONFIG, "the name of the image is too long");
	r = choose(h, HOSTRULE_BLOCKED, ref, name, &covered);
	if (r && r->yes)
		return err_set(e, ERR_DENIED, "'%s' is blocked by %s", r->prefix, r->from);
	r = choose(h, HOSTRULE_MIRROR, ref, name, &covered);
	for (size_t i = 0; r && i < r->count; i++) {
		if (!is_for(&r->places[i], ref))
			continue;
		if (fill(&out[n++], r, &r->places[i], name + covered, e) < 0)
			return -1;
	}
	r = choose(h, HOSTRULE_REWRITE, ref, name, &covered);
	if (r && r->count > 0)
		return fill(&out[n], r, &r->places[0], name + covered, e) < 0 ? -1 : n + 1;
	out[n] = (struct endpoint){.plain = r && r->yes};
	if (text_format(out[n].host, sizeof(out[n].host), "%s", ref->host) < 0 ||
	    text_format(out[n].repo, sizeof(out[n].repo), "%s", ref->repo) < 0)
		return err_set(e, ERR_CONFIG, "the name of the image is too long");
	return n + 1;
}
