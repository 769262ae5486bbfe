/* SPDX-License-Identifier: MIT */
/* Stack directories into one overlay mount, on every kernel since 5.15. */
#include "mount/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "mount/mnt.h"

#define OVERLAY_SOURCE "isolate-image"
/* Lower directories of one overlay: OVL_MAX_STACK (EINVAL beyond, Linux 6.18). */
#define STACK_MAX     500
#define OVERLAY_ATTRS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* mount(2) copies one page of options and cuts off the rest without an error (Linux 6.18): layers
 * would be missing at the bottom. 4096 is the smallest page; the last byte is for the NUL. */
#define OPTIONS_PAGE_BYTES 4096
/* fsconfig(2) takes strings of at most 255 bytes. */
#define OPTION_STRING_BYTES 256

/* One set for all ways. userxattr makes redirect_dir and metacopy mean "no" already; saying so
 * keeps them off whatever the module's defaults are. "off" would not do for redirect_dir: where
 * redirect_always_follow is set it still follows, and then conflicts with userxattr. */
static const char *const fixed_options[] = {
	"userxattr", "redirect_dir=nofollow", "metacopy=off", "index=off", "xino=off", NULL,
};

/* What became of one way. */
enum outcome { MOUNTED, FAILED, UNSUPPORTED };

static uint64_t attrs_of(const struct overlay_opts *o)
{
	return OVERLAY_ATTRS | (o->upper_fd < 0 ? MOUNT_ATTR_RDONLY : 0);
}

/* --- by the descriptor-based mount API --- */

/* One of the two directories for writing. */
static int set_dir(int fs_fd, const char *key, int dir_fd)
{
	char path[32];

	if (text_format(path, sizeof(path), "/proc/self/fd/%d", dir_fd) < 0)
		return -1;
	return fsconfig(fs_fd, FSCONFIG_SET_STRING, key, path, 0);
}

/* A file system context with everything but the lower directories. */
static int open_context(const struct overlay_opts *o, struct err *e)
{
	auto_fd fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);

	if (fs_fd < 0)
		return err_sys(e, ERR_SYSTEM, "mount overlay: fsopen");
	if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", o->source, 0) < 0)
		return mnt_fs_error(fs_fd, "overlay", "source", e);
	for (const char *const *option = fixed_options; *option; option++) {
		if (mnt_fs_option(fs_fd, *option) < 0)
			return mnt_fs_error(fs_fd, "overlay", *option, e);
	}
	if (o->upper_fd >= 0 && (set_dir(fs_fd, "upperdir", o->upper_fd) < 0 ||
				 set_dir(fs_fd, "workdir", o->work_fd) < 0))
		return mnt_fs_error(fs_fd, "overlay", "upperdir", e);
	return take_fd(&fs_fd);
}

static enum outcome by_fd(const int *lower_fds, size_t count, const struct overlay_opts *o,
			  int *mnt_fd, struct err *e)
{
	auto_fd fs_fd = open_context(o, e);

	if (fs_fd < 0)
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		if (fsconfig(fs_fd, FSCONFIG_SET_FD, "lowerdir+", NULL, lower_fds[i]) == 0)
			continue;
		/* EBADF: fsconfig took no O_PATH descriptor before 6.13. EINVAL: no such option, or
		 * as text only. EOPNOTSUPP: overlay before 6.5, where the file system has not the
		 * new API inside. Each is said at the first one. */
		enum outcome r = FAILED;
		if (i == 0 && (errno == EBADF || errno == EINVAL || errno == EOPNOTSUPP))
			r = UNSUPPORTED;
		(void)mnt_fs_error(fs_fd, "overlay", "lowerdir+ by descriptor", e);
		return r;
	}
	*mnt_fd = mnt_fs_finish(fs_fd, "overlay", attrs_of(o), e);
	return *mnt_fd < 0 ? FAILED : MOUNTED;
}

static enum outcome by_path(const int *lower_fds, size_t count, const struct overlay_opts *o,
			    int *mnt_fd, struct err *e)
{
	char path[32];
	auto_fd fs_fd = open_context(o, e);

	if (fs_fd < 0)
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		if (text_format(path, sizeof(path), "/proc/self/fd/%d", lower_fds[i]) == 0 &&
		    fsconfig(fs_fd, FSCONFIG_SET_STRING, "lowerdir+", path, 0) == 0)
			continue;
		(void)mnt_fs_error(fs_fd, "overlay", "lowerdir+ by path", e);
		return e->errnum == EINVAL ? UNSUPPORTED : FAILED;
	}
	*mnt_fd = mnt_fs_finish(fs_fd, "overlay", attrs_of(o), e);
	if (*mnt_fd >= 0)
		return MOUNTED;
	/* Before 6.5 options are collected unseen: an unknown one is refused only here, or above
	 * when they come to more than a page. */
	return e->errnum == EINVAL ? UNSUPPORTED : FAILED;
}

/* "PREFIX5:PREFIX6:..." of all descriptors. False if it does not fit. */
static bool list_lowers(struct text *t, const char *prefix, const int *lower_fds, size_t count)
{
	for (size_t i = 0; i < count && !t->full; i++)
		text_addf(t, "%s%s%d", i ? ":" : "", prefix, lower_fds[i]);
	return !t->full;
}

static enum outcome by_list(const int *lower_fds, size_t count, const struct overlay_opts *o,
			    int *mnt_fd, struct err *e)
{
	char list[OPTION_STRING_BYTES] = "";
	struct text t = TEXT_OVER(list);

	if (!list_lowers(&t, "/proc/self/fd/", lower_fds, count)) {
		(void)err_set(e, ERR_SYSTEM, "mount overlay: %zu layers do not fit into one option",
			      count);
		return UNSUPPORTED;
	}
	auto_fd fs_fd = open_context(o, e);
	if (fs_fd < 0)
		return FAILED;
	if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "lowerdir", list, 0) < 0) {
		(void)mnt_fs_error(fs_fd, "overlay", "lowerdir", e);
		return FAILED;
	}
	*mnt_fd = mnt_fs_finish(fs_fd, "overlay", attrs_of(o), e);
	return *mnt_fd < 0 ? FAILED : MOUNTED;
}

/* --- by mount(2) --- */

/* mount(2) onto `target` with names relative to /proc/self/fd, where they are shortest: 500 of them
 * take less than half a page. Leaves the working directory there. */
static int mount_page(const int *lower_fds, size_t count, const struct overlay_opts *o,
		      const char *target, struct err *e)
{
	char page[OPTIONS_PAGE_BYTES] = "";
	struct text t = TEXT_OVER(page);
	struct statfs st;

	for (const char *const *option = fixed_options; *option; option++)
		text_addf(&t, "%s,", *option);
	if (o->upper_fd >= 0)
		text_addf(&t, "upperdir=%d,workdir=%d,", o->upper_fd, o->work_fd);
	text_add(&t, "lowerdir=");
	if (!list_lowers(&t, "", lower_fds, count))
		return err_set(e, ERR_SYSTEM, "mount overlay: %zu layers do not fit into a page",
			       count);
	/* The names mean the descriptors only if this really is procfs. */
	if (chdir("/proc/self/fd") < 0 || statfs(".", &st) < 0)
		return err_sys(e, ERR_SYSTEM, "mount overlay: change to '/proc/self/fd'");
	if (st.f_type != PROC_SUPER_MAGIC)
		return err_set(e, ERR_SYSTEM, "mount overlay: '/proc' is not procfs");
	if (mount(o->source, target, "overlay",
		  MS_NOSUID | MS_NODEV | (o->upper_fd < 0 ? MS_RDONLY : 0), page) < 0)
		return err_sys(e, ERR_SYSTEM, "mount overlay of %zu layers", count);
	return 0;
}

/* mount(2) attaches what it makes, and a directory that has been covered can be reached by its name
 * only. So the overlay goes onto a directory with a known name, on a tmpfs of our own. */
static int mount_and_detach(const int *lower_fds, size_t count, const struct overlay_opts *o,
			    int tmpfs_fd, struct err *e)
{
	char target[48];

	if (mkdirat(tmpfs_fd, "m", 0700) < 0)
		return err_sys(e, ERR_SYSTEM, "mount overlay: make a mount point");
	if (text_format(target, sizeof(target), "/proc/self/fd/%d/m", tmpfs_fd) < 0)
		return err_sys(e, ERR_BUG, "mount overlay");
	if (mount_page(lower_fds, count, o, target, e) < 0)
		return -1;
	auto_fd top = openat(tmpfs_fd, "m", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd = top < 0 ? err_sys(e, ERR_SYSTEM, "mount overlay: open it")
			 : mnt_clone(top, false, attrs_of(o), "overlay", e);
	if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
		cleanup_fd(&fd);
		return err_sys(e, ERR_SYSTEM, "mount overlay: take it off the scratch directory");
	}
	return fd;
}

/* A tmpfs of our own over the scratch directory. fd of its mount or -1. */
static int cover_scratch(const struct overlay_opts *o, struct err *e)
{
	static const char *const options[] = {"source=" OVERLAY_SOURCE, "mode=0700", "size=4096",
					      NULL};
	auto_fd fd = mnt_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);

	if (fd < 0 || mnt_attach(fd, o->scratch_fd, "scratch tmpfs", e) < 0)
		return -1;
	return take_fd(&fd);
}

/* With whatever is mounted on it. */
static int uncover_scratch(int tmpfs_fd, struct err *e)
{
	char path[32];

	if (text_format(path, sizeof(path), "/proc/self/fd/%d", tmpfs_fd) < 0 ||
	    umount2(path, MNT_DETACH) < 0)
		return err_sys(e, ERR_SYSTEM, "umount the scratch tmpfs");
	return 0;
}

static enum outcome by_page(const int *lower_fds, size_t count, const struct overlay_opts *o,
			    int *mnt_fd, struct err *e)
{
	auto_fd cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0) {
		(void)err_sys(e, ERR_SYSTEM, "open the working directory");
		return FAILED;
	}
	auto_fd tmpfs_fd = cover_scratch(o, e);
	if (tmpfs_fd < 0)
		return FAILED;
	auto_fd fd = mount_and_detach(lower_fds, count, o, tmpfs_fd, e);
	/* Undo everything also after a failure, whose description stays the first one. */
	struct err undo = {0};
	(void)uncover_scratch(tmpfs_fd, &undo);
	if (fchdir(cwd) < 0 && undo.kind == ERR_NONE)
		(void)err_sys(&undo, ERR_SYSTEM, "return to the working directory");
	if (fd >= 0 && undo.kind != ERR_NONE)
		*e = undo;
	if (fd < 0 || undo.kind != ERR_NONE)
		return FAILED;
	*mnt_fd = take_fd(&fd);
	return MOUNTED;
}

/* --- all together --- */

static int stack(const int *lower_fds, size_t count, const struct overlay_opts *o, struct err *e)
{
	static const struct {
		enum overlay_way way;
		enum outcome (*mount)(const int *lower_fds, size_t count,
				      const struct overlay_opts *o, int *mnt_fd, struct err *e);
	} ways[] = {
		{OVERLAY_BY_FD, by_fd},
		{OVERLAY_BY_PATH, by_path},
		{OVERLAY_BY_LIST, by_list},
		{OVERLAY_BY_PAGE, by_page},
	};
	struct err last = {0};

	(void)err_set(&last, ERR_BUG, "mount overlay: no way to do it was allowed");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		int fd = -1;

		if (!(o->ways & ways[i].way))
			continue;
		switch (ways[i].mount(lower_fds, count, o, &fd, &last)) {
		case MOUNTED:
			return fd;
		case FAILED:
			*e = last;
			return -1;
		case UNSUPPORTED:
			break;
		}
	}
	*e = last;
	return -1;
}

/* The lower ones become an overlay of their own, attached to a scratch tmpfs, and this is the last
 * of the upper ones' directories. Whatever the tmpfs shows then stays alive in the mount made. */
static int stack_on(const int *lower_fds, size_t count, const struct overlay_opts *o, int tmpfs_fd,
		    struct err *e)
{
	const size_t above = STACK_MAX - 1;
	struct overlay_opts below = *o;
	int upper_fds[STACK_MAX];

	below.upper_fd = below.work_fd = -1;

	if (mkdirat(tmpfs_fd, "l", 0700) < 0)
		return err_sys(e, ERR_SYSTEM, "mount overlay: make a mount point");
	auto_fd place = openat(tmpfs_fd, "l", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return err_sys(e, ERR_SYSTEM, "mount overlay: open a mount point");
	auto_fd lower = stack(lower_fds + above, count - above, &below, e);
	if (lower < 0 || mnt_attach(lower, place, "the lower layers", e) < 0)
		return -1;
	memcpy(upper_fds, lower_fds, above * sizeof(*upper_fds));
	upper_fds[above] = lower;
	return stack(upper_fds, STACK_MAX, o, e);
}

static int stack_twice(const int *lower_fds, size_t count, const struct overlay_opts *o,
		       struct err *e)
{
	struct err undo = {0};
	auto_fd tmpfs_fd = cover_scratch(o, e);

	if (tmpfs_fd < 0)
		return -1;
	auto_fd fd = stack_on(lower_fds, count, o, tmpfs_fd, e);
	if (uncover_scratch(tmpfs_fd, &undo) < 0) {
		if (fd >= 0)
			*e = undo;
		return -1;
	}
	return take_fd(&fd);
}

int overlay_mount_opts(const int *lower_fds, size_t count, const struct overlay_opts *opts,
		       struct err *e)
{
	struct overlay_opts o = *opts;

	if (count < 1 || count > OVERLAY_DIRS_MAX)
		return err_set(e, ERR_BUG, "mount overlay: %zu layers", count);
	if (!o.source)
		o.source = OVERLAY_SOURCE;
	if (o.scratch_fd < 0)
		o.scratch_fd = lower_fds[0];
	/* overlayfs wants two lower directories or an upper one (EINVAL, Linux 6.18). */
	auto_fd fd = count == 1 && o.upper_fd < 0
			     ? mnt_clone(lower_fds[0], false, attrs_of(&o), "layer", e)
		     : count <= STACK_MAX ? stack(lower_fds, count, &o, e)
					  : stack_twice(lower_fds, count, &o, e);
	if (fd < 0 || mnt_check_attrs(fd, attrs_of(&o), "image", e) < 0)
		return -1;
	return take_fd(&fd);
}

int overlay_mount(const int *lower_fds, size_t count, struct err *e)
{
	const struct overlay_opts o = OVERLAY_OPTS_DEFAULT;

	return overlay_mount_opts(lower_fds, count, &o, e);
}
