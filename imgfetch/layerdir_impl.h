/* SPDX-License-Identifier: MIT */
/* What the files of layerdir share. */
#ifndef IMGFETCH_LAYERDIR_IMPL_H
#define IMGFETCH_LAYERDIR_IMPL_H

#include <sys/stat.h>

#include "imgfetch/layerdir.h"

/* Directories that were used last. A tar is written by a tree walk: entries of one directory mostly
 * follow each other, with a look into subdirectories between them. */
#define CACHE_SLOTS 4

#define LAYERDIR_OPAQUE_XATTR "user.overlay.opaque"
/* Mode of a link's placeholder. Only we look at this bit. */
#define LAYERDIR_PLACEHOLDER_MODE S_IRUSR
/* And of one that stands for what is not made, while the layer is unpacked. */
#define LAYERDIR_GONE_MODE S_IWUSR

struct cached_dir {
	char *path; /* owned; NULL: empty slot */
	size_t len;
	int fd;
};

struct dir_note {
	char *path;   /* owned */
	size_t seq;   /* of several notes for one path the last counts */
	bool implied; /* no entry of the archive, and perhaps there is one below */
	mode_t mode;
	struct timespec mtime;
};

struct path_list {
	char **v; /* owned, as its members */
	size_t count, room;
};

/* A hard link whose target this layer does not have. A placeholder is in its place. */
struct lower_link {
	char *path, *target; /* owned */
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
	struct path_list renewed; /* directories that have nothing of a lower one of their name */
	struct path_list gone;	  /* entries that were not made */
	void *links;		  /* tsearch(3) tree of struct lower_link, by path */
	uint64_t names_bytes;
	bool owners_lost;
};

/* errno as an error about an entry; -1. */
int layerdir_fail(struct err *e, const char *verb, const char *path);

bool layerdir_is_whiteout(const struct stat *sb);
/* Of a link to a lower layer: to overlayfs a whiteout, too. */
bool layerdir_is_placeholder(const struct stat *sb);

/* Directory `path` of the layer as a descriptor that the cache owns (valid until the next call), or
 * -1. With m it and its parents are made where missing; without, errno is set and *e is not. */
int layerdir_use_dir(struct layerdir *ld, const char *path, size_t len, const struct entry_meta *m,
		     struct err *e);
int layerdir_use_parent(struct layerdir *ld, const struct entry_name *name,
			const struct entry_meta *m, struct err *e);
void layerdir_clear_cache(struct layerdir *ld);

/* Something exists at the name; errno says EEXIST. Make way for a non-directory. */
int layerdir_make_way(struct layerdir *ld, int parent, const struct entry_name *name,
		      struct err *e) NODISCARD;
/* The file system takes no whiteouts; -1. */
int layerdir_no_whiteouts(const struct entry_name *name, struct err *e);
/* Copy of a name that stays until the end; their sum is bounded. */
char *layerdir_keep_path(struct layerdir *ld, const char *path, size_t len, struct err *e);
/* For tdestroy(3): a struct lower_link. */
void layerdir_free_link(void *p);

#endif
