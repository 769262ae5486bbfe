/* SPDX-License-Identifier: MIT */
/* The descriptor-based mount API as checked helpers. */
#include "mount/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"

int mnt_fs_error(int fs_fd, const char *type, const char *step, struct err *e)
{
	char message[256], log_buf[512];
	struct text log = TEXT_OVER(log_buf);
	int saved = errno;

	/* One message per read(2): a letter (e, w, i), a space, text. ENODATA when there is none.
	 */
	log_buf[0] = '\0';
	for (int i = 0; i < 8; i++) {
		ssize_t len = read(fs_fd, message, sizeof(message));
		if (len <= 2)
			break;
		text_add(&log, log.len ? "; " : " (");
		while (len > 2 && message[len - 1] == '\n')
			len--;
		text_add_quoted(&log, message + 2, (size_t)len - 2);
	}
	errno = saved;
	(void)err_sys(e, ERR_SYSTEM, "mount %s: %s", type, step);
	if (log.len) {
		struct err with_errno = *e;
		(void)err_set(e, ERR_SYSTEM, "%s%s)", with_errno.text, log_buf);
		e->errnum = with_errno.errnum;
	}
	errno = saved;
	return -1;
}

int mnt_fs_option(int fs_fd, const char *option)
{
	char key[32];
	const char *eq = strchr(option, '=');

	if (!eq)
		return fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL, 0);
	if ((size_t)(eq - option) >= sizeof(key)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(key, option, (size_t)(eq - option));
	key[eq - option] = '\0';
	return fsconfig(fs_fd, FSCONFIG_SET_STRING, key, eq + 1, 0);
}

int mnt_fs_finish(int fs_fd, const char *type, uint64_t attrs, struct err *e)
{
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return mnt_fs_error(fs_fd, type, "create", e);
	int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attrs);
	if (fd < 0)
		return mnt_fs_error(fs_fd, type, "fsmount", e);
	return fd;
}

int mnt_new(const char *type, const char *const *options, uint64_t attrs, struct err *e)
{
	auto_fd fs_fd = fsopen(type, FSOPEN_CLOEXEC);

	if (fs_fd < 0)
		return err_sys(e, ERR_SYSTEM, "mount %s: fsopen", type);
	for (; *options; options++) {
		if (mnt_fs_option(fs_fd, *options) < 0)
			return mnt_fs_error(fs_fd, type, *options, e);
	}
	return mnt_fs_finish(fs_fd, type, attrs, e);
}

/* Each inode of a tmpfs costs about a kilobyte that no size= counts: so many bytes of the limit
 * allow one, and a few are always there. */
#define BYTES_PER_INODE 4096
#define INODES_MIN	1024

uint64_t mnt_tmpfs_inodes(uint64_t bytes)
{
	return MAX(bytes / BYTES_PER_INODE, INODES_MIN);
}

int mnt_new_tmpfs(uint64_t bytes, uint64_t inodes, uid_t uid, gid_t gid, const char *mode,
		  uint64_t attrs, struct err *e)
{
	char size[40], number[40], owner[24], group[24], perm[24];
	const char *options[] = {size, number, owner, group, perm, NULL};

	if (inodes == 0)
		inodes = mnt_tmpfs_inodes(bytes);
	/* size=0 would mean no limit at all. */
	if (text_format(size, sizeof(size), "size=%" PRIu64, MAX(bytes, 1)) ||
	    text_format(number, sizeof(number), "nr_inodes=%" PRIu64, inodes) ||
	    text_format(owner, sizeof(owner), "uid=%u", uid) ||
	    text_format(group, sizeof(group), "gid=%u", gid) ||
	    text_format(perm, sizeof(perm), "mode=%s", mode))
		return err_sys(e, ERR_BUG, "options of tmpfs");
	return mnt_new("tmpfs", options, attrs, e);
}

int mnt_set_tmpfs_inodes(int mnt_fd, uint64_t inodes, const char *what, struct err *e)
{
	auto_fd fs_fd = fspick(mnt_fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	char option[40];

	if (text_format(option, sizeof(option), "nr_inodes=%" PRIu64, inodes))
		return err_sys(e, ERR_BUG, "options of tmpfs");
	if (fs_fd < 0 || mnt_fs_option(fs_fd, option) < 0 ||
	    fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "%s: set %s", what, option);
	return 0;
}

/* Of a directory with a project quota, ext4 and XFS tell the quota's figures. Files grow by pages,
 * also where blocks are smaller. */
bool mnt_is_full(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_ffree == 0 || (uint64_t)fs.f_bfree * (uint64_t)fs.f_bsize < 4096);
}

int mnt_clone(int fd, bool recursive, uint64_t attrs, const char *what, struct err *e)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	auto_fd copy = open_tree(fd, "", flags | (recursive ? AT_RECURSIVE : 0));

	if (copy < 0)
		return err_sys(e, ERR_SYSTEM, "bind %s: open_tree", what);
	if (mnt_set_attrs(copy, attrs, what, e) < 0)
		return -1;
	return take_fd(&copy);
}

int mnt_idmap(int mnt_fd, int userns_fd, const char *what, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)userns_fd,
	};

	if (mount_setattr(mnt_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_sys(e, ERR_SYSTEM, "id-map %s", what);
	return 0;
}

int mnt_set_attrs(int mnt_fd, uint64_t attrs, const char *what, struct err *e)
{
	struct mount_attr attr = {.attr_set = attrs, .propagation = MS_PRIVATE};

	/* The access time bits are one field: mount_setattr(2) wants it cleared to be set. */
	if (attrs & MOUNT_ATTR__ATIME)
		attr.attr_clr = MOUNT_ATTR__ATIME;
	if (mount_setattr(mnt_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_sys(e, ERR_SYSTEM, "set mount attributes of %s", what);
	return 0;
}

int mnt_attach(int mnt_fd, int target_fd, const char *what, struct err *e)
{
	if (move_mount(mnt_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(e, ERR_SYSTEM, "attach %s", what);
	return 0;
}

int mnt_check_attrs(int mnt_fd, uint64_t attrs, const char *what, struct err *e)
{
	static const struct {
		uint64_t attr;
		unsigned long flag;
		const char *name;
	} pairs[] = {
		{MOUNT_ATTR_RDONLY, ST_RDONLY, "read-only"},
		{MOUNT_ATTR_NOSUID, ST_NOSUID, "nosuid"},
		{MOUNT_ATTR_NODEV, ST_NODEV, "nodev"},
		{MOUNT_ATTR_NOEXEC, ST_NOEXEC, "noexec"},
	};
	struct statfs st;

	if (fstatfs(mnt_fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at the mount of %s", what);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if ((attrs & pairs[i].attr) && !((unsigned long)st.f_flags & pairs[i].flag))
			return err_set(e, ERR_BUG, "the mount of %s did not become %s", what,
				       pairs[i].name);
	}
	return 0;
}
