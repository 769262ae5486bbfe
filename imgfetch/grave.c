/* SPDX-License-Identifier: MIT */
/* Removal in two steps, by names beneath held descriptors. */
#include "imgfetch/grave.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"

#define LOCK_RETRY_NS (20 * NSEC_PER_MSEC)
#define LOCK_TRIES    500 /* ten seconds */

const char *const grave_notes[GRAVE_NOTES_MAX] = {".info", ".files", ".facts", NULL};

/* kind ERR_DISK where the caller may not write. */
static int fail(const char *what, const char *name, struct err *e)
{
	bool access = errno == EACCES || errno == EPERM || errno == EROFS || errno == ENOSPC;

	return err_sys(e, access ? ERR_DISK : ERR_SYSTEM, "%s '%s' in the store", what,
		       text_quote(name).s);
}

/* The folder of a path below the store; links in the way are refused. *name is the last part. */
static int open_parent(const struct store *st, const char *path, const char **name)
{
	char folder[1024];
	const char *slash = strrchr(path, '/');

	if (text_format(folder, sizeof(folder), "%.*s", (int)(slash - path), path) < 0)
		return -1;
	*name = slash + 1;
	return path_open_beneath(st->fd, folder, O_PATH | O_DIRECTORY, 0);
}

int grave_open(const struct store *st, struct grave *out, struct err *e)
{
	struct grave g = {.st = st, .dir = TMPDIR_NONE};

	if (tmpdir_new(st, "rm", &g.dir, e) < 0)
		return -1;
	*out = g;
	return 0;
}

int grave_bury(struct grave *g, const char *path, struct err *e)
{
	const char *name;
	auto_fd dir = open_parent(g->st, path, &name);

	if (dir >= 0 && renameat(dir, name, g->dir.fd, name) == 0)
		return 1;
	return errno == ENOENT ? 0 : fail("remove", path, e);
}

int grave_bury_layer(struct grave *g, const struct digest *diffid, struct err *e)
{
	char path[sizeof("layers/sha256/.files") + DIGEST_HEX_LEN + 8];
	int there;

	if (text_format(path, sizeof(path), "layers/sha256/%s", diffid->hex) < 0)
		return err_sys(e, ERR_BUG, "name a layer");
	there = grave_bury(g, path, e);
	if (there < 0)
		return -1;
	for (const char *const *s = grave_notes; *s; s++) {
		if (text_format(path, sizeof(path), "layers/sha256/%s%s", diffid->hex, *s) < 0)
			return err_sys(e, ERR_BUG, "name a layer");
		if (grave_bury(g, path, e) < 0)
			return -1;
	}
	return there;
}

int grave_close(struct grave *g, struct err *e)
{
	return tmpdir_remove(&g->dir, e);
}

/* Directories of refs/ that are empty now. A pull that is about to put a name there makes them
 * again (commit_ref), so that nothing has to be locked. */
static void remove_empty_folders(const struct store *st, const char *path)
{
	char folder[1024];
	char *slash;

	if (text_format(folder, sizeof(folder), "%s", path) < 0)
		return;
	while ((slash = strrchr(folder, '/')) && slash != strchr(folder, '/')) {
		const char *name;
		*slash = '\0';
		auto_fd dir = open_parent(st, folder, &name);
		/* Not empty, most of the time; nothing else matters here. */
		if (dir < 0 || unlinkat(dir, name, AT_REMOVEDIR) < 0)
			return;
	}
}

int grave_remove_name(const struct store *st, const char *path, struct err *e)
{
	const char *name;
	auto_fd dir = open_parent(st, path, &name);

	if ((dir < 0 || unlinkat(dir, name, 0) < 0) && errno != ENOENT)
		return fail("remove", path, e);
	remove_empty_folders(st, path);
	return 0;
}

int grave_lock_store(const struct store *st, struct err *e)
{
	const struct timespec pause = {.tv_nsec = LOCK_RETRY_NS};

	for (unsigned i = 0;; i++) {
		int fd = store_lock(st, true, true, e);
		if (fd >= 0 || e->kind != ERR_BUSY || i == LOCK_TRIES)
			return fd;
		nanosleep(&pause, NULL);
	}
}
