/* SPDX-License-Identifier: MIT */
/* What has arrived of a large blob, kept in <store>/tmp for a later pull.
 *
 * The file is the beginning of the blob, byte for byte, and nothing else. No ETag beside it: a blob
 * is named by its digest, which decides over the whole at the end; and with If-Range another
 * mirror, or another machine of the same registry, would send all of it only because its tags look
 * otherwise.
 *
 * Nothing is synced. After a power cut the file may have a hole or an old end; then the digest is
 * wrong, and the blob is fetched from its beginning. */
#include "imgfetch/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"

#define NAME_PREFIX "blob-"
/* Each failure means that another pull let go of the file just then, or that tmp/ is gone. */
#define TAKE_TRIES 64

bool partial_is_name(const char *name)
{
	return strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) == 0;
}

static int open_tmp(const struct store *st, int flags)
{
	return path_open_beneath(st->fd, "tmp", flags | O_DIRECTORY, 0);
}

/* Open and locked: 1; held by somebody: 0; -1 (errno), ENOENT: gone meanwhile. */
static int lock_file(int tmp_fd, const char *name, int flags, int *out, struct stat *st)
{
	struct stat named;
	auto_fd fd = openat(tmp_fd, name,
			    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags, 0600);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -1;
	if (fstat(fd, st) < 0)
		return -1;
	/* Removed by whoever had the lock before. */
	if (fstatat(tmp_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 || named.st_ino != st->st_ino ||
	    named.st_dev != st->st_dev) {
		errno = ENOENT;
		return -1;
	}
	*out = take_fd(&fd);
	return 1;
}

/* Ours alone, and a file: a link to something else must not be written to. */
static bool is_usable(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_uid == geteuid();
}

void partial_take(const struct store *st, const struct digest *blob, uint64_t size_bytes,
		  struct partial *out)
{
	struct partial p = PARTIAL_NONE;
	struct text name = TEXT_OVER(p.name);
	struct stat sb;
	int r = -1;

	p.count = out->count;
	*out = p;
	text_addf(&name, NAME_PREFIX "%s", digest_text(blob).s);
	char *colon = strchr(p.name, ':');
	if (colon)
		*colon = '-';
	p.tmp_fd = open_tmp(st, O_PATH);
	if (name.full || p.tmp_fd < 0) {
		out->why = name.full ? ENAMETOOLONG : errno;
		cleanup_fd(&p.tmp_fd);
		return;
	}
	for (unsigned i = 0; i < TAKE_TRIES; i++) {
		r = lock_file(p.tmp_fd, p.name, O_CREAT, &p.fd, &sb);
		/* What is in the way is no work of a pull. */
		if (r > 0 && !is_usable(&sb)) {
			cleanup_fd(&p.fd);
			r = unlinkat(p.tmp_fd, p.name, 0);
			errno = r < 0 ? errno : ENOENT;
			r = -1;
		}
		if (r >= 0 || errno != ENOENT)
			break;
	}
	if (r <= 0) {
		out->why = r < 0 ? errno : 0;
		cleanup_fd(&p.tmp_fd);
		return;
	}
	if (p.count)
		atomic_fetch_add(p.count, 1);
	p.have_bytes = (uint64_t)sb.st_size;
	if (p.have_bytes > size_bytes)
		partial_restart(&p);
	*out = p;
}

ssize_t partial_read(const struct partial *p, uint64_t offset, void *buf, size_t size)
{
	ssize_t n;

	do
		n = pread(p->fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n;
}

static void fail(struct partial *p, int why)
{
	partial_drop(p);
	p->why = why;
}

void partial_add(struct partial *p, const void *data, size_t len)
{
	if (p->fd < 0)
		return;
	if (lseek(p->fd, (off_t)p->have_bytes, SEEK_SET) < 0 ||
	    fdio_write_all(p->fd, data, len) < 0)
		fail(p, errno);
	else
		p->have_bytes += len;
}

void partial_restart(struct partial *p)
{
	if (p->fd >= 0 && ftruncate(p->fd, 0) < 0)
		fail(p, errno);
	p->have_bytes = 0;
}

static void let_go(struct partial *p)
{
	cleanup_fd(&p->fd);
	cleanup_fd(&p->tmp_fd);
	if (p->count)
		atomic_fetch_sub(p->count, 1);
}

void partial_drop(struct partial *p)
{
	if (p->fd < 0)
		return;
	/* Room is free at once, whoever else may have the file open. If neither works it is as
	 * after a crash: swept later. */
	(void)!ftruncate(p->fd, 0);
	(void)unlinkat(p->tmp_fd, p->name, 0);
	let_go(p);
	p->have_bytes = 0;
}

void partial_keep(struct partial *p)
{
	if (p->have_bytes == 0)
		partial_drop(p);
	else if (p->fd >= 0)
		let_go(p);
}

/* Another file of that name is no work of a pull, whatever its time. */
static bool is_old(const struct stat *sb, uint64_t older_than_s)
{
	return !is_usable(sb) || sb->st_mtim.tv_sec <= time(NULL) - (time_t)older_than_s;
}

bool partial_is_old(int tmp_fd, const char *name, uint64_t older_than_s)
{
	struct stat sb;

	return fstatat(tmp_fd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 && is_old(&sb, older_than_s);
}

/* Its time is looked at first: to hold the lock, however shortly, would keep a pull from it. */
static int sweep_one(int tmp_fd, const char *name, uint64_t older_than_s, struct err *e)
{
	struct stat sb;
	auto_fd fd = -1;

	if (fstatat(tmp_fd, name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, ERR_DISK, "look at '%s'", name);
	if (!is_usable(&sb))
		return path_remove_tree(tmp_fd, name, e) < 0 ? -1 : 1;
	if (!is_old(&sb, older_than_s) || lock_file(tmp_fd, name, 0, &fd, &sb) <= 0)
		return 0;
	if (unlinkat(tmp_fd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, ERR_DISK, "remove '%s'", name);
	return 1;
}

int partial_sweep(const struct store *st, uint64_t older_than_s, struct err *e)
{
	int fd = open_tmp(st, O_RDONLY);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	int count = 0;

	if (!dir) {
		cleanup_fd(&fd);
		return err_sys(e, ERR_DISK, "list 'tmp' in the store '%s'", text_quote(st->path).s);
	}
	while (errno = 0, (d = readdir(dir))) {
		int r = partial_is_name(d->d_name) ? sweep_one(fd, d->d_name, older_than_s, e) : 0;
		if (r < 0)
			return err_wrap(e, "clean up in the store '%s'", text_quote(st->path).s);
		count += r;
	}
	return errno == 0 ? count : err_sys(e, ERR_SYSTEM, "list 'tmp'");
}
