/* SPDX-License-Identifier: MIT */
/* path_remove_tree, path_remove_contents: delete what strangers built, at any depth. */
#include "common/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "common/text.h"

/* How a tree of any depth goes with two descriptors and no recursion:
 *
 * Look through the top directory again and again until it is empty. Files are unlinked. A directory
 * D that is not empty is opened; its files are unlinked, and each of its subdirectories that is not
 * empty is "lifted": renamed into the top directory. Then D is empty and goes. Every directory is
 * lifted at most once, so the work is linear, and no path is ever deeper than two.
 *
 * Where a directory cannot be renamed (overlayfs refuses it with EXDEV for what lies in a lower
 * layer, as do project quotas) we walk down from D instead, closing each directory behind us, until
 * one has no such subdirectory; that one is then empty and goes with the next look from the top.
 *
 * Every step names one component below a held descriptor, never follows a link and never enters a
 * mount (RESOLVE_NO_XDEV; a mount point cannot be renamed, unlinked or rmdir'ed either). */
struct remover {
	int top;	   /* directory that is being emptied */
	const char *name;  /* its name in messages */
	uint64_t lifted;   /* names used up: ".lifted-<n>" */
	uint64_t progress; /* entries removed or lifted so far */
};

/* Looks at the top directory that find something and change nothing; somebody else is at work. */
#define IDLE_PASSES_MAX 8

static int fail(const struct remover *r, const char *what, const char *entry, struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "%s '%s' in '%s'", what, text_quote(entry).s,
		       text_quote(r->name).s);
}

static int open_dir_flags(int dirfd, const char *name, int flags)
{
	return sys_openat2(dirfd, name, (uint64_t)(unsigned)(flags | O_DIRECTORY | O_NOFOLLOW), 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
				   RESOLVE_NO_XDEV);
}

/* chmod u+rwx on the very directory that name is now, which may not be readable. */
static int make_accessible(int dirfd, const char *name)
{
	auto_fd fd = open_dir_flags(dirfd, name, O_PATH);
	char proc[32];

	if (fd < 0)
		return -1;
	/* fchmod(2) refuses O_PATH, fchmodat2(2) came with Linux 6.6; the magic link leads to the
	 * object that fd holds, whatever has become of its name. */
	if (text_format(proc, sizeof(proc), "/proc/self/fd/%d", fd) < 0)
		return -1;
	return chmod(proc, S_IRWXU);
}

/* Open the directory `name` for reading and see to it that its entries can be removed. Nothing here
 * helps a caller that owns neither; the unlink that fails later says so. */
static DIR *open_dir(int dirfd, const char *name)
{
	auto_fd fd = open_dir_flags(dirfd, name, O_RDONLY);
	struct stat st;
	DIR *d;

	if (fd < 0 && errno == EACCES && make_accessible(dirfd, name) == 0)
		fd = open_dir_flags(dirfd, name, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if ((st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmod(fd, S_IRWXU); /* see above */
	d = fdopendir(fd);
	if (d)
		fd = -1; /* owned by d now */
	return d;
}

/* Next entry of d but "." and "..", or NULL with errno 0 at the end. */
static const struct dirent *next_entry(DIR *d)
{
	const struct dirent *ent;

	do {
		errno = 0;
		ent = readdir(d);
	} while (ent && (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0));
	return ent;
}

/* 1: the entry is gone; 0: it is a directory with something in it; -1 (errno). */
static int remove_entry(int dirfd, const char *name, unsigned char type)
{
	if (type != DT_DIR) {
		if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
			return 1;
		if (errno != EISDIR)
			return -1;
	}
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 1;
	/* ENOTDIR: somebody put a file there a moment ago. The next look deals with it. */
	return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR ? 0 : -1;
}

/* Rename the directory `name` below dirfd into the top directory, under a name that is free. */
static int lift(struct remover *r, int dirfd, const char *name)
{
	bool opened = false;

	for (;;) {
		char fresh[40];

		if (text_format(fresh, sizeof(fresh), ".lifted-%" PRIu64, r->lifted) < 0)
			return -1;
		/* That this may replace an empty directory does no harm: it is to go anyway. */
		if (renameat(dirfd, name, r->top, fresh) == 0) {
			r->lifted++;
			return 0;
		}
		if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR || errno == EISDIR) {
			r->lifted++;
			continue;
		}
		/* A directory that changes its parent must be writable itself (its ".."). */
		if ((errno != EACCES && errno != EPERM) || opened ||
		    make_accessible(dirfd, name) < 0)
			return -1;
		opened = true;
	}
}

/* Remove or lift what is in d. Where lifting is refused the subdirectory's name goes to deeper. */
static int empty_dir(struct remover *r, DIR *d, char deeper[NAME_MAX + 1], struct err *e)
{
	const struct dirent *ent;

	deeper[0] = '\0';
	while ((ent = next_entry(d))) {
		int rc = remove_entry(dirfd(d), ent->d_name, ent->d_type);

		if (rc == 0) {
			rc = lift(r, dirfd(d), ent->d_name);
			if (rc < 0 && errno == ENOENT)
				continue;
			if (rc < 0 && errno == EXDEV) {
				if (text_format(deeper, NAME_MAX + 1, "%s", ent->d_name) < 0)
					return fail(r, "remember", ent->d_name, e);
				continue;
			}
		}
		if (rc < 0)
			return fail(r, "remove", ent->d_name, e);
		r->progress++;
	}
	if (errno)
		return fail(r, "read directory", "", e);
	return 0;
}

/* Did the open fail because the name means something else than a moment ago? The next look from the
 * top sees what it is now. */
static bool was_swapped(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP;
}

/* Empty the directory `name` of the top directory and remove it, as far as one walk can. */
static int drain(struct remover *r, const char *name, struct err *e)
{
	char deeper[NAME_MAX + 1];
	auto_dir d = open_dir(r->top, name);
	int rc;

	while (d) {
		DIR *next;

		if (empty_dir(r, d, deeper, e) < 0)
			return -1;
		if (!deeper[0])
			break;
		next = open_dir(dirfd(d), deeper);
		cleanup_dir(&d);
		d = next;
	}
	if (!d)
		return was_swapped(errno) ? 0 : fail(r, "open a directory below", name, e);
	rc = remove_entry(r->top, name, DT_DIR);
	if (rc < 0)
		return fail(r, "remove", name, e);
	r->progress += (unsigned)rc;
	return 0;
}

/* One look through the top directory: how many entries it had. */
static int pass(struct remover *r, DIR *top, uint64_t *found, struct err *e)
{
	const struct dirent *ent;

	*found = 0;
	rewinddir(top);
	while ((ent = next_entry(top))) {
		int rc = remove_entry(r->top, ent->d_name, ent->d_type);

		++*found;
		if (rc < 0)
			return fail(r, "remove", ent->d_name, e);
		r->progress += (unsigned)rc;
		if (rc == 0 && drain(r, ent->d_name, e) < 0)
			return -1;
	}
	if (errno)
		return fail(r, "read directory", ".", e);
	return 0;
}

static int empty_top(DIR *top, const char *name, struct err *e)
{
	struct remover r = {.top = dirfd(top), .name = name};
	uint64_t found, before;
	unsigned idle = 0;

	do {
		before = r.progress;
		if (pass(&r, top, &found, e) < 0)
			return -1;
		idle = r.progress == before ? idle + 1 : 0;
		if (found && idle >= IDLE_PASSES_MAX)
			return err_set(e, ERR_BUSY, "'%s' changes while it is being removed",
				       text_quote(name).s);
	} while (found);
	return 0;
}

static int check_name(const char *name, bool dot_ok, struct err *e)
{
	if (!*name || strchr(name, '/') || strcmp(name, "..") == 0 ||
	    (!dot_ok && strcmp(name, ".") == 0))
		return err_set(e, ERR_BUG, "remove '%s': not the name of an entry",
			       text_quote(name).s);
	return 0;
}

int path_remove_contents(int parent, const char *name, struct err *e)
{
	auto_fd fd = -1;
	auto_dir top = NULL;
	struct stat before, now;
	int rc;

	if (check_name(name, true, e) < 0)
		return -1;
	fd = open_dir_flags(parent, name, O_PATH);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &before) < 0)
		return err_sys(e, ERR_SYSTEM, "open directory '%s'", text_quote(name).s);
	top = open_dir(parent, name);
	if (!top || fstat(dirfd(top), &now) < 0)
		return err_sys(e, ERR_SYSTEM, "open directory '%s'", text_quote(name).s);
	if (before.st_dev != now.st_dev || before.st_ino != now.st_ino)
		return err_set(e, ERR_BUSY, "'%s' was replaced meanwhile", text_quote(name).s);
	rc = empty_top(top, name, e);
	/* It stays, and so does its mode. */
	if (before.st_mode != now.st_mode && fchmod(dirfd(top), before.st_mode & 07777) < 0 &&
	    rc == 0)
		return err_sys(e, ERR_SYSTEM, "restore mode of '%s'", text_quote(name).s);
	return rc;
}

int path_remove_tree(int parent, const char *name, struct err *e)
{
	if (check_name(name, false, e) < 0)
		return -1;
	for (unsigned tries = 0; tries < IDLE_PASSES_MAX; tries++) {
		auto_dir top = NULL;
		int rc = remove_entry(parent, name, DT_UNKNOWN);

		if (rc == 1)
			return 0;
		if (rc < 0)
			return err_sys(e, ERR_SYSTEM, "remove '%s'", text_quote(name).s);
		top = open_dir(parent, name);
		if (!top && !was_swapped(errno))
			return err_sys(e, ERR_SYSTEM, "open directory '%s'", text_quote(name).s);
		if (top && empty_top(top, name, e) < 0)
			return -1;
	}
	return err_set(e, ERR_BUSY, "'%s' changes while it is being removed", text_quote(name).s);
}
