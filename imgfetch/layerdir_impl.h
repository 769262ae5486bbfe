/* SPDX-License-Identifier: MIT */
/* What the files of layerdir share. */
#ifndef IMGFETCH_LAYERDIR_IMPL_H
#define IMGFETCH_LAYERDIR_IMPL_H

#include <sys/stat.h>

#include "imgfetch/layerdir.h"

/* Directories that were used last. A tar is written by a tree walk: entries of one directory mostly
 * follow each other, with a look into subdirectories between them. */
#define CACHE_SLOTS 4

struct cached_dir {
	char *path; /* owned; NULL: empty slot */
	size_t len;
	int fd;
};

struct dir_note {
	char *path; /* owned */
	size_t seq; /* of several notes for one path the last counts */
	mode_t mode;
	struct timespec mtime;
};

struct path_list {
	char **v; /* owned, as its members */
	size_t count, room;
};

struct layerdir {
	int fd;
	struct listwriter *list; /* or NULL */
	bool keep_owners;
	uid_t euid;
	gid_t egid;
	struct cached_dir cache[CACHE_SLOTS];
	unsigned cache_next;
	struct dir_note *notes;
	size_t note_count, note_room;
	struct path_list whiteouts, opaques;
	uint64_t names_bytes;
	bool owners_lost;
};

/* errno as an error about an entry; -1. */
int layerdir_fail(struct err *e, const char *verb, const char *path);

bool layerdir_is_whiteout(const struct stat *sb);

/* Directory `path` of the layer as a descriptor that the cache owns (valid until the next call), or
 * -1. With m it and its parents are made where missing; without, errno is set and *e is not. */
int layerdir_use_dir(struct layerdir *ld, const char *path, size_t len, const struct entry_meta *m,
		     struct err *e);
void layerdir_clear_cache(struct layerdir *ld);

#endif
