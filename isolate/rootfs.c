/* SPDX-License-Identifier: MIT */
/* Directory rules and an optional image become the root file system of a run. */
#include "isolate/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/rootfs_impl.h"
#include "mount/mnt.h"
#include "mount/overlay.h"

/* In the private namespace, on top of each other on the stage directory:
 *
 *   box mount       only when rules show the box at more than one place: clones are made of it
 *   skeleton tmpfs  r/  mount points; topmost lower directory of the image's overlay
 *                   s/  the store's mount, so that its layers are in this namespace
 *                   u/  the tmpfs of --image-rw: upper/ and work/ of that overlay
 *                   m/  here the root is attached
 *
 * Without an image the skeleton tmpfs itself is the root. All of that goes away with the old root
 * in one umount. */

int rootfs_detach_store(struct store *s, const struct priv *p, struct err *e)
{
	struct err back;
	int fd;

	if (priv_as_root(p, e))
		return -1;
	fd = mnt_clone(s->fd, false,
		       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOSYMFOLLOW,
		       "image store", e);
	if (priv_as_caller(p, &back)) {
		cleanup_fd(&fd);
		*e = back;
	}
	if (fd < 0)
		return -1;
	cleanup_fd(&s->fd);
	s->fd = fd;
	return 0;
}

int rootfs_prepare(const struct rootfs_spec *spec, const struct priv *p, struct rootfs **out,
		   struct err *e)
{
	struct rootfs *r = calloc(1, sizeof(*r));

	if (!r)
		return err_sys(e, ERR_SYSTEM, "allocate root file system");
	r->spec = *spec;
	r->count = spec->rules->count;
	r->sources = calloc(MAX(r->count, 1), sizeof(*r->sources));
	if (!r->sources) {
		free(r);
		return err_sys(e, ERR_SYSTEM, "allocate root file system");
	}
	for (size_t i = 0; i < r->count; i++)
		r->sources[i].fd = r->sources[i].cover = -1;
	if (sources_open(r, p, e)) {
		rootfs_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void rootfs_close_sources(struct rootfs *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->sources[i].kind != SOURCE_NEW)
			cleanup_fd(&r->sources[i].fd);
}

bool rootfs_is_full(const struct rootfs *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->sources[i].kind == SOURCE_NEW && r->sources[i].fd >= 0 &&
		    mnt_is_full(r->sources[i].fd))
			return true;
	return false;
}

void rootfs_free(struct rootfs *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++) {
		cleanup_fd(&r->sources[i].fd);
		free(r->sources[i].target);
	}
	free(r->sources);
	free(r);
}

/* ---- the root itself ---------------------------------------------------------------------- */

/* The stage in this mount namespace. */
static int open_stage(const struct rootfs *r, struct err *e)
{
	auto_fd fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, stage;

	if (fd < 0 || fstat(fd, &here) || fstat(r->spec.stage_fd, &stage))
		return err_sys(e, ERR_SYSTEM, "open the stage directory");
	if (here.st_dev != stage.st_dev || here.st_ino != stage.st_ino)
		return err_set(e, ERR_BUG, "the working directory is not the stage");
	return take_fd(&fd);
}

static int open_dir(int dir_fd, const char *name, struct err *e)
{
	int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s' on the stage", name);
	return fd;
}

static int make_dir(int dir_fd, const char *name, struct err *e)
{
	if (mkdirat(dir_fd, name, 0755))
		return err_sys(e, ERR_SYSTEM, "make '%s' on the stage", name);
	return open_dir(dir_fd, name, e);
}

static int build_plain(struct rootfs *r, int stage_fd, struct err *e)
{
	auto_fd top = fs_make_skeleton(e);

	if (top < 0 || skeleton_make(r, top, -1, e) ||
	    mnt_set_attrs(top, MOUNT_ATTR_RDONLY, "root", e) ||
	    mnt_attach(top, stage_fd, "root", e))
		return -1;
	return take_fd(&top);
}

/* The layers with the skeleton on top, or (top_fd -1) the layers alone. */
static int stack_layers(const struct layers *l, int top_fd, const struct overlay_opts *o,
			struct err *e)
{
	int fds[OVERLAY_DIRS_MAX];
	size_t count = 0;

	if (l->count > OVERLAY_DIRS_MAX - 1)
		return err_set(e, ERR_BUG, "image with %zu layers", l->count);
	if (top_fd >= 0)
		fds[count++] = top_fd;
	memcpy(fds + count, l->fds, l->count * sizeof(*fds));
	return overlay_mount_opts(fds, count + l->count, o, e);
}

/* The top of the writable root, of the first run of a box or of a later one. It is like /tmp:
 * everybody may make new names there, nobody may take away those of the image. With the owner of
 * the image's files, since links of others are not followed in such a directory (proc_sys_fs(5),
 * protected_symlinks). */
static int open_upper(const struct rootfs_spec *s, int dir_fd, struct err *e)
{
	if (mkdirat(dir_fd, "upper", 01777) == 0) {
		if (fchownat(dir_fd, "upper", s->rw_owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW))
			return err_sys(e, ERR_SYSTEM, "set the owner of the writable root");
	} else if (errno != EEXIST) {
		return err_sys(e, ERR_SYSTEM, "make the writable root");
	}
	return open_dir(dir_fd, "upper", e);
}

/* overlayfs tries out its upper directory when it is mounted and needs some inodes for that, which
 * an earlier run may have left none of; all but the one of its work directory, which was there
 * before, are free again afterwards (6.18). */
#define TRIAL_INODES 16

/* Directories of the tmpfs at r->spec.rw_fd, which becomes visible at u/ on the stage. */
static int open_writable(struct rootfs *r, int tmp_fd, struct overlay_opts *o, struct err *e)
{
	auto_fd place = make_dir(tmp_fd, "u", e);

	if (place < 0 || mnt_attach(r->spec.rw_fd, place, "writable root", e) ||
	    mnt_set_tmpfs_inodes(r->spec.rw_fd, r->spec.rw_inodes + TRIAL_INODES, "writable root",
				 e))
		return -1;
	if (mkdirat(r->spec.rw_fd, "work", 0700) && errno != EEXIST)
		return err_sys(e, ERR_SYSTEM, "make the writable root");
	o->work_fd = open_dir(r->spec.rw_fd, "work", e);
	o->upper_fd = o->work_fd < 0 ? -1 : open_upper(&r->spec, r->spec.rw_fd, e);
	return o->upper_fd < 0 ? -1 : 0;
}

static int build_image(struct rootfs *r, int stage_fd, struct err *e)
{
	const struct overlay_opts plain = OVERLAY_OPTS_DEFAULT;
	struct overlay_opts opts = OVERLAY_OPTS_DEFAULT;
	auto_fd tmp = fs_make_skeleton(e);
	auto_fd top = -1, store_dir = -1, root_dir = -1, image = -1, root = -1;

	if (tmp < 0 || mnt_attach(tmp, stage_fd, "stage", e))
		return -1;
	top = make_dir(tmp, "r", e);
	store_dir = top < 0 ? -1 : make_dir(tmp, "s", e);
	root_dir = store_dir < 0 ? -1 : make_dir(tmp, "m", e);
	if (root_dir < 0 || mnt_attach(r->spec.store_fd, store_dir, "image store", e))
		return -1;
	if (skeleton_needs_image(r)) {
		image = stack_layers(r->spec.image, -1, &plain, e);
		if (image < 0)
			return -1;
	}
	if (skeleton_make(r, top, image, e))
		return -1;
	if (r->spec.rw_fd < 0 || open_writable(r, tmp, &opts, e) == 0)
		root = stack_layers(r->spec.image, top, &opts, e);
	cleanup_fd(&opts.upper_fd);
	cleanup_fd(&opts.work_fd);
	if (root < 0 || mnt_attach(root, root_dir, "image", e) || ids_add(r, tmp, root, e))
		return -1;
	if (r->spec.rw_fd >= 0 &&
	    mnt_set_tmpfs_inodes(r->spec.rw_fd, r->spec.rw_inodes, "writable root", e))
		return -1;
	return take_fd(&root);
}

/* ---- rules -------------------------------------------------------------------------------- */

/* One rule that shows the whole box takes its mount; others get clones of it, for which it must be
 * attached. */
static bool box_is_shown_once(const struct rootfs *r)
{
	size_t whole = 0, parts = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (r->sources[i].kind != SOURCE_BOX)
			continue;
		if (r->sources[i].fd < 0)
			whole++;
		else
			parts++;
	}
	return whole <= 1 && !parts;
}

/* One that the program can fill is kept for rootfs_is_full. */
static int make_new(struct rootfs *r, size_t i, struct err *e)
{
	const struct dirrule *rule = &r->spec.rules->rules[i];
	auto_fd fd = fs_make(&r->spec, rule, e);

	if (fd < 0 ||
	    (!strcmp(rule->in, "tmp") && (rule->flags & DIR_TMP) && ids_furnish_tmp(r, fd, e)))
		return -1;
	if ((rule->flags & DIR_TMP) || ((rule->flags & DIR_RW) && !strcmp(rule->out, "tmpfs"))) {
		r->sources[i].fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (r->sources[i].fd < 0)
			return err_sys(e, ERR_SYSTEM, "duplicate descriptor");
	}
	return take_fd(&fd);
}

/* A detached mount that rule i shows; a new descriptor. */
static int take_mount(struct rootfs *r, size_t i, bool box_once, struct err *e)
{
	const struct dirrule *rule = &r->spec.rules->rules[i];
	struct source *src = &r->sources[i];
	uint64_t attrs = rootfs_attrs(rule->flags);
	auto_fd fd = -1;

	switch (src->kind) {
	case SOURCE_MOUNT:
		return take_fd(&src->fd);
	case SOURCE_NEW:
		return make_new(r, i, e);
	case SOURCE_BOX:
		break;
	case SOURCE_NONE:
		return err_set(e, ERR_BUG, "rule '%s' has no source", text_quote(rule->in).s);
	}
	if (!box_once)
		return mnt_clone(src->fd >= 0 ? src->fd : r->spec.box_mnt_fd, false, attrs, "box",
				 e);
	fd = fcntl(r->spec.box_mnt_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "duplicate descriptor");
	if (mnt_set_attrs(fd, attrs, "box", e))
		return -1;
	return take_fd(&fd);
}

static int apply_rules(struct rootfs *r, int root_fd, bool box_once, struct err *e)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct dirrule *rule = &r->spec.rules->rules[i];
		auto_fd mnt = -1, target = -1;

		if (r->sources[i].kind == SOURCE_NONE)
			continue;
		target = skeleton_open_target(r, i, root_fd, e);
		if (target >= 0)
			mnt = take_mount(r, i, box_once, e);
		if (mnt < 0 || mnt_attach(mnt, target, text_quote(rule->in).s, e))
			return err_wrap(e, "--dir '%s'", text_quote(rule->in).s);
	}
	return 0;
}

/* ---- moving in ---------------------------------------------------------------------------- */

/* pivot_root(".", ".") puts the old root on top of the new one, whence it is taken away; see
 * pivot_root(2), NOTES. Not chroot: that leaves the old root in the namespace. */
static int pivot(int root_fd, struct err *e)
{
	if (fchdir(root_fd))
		return err_sys(e, ERR_SYSTEM, "enter the new root");
	if (syscall(SYS_pivot_root, ".", "."))
		return err_sys(e, ERR_SYSTEM, "pivot_root");
	if (umount2(".", MNT_DETACH))
		return err_sys(e, ERR_SYSTEM, "detach the old root");
	if (chdir("/"))
		return err_sys(e, ERR_SYSTEM, "enter the new root");
	return 0;
}

static int enter(struct rootfs *r, int *proc_fd, struct err *e)
{
	bool box_once = box_is_shown_once(r);
	auto_fd stage = -1, root = -1, proc = -1;

	/* Where mounts are shared (as systemd does), ours would appear outside, and umounts too. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return err_sys(e, ERR_SYSTEM, "make mounts private");
	stage = open_stage(r, e);
	if (stage < 0)
		return -1;
	if (!box_once && mnt_attach(r->spec.box_mnt_fd, stage, "box", e))
		return -1;
	root = r->spec.image ? build_image(r, stage, e) : build_plain(r, stage, e);
	if (root < 0 || apply_rules(r, root, box_once, e))
		return -1;
	proc = fs_make_proc_for_keeper(e);
	if (proc < 0 || pivot(root, e))
		return -1;
	*proc_fd = take_fd(&proc);
	return 0;
}

int rootfs_enter(struct rootfs *r, int *proc_fd, struct err *e)
{
	/* What is made here has the mode it is made with. */
	mode_t saved = umask(0);
	int rc = enter(r, proc_fd, e);

	(void)umask(saved); /* gives back what was set above */
	return rc;
}
