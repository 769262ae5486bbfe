/* SPDX-License-Identifier: MIT */
/* Names that lead through symbolic links of their own layer, made ones that do not. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/layerdir_impl.h"

/* As the kernel's own limit (path_resolution(7)). */
#define LINKS_MAX 40

struct walk {
	struct layerdir *ld;
	const char *name; /* for messages */
	char done[ENTRY_PATH_MAX];
	size_t done_len;
	char rest[2 * ENTRY_PATH_MAX];
	unsigned links;
	int dir; /* `done`, owned; -1: it is not there, or no directory */
};

static int too_long(const struct walk *w, struct err *e)
{
	return err_set(e, ERR_VERIFY, "'%s' leads through symbolic links to too long a name",
		       text_quote(w->name).s);
}

static void reopen(struct walk *w)
{
	cleanup_fd(&w->dir);
	w->dir = *w->done ? path_open_beneath(w->ld->fd, w->done, O_PATH | O_DIRECTORY, 0)
			  : openat(w->ld->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void step_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	w->done_len = slash ? (size_t)(slash - w->done) : 0;
	w->done[w->done_len] = '\0';
	reopen(w);
}

static int step_down(struct walk *w, const char *part, struct err *e)
{
	size_t len = strlen(part);

	if (w->done_len + 1 + len >= sizeof(w->done))
		return too_long(w, e);
	if (w->done_len > 0)
		w->done[w->done_len++] = '/';
	memcpy(w->done + w->done_len, part, len + 1);
	w->done_len += len;
	if (w->dir < 0)
		return 0;
	int next = openat(w->dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd(&w->dir);
	w->dir = next;
	return 0;
}

/* The link's text in front of the rest. 1, or 0: part is no link. */
static int step_link(struct walk *w, const char *part, struct err *e)
{
	char target[ENTRY_PATH_MAX], rest[sizeof(w->rest)];
	ssize_t n = w->dir < 0 ? -1 : readlinkat(w->dir, part, target, sizeof(target) - 1);

	if (n < 0)
		return 0;
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return err_set(e, ERR_VERIFY, "'%s' leads through more than %d symbolic links",
			       text_quote(w->name).s, LINKS_MAX);
	if (text_format(rest, sizeof(rest), "%s/%s", target, w->rest) < 0)
		return too_long(w, e);
	memcpy(w->rest, rest, sizeof(rest));
	if (target[0] == '/') {
		w->done[w->done_len = 0] = '\0';
		reopen(w);
	}
	return 1;
}

static int walk_parents(struct walk *w, struct err *e)
{
	char part[NAME_MAX + 1];

	for (;;) {
		char *rest = w->rest + strspn(w->rest, "/");
		size_t len = strcspn(rest, "/");

		if (len == 0)
			return 0;
		if (len > NAME_MAX)
			return too_long(w, e);
		memcpy(part, rest, len);
		part[len] = '\0';
		memmove(w->rest, rest + len, strlen(rest + len) + 1);
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			/* Above the root is the root. */
			step_up(w);
			continue;
		}
		int r = step_link(w, part, e);
		if (r < 0 || (r == 0 && step_down(w, part, e) < 0))
			return -1;
	}
}

int layerdir_resolve(struct layerdir *ld, struct entry_name *name, bool whole, struct err *e)
{
	size_t len = whole ? name->len : name->base > 0 ? name->base - 1 : 0;
	char full[ENTRY_PATH_MAX];

	if (len == 0 || layerdir_use_dir(ld, name->path, len, NULL, e) >= 0 || errno != ELOOP)
		return 0;
	auto_free struct walk *w = calloc(1, sizeof(*w));
	if (!w)
		return err_sys(e, ERR_SYSTEM, "follow symbolic links");
	*w = (struct walk){.ld = ld, .name = name->path, .dir = -1};
	memcpy(w->rest, name->path, len);
	reopen(w);
	int r = walk_parents(w, e);
	cleanup_fd(&w->dir);
	if (r < 0)
		return -1;
	if (text_format(full, sizeof(full), "%s%s", w->done, name->path + len) < 0)
		return too_long(w, e);
	if (*full == '\0' || (*full == '/' && full[1] == '\0')) {
		/* An opaque marker of the root, by a detour. */
		*name = (struct entry_name){0};
		return 0;
	}
	return entry_name_parse(full, ENTRY_PATH_MAX, ENTRY_DEPTH_MAX, name, e);
}
