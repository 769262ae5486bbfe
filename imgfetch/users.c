/* SPDX-License-Identifier: MIT */
/* Who uses an image: boxes, runs, pulls, mounts. */
#include "imgfetch/users.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/imgmounts.h"
#include "common/path.h"
#include "common/text.h"

/* Store and digest of a pin file; false if there is none, or none to understand. */
static bool read_pin(int boxes, const char *id, char *store, size_t size, struct digest *image)
{
	char name[64], text[4096 + DIGEST_TEXT_LEN + 8];
	struct err ignored;
	char *second, *end;

	if (text_format(name, sizeof(name), "%s/image", id) < 0)
		return false;
	auto_fd fd = path_open_beneath(boxes, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fdio_read_text(fd, text, sizeof(text)) < 0)
		return false;
	second = strchr(text, '\n');
	if (!second)
		return false;
	*second++ = '\0';
	end = strchr(second, '\n');
	if (end)
		*end = '\0';
	return text_format(store, size, "%s", text) == 0 &&
	       digest_parse(second, image, &ignored) == 0;
}

/* The same directory, whatever path leads to it? A pin whose store cannot be seen counts as ours:
 * the digest fits, and an image too many kept is better than a box without its root. */
static bool is_our_store(const struct store *st, const char *path)
{
	struct stat ours, theirs;

	if (fstat(st->fd, &ours) < 0 || stat(path, &theirs) < 0)
		return true;
	return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* The box that is pinned to the image into id. False when there is none, or none that we may see:
 * then the lock on the image still tells of running ones. */
static bool find_box(const struct store *st, const struct digest *image, const char *box_root,
		     char *id, size_t size)
{
	char store[4096];
	struct digest pinned;
	struct dirent *de;
	auto_dir d = opendir(box_root);

	while (d && (de = readdir(d))) {
		if (de->d_name[strspn(de->d_name, "0123456789")] != '\0')
			continue;
		if (read_pin(dirfd(d), de->d_name, store, sizeof(store), &pinned) &&
		    digest_equal(&pinned, image) && is_our_store(st, store) &&
		    text_format(id, size, "%s", de->d_name) == 0)
			return true;
	}
	return false;
}

int users_exclude_running(const struct store *st, const struct imgdesc *image, struct err *e)
{
	struct digest_text name = digest_text(&image->digest);
	struct imgmount_entry mounted;
	int r = imgmounts_find(image, &mounted, e);

	if (r < 0)
		return -1;
	if (r > 0)
		return err_set(e, ERR_BUSY, "image %s is mounted on '%s' (imgmount umount)", name.s,
			       text_quote(mounted.dir).s);
	int lock = store_lock_image(st, &image->digest, e);
	if (lock < 0 && e->kind == ERR_BUSY)
		return err_set(e, ERR_BUSY,
			       "image %s is in use by a run or a pull, or is being verified",
			       name.s);
	return lock;
}

int users_exclude(const struct store *st, const struct imgdesc *image, const char *box_root,
		  struct err *e)
{
	struct digest_text name = digest_text(&image->digest);
	char id[32];

	if (find_box(st, &image->digest, box_root, id, sizeof(id)))
		return err_set(e, ERR_BUSY,
			       "image %s is in use by box %s (isolate -b %s --cleanup frees it)",
			       name.s, id, id);
	auto_fd lock = users_exclude_running(st, image, e);
	/* A box may have been set up between the look and the lock. */
	if (lock >= 0 && find_box(st, &image->digest, box_root, id, sizeof(id)))
		return err_set(e, ERR_BUSY, "image %s is in use by box %s", name.s, id);
	return take_fd(&lock);
}
