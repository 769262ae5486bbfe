/* SPDX-License-Identifier: MIT */
/* The lock file of a box: who works in it now, whose it is, and what was made of it. */
#include "isolate/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/lineconf.h"
#include "common/num.h"
#include "common/path.h"
#include "common/text.h"

/* Runs as: root. Trusts: the directory, which is root's alone. Must not: follow links. */
int lock_open(int lock_dir_fd, unsigned box_id, int *fd, struct err *e)
{
	char name[16];
	int got;

	if (text_format(name, sizeof(name), "%u", box_id) < 0)
		return err_sys(e, ERR_BUG, "name lock file %u", box_id);
	got = path_open_beneath(lock_dir_fd, name, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
	if (got < 0)
		return err_sys(e, ERR_SYSTEM, "open lock file of box %u", box_id);
	*fd = got;
	return 0;
}

int lock_format(const struct lock_record *r, char *buf, size_t size, size_t *len, struct err *e)
{
	struct text t = {.buf = buf, .size = size};

	text_add(&t, "");
	/* A second line in it would be read as another key: another owner, or one that nobody knows
	 * and that makes the box unusable. */
	if (r->exists && r->has_image && strpbrk(r->store_path, "\r\n"))
		return err_set(e, ERR_BUG, "store path '%s' is more than one line",
			       text_quote(r->store_path).s);
	if (r->exists) {
		text_addf(&t, "owner = %u\nready = %d\ncg = %d\nrunning = %d\n", (unsigned)r->owner,
			  r->ready, r->cg, r->running);
		if (r->once)
			text_add(&t, "once = 1\n");
		if (r->disk.room.bytes || r->disk.room.inodes)
			text_addf(&t,
				  "disk_bytes = %" PRIu64 "\ndisk_inodes = %" PRIu64
				  "\ndisk_all = %d\ntmpfs = %d\nproject = %" PRIu32 "\n",
				  r->disk.room.bytes, r->disk.room.inodes, r->disk.all,
				  r->disk.tmpfs, r->disk.project);
		if (r->rw.bytes)
			text_addf(&t, "rw_bytes = %" PRIu64 "\nrw_inodes = %" PRIu64 "\n",
				  r->rw.bytes, r->rw.inodes);
		if (r->has_image)
			text_addf(&t, "image = %s\nown = %d\nstore = %s\n",
				  digest_text(&r->image).s, r->image_own, r->store_path);
	}
	if (t.full)
		return err_set(e, ERR_BUG, "lock record is too long");
	*len = t.len;
	return 0;
}

static int parse_bool(const char *key, const char *value, bool *out, struct err *e)
{
	uint64_t v;

	if (num_parse_u64(value, 0, 1, key, &v, e) < 0)
		return -1;
	*out = v == 1;
	return 0;
}

static int parse_disk(struct lock_disk *d, const char *key, const char *value, struct err *e)
{
	uint64_t v;

	if (strcmp(key, "disk_all") == 0)
		return parse_bool(key, value, &d->all, e);
	if (strcmp(key, "tmpfs") == 0)
		return parse_bool(key, value, &d->tmpfs, e);
	if (strcmp(key, "disk_bytes") == 0)
		return num_parse_u64(value, 0, UINT64_MAX, key, &d->room.bytes, e);
	if (strcmp(key, "disk_inodes") == 0)
		return num_parse_u64(value, 0, UINT64_MAX, key, &d->room.inodes, e);
	if (strcmp(key, "project") != 0)
		return err_set(e, ERR_CONFIG, "unknown key '%s'", text_quote(key).s);
	if (num_parse_u64(value, 0, UINT32_MAX, key, &v, e) < 0)
		return -1;
	d->project = (uint32_t)v;
	return 0;
}

static int parse_pair(struct lock_record *r, const char *key, const char *value, struct err *e)
{
	uint64_t v;

	if (strcmp(key, "owner") == 0) {
		if (num_parse_u64(value, 0, UINT32_MAX - 1, key, &v, e) < 0)
			return -1;
		r->owner = (uid_t)v;
		r->exists = true;
		return 0;
	}
	if (strcmp(key, "ready") == 0)
		return parse_bool(key, value, &r->ready, e);
	if (strcmp(key, "cg") == 0)
		return parse_bool(key, value, &r->cg, e);
	if (strcmp(key, "running") == 0)
		return parse_bool(key, value, &r->running, e);
	if (strcmp(key, "once") == 0)
		return parse_bool(key, value, &r->once, e);
	if (strncmp(key, "disk", 4) == 0 || strcmp(key, "tmpfs") == 0 ||
	    strcmp(key, "project") == 0)
		return parse_disk(&r->disk, key, value, e);
	if (strcmp(key, "rw_bytes") == 0)
		return num_parse_u64(value, 0, UINT64_MAX, key, &r->rw.bytes, e);
	if (strcmp(key, "rw_inodes") == 0)
		return num_parse_u64(value, 0, UINT64_MAX, key, &r->rw.inodes, e);
	if (strcmp(key, "own") == 0)
		return parse_bool(key, value, &r->image_own, e);
	if (strcmp(key, "image") == 0) {
		r->has_image = true;
		return digest_parse(value, &r->image, e);
	}
	if (strcmp(key, "store") == 0) {
		if (text_format(r->store_path, sizeof(r->store_path), "%s", value) < 0)
			return err_set(e, ERR_CONFIG, "store path is too long");
		return 0;
	}
	return err_set(e, ERR_CONFIG, "unknown key '%s'", text_quote(key).s);
}

int lock_parse(const char *name, char *text, size_t len, struct lock_record *out, struct err *e)
{
	struct lock_record r = {0};
	struct lineconf lc;
	char *key, *value;
	int got;

	lineconf_init(&lc, name, text, len);
	while ((got = lineconf_next_pair(&lc, &key, &value, e)) > 0) {
		if (parse_pair(&r, key, value, e) < 0) {
			e->kind = ERR_CONFIG;
			return err_wrap(e, "%s:%u", name, lc.line);
		}
	}
	if (got < 0)
		return -1;
	if (len > 0 && !r.exists)
		return err_set(e, ERR_CONFIG, "%s names no owner", name);
	*out = r;
	return 0;
}

/* How long a box whose keeper was shot may take to die. */
#define DYING_TRIES 20000 /* of 1 ms and a little */

/* The lock proper is flock(2)'s: it goes with the open file, which a box's processes have too until
 * they are dead, so that nobody gets a box that is not empty. Beside it the keeper holds a record
 * lock of fcntl(2), which is its own and goes with it. Who finds only the first need not be sent
 * away: the box is about to be free. */
bool lock_is_held(int fd)
{
	struct flock own = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_GETLK, &own) < 0 || own.l_type != F_UNLCK;
}

/* The second lock, by who holds the first. */
static int sign(int fd, unsigned box_id, struct err *e)
{
	struct flock own = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &own) < 0)
		return err_sys(e, ERR_SYSTEM, "lock box %u", box_id);
	return 0;
}

static int acquire(int fd, unsigned box_id, bool wait, struct err *e)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	int tries = 0;

	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, ERR_SYSTEM, "lock box %u", box_id);
		if (errno == EINTR)
			continue;
		if (lock_is_held(fd) || ++tries > DYING_TRIES)
			return err_set(e, ERR_BUSY,
				       "box %u is busy: another isolate works in it (--wait waits "
				       "for it)",
				       box_id);
		(void)nanosleep(&pause, NULL); /* shorter is fine */
	}
	return sign(fd, box_id, e);
}

int lock_read(int fd, unsigned box_id, struct lock_record *out, struct err *e)
{
	char text[LOCK_TEXT_MAX], name[32];
	ssize_t len;

	if (text_format(name, sizeof(name), "lock file of box %u", box_id) < 0)
		return err_sys(e, ERR_BUG, "name lock file %u", box_id);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, ERR_SYSTEM, "rewind %s", name);
	len = fdio_read_text(fd, text, sizeof(text));
	if (len < 0)
		return err_sys(e, ERR_SYSTEM, "read %s", name);
	return lock_parse(name, text, (size_t)len, out, e);
}

int lock_take(int fd, unsigned box_id, bool wait, struct lock *out, struct err *e)
{
	struct lock_record r;

	if (acquire(fd, box_id, wait, e) < 0 || lock_read(fd, box_id, &r, e) < 0)
		return -1;
	out->fd = fd;
	out->record = r;
	return 0;
}

int lock_try(int fd, unsigned box_id, struct lock *out, struct err *e)
{
	struct lock_record r;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK || errno == EINTR
			       ? 0
			       : err_sys(e, ERR_SYSTEM, "lock box %u", box_id);
	if (sign(fd, box_id, e) < 0 || lock_read(fd, box_id, &r, e) < 0)
		return -1;
	out->fd = fd;
	out->record = r;
	return 1;
}

int lock_write(struct lock *l, struct err *e)
{
	char text[LOCK_TEXT_MAX];
	struct stat st;
	size_t len;

	if (lock_format(&l->record, text, sizeof(text), &len, e) < 0)
		return -1;
	if (fstat(l->fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at lock file");
	/* A shorter record is padded with blank lines to the length of the old one, so that a
	 * single write replaces it and being killed leaves the old or the new. */
	if (len > 0 && st.st_size > (off_t)len && st.st_size <= (off_t)sizeof(text)) {
		memset(text + len, '\n', (size_t)st.st_size - len);
		len = (size_t)st.st_size;
	}
	if (lseek(l->fd, 0, SEEK_SET) < 0)
		return err_sys(e, ERR_SYSTEM, "rewind lock file");
	if (fdio_write_all(l->fd, text, len) < 0 || ftruncate(l->fd, (off_t)len) < 0)
		return err_sys(e, ERR_SYSTEM, "write lock file");
	return 0;
}

void lock_close(struct lock *l)
{
	cleanup_fd(&l->fd);
}
