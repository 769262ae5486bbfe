/* SPDX-License-Identifier: MIT */
/* The walk through a box's directory: owners, set-id bits, special files. */
#include "isolate/boxtree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "common/text.h"

/* A program can nest directories until its disk is full. 24 bytes each are kept here. */
#define DEPTH_MAX (1U << 20)

/* A directory on the way down from the box's: which it is, and where reading it goes on. */
struct level {
	dev_t dev;
	ino_t ino;
	long position;
};

struct walk {
	const struct boxtree_job *job;
	DIR *dir;	      /* the directory being read */
	struct stat here;     /* of it */
	struct level *levels; /* of those above it */
	size_t depth, room;
};

/* --- one entry ------------------------------------------------------------------------------- */

/* A hard link to somebody's file must not give it away (fs.protected_hardlinks may be 0). The
 * users of the box lose nothing by handing each other their own. */
static int check_links(const struct boxtree_job *job, const struct stat *st, const char *name,
		       struct err *e)
{
	if (st->st_nlink > 1 && st->st_uid != job->uid && st->st_uid != job->from_uid)
		return err_set(e, ERR_DENIED,
			       "'%s' in the box belongs to user %u and has other names outside: "
			       "remove it from the box",
			       text_quote(name).s, (unsigned)st->st_uid);
	return 0;
}

/* Owner and mode of what fd (O_PATH) shows. chown(2) clears set-id bits of programs by itself, and
 * as root it keeps them on directories, where they are harmless. */
static int adjust(const struct boxtree_job *job, int fd, const struct stat *st, const char *name,
		  struct err *e)
{
	if (job->chown && (st->st_uid != job->uid || st->st_gid != job->gid)) {
		if (!S_ISDIR(st->st_mode) && check_links(job, st, name, e) < 0)
			return -1;
		if (fchownat(fd, "", job->uid, job->gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, ERR_SYSTEM, "change owner of '%s' in the box",
				       text_quote(name).s);
	}
	if (job->strip_set_id && S_ISREG(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID))) {
		char link[64];

		/* fchmod(2) refuses O_PATH descriptors, and fchmodat2 with AT_EMPTY_PATH came with
		 * Linux 6.6 only. The link leads to this very inode. */
		if (text_format(link, sizeof(link), "/proc/self/fd/%d", fd) < 0 ||
		    chmod(link, st->st_mode & 0777) < 0)
			return err_sys(e, ERR_SYSTEM, "clear set-id bits of '%s' in the box",
				       text_quote(name).s);
	}
	return 0;
}

static bool is_ours(const struct boxtree_job *job, const struct stat *st)
{
	return job->strangers || st->st_uid == job->uid || st->st_uid == job->from_uid;
}

static bool is_special(mode_t mode)
{
	return !S_ISREG(mode) && !S_ISDIR(mode);
}

static void count(const struct boxtree_job *job, const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_blocks * 512;

	if (job->bytes)
		*job->bytes += S_ISDIR(st->st_mode) || !st->st_nlink ? bytes : bytes / st->st_nlink;
}

/* Everything but going down into directories. */
static int do_entry(struct walk *w, const struct dirent *d, struct err *e)
{
	int parent = dirfd(w->dir);
	bool only_special = !w->job->chown && !w->job->strip_set_id && !w->job->bytes;
	auto_fd fd = -1;
	struct stat st;

	/* The type that the directory tells is enough to see that there is nothing to do. */
	if (only_special && (d->d_type == DT_REG || d->d_type == DT_DIR))
		return 0;
	/* A link as the last component is opened as itself. */
	fd = sys_openat2(parent, d->d_name, O_PATH | O_NOFOLLOW, 0,
			 RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno == EXDEV)
		return err_set(e, ERR_DENIED, "'%s' in the box is a mount point: unmount it",
			       text_quote(d->d_name).s);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' in the box", text_quote(d->d_name).s);
	if (!is_ours(w->job, &st)) {
		count(w->job, &st);
		return 0;
	}
	if (w->job->drop_special && is_special(st.st_mode)) {
		if (unlinkat(parent, d->d_name, 0) < 0 && errno != ENOENT)
			return err_sys(e, ERR_SYSTEM, "remove '%s' from the box",
				       text_quote(d->d_name).s);
		return 0;
	}
	count(w->job, &st);
	return adjust(w->job, fd, &st, d->d_name, e);
}

/* --- up and down ----------------------------------------------------------------------------- */

/* Go on in the directory fd shows; takes fd over. */
static int enter(struct walk *w, int fd, long position, struct err *e)
{
	auto_fd owned = fd;
	DIR *dir;

	if (fstat(fd, &w->here) < 0)
		return err_sys(e, ERR_SYSTEM, "look at a directory of the box");
	dir = fdopendir(fd);
	if (!dir)
		return err_sys(e, ERR_SYSTEM, "read a directory of the box");
	owned = -1; /* the stream has it now */
	if (w->dir && closedir(w->dir) < 0) {
		w->dir = dir;
		return err_sys(e, ERR_SYSTEM, "close a directory of the box");
	}
	w->dir = dir;
	if (position >= 0)
		seekdir(dir, position);
	return 0;
}

static int push(struct walk *w, struct err *e)
{
	if (w->depth >= DEPTH_MAX)
		return err_set(e, ERR_DENIED, "directories in the box are nested deeper than %u",
			       DEPTH_MAX);
	if (w->depth == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		struct level *grown = reallocarray(w->levels, room, sizeof(*grown));

		if (!grown)
			return err_sys(e, ERR_SYSTEM, "allocate memory for nested directories");
		w->levels = grown;
		w->room = room;
	}
	w->levels[w->depth++] = (struct level){
		.dev = w->here.st_dev,
		.ino = w->here.st_ino,
		.position = telldir(w->dir),
	};
	return 0;
}

static int go_down(struct walk *w, const char *name, struct err *e)
{
	int fd = sys_openat2(dirfd(w->dir), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0; /* changed meanwhile */
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open directory '%s' in the box", text_quote(name).s);
	if (push(w, e) < 0) {
		cleanup_fd(&fd);
		return -1;
	}
	return enter(w, fd, -1, e);
}

/* Back to the directory above, which must be the one we came from: ".." of a directory that was
 * moved meanwhile leads elsewhere. */
static int go_up(struct walk *w, struct err *e)
{
	const struct level *above = &w->levels[--w->depth];
	auto_fd fd = openat(dirfd(w->dir), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "go back to a directory of the box");
	if (st.st_dev != above->dev || st.st_ino != above->ino)
		return err_set(e, ERR_BUSY, "the box's directory was changed while it was walked");
	return enter(w, take_fd(&fd), above->position, e);
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Do the job to all entries of the directory just entered. Before any is entered: removing entries
 * moves the positions that telldir gives on some file systems (tmpfs before 6.6). */
static int do_directory(struct walk *w, struct err *e)
{
	struct dirent *d;

	for (;;) {
		errno = 0;
		d = readdir(w->dir);
		if (!d)
			break;
		if (!is_dot(d->d_name) && do_entry(w, d, e) < 0)
			return -1;
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "read a directory of the box");
	rewinddir(w->dir);
	return 0;
}

/* Next subdirectory from where reading stands: 1 when entered, 0 when there is none left. */
static int next_directory(struct walk *w, struct err *e)
{
	/* Two names only, its own and "."; file systems that do not count say 1. */
	if (w->here.st_nlink == 2)
		return 0;
	for (;;) {
		struct dirent *d;
		size_t depth = w->depth;

		errno = 0;
		d = readdir(w->dir);
		if (!d)
			return errno ? err_sys(e, ERR_SYSTEM, "read a directory of the box") : 0;
		if (is_dot(d->d_name) || (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN))
			continue;
		if (go_down(w, d->d_name, e) < 0)
			return -1;
		if (w->depth > depth)
			return 1;
	}
}

static int walk_all(struct walk *w, struct err *e)
{
	if (do_directory(w, e) < 0)
		return -1;
	for (;;) {
		int down = next_directory(w, e);

		if (down < 0)
			return -1;
		if (down > 0) {
			if (do_directory(w, e) < 0)
				return -1;
		} else if (w->depth == 0) {
			return 0;
		} else if (go_up(w, e) < 0) {
			return -1;
		}
	}
}

/* Runs as: root, in a directory that a user, or his program until it ended, writes. Trusts:
 * nothing in it. Must not: resolve more than one name at a time. */
int boxtree_walk(int dir_fd, const struct boxtree_job *job, struct err *e)
{
	struct walk w = {.job = job};
	struct stat st;
	int fd, rc;

	if (fstat(dir_fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at the box's directory");
	if (adjust(job, dir_fd, &st, ".", e) < 0)
		return -1;
	count(job, &st);
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open the box's directory");
	rc = enter(&w, fd, -1, e);
	if (rc == 0)
		rc = walk_all(&w, e);
	if (w.dir && closedir(w.dir) < 0 && rc == 0)
		rc = err_sys(e, ERR_SYSTEM, "close the box's directory");
	free(w.levels);
	return rc;
}
