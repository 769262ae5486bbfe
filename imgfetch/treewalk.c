/* SPDX-License-Identifier: MIT */
/* Walks by a stack of paths, each opened beneath the root: two descriptors however deep it goes. */
#include "imgfetch/treewalk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"

struct walk {
	int root;
	const struct treewalk_ops *ops;
	void *arg;
	char **todo; /* owned, as its members */
	size_t count, room;
};

static int push(struct walk *w, const char *path, struct err *e)
{
	if (w->count == w->room) {
		size_t room = MAX(2 * w->room, 64);
		char **p = reallocarray(w->todo, room, sizeof(*p));

		if (!p)
			return err_sys(e, ERR_SYSTEM, "walk through the store");
		w->todo = p;
		w->room = room;
	}
	w->todo[w->count] = strdup(path);
	if (!w->todo[w->count])
		return err_sys(e, ERR_SYSTEM, "walk through the store");
	w->count++;
	return 0;
}

static int fail(const char *what, const char *path, struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "%s '%s' in the store", what, text_quote(path).s);
}

static int visit(struct walk *w, DIR *d, const char *folder, const char *name, struct err *e)
{
	auto_free char *path = NULL;
	struct treewalk_entry en = {.name = name, .parent = dirfd(d)};
	int r;

	if (asprintf(&path, "%s%s%s", folder, *folder ? "/" : "", name) < 0) {
		path = NULL;
		return err_sys(e, ERR_SYSTEM, "walk through the store");
	}
	if (fstatat(dirfd(d), name, &en.st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail("look at", path, e);
	en.path = path;
	r = w->ops->entry(w->arg, &en, e);
	if (r > 0 && S_ISDIR(en.st.st_mode))
		r = push(w, path, e);
	return r < 0 ? -1 : 0;
}

static int walk_folder(struct walk *w, const char *path, struct err *e)
{
	auto_fd fd = path_open_beneath(w->root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	/* To read names is one permission, to look at what they are names of another. */
	bool open = fd >= 0 && faccessat(fd, ".", F_OK, 0) == 0;
	auto_dir d = open ? fdopendir(fd) : NULL;
	const struct dirent *de;

	if (!d && errno == EACCES)
		return w->ops->closed(w->arg, path, e);
	if (!d)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : fail("open", path, e);
	fd = -1; /* the stream's now */
	while (errno = 0, (de = readdir(d))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (visit(w, d, path, de->d_name, e) < 0)
			return -1;
	}
	return errno == 0 ? 0 : fail("read", path, e);
}

int treewalk(int root, const struct treewalk_ops *ops, void *arg, struct err *e)
{
	struct walk w = {.root = root, .ops = ops, .arg = arg};
	int r = push(&w, "", e);

	while (r == 0 && w.count > 0) {
		auto_free char *path = w.todo[--w.count];

		r = walk_folder(&w, path, e);
	}
	while (w.count > 0)
		free(w.todo[--w.count]);
	free(w.todo);
	return r;
}
