/* SPDX-License-Identifier: MIT */
/* A box on disk: its directory, how a program sees it, and what becomes of it after a run. */
#include "isolate/box.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/boxtree.h"
#include "isolate/idmap.h"
#include "mount/mnt.h"

/* --- the directory --------------------------------------------------------------------------- */

int box_open(const struct config *c, unsigned id, struct box *out, struct err *e)
{
	struct box b = {.id = id, .root_fd = -1, .dir_fd = -1};
	auto_fd root_fd = -1;

	if (id >= c->num_boxes)
		return err_set(e, ERR_USAGE, "box id %u is out of range: boxes are 0 to %u", id,
			       c->num_boxes - 1);
	b.uid = c->first_uid + id;
	b.gid = c->first_gid + id;
	if (text_format(b.name, sizeof(b.name), "%u", id) < 0 ||
	    text_format(b.path, sizeof(b.path), "%s/%u", c->box_root, id) < 0)
		return err_set(e, ERR_BUG, "path of box %u is too long", id);
	root_fd = config_open_dir(c->box_root, 0755, e);
	if (root_fd < 0)
		return err_wrap(e, "box_root");
	b.dir_fd = path_open_beneath(root_fd, b.name, O_PATH | O_DIRECTORY, 0);
	if (b.dir_fd < 0 && errno != ENOENT)
		return err_sys(e, ERR_SYSTEM, "open '%s'", b.path);
	b.root_fd = take_fd(&root_fd);
	*out = b;
	return 0;
}

void box_close(struct box *b)
{
	cleanup_fd(&b->dir_fd);
	cleanup_fd(&b->root_fd);
}

/* A new directory with exactly this owner and mode, whatever the umask. The parent is root's. */
static int make_dir(int dir_fd, const char *name, uid_t uid, gid_t gid, mode_t mode,
		    const struct box *b, struct err *e)
{
	if (mkdirat(dir_fd, name, 0700) < 0 ||
	    fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(dir_fd, name, mode, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "make directory '%s' of box '%s'", name, b->path);
	return 0;
}

int box_files_owner(const struct box *b, uid_t *out, struct err *e)
{
	struct stat st;

	if (b->dir_fd < 0)
		return 0;
	if (fstatat(b->dir_fd, "box", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, ERR_SYSTEM, "look at '%s/box'", b->path);
	*out = st.st_uid;
	return 1;
}

int box_create(struct box *b, const struct priv *owner, struct err *e)
{
	if (make_dir(b->root_fd, b->name, 0, 0, 0755, b, e) < 0)
		return -1;
	b->dir_fd = path_open_beneath(b->root_fd, b->name, O_PATH | O_DIRECTORY, 0);
	if (b->dir_fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s'", b->path);
	if (make_dir(b->dir_fd, "root", 0, 0, 0700, b, e) < 0 ||
	    make_dir(b->dir_fd, "box", owner->uid, owner->gid, 0700, b, e) < 0)
		return -1;
	return 0;
}

int box_write_image(const struct box *b, const char *store_path, const struct digest *image,
		    struct err *e)
{
	char buf[8192];
	struct text t = TEXT_OVER(buf);
	auto_fd fd = -1;

	text_addf(&t, "%s\n%s\n", store_path, digest_text(image).s);
	if (t.full)
		return err_set(e, ERR_BUG, "path of the image store is too long");
	fd = path_open_beneath(b->dir_fd, "image", O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0 || fdio_write_all(fd, buf, t.len) < 0)
		return err_sys(e, ERR_SYSTEM, "write '%s/image'", b->path);
	return 0;
}

/* What a killed keeper left to the box's user becomes owner's. Runs as: root. Trusts: nothing in
 * box/. Must not: give owner a box/ that is somebody else's. */
static int reclaim_files(const struct box *b, const struct priv *owner, struct err *e)
{
	const struct boxtree_job job = {
		.chown = true,
		.uid = owner->uid,
		.gid = owner->gid,
		.from_uid = b->uid,
	};
	auto_fd fd = path_open_beneath(b->dir_fd, "box", O_PATH | O_DIRECTORY, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s/box'", b->path);
	if (st.st_uid != owner->uid && st.st_uid != b->uid)
		return err_set(e, ERR_DENIED, "'%s/box' belongs to user %u: root can --cleanup it",
			       b->path, (unsigned)st.st_uid);
	return boxtree_walk(fd, &job, e);
}

/* From root to owner and back. */
static int empty_as_owner(const struct box *b, const struct priv *owner, struct err *e)
{
	struct err also;
	int rc;

	if (priv_as_caller(owner, e) < 0)
		return -1;
	rc = path_remove_contents(b->dir_fd, "box", e);
	if (priv_as_root(owner, &also) < 0) {
		*e = also;
		return -1;
	}
	return rc;
}

/* Remove box/ with no more rights than owner has: he, or anybody who may write there, can move a
 * third user's open directory into it, with files that neither of them could delete. Only when it
 * is empty it goes by root's hand, since its parent is root's; after that, nothing can come into
 * the box any more. */
static int remove_files(const struct box *b, const struct priv *owner, struct err *e)
{
	if (unlinkat(b->dir_fd, "box", AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (empty_as_owner(b, owner, e) < 0) {
		if (e->errnum != EACCES && e->errnum != EPERM)
			return -1;
		if (reclaim_files(b, owner, e) < 0)
			return -1;
		if (empty_as_owner(b, owner, e) < 0)
			return err_wrap(e,
					"box %u holds what user %u may not remove (move it out, "
					"or let root --cleanup)",
					b->id, (unsigned)owner->uid);
	}
	if (unlinkat(b->dir_fd, "box", AT_REMOVEDIR) < 0)
		return err_sys(e, ERR_SYSTEM, "remove '%s/box'", b->path);
	return 0;
}

int box_remove(struct box *b, const struct priv *owner, struct err *e)
{
	if (b->dir_fd >= 0 && !owner->root && remove_files(b, owner, e) < 0)
		return -1;
	cleanup_fd(&b->dir_fd);
	return path_remove_tree(b->root_fd, b->name, e);
}

/* --- in use ---------------------------------------------------------------------------------- */

/* box/ itself: there, owner's, and closed to everybody else. Its parent is root's, so the name
 * means the same directory all the time. */
static int settle_top(const struct box *b, const struct priv *owner, int files_fd, struct err *e)
{
	struct stat st;

	if (fstat(files_fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s/box'", b->path);
	if ((st.st_uid != owner->uid || st.st_gid != owner->gid) &&
	    fchownat(files_fd, "", owner->uid, owner->gid, AT_EMPTY_PATH) < 0)
		return err_sys(e, ERR_SYSTEM, "change owner of '%s/box'", b->path);
	if ((st.st_mode & 07777) != 0700 && fchmodat(b->dir_fd, "box", 0700, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "change mode of '%s/box'", b->path);
	return 0;
}

static int open_parts(const struct box *b, struct box_use *use, struct err *e)
{
	use->files_fd = path_open_beneath(b->dir_fd, "box", O_PATH | O_DIRECTORY, 0);
	if (use->files_fd < 0)
		return err_sys(e, ERR_CONFIG, "open '%s/box' (--init makes it anew)", b->path);
	use->stage_fd = path_open_beneath(b->dir_fd, "root", O_PATH | O_DIRECTORY, 0);
	if (use->stage_fd < 0)
		return err_sys(e, ERR_CONFIG, "open '%s/root' (--init makes it anew)", b->path);
	return 0;
}

/* box/ as a mount of its own that shows owner's files as the program's. 1, or 0 where the file
 * system cannot. */
static int mount_idmapped(const struct box *b, const struct priv *owner, struct box_use *use,
			  struct err *e)
{
	auto_fd userns = idmap_open_userns(owner->uid, b->uid, owner->gid, b->gid, e);

	if (userns < 0)
		return -1;
	if (mnt_idmap(use->mnt_fd, userns, "the box", e) < 0)
		return e->errnum == EINVAL || e->errnum == EOPNOTSUPP ? 0 : -1;
	return 1;
}

/* May box/ be left unread after the run, because nothing in it can have been created or removed?
 * Its time of change must lie before the tick that the clock shows now: within one tick two
 * changes look the same. */
static void watch(struct box_use *use)
{
	struct timespec now;

	if (fstat(use->files_fd, &use->before) < 0 ||
	    clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0)
		return;
	use->watched = use->before.st_ctim.tv_sec < now.tv_sec ||
		       (use->before.st_ctim.tv_sec == now.tv_sec &&
			use->before.st_ctim.tv_nsec < now.tv_nsec);
}

static bool unchanged(const struct box_use *use)
{
	struct stat now;

	if (!use->watched || fstat(use->files_fd, &now) < 0)
		return false;
	/* No more than its own two names: no subdirectory, where something might have changed. */
	return now.st_nlink == 2 && now.st_ctim.tv_sec == use->before.st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == use->before.st_ctim.tv_nsec;
}

int box_begin_use(const struct box *b, const struct priv *owner, struct box_use *out, struct err *e)
{
	/* What root put there may belong to anybody, and clients that are root rely on the program
	 * being able to use it. An ordinary user's files are his already. */
	struct boxtree_job job = {
		.chown = true,
		.strangers = owner->root,
		.uid = owner->uid,
		.gid = owner->gid,
		.from_uid = b->uid,
	};
	int mapped;

	*out = BOX_USE_NONE;
	if (open_parts(b, out, e) < 0 || settle_top(b, owner, out->files_fd, e) < 0)
		return -1;
	if (owner->root && boxtree_walk(out->files_fd, &job, e) < 0)
		return -1;
	out->mnt_fd =
		mnt_clone(out->files_fd, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, "the box", e);
	if (out->mnt_fd < 0)
		return -1;
	mapped = mount_idmapped(b, owner, out, e);
	if (mapped < 0)
		return -1;
	out->idmapped = mapped > 0;
	if (!out->idmapped) {
		job.from_uid = owner->uid;
		job.uid = b->uid;
		job.gid = b->gid;
		if (boxtree_walk(out->files_fd, &job, e) < 0)
			return -1;
	}
	watch(out);
	return 0;
}

static int settle_files(const struct box *b, const struct priv *owner, bool keep_special,
			const struct box_use *use, struct err *e)
{
	uint64_t bytes = 0;
	struct boxtree_job job = {
		.chown = !use->idmapped || owner->root,
		.strangers = owner->root,
		.uid = owner->uid,
		.gid = owner->gid,
		.from_uid = b->uid,
		.drop_special = !keep_special,
		.strip_set_id = true,
		.bytes = use->left ? &bytes : NULL,
	};

	if (use->idmapped && !owner->root && !use->left && unchanged(use))
		return 0;
	if (boxtree_walk(use->files_fd, &job, e) < 0)
		return -1;
	if (use->left)
		*use->left = (struct figure){.known = true, .n = bytes};
	return 0;
}

int box_end_use(const struct box *b, const struct priv *owner, bool keep_special,
		struct box_use *use, struct err *e)
{
	int rc = 0;

	if (use->files_fd < 0)
		use->files_fd = path_open_beneath(b->dir_fd, "box", O_PATH | O_DIRECTORY, 0);
	if (use->files_fd < 0)
		rc = err_sys(e, ERR_CONFIG, "open '%s/box'", b->path);
	/* First of all the door: nobody comes in while the rest is being done. */
	if (rc == 0)
		rc = settle_top(b, owner, use->files_fd, e);
	if (rc == 0)
		rc = settle_files(b, owner, keep_special, use, e);
	box_forget_use(use);
	return rc;
}

void box_forget_use(struct box_use *use)
{
	cleanup_fd(&use->rw_fd);
	cleanup_fd(&use->mnt_fd);
	cleanup_fd(&use->stage_fd);
	cleanup_fd(&use->files_fd);
}

/* --- in memory ------------------------------------------------------------------------------- */

int box_begin_in_memory(const struct box *b, const struct room *room, struct box_use *out,
			struct err *e)
{
	*out = BOX_USE_NONE;
	out->mnt_fd = mnt_new_tmpfs(room->bytes, room->inodes, b->uid, b->gid, "0700",
				    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
	if (out->mnt_fd < 0)
		return err_wrap(e, "the box");
	out->stage_fd = fcntl(b->root_fd, F_DUPFD_CLOEXEC, 3);
	if (out->stage_fd < 0)
		return err_sys(e, ERR_SYSTEM, "duplicate descriptor");
	return 0;
}

int box_end_in_memory(const struct box_use *use, struct err *e)
{
	struct statfs fs;

	if (!use->left)
		return 0;
	if (fstatfs(use->mnt_fd, &fs) < 0)
		return err_sys(e, ERR_SYSTEM, "look at the box");
	*use->left = (struct figure){
		.known = true,
		.n = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize,
	};
	return 0;
}
