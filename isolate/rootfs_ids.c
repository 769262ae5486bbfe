/* SPDX-License-Identifier: MIT */
/* The program's user and group get a name in an image: programs ask for it (getpwuid(3) of Python,
 * ssh, git, PostgreSQL), and some will not start without. The image's own files are copied, a line
 * is added, and the copies are mounted over them, read-only. */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sys.h"
#include "common/text.h"
#include "isolate/idfiles.h"
#include "isolate/rootfs_impl.h"
#include "mount/mnt.h"

/* Larger ones are left as they are. The skeleton's tmpfs has room for two. */
#define IDS_BYTES_MAX (128 * 1024)

#define COPY_ATTRS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* One of the two files. */
struct ids_file {
	const char *path; /* in the image */
	const char *copy; /* on the skeleton's tmpfs */
	uint32_t id;
	char line[80];
};

/* The image's file, if it is one that everybody may read: nothing is shown that the program could
 * not see by itself. Its links are followed within the image. -1: there is none. */
static int open_file(int root_fd, const char *path, struct stat *st)
{
	auto_fd fd = sys_openat2(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
				 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	if (fd < 0 || fstat(fd, st) || !S_ISREG(st->st_mode) || (st->st_mode & 0444) != 0444 ||
	    st->st_size > IDS_BYTES_MAX)
		return -1;
	return take_fd(&fd);
}

/* Does it lack both our id and our name? */
static bool wants_line(const struct ids_file *f, const char *text, size_t len)
{
	const struct idrange own = {.first = f->id, .count = 1};
	struct idoverlap ignored;

	return !idfiles_users_in(text, len, &own, &ignored) &&
	       !idfiles_has_name(text, len, ROOTFS_USER_NAME);
}

static int write_copy(int tmp_fd, const struct ids_file *f, const char *text, size_t len,
		      struct err *e)
{
	auto_fd fd =
		openat(tmp_fd, f->copy, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0 || fdio_write_all(fd, text, len) < 0 ||
	    (len > 0 && text[len - 1] != '\n' && fdio_write_all(fd, "\n", 1) < 0) ||
	    fdio_write_all(fd, f->line, strlen(f->line)) < 0)
		return err_sys(e, ERR_SYSTEM, "add the program's user to '/%s'", f->path);
	return take_fd(&fd);
}

static int add_line(int tmp_fd, int root_fd, const struct ids_file *f, bool *added, struct err *e)
{
	struct stat st;
	auto_fd fd = open_file(root_fd, f->path, &st), copy = -1, mnt = -1;
	auto_free char *text = NULL;
	size_t len;

	*added = false;
	if (fd < 0)
		return 0;
	len = (size_t)st.st_size;
	text = malloc(len + 1);
	if (!text)
		return err_sys(e, ERR_SYSTEM, "add the program's user to '/%s'", f->path);
	/* One that shrinks meanwhile is a user's own, and his loss. */
	if (fdio_read_full(fd, text, len) != st.st_size || !wants_line(f, text, len))
		return 0;
	copy = write_copy(tmp_fd, f, text, len, e);
	mnt = copy < 0 ? -1 : mnt_clone(copy, false, COPY_ATTRS, f->path, e);
	if (mnt < 0 || mnt_attach(mnt, fd, f->path, e))
		return -1;
	*added = true;
	return 0;
}

int ids_add(struct rootfs *r, int tmp_fd, int root_fd, struct err *e)
{
	struct ids_file user = {.path = "etc/passwd", .copy = "passwd", .id = r->spec.uid};
	struct ids_file group = {.path = "etc/group", .copy = "group", .id = r->spec.gid};
	bool ignored;

	if (text_format(user.line, sizeof(user.line), ROOTFS_USER_NAME ":x:%u:%u::/box:/bin/sh\n",
			r->spec.uid, r->spec.gid) < 0 ||
	    text_format(group.line, sizeof(group.line), ROOTFS_USER_NAME ":x:%u:\n", r->spec.gid) <
		    0)
		return err_set(e, ERR_BUG, "name the program's user");
	if (add_line(tmp_fd, root_fd, &user, &r->named, e))
		return -1;
	return add_line(tmp_fd, root_fd, &group, &ignored, e);
}

/* A Java virtual machine whose user has a name shares its figures by a file in
 * /tmp/hsperfdata_NAME, which it locks by flock(2). That is ENOSYS in a box (seccomp.c), and each
 * start would complain on standard output, where a grader compares what the program prints. A
 * directory that others may write to is one that the machine silently does without (HotSpot,
 * perfMemory_posix.cpp, is_statbuf_secure). */
int ids_furnish_tmp(const struct rootfs *r, int tmp_fd, struct err *e)
{
	static const char name[] = "hsperfdata_" ROOTFS_USER_NAME;

	if (!r->named)
		return 0;
	if (mkdirat(tmp_fd, name, 0777) ||
	    fchownat(tmp_fd, name, r->spec.uid, r->spec.gid, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, ERR_SYSTEM, "make '/tmp/%s'", name);
	return 0;
}
