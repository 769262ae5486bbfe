/* SPDX-License-Identifier: MIT */
/* Names in a layer's tar, made canonical, and the meaning of .wh. names. */
#include "imgfetch/whiteout.h"

#include <limits.h>
#include <string.h>

#include "common/text.h"

#define PREFIX	    ".wh."
#define PREFIX_LEN  4
#define META_PREFIX ".wh..wh."
#define META_LEN    8

int entry_name_parse(const char *raw, size_t path_max, unsigned depth_max, struct entry_name *out,
		     struct err *e)
{
	unsigned depth = 0;

	if (*raw == '\0')
		return err_set(e, ERR_VERIFY, "an entry without a name");
	if (path_max > sizeof(out->path))
		path_max = sizeof(out->path);
	out->len = out->base = 0;
	while (*raw) {
		size_t n = strcspn(raw, "/");
		if (n == 0 || (n == 1 && raw[0] == '.')) {
			raw += n + (raw[n] == '/');
			continue;
		}
		if (n == 2 && raw[0] == '.' && raw[1] == '.')
			return err_set(e, ERR_VERIFY, "a name with '..' in it");
		if (n > NAME_MAX)
			return err_set(e, ERR_VERIFY,
				       "a name with a component of %zu bytes (at most %d)", n,
				       NAME_MAX);
		if (out->len + 1 + n >= path_max)
			return err_set(e, ERR_VERIFY, "a name of %zu bytes or more", path_max);
		if (++depth > depth_max)
			return err_set(e, ERR_VERIFY, "a name of more than %u components",
				       depth_max);
		if (out->len > 0)
			out->path[out->len++] = '/';
		out->base = out->len;
		memcpy(out->path + out->len, raw, n);
		out->len += n;
		raw += n + (raw[n] == '/');
	}
	out->path[out->len] = '\0';
	return 0;
}

/* Cut the last component off. */
static void cut_base(struct entry_name *name)
{
	name->len = name->base > 0 ? name->base - 1 : 0;
	name->path[name->len] = '\0';
	const char *slash = strrchr(name->path, '/');
	name->base = slash ? (size_t)(slash + 1 - name->path) : 0;
}

int whiteout_decode(struct entry_name *name, enum whiteout_kind *kind, struct err *e)
{
	*kind = WHITEOUT_NONE;
	/* Markers among the directories of the path. */
	for (const char *c = name->path; c < name->path + name->base; c = strchr(c, '/') + 1) {
		if (strncmp(c, META_PREFIX, META_LEN) == 0) {
			*kind = WHITEOUT_IGNORE;
			return 0;
		}
		if (strncmp(c, PREFIX, PREFIX_LEN) == 0)
			return err_set(e, ERR_VERIFY, "'%s' uses a whiteout as a directory",
				       text_quote(name->path).s);
	}

	char *base = name->path + name->base;
	if (strncmp(base, PREFIX, PREFIX_LEN) != 0)
		return 0;
	if (strcmp(base, META_PREFIX ".opq") == 0) {
		*kind = WHITEOUT_OPAQUE;
		cut_base(name);
		return 0;
	}
	if (strncmp(base, META_PREFIX, META_LEN) == 0) {
		*kind = WHITEOUT_IGNORE;
		return 0;
	}
	const char *victim = base + PREFIX_LEN;
	if (*victim == '\0' || strcmp(victim, ".") == 0 || strcmp(victim, "..") == 0)
		return err_set(e, ERR_VERIFY, "'%s' is a whiteout of nothing",
			       text_quote(name->path).s);
	memmove(base, victim, strlen(victim) + 1);
	name->len -= PREFIX_LEN;
	*kind = WHITEOUT_HIDE;
	return 0;
}
