/* SPDX-License-Identifier: MIT */
/* All boxes at once, as their lock files tell: which are used, by whom, and which is free. */
#include "isolate/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/num.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/sweep.h"

/* --- looking at all -------------------------------------------------------------------------- */

int slots_open(int lock_dir_fd, struct slots *out, struct err *e)
{
	int fd = path_open_beneath(lock_dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		(void)err_sys(e, ERR_SYSTEM, "open the directory of lock files");
		cleanup_fd(&fd);
		return -1;
	}
	out->dir = dir;
	return 0;
}

void slots_close(struct slots *s)
{
	if (s->dir)
		(void)closedir(s->dir); /* was only read */
	s->dir = NULL;
}

/* Records are read without their locks: a writer may be in the middle, though not for long, unless
 * somebody else has its processor just then. */
#define READ_TRIES    200
#define READ_PAUSE_NS 1000000

/* 1, 0 when the box is nobody's, -1. */
static int look_at(int dir_fd, const char *name, struct slot *out, struct err *e)
{
	auto_fd fd = path_open_beneath(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	int tries = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "open lock file '%s'", name);
	if (st.st_size == 0)
		return 0;
	while (lock_read(fd, out->id, &out->record, e) < 0) {
		if (++tries == READ_TRIES)
			return -1;
		(void)nanosleep(&(struct timespec){.tv_nsec = READ_PAUSE_NS},
				NULL); /* shorter is fine */
	}
	out->held = lock_is_held(fd);
	out->since = st.st_mtim.tv_sec;
	return out->record.exists;
}

int slots_next(struct slots *s, unsigned except, struct slot *out, struct err *e)
{
	for (;;) {
		struct dirent *d;
		struct err other;
		uint64_t id;
		int rc;

		errno = 0;
		d = readdir(s->dir);
		if (!d)
			return errno == 0
				       ? 0
				       : err_sys(e, ERR_SYSTEM, "read the directory of lock files");
		/* There are others, one per user; see slots_register. */
		if (num_parse_u64(d->d_name, 0, UINT_MAX - 1, "box", &id, &other) < 0 ||
		    id == except)
			continue;
		out->id = (unsigned)id;
		rc = look_at(dirfd(s->dir), d->d_name, out, e);
		if (rc != 0)
			return rc;
	}
}

/* 1 when a --once has been killed, and some of its processes are still there: they wait in the
 * kernel for something that does not come, or have too little CPU time to die. */
static int has_leftovers(const struct config *c, unsigned id, const struct lock_record *r,
			 struct err *e)
{
	return r->exists && r->once && r->running ? sweep_find(c->first_uid + id, e) : 0;
}

int slots_is_owned(const struct config *c, const struct slot *s, struct err *e)
{
	return !s->record.once || s->held ? 1 : has_leftovers(c, s->id, &s->record, e);
}

/* --- a free one ------------------------------------------------------------------------------ */

/* Box numbers are tried in windows that begin at 0, each twice as large as the one before, from a
 * place on that our pid chooses: callers at the same time have neighbouring pids and begin beside
 * each other. So few are tried even when many are used, and lock files, which are never removed,
 * do not become many more than boxes were ever used at a time. */
#define WINDOW_FIRST 64
#define WINDOW_TRIES 16

struct search {
	const struct config *config;
	int lock_dir_fd;
	uid_t caller;
};

/* A box that is not somebody's: has it a record that is to be respected? */
static bool is_used(const struct lock_record *r)
{
	return r->exists && !r->once;
}

/* May what is on disk be done away with? 1, 0, -1. */
static int check_files(const struct search *s, const struct box *b, struct err *e)
{
	uid_t owner;
	int found = box_files_owner(b, &owner, e);

	return found > 0 ? owner == s->caller : found == 0 ? 1 : -1;
}

/* 1 taken, 0 not free, -1. */
static int try_box(const struct search *s, unsigned id, struct lock *lock, struct box *box,
		   struct err *e)
{
	struct lock l = {.fd = -1};
	struct box b = {.root_fd = -1, .dir_fd = -1};
	struct err ignored;
	auto_fd fd = -1;
	int rc;

	if (lock_open(s->lock_dir_fd, id, &fd, e) < 0)
		return -1;
	/* Without the lock first, which its owner may want at this moment. */
	if (lock_read(fd, id, &l.record, &ignored) < 0 || is_used(&l.record))
		return 0;
	rc = lock_try(fd, id, &l, e);
	if (rc <= 0)
		return rc;
	if (is_used(&l.record))
		return 0;
	/* Nobody is to fail, or to wait, for what another has left. */
	rc = has_leftovers(s->config, id, &l.record, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (box_open(s->config, id, &b, e) < 0)
		return -1;
	rc = check_files(s, &b, e);
	if (rc <= 0) {
		box_close(&b);
		return rc;
	}
	l.fd = take_fd(&fd);
	*lock = l;
	*box = b;
	return 1;
}

int slots_take(const struct config *c, int lock_dir_fd, uid_t caller, struct lock *lock,
	       struct box *box, struct err *e)
{
	const struct search s = {.config = c, .lock_dir_fd = lock_dir_fd, .caller = caller};
	uint64_t window = MIN(WINDOW_FIRST, c->num_boxes), pid = (uint64_t)getpid();
	int rc;

	for (;; window = MIN(2 * window, c->num_boxes)) {
		for (unsigned i = 0; i < MIN(WINDOW_TRIES, window); i++) {
			rc = try_box(&s, (unsigned)((pid + i) % window), lock, box, e);
			if (rc != 0)
				return rc < 0 ? -1 : 0;
		}
		if (window == c->num_boxes)
			break;
	}
	/* Nearly all are used, or we had bad luck: one by one, up to the first that never was. */
	for (unsigned id = 0; id < c->num_boxes; id++) {
		rc = try_box(&s, id, lock, box, e);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return err_set(e, ERR_BUSY, "no box is free: all %u are used (num_boxes in isolate.cf)",
		       c->num_boxes);
}

/* --- how many one user has ------------------------------------------------------------------- */

static int count_others(const struct config *c, int lock_dir_fd, unsigned id, uid_t owner,
			unsigned *count, struct err *e)
{
	struct slots s = {0};
	struct slot slot;
	int rc = slots_open(lock_dir_fd, &s, e);

	*count = 0;
	while (rc == 0) {
		rc = slots_next(&s, id, &slot, e);
		if (rc <= 0)
			break;
		rc = slot.record.owner == owner ? slots_is_owned(c, &slot, e) : 0;
		if (rc > 0) {
			(*count)++;
			rc = 0;
		}
	}
	slots_close(&s);
	return rc;
}

/* Between the count and the write nobody else may make a box this user's. */
static int lock_user(int lock_dir_fd, uid_t uid, struct err *e)
{
	auto_fd fd = -1;
	char name[32];

	if (text_format(name, sizeof(name), "user-%u", (unsigned)uid) < 0)
		return err_sys(e, ERR_BUG, "name lock file of user %u", (unsigned)uid);
	fd = path_open_beneath(lock_dir_fd, name, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open lock file of user %u", (unsigned)uid);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_sys(e, ERR_SYSTEM, "lock boxes of user %u", (unsigned)uid);
	}
	return take_fd(&fd);
}

int slots_register(const struct config *c, int lock_dir_fd, unsigned id, struct lock *l,
		   unsigned max, struct err *e)
{
	uid_t owner = l->record.owner;
	auto_fd user = -1;
	unsigned count;

	if (max == 0)
		return lock_write(l, e);
	user = lock_user(lock_dir_fd, owner, e);
	if (user < 0 || count_others(c, lock_dir_fd, id, owner, &count, e) < 0)
		return -1;
	if (count >= max)
		return err_set(e, ERR_DENIED,
			       "user %u has %u box%s and may not have more (max_boxes_per_user in "
			       "isolate.cf): --list shows them, --cleanup removes one",
			       (unsigned)owner, count, count == 1 ? "" : "es");
	return lock_write(l, e);
}
