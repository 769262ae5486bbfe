/* SPDX-License-Identifier: MIT */
/* --copy-in and --copy-out: the grammar, and the list they make. Pure. */
#include "isolate/copyrules.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A name that can be a file's. */
static bool is_file_name(const char *name, size_t len)
{
	return len > 0 && len <= NAME_MAX && !(len == 1 && name[0] == '.') &&
	       !(len == 2 && name[0] == '.' && name[1] == '.');
}

/* Each part of it is one; nothing is left out or doubled, so that two texts are two files. */
static bool is_inside_name(const char *path)
{
	if (strlen(path) >= PATH_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!is_file_name(path, len))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

static bool is_outside_name(const char *path)
{
	const char *name = last_part(path);

	return strlen(path) < PATH_MAX && is_file_name(name, strlen(name));
}

/* Takes over both. */
static int add(struct copyrules *c, bool out, char *outside, char *inside, struct err *e)
{
	const char *option = out ? "--copy-out" : "--copy-in";
	int rc = 0;

	if (!outside || !inside)
		rc = err_sys(e, ERR_SYSTEM, "allocate memory for %s", option);
	else if (!is_outside_name(outside))
		rc = err_set(e, ERR_USAGE, "%s: '%s' is no name of a file", option,
			     text_quote(outside).s);
	else if (!is_inside_name(inside))
		rc = err_set(e, ERR_USAGE,
			     "%s: '%s' is no name of a file in the box, from /box on, without "
			     "'.', '..' and needless '/'",
			     option, text_quote(inside).s);
	else if (c->count == COPYRULES_MAX)
		rc = err_set(e, ERR_USAGE, "more than %d files to copy (--dir shows directories)",
			     COPYRULES_MAX);
	if (rc < 0) {
		free(outside);
		free(inside);
		return -1;
	}
	c->rules[c->count++] = (struct copyrule){.out = out, .outside = outside, .inside = inside};
	return 0;
}

int copyrules_add_in(struct copyrules *c, const char *value, struct err *e)
{
	const char *eq = strrchr(value, '=');
	size_t len = eq ? (size_t)(eq - value) : strlen(value);

	return add(c, false, strndup(value, len), strdup(eq ? eq + 1 : last_part(value)), e);
}

int copyrules_add_out(struct copyrules *c, const char *value, struct err *e)
{
	const char *eq = strchr(value, '=');
	size_t len = eq ? (size_t)(eq - value) : strlen(value);

	return add(c, true, strdup(eq ? eq + 1 : last_part(value)), strndup(value, len), e);
}

void copyrules_fini(struct copyrules *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->rules[i].outside);
		free(c->rules[i].inside);
	}
	c->count = 0;
}
