/* SPDX-License-Identifier: MIT */
/* Working directories below <store>/tmp, held by a lock on themselves. */
#include "imgfetch/tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/partial.h"

static int open_tmp(const struct store *st, int flags, struct err *e)
{
	int fd = path_open_beneath(st->fd, "tmp", flags | O_DIRECTORY, 0);

	if (fd < 0)
		err_sys(e, ERR_DISK, "open 'tmp' in the store '%s'", text_quote(st->path).s);
	return fd;
}

/* Is the directory that fd is open on still the one that has the name? A sweep, or the maker when
 * it is done, removes it under the lock that we may have waited for or got in between. */
static bool still_there(int tmp_fd, const char *name, int fd)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && fstatat(tmp_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/* 1: locked; 0: held by somebody; -1 (errno), ENOENT: gone meanwhile. */
static int lock_dir(int tmp_fd, const char *name, int *out)
{
	auto_fd fd = openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -1;
	if (!still_there(tmp_fd, name, fd)) {
		errno = ENOENT;
		return -1;
	}
	*out = take_fd(&fd);
	return 1;
}

int tmpdir_take(const struct store *st, const char *name, struct tmpdir *out, struct err *e)
{
	auto_fd tmp_fd = open_tmp(st, O_PATH, e);
	auto_fd fd = -1;
	int r;

	if (tmp_fd < 0)
		return -1;
	/* Each turn lost means that somebody else finished with it in between. */
	do {
		if (mkdirat(tmp_fd, name, 0700) < 0 && errno != EEXIST)
			return err_sys(e, ERR_DISK, "make a directory in the store '%s'",
				       text_quote(st->path).s);
		r = lock_dir(tmp_fd, name, &fd);
	} while (r < 0 && errno == ENOENT);
	if (r < 0)
		return err_sys(e, ERR_SYSTEM, "lock 'tmp/%s' in the store '%s'", name,
			       text_quote(st->path).s);
	if (r == 0)
		return 0;
	struct tmpdir t = TMPDIR_NONE;
	if (text_format(t.name, sizeof(t.name), "%s", name) < 0)
		return err_sys(e, ERR_BUG, "name a directory");
	/* What a killed maker left in it. */
	if (path_remove_contents(fd, ".", e) < 0)
		return -1;
	t.fd = take_fd(&fd);
	t.tmp_fd = take_fd(&tmp_fd);
	*out = t;
	return 1;
}

int tmpdir_new(const struct store *st, const char *prefix, struct tmpdir *out, struct err *e)
{
	for (;;) {
		char name[96];
		uint64_t random;
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return err_sys(e, ERR_SYSTEM, "get random bytes");
		if (text_format(name, sizeof(name), "%s-%016llx", prefix,
				(unsigned long long)random) < 0)
			return err_sys(e, ERR_BUG, "name a directory");
		int r = tmpdir_take(st, name, out, e);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
}

int tmpdir_remove(struct tmpdir *t, struct err *e)
{
	int r = 0;

	if (t->fd >= 0) {
		r = path_remove_tree(t->tmp_fd, t->name, e);
		cleanup_fd(&t->fd);
		cleanup_fd(&t->tmp_fd);
	}
	return r;
}

int tmpdir_is_held(int tmp_fd, const char *name, struct err *e)
{
	auto_fd fd =
		openat(tmp_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (fd >= 0 && errno == EWOULDBLOCK)
		return 1;
	/* As in sweep_one: nothing that anybody makes and holds. */
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == EACCES || errno == ENXIO))
		return 0;
	return err_sys(e, ERR_SYSTEM, "look at 'tmp/%s'", text_quote(name).s);
}

static int sweep_one(int tmp_fd, const char *name, struct err *e)
{
	auto_fd fd = -1;
	int r = lock_dir(tmp_fd, name, &fd);

	if (r > 0)
		return path_remove_tree(tmp_fd, name, e);
	if (r == 0 || errno == ENOENT)
		return 0;
	/* Not a directory, or one without permissions: nothing that a pull makes and holds. */
	if (errno == ENOTDIR || errno == ELOOP || errno == EACCES)
		return path_remove_tree(tmp_fd, name, e);
	return err_sys(e, ERR_DISK, "look at 'tmp/%s'", text_quote(name).s);
}

int tmpdir_sweep(const struct store *st, struct err *e)
{
	int fd = open_tmp(st, O_RDONLY, e);

	if (fd < 0)
		return -1;
	auto_dir dir = fdopendir(fd);
	if (!dir) {
		cleanup_fd(&fd);
		return err_sys(e, ERR_SYSTEM, "list 'tmp'");
	}
	for (;;) {
		errno = 0;
		const struct dirent *d = readdir(dir);
		if (!d)
			break;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    partial_is_name(d->d_name))
			continue;
		if (sweep_one(fd, d->d_name, e) < 0)
			return err_wrap(e, "clean up in the store '%s'", text_quote(st->path).s);
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "list 'tmp'");
	return 0;
}

int tmpdir_make_root(int dirfd, const char *name, const struct store *st, struct err *e)
{
	static const char *const acls[] = {"system.posix_acl_default", "system.posix_acl_access"};
	const char *what = "make a directory";
	struct stat sb;

	auto_fd fd = -1;

	if (mkdirat(dirfd, name, 0700) < 0)
		goto failed;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	what = "open a directory";
	if (fd < 0 || fstat(fd, &sb) < 0)
		goto failed;
	what = "set the group of a directory";
	if (sb.st_gid != getegid() && fchown(fd, (uid_t)-1, getegid()) < 0)
		goto failed;
	what = "remove the ACL of a directory";
	for (size_t i = 0; i < ARRAY_LEN(acls); i++) {
		if (fremovexattr(fd, acls[i]) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			goto failed;
	}
	what = "set the mode of a directory";
	if (fchmod(fd, 0755) < 0)
		goto failed;
	return take_fd(&fd);
failed:
	return err_sys(e, ERR_DISK, "%s in the store '%s'", what, text_quote(st->path).s);
}
