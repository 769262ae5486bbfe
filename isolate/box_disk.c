/* SPDX-License-Identifier: MIT */
/* How much a box on disk may hold: by a project quota, or by file systems in memory on box/, rw/.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/box.h"
#include "isolate/quota.h"
#include "mount/mnt.h"

bool box_fits_memory(const struct room *room, uint64_t tmp_max)
{
	return room->bytes <= tmp_max && room->inodes <= mnt_tmpfs_inodes(tmp_max);
}

int box_plan_bound(const struct box *b, uint64_t tmp_max, struct lock_disk *d, struct err *e)
{
	if (!d->room.bytes && !d->room.inodes)
		return 0;
	if (quota_in_force(b->root_fd)) {
		d->project = b->uid;
		return 0;
	}
	if (!d->all)
		return err_set(e, ERR_CONFIG,
			       "--quota: the file system of boxes enforces no quotas of projects "
			       "(ext4, XFS: mount it with prjquota; user quotas would count all "
			       "that you have there); --disk does without");
	if (!box_fits_memory(&d->room, tmp_max))
		return err_set(
			e, ERR_CONFIG,
			"--disk: more than tmp_size in the configuration, or than one file for 4 "
			"KiB of it, needs a file system of boxes with quotas of projects (ext4, "
			"XFS: mount it with prjquota)");
	d->tmpfs = true;
	return 0;
}

static int by_quota(const struct box *b, const struct lock_disk *d, struct err *e)
{
	auto_fd fd = path_open_beneath(b->dir_fd, "box", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s/box'", b->path);
	return quota_set(fd, d->project, &d->room, e);
}

static int by_tmpfs(const struct box *b, const struct priv *owner, const struct lock_disk *d,
		    struct err *e)
{
	auto_fd place = path_open_beneath(b->dir_fd, "box", O_PATH | O_DIRECTORY, 0);
	auto_fd mnt = -1;

	if (place < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s/box'", b->path);
	mnt = mnt_new_tmpfs(d->room.bytes, d->room.inodes, owner->uid, owner->gid, "0700",
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
	if (mnt < 0)
		return -1;
	return mnt_attach(mnt, place, "the box", e);
}

int box_bound(const struct box *b, const struct priv *owner, const struct lock_disk *d,
	      struct err *e)
{
	if (d->project)
		return by_quota(b, d, e);
	return d->tmpfs ? by_tmpfs(b, owner, d, e) : 0;
}

/* Is `name` of the box where a tmpfs is mounted? 1 and its descriptor, 0, -1. */
static int find_tmpfs(const struct box *b, const char *name, int *out, struct err *e)
{
	auto_fd fd = path_open_beneath(b->dir_fd, name, O_PATH | O_DIRECTORY, 0);
	struct statx own;
	struct statfs fs;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, ERR_SYSTEM, "open '%s/%s'", b->path, name);
	if (statx(fd, "", AT_EMPTY_PATH, 0, &own) < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s/%s'", b->path, name);
	if (!(own.stx_attributes & STATX_ATTR_MOUNT_ROOT) || fs.f_type != TMPFS_MAGIC)
		return 0;
	*out = take_fd(&fd);
	return 1;
}

/* It must be there. fd or -1. */
static int need_tmpfs(const struct box *b, const char *name, const char *option, struct err *e)
{
	int fd = -1;
	int found = find_tmpfs(b, name, &fd, e);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_CONFIG,
			       "the file system in memory of box %u (%s) is not mounted here: "
			       "--init and --run must be called where the same mounts are",
			       b->id, option);
	return fd;
}

int box_check_bound(const struct box *b, const struct lock_disk *d, struct err *e)
{
	auto_fd fd = -1;

	if (!d->tmpfs)
		return 0;
	fd = need_tmpfs(b, "box", "--disk", e);
	return fd < 0 ? -1 : 0;
}

static int drop_tmpfs(const struct box *b, const char *name, struct err *e)
{
	char path[64];

	/* Looked for, not remembered: lock files can be lost. By its name below a directory that is
	 * root's, so that it is what was found. */
	if (text_format(path, sizeof(path), "/proc/self/fd/%d/%s", b->dir_fd, name) < 0)
		return err_set(e, ERR_BUG, "path of box %u", b->id);
	for (;;) {
		auto_fd fd = -1;
		int found = find_tmpfs(b, name, &fd, e);

		if (found <= 0)
			return found;
		/* Somebody's working directory there is no reason to keep the box. */
		if (umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
			return err_sys(e, ERR_SYSTEM, "unmount '%s/%s'", b->path, name);
	}
}

int box_unbound(const struct box *b, const struct lock_disk *d, struct err *e)
{
	if (d->project && quota_clear(b->root_fd, d->project, e) < 0)
		return -1;
	if (b->dir_fd < 0)
		return 0;
	return drop_tmpfs(b, "box", e) < 0 ? -1 : drop_tmpfs(b, "rw", e);
}

/* --- what is written to an image ------------------------------------------------------------- */

static int make_rw_tmpfs(const struct room *room, struct err *e)
{
	return mnt_new_tmpfs(room->bytes, room->inodes, 0, 0, "0700",
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
}

int box_make_rw(const struct box *b, const struct room *room, struct err *e)
{
	auto_fd place = -1, mnt = -1;

	if (mkdirat(b->dir_fd, "rw", 0700) < 0)
		return err_sys(e, ERR_SYSTEM, "make directory '%s/rw'", b->path);
	place = path_open_beneath(b->dir_fd, "rw", O_PATH | O_DIRECTORY, 0);
	if (place < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s/rw'", b->path);
	mnt = make_rw_tmpfs(room, e);
	return mnt < 0 ? -1 : mnt_attach(mnt, place, "what is written to the image", e);
}

int box_open_rw(const struct box *b, struct box_use *use, struct err *e)
{
	auto_fd fd = need_tmpfs(b, "rw", "--image-rw", e);

	if (fd < 0)
		return -1;
	use->rw_fd = mnt_clone(fd, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
			       "what is written to the image", e);
	return use->rw_fd < 0 ? -1 : 0;
}

int box_open_rw_in_memory(const struct room *room, struct box_use *use, struct err *e)
{
	use->rw_fd = make_rw_tmpfs(room, e);
	return use->rw_fd < 0 ? -1 : 0;
}

bool box_is_full(const struct box_use *use)
{
	int fd = use->files_fd >= 0 ? use->files_fd : use->mnt_fd;

	return fd >= 0 && mnt_is_full(fd);
}
