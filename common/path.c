/* SPDX-License-Identifier: MIT */
/* File system access beneath a held directory descriptor, and checks of who may change what. */
#include "common/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "common/text.h"

/* openat2 gives EAGAIN when it cannot prove that ".." stayed beneath during somebody's rename. */
#define BENEATH_TRIES 64

int path_open_beneath(int dirfd, const char *rel, int flags, mode_t mode)
{
	bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
	int fd = -1;

	/* No O_NOFOLLOW: NO_SYMLINKS says more, and with O_PATH the two together would open a link
	 * itself instead of failing with ELOOP (openat2(2)). */
	for (int i = 0; i < BENEATH_TRIES; i++) {
		fd = sys_openat2(dirfd, rel, (uint64_t)(unsigned)flags, creates ? mode : 0,
				 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

static bool is_component(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int path_make_dir(int dirfd, const char *name, mode_t mode)
{
	if (!is_component(name)) {
		errno = EINVAL;
		return -1;
	}
	if (mkdirat(dirfd, name, mode) < 0 && errno != EEXIST)
		return -1;
	return path_open_beneath(dirfd, name, O_PATH | O_DIRECTORY, 0);
}

/* Refusal of one component of a trusted path, named by its first len bytes. */
static int distrust(const char *path, size_t len, const char *why, struct err *e)
{
	return err_set(e, ERR_CONFIG, "'%s' %s", text_quote_bytes(path, len).s, why);
}

/* May anybody but root and owner put something else in place of what fd holds (or, at the leaf,
 * add to it)? The group bits also show what an access control list grants, as its mask. */
static int check_trusted_dir(int fd, uid_t owner, bool leaf, const char *path, size_t len,
			     struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "stat '%s'", text_quote_bytes(path, len).s);
	if (st.st_uid != 0 && st.st_uid != owner)
		return err_set(e, ERR_CONFIG, "'%s' belongs to user %u, who is not trusted here",
			       text_quote_bytes(path, len).s, (unsigned)st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && (leaf || !(st.st_mode & S_ISVTX)))
		return distrust(path, len, "is writable by its group or by everybody", e);
	return 0;
}

/* Open the next component below dirfd; path's first len bytes end with it. */
static int open_trusted_step(int dirfd, const char *name, const char *path, size_t len,
			     struct err *e)
{
	int fd = path_open_beneath(dirfd, name, O_PATH, 0);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return distrust(path, len, "is a symbolic link", e);
	if (fd < 0)
		return err_sys(e, ERR_CONFIG, "open '%s'", text_quote_bytes(path, len).s);
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) {
		(void)close(fd); /* O_PATH: nothing to lose */
		return distrust(path, len, "is not a directory", e);
	}
	return fd;
}

int path_open_trusted_dir(const char *path, uid_t owner, bool check_leaf_only, struct err *e)
{
	auto_fd fd = -1;
	const char *p = path;

	if (*path != '/')
		return err_set(e, ERR_CONFIG, "'%s' is not an absolute path", text_quote(path).s);
	if (strlen(path) >= PATH_MAX)
		return err_set(e, ERR_CONFIG, "'%s' is too long", text_quote(path).s);
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '/'");
	for (;;) {
		char name[NAME_MAX + 1];
		size_t len, end = (size_t)(p - path);
		bool leaf;
		int next;

		p += strspn(p, "/");
		leaf = *p == '\0';
		if ((leaf || !check_leaf_only) &&
		    check_trusted_dir(fd, owner, leaf, path, MAX(end, 1), e) < 0)
			return -1;
		if (leaf)
			return take_fd(&fd);
		len = strcspn(p, "/");
		end = (size_t)(p - path) + len;
		if (len > NAME_MAX)
			return distrust(path, end, "has a name that is too long", e);
		memcpy(name, p, len);
		name[len] = '\0';
		if (!is_component(name))
			return distrust(path, end, "holds '.' or '..'", e);
		next = open_trusted_step(fd, name, path, end, e);
		if (next < 0)
			return -1;
		cleanup_fd(&fd);
		fd = next;
		p += len;
	}
}

int path_check_trusted_file(int fd, uid_t owner, const char *name, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "stat '%s'", text_quote(name).s);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "'%s' is not a regular file", text_quote(name).s);
	if (st.st_uid != 0 && st.st_uid != owner)
		return err_set(e, ERR_CONFIG, "'%s' belongs to user %u, who is not trusted here",
			       text_quote(name).s, (unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, ERR_CONFIG, "'%s' is writable by its group or by everybody",
			       text_quote(name).s);
	return 0;
}
