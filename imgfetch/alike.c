/* SPDX-License-Identifier: MIT */
/* As the trees are made by fixup_write.c and mount/unpack.c: hard links, or copies without setuid
 * bits and the attributes of overlayfs. */
#include "imgfetch/alike.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "imgfetch/filehash.h"
#include "imgfetch/layercheck.h"

#define PIECE_BYTES ((size_t)64 << 10)

static bool is_kept(const char *name)
{
	return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0;
}

/* Names of the attributes of an open file, a NUL behind each; *names is malloc'd. */
static ssize_t list_xattrs(int fd, char **names)
{
	ssize_t len = flistxattr(fd, NULL, 0);

	if (len <= 0)
		return len < 0 && errno == EOPNOTSUPP ? 0 : len;
	*names = malloc(XATTR_LIST_MAX);
	return *names ? flistxattr(fd, *names, XATTR_LIST_MAX) : -1;
}

static bool has_same_value(int a, int b, const char *name, char *x, char *y)
{
	ssize_t p = fgetxattr(a, name, x, XATTR_SIZE_MAX);

	return p >= 0 && p == fgetxattr(b, name, y, XATTR_SIZE_MAX) && memcmp(x, y, (size_t)p) == 0;
}

bool alike_xattrs(int want, int got, bool strict)
{
	auto_free char *names = NULL, *others = NULL;
	ssize_t len = list_xattrs(want, &names), other_len = list_xattrs(got, &others);
	size_t balance = 0;

	if (len < 0 || other_len < 0)
		return false;
	if (len == 0 && other_len == 0)
		return true;
	auto_free char *x = malloc(XATTR_SIZE_MAX);
	auto_free char *y = malloc(XATTR_SIZE_MAX);
	if (!x || !y)
		return false;
	for (const char *n = names; len > 0 && n < names + len; n += strlen(n) + 1) {
		if (!is_kept(n))
			continue;
		if (!has_same_value(want, got, n, x, y))
			return false;
		balance++;
	}
	for (const char *n = others; other_len > 0 && n < others + other_len; n += strlen(n) + 1) {
		if (strict && !is_kept(n) && filehash_counts_xattr(n))
			return false;
		balance -= is_kept(n);
	}
	return balance == 0;
}

/* --- contents ------------------------------------------------------------------------------ */

/* Without a mark on the file where that is allowed, and never waiting. */
static int open_to_read(const struct alike_file *f)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(f->parent, f->name, flags | O_NOATIME);

	return fd < 0 && errno == EPERM ? openat(f->parent, f->name, flags) : fd;
}

/* 1, 0, or -1 with errno. */
static int has_same_bytes(int a, int b, off_t size, uint64_t *bytes)
{
	auto_free char *x = malloc(PIECE_BYTES);
	auto_free char *y = malloc(PIECE_BYTES);
	off_t at = 0;

	if (!x || !y)
		return -1;
	while (at < size) {
		ssize_t p = pread(a, x, PIECE_BYTES, at);
		ssize_t q = p <= 0 ? p : pread(b, y, (size_t)p, at);

		if ((p < 0 || q < 0) && errno == EINTR)
			continue;
		if (p < 0 || q < 0)
			return -1;
		if (p == 0 || q == 0 || memcmp(x, y, (size_t)MIN(p, q)) != 0)
			return 0;
		at += MIN(p, q);
		*bytes += (uint64_t)MIN(p, q);
	}
	return 1;
}

static bool has_same_target(const struct alike_file *a, const struct alike_file *b)
{
	char x[PATH_MAX], y[PATH_MAX];
	ssize_t p = readlinkat(a->parent, a->name, x, sizeof(x));

	return p >= 0 && p == readlinkat(b->parent, b->name, y, sizeof(y)) &&
	       memcmp(x, y, (size_t)p) == 0;
}

/* Files and directories: what has to be opened for. */
static void compare_inside(const struct alike_file *want, const struct alike_file *got,
			   struct alike_result *r)
{
	auto_fd a = open_to_read(want);
	int why = a < 0 ? errno : 0;
	auto_fd b = open_to_read(got);
	int same;

	why = b < 0 ? errno : why;
	if (why == EACCES) {
		r->unread = true;
		return;
	}
	if (why != 0) {
		r->changes |= 1U << CHANGE_CONTENTS;
		r->details = err_strerror(why);
		return;
	}
	if (!alike_xattrs(a, b, true))
		r->changes |= 1U << CHANGE_XATTRS;
	if (!S_ISREG(want->st.st_mode) || (r->changes & (1U << CHANGE_SIZE)))
		return;
	same = has_same_bytes(a, b, want->st.st_size, &r->bytes);
	if (same <= 0)
		r->changes |= 1U << CHANGE_CONTENTS;
	if (same < 0)
		r->details = err_strerror(errno);
}

static unsigned compare_stat(const struct stat *want, const struct stat *got, bool owners)
{
	mode_t kept = S_ISDIR(want->st_mode) ? 07777 : 01777;
	unsigned changes = 0;

	if (!S_ISLNK(want->st_mode) && (want->st_mode & kept) != (got->st_mode & 07777))
		changes |= 1U << CHANGE_MODE;
	if (owners && (want->st_uid != got->st_uid || want->st_gid != got->st_gid))
		changes |= 1U << CHANGE_OWNER;
	if (want->st_mtim.tv_sec != got->st_mtim.tv_sec ||
	    want->st_mtim.tv_nsec != got->st_mtim.tv_nsec)
		changes |= 1U << CHANGE_MTIME;
	if (S_ISREG(want->st_mode) && want->st_size != got->st_size)
		changes |= 1U << CHANGE_SIZE | 1U << CHANGE_CONTENTS;
	return changes;
}

void alike_compare(const struct alike_file *want, const struct alike_file *got, bool owners,
		   struct alike_result *out)
{
	struct alike_result r = {0};

	*out = r;
	if (want->st.st_dev == got->st.st_dev && want->st.st_ino == got->st.st_ino)
		return;
	if ((want->st.st_mode & S_IFMT) != (got->st.st_mode & S_IFMT)) {
		out->changes = 1U << CHANGE_TYPE;
		return;
	}
	r.changes = compare_stat(&want->st, &got->st, owners);
	if (S_ISLNK(want->st.st_mode) && !has_same_target(want, got))
		r.changes |= 1U << CHANGE_TARGET;
	if (S_ISREG(want->st.st_mode) || S_ISDIR(want->st.st_mode))
		compare_inside(want, got, &r);
	*out = r;
}
