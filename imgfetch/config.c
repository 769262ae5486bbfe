/* SPDX-License-Identifier: MIT */
/* The configuration of imgfetch, imgfetch.cf(5). */
#include "imgfetch/config.h"

#include <limits.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/lineconf.h"
#include "common/num.h"
#include "common/store.h"
#include "common/text.h"
#include "imgfetch/conffile.h"
#include "imgfetch/url.h"

#define BLANKS " \t\r,"

/* --- keys ---------------------------------------------------------------------------------- */

/* One line. */
struct setting {
	const char *key;    /* its first word, for messages */
	const char *prefix; /* the rest of the key, or NULL */
	char *value;	    /* may be cut up */
	const char *from;   /* "file:line" */
};

static int number(const struct setting *s, int min, int max, unsigned *out, struct err *e)
{
	int n = 0;

	if (num_parse_int(s->value, min, max, s->key, &n, e) < 0) {
		e->kind = ERR_CONFIG;
		return -1;
	}
	*out = (unsigned)n;
	return 0;
}

static int key_jobs(struct config *c, const struct setting *s, struct err *e)
{
	return number(s, 1, 32, &c->jobs, e);
}

static int key_timeout(struct config *c, const struct setting *s, struct err *e)
{
	return number(s, 1, 3600, &c->timeout_s, e);
}

static int key_connect_timeout(struct config *c, const struct setting *s, struct err *e)
{
	return number(s, 1, 300, &c->connect_s, e);
}

static int key_max_time(struct config *c, const struct setting *s, struct err *e)
{
	return number(s, 0, 86400, &c->max_time_s, e);
}

static int key_retries(struct config *c, const struct setting *s, struct err *e)
{
	unsigned n = 0;

	if (number(s, 0, 20, &n, e) < 0)
		return -1;
	c->tries = n + 1;
	return 0;
}

static int key_limit(struct config *c, const struct setting *s, struct err *e)
{
	if (limits_set(&c->limits, s->key, s->value, e) < 0) {
		e->kind = ERR_CONFIG;
		return -1;
	}
	return 0;
}

/* A path that means the same wherever we are called. */
static int key_ca_file(struct config *c, const struct setting *s, struct err *e)
{
	char *copy;

	if (s->value[0] && s->value[0] != '/')
		return err_set(e, ERR_CONFIG, "%s: '%s' is not an absolute path", s->key,
			       text_quote(s->value).s);
	copy = s->value[0] ? strdup(s->value) : NULL;
	if (s->value[0] && !copy)
		return err_sys(e, ERR_SYSTEM, "remember a path");
	free(c->ca_file);
	c->ca_file = copy;
	return 0;
}

static bool is_host(const char *s)
{
	struct url u;
	struct err ignored;
	char text[300];

	return !strpbrk(s, "/?#") && text_format(text, sizeof(text), "http://%s", s) == 0 &&
	       url_parse(text, &u, &ignored) == 0;
}

static void forget_plain(struct config *c)
{
	for (size_t i = 0; i < c->plain_count; i++)
		free(c->plain[i]);
	c->plain_count = 0;
}

static int key_plain_http(struct config *c, const struct setting *s, struct err *e)
{
	char *rest = NULL;

	forget_plain(c);
	for (char *w = strtok_r(s->value, BLANKS, &rest); w; w = strtok_r(NULL, BLANKS, &rest)) {
		if (!is_host(w))
			return err_set(e, ERR_CONFIG, "%s: '%s' is not host or host:port", s->key,
				       text_quote(w).s);
		if (c->plain_count == CONFIG_PLAIN_MAX)
			return err_set(e, ERR_CONFIG, "%s: more than %d hosts", s->key,
				       CONFIG_PLAIN_MAX);
		c->plain[c->plain_count] = strdup(w);
		if (!c->plain[c->plain_count])
			return err_sys(e, ERR_SYSTEM, "remember a host");
		c->plain_count++;
	}
	return 0;
}

static struct hostrule *new_rule(struct config *c, enum hostrule_kind kind, const struct setting *s,
				 struct err *e)
{
	struct hostrule *r = hostrules_set(&c->rules, kind, false, s->prefix, s->from, e);

	if (!r)
		(void)err_wrap(e, "%s", s->key); /* NULL comes below */
	return r;
}

static int key_mirror(struct config *c, const struct setting *s, struct err *e)
{
	struct hostrule *r = new_rule(c, HOSTRULE_MIRROR, s, e);
	char *rest = NULL;

	if (!r)
		return -1;
	for (char *w = strtok_r(s->value, BLANKS, &rest); w; w = strtok_r(NULL, BLANKS, &rest))
		if (hostrule_add(r, w, false, HOSTRULE_ALWAYS, e) < 0)
			return err_wrap(e, "%s", s->key);
	return 0;
}

static int key_rewrite(struct config *c, const struct setting *s, struct err *e)
{
	struct hostrule *r = new_rule(c, HOSTRULE_REWRITE, s, e);

	if (!r)
		return -1;
	/* Nothing: images are where their names say, whatever other rules say. */
	if (s->value[0] && hostrule_add(r, s->value, false, HOSTRULE_ALWAYS, e) < 0)
		return err_wrap(e, "%s", s->key);
	return 0;
}

static int key_blocked(struct config *c, const struct setting *s, struct err *e)
{
	struct hostrule *r = new_rule(c, HOSTRULE_BLOCKED, s, e);

	if (!r)
		return -1;
	r->yes = strcmp(s->value, "yes") == 0;
	if (!r->yes && strcmp(s->value, "no") != 0)
		return err_set(e, ERR_CONFIG, "%s must be 'yes' or 'no', not '%s'", s->key,
			       text_quote(s->value).s);
	return 0;
}

typedef int key_fn(struct config *c, const struct setting *s, struct err *e);

/* tests/lint/man reads this table. */
static const struct {
	const char *name;
	key_fn *set;
	bool prefixed; /* has a second word: the beginning of names of images */
} keys[] = {
	{"jobs", key_jobs, false},
	{"timeout", key_timeout, false},
	{"connect_timeout", key_connect_timeout, false},
	{"max_time", key_max_time, false},
	{"retries", key_retries, false},
	{"plain_http", key_plain_http, false},
	{"ca_file", key_ca_file, false},
	{"mirror", key_mirror, true},
	{"rewrite", key_rewrite, true},
	{"blocked", key_blocked, true},
	{"max_layer_size", key_limit, false},
	{"max_image_size", key_limit, false},
	{"max_entries", key_limit, false},
	{"max_ratio", key_limit, false},
	{"max_unpack_time", key_limit, false},
};

static int set_key(struct config *c, const char *from, char *key, char *value, struct err *e)
{
	struct setting s = {.key = key, .value = value, .from = from};
	size_t len = strcspn(key, BLANKS), i = 0;

	if (key[len]) {
		s.prefix = key + len + strspn(key + len, BLANKS);
		key[len] = '\0';
	}
	while (i < ARRAY_LEN(keys) && strcmp(keys[i].name, key) != 0)
		i++;
	if (i == ARRAY_LEN(keys))
		return err_set(e, ERR_CONFIG, "unknown key '%s'", text_quote(key).s);
	if (s.prefix && !keys[i].prefixed)
		return err_set(e, ERR_CONFIG, "%s has no second word", key);
	if (!s.prefix && keys[i].prefixed)
		return err_set(e, ERR_CONFIG, "%s: for which images? (%s HOST = ...)", key, key);
	return keys[i].set(c, &s, e);
}

int config_parse(const char *name, char *text, size_t len, struct config *c, struct err *e)
{
	struct lineconf lc;
	char *key, *value, from[PATH_MAX + 16];
	int got;

	lineconf_init(&lc, name, text, len);
	while ((got = lineconf_next_pair(&lc, &key, &value, e)) == 1) {
		if (text_format(from, sizeof(from), "%s:%u", name, lc.line) < 0)
			return err_sys(e, ERR_CONFIG, "name of the configuration file");
		if (set_key(c, from, key, value, e) < 0)
			return err_wrap(e, "%s", from);
	}
	return got;
}

void config_fini(struct config *c)
{
	forget_plain(c);
	free(c->ca_file);
	hostrules_fini(&c->rules);
	*c = (struct config){0};
}

/* --- files --------------------------------------------------------------------------------- */

static int load_file(const char *path, bool may_be_missing, bool check, struct config *c,
		     struct err *e)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int r = conffile_read(path, may_be_missing, check, &text, &len, e);

	return r <= 0 ? r : config_parse(text_quote(path).s, text, len, c, e);
}

static int load_own(const struct config_paths *p, struct config *c, struct err *e)
{
	/* The XDG base directory specification: relative values are to be ignored. */
	bool xdg = p->config_home && p->config_home[0] == '/';
	const char *base = xdg ? p->config_home : p->home;
	char path[PATH_MAX];

	if (!base || base[0] != '/')
		return 0;
	if (text_format(path, sizeof(path), "%s%s/isolate/imgfetch.cf", base,
			xdg ? "" : "/.config") < 0)
		return err_sys(e, ERR_CONFIG, "path of your configuration, from HOME");
	return load_file(path, true, true, c, e);
}

int config_load(const struct config_paths *p, struct config *out, struct err *e)
{
	struct config c = {0};
	int r;

	if (p->given)
		r = load_file(p->given, false, true, &c, e);
	/* The machine's is checked by root only, as isolate's own is (storepath.c): in a user
	 * namespace that lacks root it belongs to nobody. */
	else if ((r = load_file(p->system, true, store_caller_is_root(), &c, e)) == 0)
		r = load_own(p, &c, e);
	if (r == 0 && p->registries && !p->given)
		r = registriesconf_load(p->registries, &c.rules, e);
	if (r < 0) {
		config_fini(&c);
		return -1;
	}
	*out = c;
	return 0;
}
