/* SPDX-License-Identifier: MIT */
/* Strict reader and writer of the image descriptor, isolate-image(5). */
#include "common/imgdesc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/exact.h"
#include "common/lineconf.h"
#include "common/num.h"
#include "common/text.h"

#define IMGDESC_MAGIC	    "isolate-image 1"
#define IMGDESC_LINES_MAX   (LAYERS_MAX + IMGDESC_ENV_MAX + 8)
#define IMGDESC_WORKDIR_MAX 4095
#define IMGDESC_USER_MAX    255

/* The order in which keys may stand; a key never comes after a greater one. */
enum key { KEY_DIGEST, KEY_LAYER, KEY_FIXUP, KEY_ENV, KEY_WORKDIR, KEY_USER, KEY_END, KEY_COUNT };

static const struct {
	const char *name;
	bool many; /* may occur more than once */
} keys[KEY_COUNT] = {
	[KEY_DIGEST] = {"digest", false},   [KEY_LAYER] = {"layer", true},
	[KEY_FIXUP] = {"fixup", false},	    [KEY_ENV] = {"env", true},
	[KEY_WORKDIR] = {"workdir", false}, [KEY_USER] = {"user", false},
	[KEY_END] = {"end", false},
};

/* --- values --- */

/* NULL, or what is wrong with an environment entry. */
static const char *env_fault(const char *entry)
{
	const char *eq = strchr(entry, '=');

	if (!eq)
		return "no '=' in the environment entry";
	if (eq == entry)
		return "environment entry without a name";
	return NULL;
}

static const char *workdir_fault(const char *dir)
{
	if (dir[0] != '/')
		return "working directory is not absolute";
	if (strlen(dir) > IMGDESC_WORKDIR_MAX)
		return "working directory is too long";
	return NULL;
}

static const char *user_fault(const char *user)
{
	if (user[0] == '\0')
		return "empty user";
	if (strlen(user) > IMGDESC_USER_MAX)
		return "user is too long";
	return NULL;
}

/* --- parser --- */

static int fault(const struct lineconf *lc, struct err *e, const char *what)
{
	return err_set(e, ERR_VERIFY, "%s:%u: %s", lc->name, lc->line, what);
}

static int fault_nomem(const struct lineconf *lc, struct err *e)
{
	errno = ENOMEM;
	return err_sys(e, ERR_SYSTEM, "read %s", lc->name);
}

/* lineconf_next, where the end of the text is an error too. */
static int next_line(struct lineconf *lc, char **line, struct err *e)
{
	int got = lineconf_next(lc, line, e);

	if (got < 0) {
		e->kind = ERR_VERIFY;
		return -1;
	}
	if (got == 0)
		return err_set(e, ERR_VERIFY, "%s: the file is cut off: no 'end' line", lc->name);
	return 0;
}

/* The `end N` line: N is the number of lines above it, and nothing follows. */
static int parse_end(struct lineconf *lc, const char *value, struct err *e)
{
	uint64_t count;
	struct err ignored = {0};
	char *line;

	if (value[0] == '0' ||
	    num_parse_u64(value, 1, IMGDESC_LINES_MAX, "end", &count, &ignored) < 0 ||
	    count != lc->line - 1)
		return fault(lc, e, "'end' does not count the lines above it");
	int got = lineconf_next(lc, &line, e);
	if (got != 0)
		return fault(lc, e, "text after 'end'");
	return 0;
}

static int add_layer(const struct lineconf *lc, struct imgdesc *d, const char *value, struct err *e)
{
	struct err ignored = {0};

	if (d->layer_count == LAYERS_MAX)
		return fault(lc, e, "more layers than overlayfs can stack");
	if (digest_parse(value, &d->layers[d->layer_count], &ignored) < 0)
		return fault(lc, e, "layer is no sha256 digest");
	d->layer_count++;
	return 0;
}

static int set_fixup(const struct lineconf *lc, struct imgdesc *d, const char *value, struct err *e)
{
	if (strcmp(value, "yes") != 0)
		return fault(lc, e, "fixup is not 'yes'");
	if (d->layer_count == 0)
		return fault(lc, e, "fixup without a layer");
	d->fixup = true;
	return 0;
}

static int add_env(const struct lineconf *lc, struct imgdesc *d, const char *value, struct err *e)
{
	if (d->env_count == IMGDESC_ENV_MAX)
		return fault(lc, e, "too many environment entries");
	const char *why = env_fault(value);
	if (why)
		return fault(lc, e, why);
	d->env[d->env_count] = strdup(value);
	if (!d->env[d->env_count])
		return fault_nomem(lc, e);
	d->env_count++;
	return 0;
}

static int set_string(const struct lineconf *lc, char **to, const char *value, const char *why,
		      struct err *e)
{
	if (why)
		return fault(lc, e, why);
	*to = strdup(value);
	return *to ? 0 : fault_nomem(lc, e);
}

/* One value that has been split off and unescaped. */
static int take_value(struct lineconf *lc, enum key key, const char *value, struct imgdesc *d,
		      struct err *e)
{
	struct err ignored = {0};

	switch (key) {
	case KEY_DIGEST:
		if (digest_parse(value, &d->digest, &ignored) < 0)
			return fault(lc, e, "digest is no sha256 digest");
		return 0;
	case KEY_LAYER:
		return add_layer(lc, d, value, e);
	case KEY_FIXUP:
		return set_fixup(lc, d, value, e);
	case KEY_ENV:
		return add_env(lc, d, value, e);
	case KEY_WORKDIR:
		return set_string(lc, &d->workdir, value, workdir_fault(value), e);
	case KEY_USER:
		return set_string(lc, &d->user, value, user_fault(value), e);
	case KEY_END:
		return parse_end(lc, value, e);
	case KEY_COUNT:
		break;
	}
	return err_set(e, ERR_BUG, "unknown descriptor key %d", (int)key);
}

/* The key of a line, *value set to what follows the one space; KEY_COUNT if it has none. */
static enum key split_line(char *line, char **value)
{
	char *space = strchr(line, ' ');

	if (!space)
		return KEY_COUNT;
	*space = '\0';
	*value = space + 1;
	for (int k = 0; k < KEY_COUNT; k++) {
		if (strcmp(line, keys[k].name) == 0)
			return (enum key)k;
	}
	return KEY_COUNT;
}

static int parse_lines(struct lineconf *lc, struct imgdesc *d, struct err *e)
{
	enum key last = KEY_COUNT; /* nothing seen */
	char *line;

	if (next_line(lc, &line, e) < 0)
		return -1;
	if (strcmp(line, IMGDESC_MAGIC) != 0)
		return fault(lc, e, "not an image descriptor of version 1");
	for (;;) {
		char *value = NULL;

		if (next_line(lc, &line, e) < 0)
			return -1;
		enum key key = split_line(line, &value);
		if (key == KEY_COUNT)
			return fault(lc, e, "unknown key, or no value");
		if (last == KEY_COUNT ? key != KEY_DIGEST : key < last)
			return fault(lc, e, "key out of order");
		if (key == last && !keys[key].many)
			return fault(lc, e, "key given twice");
		if (!exact_parse(value, true))
			return fault(lc, e, "value with a wrong escape or a byte that needs one");
		if (take_value(lc, key, value, d, e) < 0)
			return -1;
		if (key == KEY_END)
			return 0;
		last = key;
	}
}

int imgdesc_parse(const char *name, char *text, size_t len, struct imgdesc *out, struct err *e)
{
	struct imgdesc d = {0};
	struct lineconf lc;

	if (len > IMGDESC_BYTES_MAX)
		return err_set(e, ERR_VERIFY, "%s: larger than %d bytes", name, IMGDESC_BYTES_MAX);
	/* Room for the most that can be accepted: 32 KiB and 2 KiB, and no size that the text
	 * decides. */
	d.layers = calloc(LAYERS_MAX, sizeof(*d.layers));
	d.env = calloc(IMGDESC_ENV_MAX, sizeof(*d.env));
	lineconf_init(&lc, name, text, len);
	int ret = d.layers && d.env ? parse_lines(&lc, &d, e) : fault_nomem(&lc, e);
	if (ret < 0) {
		imgdesc_fini(&d);
		return -1;
	}
	*out = d;
	return 0;
}

/* --- writer --- */

static void format_lines(const struct imgdesc *d, struct text *t)
{
	unsigned lines = 2;

	text_add(t, IMGDESC_MAGIC "\n");
	text_addf(t, "digest %s\n", digest_text(&d->digest).s);
	for (size_t i = 0; i < d->layer_count; i++, lines++)
		text_addf(t, "layer %s\n", digest_text(&d->layers[i]).s);
	if (d->fixup) {
		text_add(t, "fixup yes\n");
		lines++;
	}
	for (size_t i = 0; i < d->env_count; i++, lines++) {
		text_add(t, "env ");
		exact_add(t, d->env[i], true);
		text_add(t, "\n");
	}
	if (d->workdir) {
		text_add(t, "workdir ");
		exact_add(t, d->workdir, true);
		text_add(t, "\n");
		lines++;
	}
	if (d->user) {
		text_add(t, "user ");
		exact_add(t, d->user, true);
		text_add(t, "\n");
		lines++;
	}
	text_addf(t, "end %u\n", lines);
}

int imgdesc_format(const struct imgdesc *d, char **out, size_t *out_len, struct err *e)
{
	size_t size = IMGDESC_BYTES_MAX + 1;
	auto_free char *buf = malloc(size);
	auto_free char *copy = malloc(size);
	struct imgdesc again = {0};

	if (!buf || !copy)
		return err_sys(e, ERR_SYSTEM, "write an image descriptor");
	struct text t = {.buf = buf, .size = size};
	buf[0] = '\0';
	format_lines(d, &t);
	if (t.full)
		return err_set(e, ERR_VERIFY, "image descriptor would be larger than %d bytes",
			       IMGDESC_BYTES_MAX);
	/* The reader decides what is acceptable: what it refuses is never written. */
	memcpy(copy, buf, t.len + 1);
	if (imgdesc_parse("image descriptor", copy, t.len, &again, e) < 0)
		return -1;
	imgdesc_fini(&again);
	*out = take_ptr(buf);
	*out_len = t.len;
	return 0;
}

void imgdesc_fini(struct imgdesc *d)
{
	free(d->layers);
	for (size_t i = 0; i < d->env_count; i++)
		free(d->env[i]);
	free(d->env);
	free(d->workdir);
	free(d->user);
	*d = (struct imgdesc){0};
}
