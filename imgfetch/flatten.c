/* SPDX-License-Identifier: MIT */
/* imgfetch flatten: the merged tree of an image, made in tmp/ and renamed. */
#include "imgfetch/flatten.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "common/userns.h"
#include "imgfetch/tmpdir.h"
#include "imgfetch/users.h"
#include "mount/layers.h"
#include "mount/unpack.h"

/* How often to look whether somebody else is done. */
#define LOOK_NS (20 * NSEC_PER_MSEC)

static int disk_error(const struct store *st, const char *what, struct err *e)
{
	return err_sys(e, ERR_DISK, "%s in the store '%s'", what, text_quote(st->path).s);
}

/* 1, 0, or -1 for one that cannot be used. */
static int has_flat(const struct store *st, const struct digest *manifest, struct err *e)
{
	struct err why;
	auto_fd fd = store_open_flat(st, manifest, &why);

	if (fd >= 0)
		return 1;
	if (why.kind == ERR_NOTFOUND)
		return 0;
	*e = why;
	return -1;
}

static int open_image(const struct store *st, const struct digest *manifest, struct err *e)
{
	char rel[sizeof("images/sha256/") + DIGEST_HEX_LEN];
	int fd;

	if (text_format(rel, sizeof(rel), "images/sha256/%s", manifest->hex) < 0)
		return err_sys(e, ERR_BUG, "name an image");
	fd = path_open_beneath(st->fd, rel, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? disk_error(st, "open an image", e) : fd;
}

/* Hold tmp/flat-<manifest>. 1: ours; 0: another one has finished meanwhile; -1. */
static int take_work(const struct store *st, const struct digest *manifest, struct tmpdir *t,
		     struct err *e)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	char name[sizeof("flat-") + DIGEST_HEX_LEN];
	int r;

	if (text_format(name, sizeof(name), "flat-%s", manifest->hex) < 0)
		return err_sys(e, ERR_BUG, "name a directory");
	while ((r = tmpdir_take(st, name, t, e)) == 0)
		(void)nanosleep(&pause, NULL); /* a shorter one is no harm */
	if (r < 0)
		return -1;
	r = has_flat(st, manifest, e);
	return r < 0 ? -1 : !r;
}

/* Into t, complete, and from there beside the descriptor. The directory above the tree keeps others
 * out, whatever the modes in the image. */
static int build(const struct store *st, const struct imgdesc *image, const struct tmpdir *t,
		 bool sync, struct err *e)
{
	const struct unpack_opts how = {.by = UNPACK_WITHIN};
	struct layers layers;
	auto_fd flat = -1;
	int r;

	if (mkdirat(t->fd, "flat", 0700) < 0)
		return disk_error(st, "make a directory", e);
	flat = openat(t->fd, "flat", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (flat < 0)
		return disk_error(st, "open a directory", e);
	if (layers_open_stored(st, image, &layers, e) < 0)
		return -1;
	r = unpack_layers(&layers, flat, "tree", &how, e);
	layers_close(&layers);
	if (r < 0)
		return -1;
	/* Directories far and wide: one call for all is the cheapest there is. */
	if (sync && syncfs(flat) < 0)
		return disk_error(st, "sync a merged tree", e);
	auto_fd dir = open_image(st, &image->digest, e);
	if (dir < 0)
		return -1;
	if (renameat(t->fd, "flat", dir, "flat") < 0)
		return disk_error(st, "rename a merged tree", e);
	if (sync && fsync(dir) < 0)
		return disk_error(st, "sync an image", e);
	return 0;
}

static int make(const struct store *st, const struct imgdesc *image, bool sync, bool *made,
		struct err *e)
{
	struct tmpdir t = TMPDIR_NONE;
	struct err ignored;
	int r = has_flat(st, &image->digest, e);

	*made = false;
	if (r != 0)
		return r < 0 ? -1 : 0;
	r = take_work(st, &image->digest, &t, e);
	if (r > 0) {
		userns_override_modes();
		r = build(st, image, &t, sync, e);
		*made = r == 0;
	}
	(void)tmpdir_remove(&t, &ignored); /* a later pull sweeps */
	return r;
}

int flatten_make(const struct store *st, const struct ref *ref, bool no_sync,
		 struct flatten_result *done, struct err *e)
{
	struct imgdesc image = {0};
	struct flatten_result result;
	auto_fd lock = -1; /* shared: the image stays meanwhile */
	int r;

	if (store_resolve(st, ref, &result.digest, e) < 0 ||
	    store_read_image(st, &result.digest, &image, &lock, e) < 0)
		return -1;
	r = make(st, &image, !no_sync, &result.changed, e);
	imgdesc_fini(&image);
	if (r == 0)
		*done = result;
	return r;
}

/* The tree goes by a rename, so that the image is locked for a moment only: who would run it in
 * that is told that it is being removed. */
static int bury(const struct store *st, const struct imgdesc *image, const struct tmpdir *t,
		bool *there, struct err *e)
{
	auto_fd lock = users_exclude_running(st, image, e);
	auto_fd dir = lock < 0 ? -1 : open_image(st, &image->digest, e);

	if (dir < 0)
		return -1;
	*there = renameat(dir, "flat", t->fd, "flat") == 0;
	return *there || errno == ENOENT ? 0 : disk_error(st, "remove a merged tree", e);
}

int flatten_remove(const struct store *st, const struct ref *ref, struct flatten_result *done,
		   struct err *e)
{
	struct tmpdir t = TMPDIR_NONE;
	struct imgdesc image = {0};
	struct flatten_result result;
	struct err ignored;
	int r;

	if (store_resolve(st, ref, &result.digest, e) < 0 ||
	    store_read_image(st, &result.digest, &image, NULL, e) < 0)
		return -1;
	r = tmpdir_new(st, "flat", &t, e);
	if (r == 0)
		r = bury(st, &image, &t, &result.changed, e);
	if (r < 0)
		(void)tmpdir_remove(&t, &ignored);
	else
		r = tmpdir_remove(&t, e);
	imgdesc_fini(&image);
	if (r == 0)
		*done = result;
	return r;
}

bool flatten_is_there(const struct store *st, const struct digest *manifest)
{
	struct err ignored;
	struct stat flat;
	auto_fd dir = open_image(st, manifest, &ignored);

	return dir >= 0 && fstatat(dir, "flat", &flat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(flat.st_mode);
}
