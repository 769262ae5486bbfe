/* SPDX-License-Identifier: MIT */
/* Sums over trees; files with several names are remembered by their inode. */
#include "imgfetch/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/treewalk.h"

struct seen {
	dev_t dev;
	ino_t ino;
	uint64_t links_left; /* names not seen yet; 0: the slot is free, or all are seen */
	uint64_t disk_bytes;
	bool used;
};

/* An open hash table, at most half full. */
struct usage {
	struct seen *slots;
	size_t room, count;
};

struct sum_walk {
	struct usage *usage;
	struct usage_sum *sum;
};

struct usage *usage_new(struct err *e)
{
	struct usage *u = calloc(1, sizeof(*u));

	if (!u)
		err_sys(e, ERR_SYSTEM, "count files");
	return u;
}

void usage_free(struct usage *u)
{
	if (!u)
		return;
	free(u->slots);
	free(u);
}

static struct seen *find(struct seen *slots, size_t room, const struct stat *st)
{
	uint64_t h = ((uint64_t)st->st_ino * UINT64_C(0x9e3779b97f4a7c15)) ^ (uint64_t)st->st_dev;
	size_t i = (size_t)(h >> 16) & (room - 1);

	while (slots[i].used && (slots[i].ino != st->st_ino || slots[i].dev != st->st_dev))
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static int grow(struct usage *u, struct err *e)
{
	size_t room = u->room ? 2 * u->room : 1024;
	struct seen *slots;

	if (2 * (u->count + 1) <= u->room)
		return 0;
	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return err_sys(e, ERR_SYSTEM, "count files");
	for (size_t i = 0; i < u->room; i++) {
		const struct stat key = {.st_ino = u->slots[i].ino, .st_dev = u->slots[i].dev};

		if (u->slots[i].used)
			*find(slots, room, &key) = u->slots[i];
	}
	free(u->slots);
	u->slots = slots;
	u->room = room;
	return 0;
}

static int add_inode(struct usage *u, const struct stat *st, struct usage_sum *sum, struct err *e)
{
	uint64_t disk = (uint64_t)st->st_blocks * 512;

	sum->files++;
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		if (grow(u, e) < 0)
			return -1;
		struct seen *s = find(u->slots, u->room, st);
		if (s->used) {
			s->links_left -= s->links_left > 0;
			return 0;
		}
		*s = (struct seen){st->st_dev, st->st_ino, st->st_nlink - 1, disk, true};
		u->count++;
	}
	sum->disk_bytes += disk;
	if (S_ISREG(st->st_mode))
		sum->data_bytes += (uint64_t)st->st_size;
	return 0;
}

static int on_entry(void *arg, const struct treewalk_entry *w, struct err *e)
{
	struct sum_walk *s = arg;

	return add_inode(s->usage, &w->st, s->sum, e) < 0 ? -1 : 1;
}

static int on_closed(void *arg UNUSED, const char *path UNUSED, struct err *e UNUSED)
{
	return 0;
}

int usage_add(struct usage *u, int dir, const char *name, struct usage_sum *sum, struct err *e)
{
	static const struct treewalk_ops ops = {on_entry, on_closed};
	struct usage_sum more = *sum;
	struct sum_walk walk = {u, &more};
	struct stat st;
	auto_fd fd = path_open_beneath(dir, name, O_PATH | O_NOFOLLOW, 0);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' in the store", text_quote(name).s);
	if (add_inode(u, &st, &more, e) < 0 ||
	    (S_ISDIR(st.st_mode) && treewalk(fd, &ops, &walk, e) < 0))
		return -1;
	*sum = more;
	return 0;
}

uint64_t usage_held_elsewhere(const struct usage *u)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < u->room; i++)
		if (u->slots[i].used && u->slots[i].links_left > 0)
			sum += u->slots[i].disk_bytes;
	return sum;
}
