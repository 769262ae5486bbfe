/* SPDX-License-Identifier: MIT */
/* Copy single entries of a directory tree between held directories. */
#include "mount/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"

/* One call copies at most this much, so that an interrupt is seen soon. */
#define PIECE_BYTES (16 * 1024 * 1024)

int copy_fault(const char *verb, const char *what, struct err *e)
{
	bool disk = errno == ENOSPC || errno == EDQUOT || errno == EROFS || errno == EFBIG ||
		    errno == EMLINK;

	return err_sys(e, disk ? ERR_DISK : ERR_SYSTEM, "%s '%s'", verb, text_quote(what).s);
}

/* --- owner, mode, times, attributes --- */

/* May chown's failure be passed over? An ordinary user owns what he unpacks, and in a user
 * namespace not every id exists. */
static bool owner_is_optional(void)
{
	return errno == EPERM || errno == EINVAL;
}

/* user.* attributes, without those that overlayfs keeps there: they say something about the layer,
 * and `userxattr` hides them in the mounted image too. */
static int copy_xattrs(int src_fd, int dst_fd, const char *what, struct err *e)
{
	char names[XATTR_LIST_MAX];
	ssize_t len = flistxattr(src_fd, names, sizeof(names));

	if (len == 0 || (len < 0 && errno == ENOTSUP))
		return 0;
	if (len < 0)
		return copy_fault("list attributes of", what, e);
	auto_free char *value = malloc(XATTR_SIZE_MAX);
	if (!value)
		return err_sys(e, ERR_SYSTEM, "copy attributes");
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		if (strncmp(name, "user.", 5) != 0 || strncmp(name, "user.overlay.", 13) == 0)
			continue;
		ssize_t size = fgetxattr(src_fd, name, value, XATTR_SIZE_MAX);
		if (size < 0)
			return copy_fault("read an attribute of", what, e);
		if (fsetxattr(dst_fd, name, value, (size_t)size, 0) < 0 && errno != ENOTSUP)
			return copy_fault("set an attribute of", what, e);
	}
	return 0;
}

int copy_meta(int src_fd, int dst_fd, const struct stat *st, const char *what, struct err *e)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	mode_t mode = st->st_mode & (S_ISDIR(st->st_mode) ? 07777 : 01777);

	/* Attributes first, while the mode lets us; the owner before the mode, since chown(2)
	 * clears bits of it. */
	if (copy_xattrs(src_fd, dst_fd, what, e) < 0)
		return -1;
	if (geteuid() == 0 && fchown(dst_fd, st->st_uid, st->st_gid) < 0 && !owner_is_optional())
		return copy_fault("set the owner of", what, e);
	if (fchmod(dst_fd, mode) < 0)
		return copy_fault("set the mode of", what, e);
	if (futimens(dst_fd, times) < 0)
		return copy_fault("set the times of", what, e);
	return 0;
}

/* --- data --- */

/* Copy with a buffer, for file systems that will not do it inside the kernel. */
static int copy_buffered(int src_fd, int dst_fd, off_t at, off_t len)
{
	char buf[64 * 1024];

	while (len > 0) {
		ssize_t got = pread(src_fd, buf, (size_t)MIN(len, (off_t)sizeof(buf)), at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO; /* the file is shorter than it was */
		if (got <= 0)
			return -1;
		if (lseek(dst_fd, at, SEEK_SET) < 0 || fdio_write_all(dst_fd, buf, (size_t)got) < 0)
			return -1;
		at += got;
		len -= got;
	}
	return 0;
}

/* len bytes at offset `at`; 0 or -1 with errno. */
static int copy_piece(int src_fd, int dst_fd, off_t at, off_t len)
{
	while (len > 0) {
		off_t from = at, to = at;
		ssize_t n = copy_file_range(src_fd, &from, dst_fd, &to, (size_t)len, 0);

		if (n == 0) {
			errno = EIO; /* as above */
			return -1;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* Between file systems (EXDEV before 5.19), and where one has no such
			 * operation. A true fault shows again in the plain copy. */
			return copy_buffered(src_fd, dst_fd, at, len);
		}
		at += n;
		len -= n;
	}
	return 0;
}

int copy_contents(int src_fd, int dst_fd, off_t size, const struct copy_opts *o)
{
	off_t at = 0, end = 0;

	if (size == 0 || ioctl(dst_fd, FICLONE, src_fd) == 0)
		return 0;
	if (o->share)
		return -1;
	while (at < size) {
		off_t data = lseek(src_fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* a hole up to the end */
		off_t hole = data < 0 ? -1 : lseek(src_fd, data, SEEK_HOLE);
		if (hole < 0)
			return -1;
		for (at = data; at < MIN(hole, size); at += PIECE_BYTES) {
			if (o->stop && *o->stop) {
				errno = EINTR;
				return -1;
			}
			if (copy_piece(src_fd, dst_fd, at,
				       MIN((off_t)PIECE_BYTES, MIN(hole, size) - at)) < 0)
				return -1;
		}
		at = hole;
		end = MIN(hole, size);
	}
	/* A hole at the end has not been made yet. */
	return end < size ? ftruncate(dst_fd, size) : 0;
}

int copy_regular(int src_dirfd, int dst_dirfd, const char *name, const struct stat *st,
		 const struct copy_opts *o, const char *what, struct err *e)
{
	auto_fd src = path_open_beneath(src_dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	struct stat now;

	if (src < 0)
		return copy_fault("open", what, e);
	if (fstat(src, &now) < 0 || !S_ISREG(now.st_mode) || now.st_ino != st->st_ino)
		return err_set(e, ERR_SYSTEM, "'%s' changed while it was read", text_quote(what).s);
	auto_fd dst = path_open_beneath(dst_dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (dst < 0)
		return copy_fault("create", what, e);
	if (copy_contents(src, dst, now.st_size, o) < 0)
		return copy_fault(o->share ? "share the blocks of" : "copy", what, e);
	return copy_meta(src, dst, &now, what, e);
}

static int copy_symlink(int src_dirfd, int dst_dirfd, const char *name, const char *what,
			struct err *e)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(src_dirfd, name, target, sizeof(target));

	if (len < 0)
		return copy_fault("read the link", what, e);
	if ((size_t)len >= sizeof(target))
		return err_set(e, ERR_SYSTEM, "the link '%s' is too long", text_quote(what).s);
	target[len] = '\0';
	if (symlinkat(target, dst_dirfd, name) < 0)
		return copy_fault("create the link", what, e);
	return 0;
}

int copy_special(int src_dirfd, int dst_dirfd, const char *name, const struct stat *st,
		 const char *what, struct err *e)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (S_ISLNK(st->st_mode)) {
		if (copy_symlink(src_dirfd, dst_dirfd, name, what, e) < 0)
			return -1;
	} else if (S_ISFIFO(st->st_mode)) {
		if (mkfifoat(dst_dirfd, name, st->st_mode & 01777) < 0)
			return copy_fault("create the fifo", what, e);
	} else {
		return err_set(e, ERR_VERIFY, "'%s' is a device or a socket: no layer holds one",
			       text_quote(what).s);
	}
	if (geteuid() == 0 &&
	    fchownat(dst_dirfd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    !owner_is_optional())
		return copy_fault("set the owner of", what, e);
	/* dst_dirfd is a directory that only we can enter yet, so the fifo is still the fifo. */
	if (S_ISFIFO(st->st_mode) && fchmodat(dst_dirfd, name, st->st_mode & 01777, 0) < 0)
		return copy_fault("set the mode of", what, e);
	if (utimensat(dst_dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return copy_fault("set the times of", what, e);
	return 0;
}
