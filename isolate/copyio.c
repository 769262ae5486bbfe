/* SPDX-License-Identifier: MIT */
/* Copying files into a box before a run and out of it afterwards. */
#include "isolate/copyio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/sys.h"
#include "common/text.h"
#include "mount/copy.h"

#define NO_LINKS (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/* From the caller to another user, or back. */
static int become(const struct priv *who, struct err *e)
{
	return priv_as_root(who, e) < 0 ? -1 : priv_as_caller(who, e);
}

static int check_size(const struct stat *st, uint64_t max_bytes, const char *option,
		      const char *path, struct err *e)
{
	if ((uint64_t)st->st_size <= max_bytes)
		return 0;
	return err_set(e, ERR_VERIFY, "%s: '%s' has more than %llu KiB", option, text_quote(path).s,
		       (unsigned long long)(max_bytes / 1024));
}

/* --- outside, as the caller ------------------------------------------------------------------ */

static int outside_fault(const char *option, const char *path, struct err *e)
{
	if (errno == ELOOP)
		return err_set(e, ERR_USAGE,
			       "%s: '%s' leads along a symbolic link: name the file itself", option,
			       text_quote(path).s);
	return err_sys(e, ERR_USAGE, "%s: open '%s'", option, text_quote(path).s);
}

/* O_NONBLOCK: a fifo would wait for its writer. */
static int open_source(const char *path, struct err *e)
{
	auto_fd fd = sys_openat2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NO_LINKS);
	struct stat st;

	if (fd < 0)
		return outside_fault("--copy-in", path, e);
	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "--copy-in: look at '%s'", text_quote(path).s);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "--copy-in: '%s' is not a regular file",
			       text_quote(path).s);
	if (check_size(&st, COPYIO_BYTES_MAX, "--copy-in", path, e) < 0)
		return -1;
	return take_fd(&fd);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The directory that a copy will be put into. What is there already under that name is replaced: a
 * file, but not what somebody else may be at the other end of. */
static int open_target_dir(const char *path, struct err *e)
{
	const char *name = last_part(path);
	char dir[PATH_MAX];
	struct stat st;

	if (text_format(dir, sizeof(dir), "%.*s", (int)(name - path), path) < 0)
		return err_sys(e, ERR_USAGE, "--copy-out: '%s'", text_quote(path).s);
	auto_fd fd = sys_openat2(AT_FDCWD, dir[0] ? dir : ".", O_PATH | O_DIRECTORY, 0, NO_LINKS);
	if (fd < 0)
		return outside_fault("--copy-out", path, e);
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISREG(st.st_mode))
			return err_set(e, ERR_USAGE,
				       "--copy-out: '%s' is there and is not a regular file",
				       text_quote(path).s);
	} else if (errno != ENOENT) {
		return err_sys(e, ERR_USAGE, "--copy-out: look at '%s'", text_quote(path).s);
	}
	if (faccessat(fd, "", W_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH) < 0)
		return err_sys(e, ERR_USAGE, "--copy-out: make '%s'", text_quote(path).s);
	return take_fd(&fd);
}

int copyio_open(struct copyio *c, const struct copyrules *rules, struct err *e)
{
	c->rules = rules;
	for (size_t i = 0; i < rules->count; i++)
		c->fds[i] = -1;
	for (size_t i = 0; i < rules->count; i++) {
		const struct copyrule *r = &rules->rules[i];

		c->fds[i] = r->out ? open_target_dir(r->outside, e) : open_source(r->outside, e);
		if (c->fds[i] < 0)
			return -1;
	}
	return 0;
}

void copyio_close(struct copyio *c)
{
	for (size_t i = 0; c->rules && i < c->rules->count; i++)
		cleanup_fd(&c->fds[i]);
	c->rules = NULL;
}

/* --- in -------------------------------------------------------------------------------------- */

/* The directory that inside's last part is in; what is missing of it is made. */
static int open_parent(int box_fd, const char *inside, struct err *e)
{
	auto_fd dir = fcntl(box_fd, F_DUPFD_CLOEXEC, 3);

	if (dir < 0)
		return err_sys(e, ERR_SYSTEM, "duplicate descriptor");
	for (;;) {
		size_t len = strcspn(inside, "/");
		char name[NAME_MAX + 1];
		int next;

		if (!inside[len])
			return take_fd(&dir);
		if (text_format(name, sizeof(name), "%.*s", (int)len, inside) < 0)
			return err_sys(e, ERR_BUG, "--copy-in: name in the box");
		/* It belongs to who makes it, and the program may write there. */
		if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
			return err_sys(e, ERR_SYSTEM, "--copy-in: make directory '%s' in the box",
				       text_quote(name).s);
		next = path_open_beneath(dir, name, O_PATH | O_DIRECTORY, 0);
		if (next < 0)
			return err_sys(e, ERR_SYSTEM, "--copy-in: open directory '%s' in the box",
				       text_quote(name).s);
		cleanup_fd(&dir);
		dir = next;
		inside += len + 1;
	}
}

static int fill(int src_fd, int fd, const struct stat *st, const char *inside, struct err *e)
{
	/* It may have grown since it was opened. */
	if (check_size(st, COPYIO_BYTES_MAX, "--copy-in", inside, e) < 0)
		return -1;
	if (copy_contents(src_fd, fd, st->st_size, &(struct copy_opts){0}) < 0 ||
	    fchmod(fd, st->st_mode & 0111 ? 0755 : 0644) < 0)
		return err_sys(e, ERR_SYSTEM, "--copy-in: write '%s' in the box",
			       text_quote(inside).s);
	return 0;
}

/* Never into a file that is there, which may have other names. */
static int copy_in_one(int src_fd, int box_fd, const char *inside, struct err *e)
{
	const char *name = last_part(inside);
	auto_fd dir = -1, fd = -1;
	struct stat st;

	dir = open_parent(box_fd, inside, e);
	if (dir < 0)
		return -1;
	if (fstat(src_fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "--copy-in: look at what becomes '%s'",
			       text_quote(inside).s);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, ERR_SYSTEM, "--copy-in: replace '%s' in the box",
			       text_quote(inside).s);
	fd = path_open_beneath(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "--copy-in: make '%s' in the box",
			       text_quote(inside).s);
	if (fill(src_fd, fd, &st, inside, e) == 0)
		return 0;
	/* No half of a file for the next run; nor does it take the room any longer. */
	(void)unlinkat(dir, name, 0); /* it is an error already */
	return -1;
}

/* Runs as: the owner of the box's files. */
static int copy_in_all(const struct copyio *c, int box_fd, struct err *e)
{
	for (size_t i = 0; i < c->rules->count; i++) {
		const struct copyrule *r = &c->rules->rules[i];

		if (!r->out && copy_in_one(c->fds[i], box_fd, r->inside, e) < 0)
			return -1;
	}
	return 0;
}

int copyio_in(const struct copyio *c, int box_fd, struct err *e)
{
	struct err worse;
	int rc;

	if (become(&c->box, e) < 0)
		return -1;
	rc = copy_in_all(c, box_fd, e);
	if (become(&c->caller, &worse) < 0) {
		*e = worse;
		return -1;
	}
	return rc;
}

/* --- out ------------------------------------------------------------------------------------- */

/* Runs as: the owner of the box's files. Looked at before it is opened: to open can mean to wait
 * (fifos), or to do something (devices). */
static int open_result(int box_fd, const char *inside, uint64_t max_bytes, struct stat *st,
		       struct err *e)
{
	auto_fd seen = path_open_beneath(box_fd, inside, O_PATH | O_NOFOLLOW, 0);
	char link[64];
	int fd;

	if (seen < 0 && errno == ENOENT)
		return err_set(e, ERR_NOTFOUND, "--copy-out: the program left no file '%s'",
			       text_quote(inside).s);
	if (seen < 0)
		return err_sys(e, ERR_VERIFY, "--copy-out: open '%s' in the box",
			       text_quote(inside).s);
	if (fstat(seen, st) < 0)
		return err_sys(e, ERR_SYSTEM, "--copy-out: look at '%s' in the box",
			       text_quote(inside).s);
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_VERIFY, "--copy-out: '%s' in the box is not a regular file",
			       text_quote(inside).s);
	if (check_size(st, max_bytes, "--copy-out", inside, e) < 0)
		return -1;
	/* The link leads to this very inode. */
	if (text_format(link, sizeof(link), "/proc/self/fd/%d", seen) < 0)
		return err_sys(e, ERR_BUG, "name a descriptor");
	fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_VERIFY, "--copy-out: open '%s' in the box",
			       text_quote(inside).s);
	return fd;
}

/* A name beside the target's that nobody has guessed. */
static int make_temp(int dir_fd, mode_t mode, char *name, size_t size)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random) ||
	    text_format(name, size, ".isolate-%016llx", (unsigned long long)random) < 0)
		return -1;
	return path_open_beneath(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, mode);
}

/* Runs as: the caller, with his umask. */
static int put_result(int src_fd, const struct stat *st, int dir_fd, const char *outside,
		      struct err *e)
{
	char temp[40];
	auto_fd fd = make_temp(dir_fd, st->st_mode & 0100 ? 0777 : 0666, temp, sizeof(temp));

	if (fd < 0)
		return err_sys(e, ERR_DISK, "--copy-out: make a file beside '%s'",
			       text_quote(outside).s);
	if (copy_contents(src_fd, fd, st->st_size, &(struct copy_opts){0}) == 0 &&
	    renameat(dir_fd, temp, dir_fd, last_part(outside)) == 0)
		return 0;
	(void)err_sys(e, ERR_DISK, "--copy-out: write '%s'", text_quote(outside).s);
	if (unlinkat(dir_fd, temp, 0) < 0 && errno != ENOENT)
		return err_wrap(e, "(and '%s' stays there)", temp);
	return -1;
}

static int copy_out_one(const struct copyio *c, size_t i, int box_fd, uint64_t max_bytes,
			struct err *e)
{
	const struct copyrule *r = &c->rules->rules[i];
	struct err worse;
	struct stat st;
	auto_fd src = -1;
	mode_t ours;
	int rc;

	if (become(&c->box, e) < 0)
		return -1;
	src = open_result(box_fd, r->inside, max_bytes, &st, e);
	if (become(&c->caller, &worse) < 0) {
		*e = worse;
		return -1;
	}
	if (src < 0)
		return -1;
	ours = umask(c->umask);
	rc = put_result(src, &st, c->fds[i], r->outside, e);
	(void)umask(ours); /* returns the other one */
	return rc;
}

int copyio_out(const struct copyio *c, int box_fd, uint64_t max_bytes, struct err *e)
{
	struct err more;
	int rc = 0;

	for (size_t i = 0; i < c->rules->count; i++) {
		if (!c->rules->rules[i].out || copy_out_one(c, i, box_fd, max_bytes, &more) == 0)
			continue;
		if (rc == 0 || (copyio_is_programs_fault(e) && !copyio_is_programs_fault(&more)))
			*e = more;
		rc = -1;
	}
	return rc;
}

bool copyio_is_programs_fault(const struct err *e)
{
	return e->kind == ERR_NOTFOUND || e->kind == ERR_VERIFY;
}
