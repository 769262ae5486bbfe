/* SPDX-License-Identifier: MIT */
/* imgfetch/hostrules: which rule counts, and where images are asked for. */
#include "imgfetch/hostrules.h"

#include "tests/unit/tap.h"

/* Rules as words: kind (m, r, b; upper case: foreign), prefix, places; and what becomes of a name.
 * A place with '!' may be asked without TLS, '@' is for digests, ':' for tags only. */
static const struct row {
	const char *name, *rules, *ref, *want;
} rows[] = {
	{"none", "", "python", "docker.io/library/python"},
	{"mirror of a host", "m docker.io mirror.example", "python",
	 "mirror.example/library/python docker.io/library/python"},
	{"mirror with a path", "m docker.io mirror.example:5000/hub", "a/b",
	 "mirror.example:5000/hub/a/b docker.io/a/b"},
	{"mirrors in order", "m a.example m1 m2/x m3", "a.example/r",
	 "m1/r m2/x/r m3/r a.example/r"},
	{"prefix with a path", "m a.example/x/y m", "a.example/x/y/z", "m/z a.example/x/y/z"},
	{"the whole name", "m a.example/x m/y", "a.example/x", "m/y a.example/x"},
	{"other path", "m a.example/x m", "a.example/xy", "a.example/xy"},
	{"other host", "m a.example m", "aa.example/x", "aa.example/x"},
	{"other port", "m a.example m", "a.example:5000/x", "a.example:5000/x"},
	{"port", "m a.example:5000 m", "a.example:5000/x", "m/x a.example:5000/x"},
	{"longest", "m a.example/x/y m1 - m a.example m2 - m a.example/x m3", "a.example/x/y/z",
	 "m1/z a.example/x/y/z"},
	{"kinds on their own", "m a.example m1 - r a.example/x b", "a.example/x/y", "m1/x/y b/y"},
	{"rewrite", "r a.example/x b.example/z", "a.example/x/y", "b.example/z/y"},
	{"no rewrite below", "r a.example b - r a.example/x", "a.example/x/y", "a.example/x/y"},
	{"no mirror below", "m a.example b - m a.example/x", "a.example/x/y", "a.example/x/y"},
	{"replaced", "m a.example b - m a.example c", "a.example/x", "c/x a.example/x"},
	{"star", "m *.example.com m", "a.b.example.com/x", "m/x a.b.example.com/x"},
	{"star is not the name itself", "m *.example.com m", "example.com/x", "example.com/x"},
	{"star needs a dot", "m *.example.com m", "aexample.com/x", "aexample.com/x"},
	{"star and something", "m *.example.com m", "a.example.com.de/x", "a.example.com.de/x"},
	{"star and port", "m *.example.com:5000 m", "a.example.com:5000/x",
	 "m/x a.example.com:5000/x"},
	{"star and path", "m *.example.com/p m", "a.example.com/p/x", "m/x a.example.com/p/x"},
	{"star and its dot", "b *.example.com yes", ".example.com/x", "bad"},
	{"a host wins over a star", "m *.example.com m1 - m a.example.com m2", "a.example.com/x",
	 "m2/x a.example.com/x"},
	{"in either order", "m a.example.com m2 - m *.example.com m1", "a.example.com/x",
	 "m2/x a.example.com/x"},
	{"blocked", "b docker.io yes", "python", "'docker.io' is blocked by f:1"},
	{"not blocked below", "b docker.io yes - b docker.io/library no", "python",
	 "docker.io/library/python"},
	{"blocked, whatever else", "m docker.io m - b docker.io yes - m docker.io/library m",
	 "python", "'docker.io' is blocked by f:2"},
	{"names of Docker Hub", "m index.docker.io M.Example", "python",
	 "m.example/library/python docker.io/library/python"},
	{"ours win", "M a.example/x/y m1 - m a.example m2", "a.example/x/y/z",
	 "m2/x/y/z a.example/x/y/z"},
	{"in either order", "m a.example m2 - M a.example/x/y m1", "a.example/x/y/z",
	 "m2/x/y/z a.example/x/y/z"},
	{"theirs", "M a.example/x m1! - R a.example/x b!", "a.example/x/y", "m1/y! b/y!"},
	{"plain without a place", "R a.example - B a.example no", "a.example/x", "a.example/x!"},
	{"for digests only", "M a.example m1@ m2", "a.example/x", "m2/x a.example/x"},
	{"for tags only", "M a.example m1: m2", "a.example/x", "m1/x m2/x a.example/x"},
	{"bad prefix", "m a/../b m", "x", "'a/../b' is not host[:port][/path]"},
	{"bad star", "m a.*.b m", "x", "'a.*.b' is not host[:port][/path]"},
	{"a tag is no prefix", "m a.example/x:1 m", "x",
	 "'a.example/x:1' is not host[:port][/path]"},
	{"no star in a place", "m a.example *.b", "x", "'*.b' is not host[:port][/path]"},
	{"no scheme", "m a.example https://b", "x", "'https://b' is not host[:port][/path]"},
	{"no port after the colon", "m a.example b:", "x", "'b:' is not host[:port][/path]"},
	{"no repository is left", "r a.example/x b", "a.example/x",
	 "f:1: 'b' and '' make no repository name"},
};

static int add_rule(struct hostrules *h, char *text, unsigned line, struct err *e)
{
	char *rest = NULL, *kind = strtok_r(text, " ", &rest), *prefix = strtok_r(NULL, " ", &rest);
	bool foreign = strchr("MRB", kind[0]) != NULL;
	char from[16];
	struct hostrule *r;

	snprintf(from, sizeof(from), "f:%u", line);
	r = hostrules_set(h,
			  strchr("mM", kind[0])	  ? HOSTRULE_MIRROR
			  : strchr("rR", kind[0]) ? HOSTRULE_REWRITE
						  : HOSTRULE_BLOCKED,
			  foreign, prefix, from, e);
	if (!r)
		return -1;
	r->yes = kind[0] == 'R'; /* for the row about that */
	for (char *w = strtok_r(NULL, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		size_t len = strlen(w);
		char mark = len > 1 && strchr("!@:", w[len - 1]) && foreign ? w[len - 1] : ' ';

		if (r->kind == HOSTRULE_BLOCKED) {
			r->yes = strcmp(w, "yes") == 0;
			continue;
		}
		if (mark != ' ')
			w[len - 1] = '\0';
		if (hostrule_add(r, w, mark == '!',
				 mark == '@'   ? HOSTRULE_DIGESTS
				 : mark == ':' ? HOSTRULE_TAGS
					       : HOSTRULE_ALWAYS,
				 e) < 0)
			return -1;
	}
	return 0;
}

static int add_rules(struct hostrules *h, const char *rules, struct err *e)
{
	char text[256];
	unsigned line = 0;

	for (const char *p = rules; *p;) {
		const char *end = strstr(p, " - ");
		size_t len = end ? (size_t)(end - p) : strlen(p);

		snprintf(text, sizeof(text), "%.*s", (int)len, p);
		if (add_rule(h, text, ++line, e) < 0)
			return -1;
		p += len + (end ? 3 : 0);
	}
	return 0;
}

static void resolve(const struct row *r, char *got, size_t size)
{
	struct endpoint out[ENDPOINTS_MAX];
	struct hostrules h = {0};
	struct err e = {0};
	struct ref ref;
	size_t at = 0;
	int n = -1;

	snprintf(got, size, "bad");
	if (ref_parse(r->ref, &ref, &e) < 0)
		return;
	if (add_rules(&h, r->rules, &e) == 0)
		n = hostrules_endpoints(&h, &ref, out, &e);
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(got + at, size - at, "%s%s/%s%s", i ? " " : "", out[i].host,
				       out[i].repo, out[i].plain ? "!" : "");
	if (n < 0)
		snprintf(got, size, "%s", e.text);
	hostrules_fini(&h);
}

static void test_limits(struct tap *t)
{
	struct hostrules h = {0};
	struct err e = {0};
	struct hostrule *r = hostrules_set(&h, HOSTRULE_MIRROR, false, "a", "f:1", &e);
	struct endpoint out[ENDPOINTS_MAX];
	struct ref ref;
	char name[300];

	for (int i = 0; i < HOSTRULES_MIRRORS_MAX; i++)
		tap_int(t, hostrule_add(r, "m", false, HOSTRULE_ALWAYS, &e), 0, "place %d", i);
	tap_int(t, hostrule_add(r, "m", false, HOSTRULE_ALWAYS, &e), -1, "one place too many");
	memset(name, 'x', sizeof(name));
	memcpy(name, "b/", 2);
	name[250] = '\0';
	r = hostrules_set(&h, HOSTRULE_REWRITE, false, "docker.io", "f:2", &e);
	tap_int(t, hostrule_add(r, name, false, HOSTRULE_ALWAYS, &e), 0, "a long place");
	tap_ok(t, ref_parse("python", &ref, &e) == 0 && hostrules_endpoints(&h, &ref, out, &e) < 0,
	       "a name that gets too long");
	tap_int(t, e.kind, ERR_CONFIG, "a name that gets too long: kind");
	hostrules_fini(&h);
}

int main(void)
{
	struct tap t = {0};
	char got[1024];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		resolve(&rows[i], got, sizeof(got));
		tap_str(&t, got, rows[i].want, "%s", rows[i].name);
	}
	test_limits(&t);
	return tap_done(&t);
}
