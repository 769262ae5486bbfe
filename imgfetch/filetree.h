/* SPDX-License-Identifier: MIT */
/* What a layer should look like: the tree that its list of files describes. Pure. */
#ifndef IMGFETCH_FILETREE_H
#define IMGFETCH_FILETREE_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/filelist.h"

struct filetree;

/* One file as it should be; files with several names are one. */
struct filetree_file {
	struct file_entry want; /* path is NULL; target owned by the tree */
	bool met;		/* the caller's: it was looked at, under some name */
	uint64_t dev, ino;	/* the caller's: and was this one */
};

/* NULL: ERR_SYSTEM. */
struct filetree *filetree_new(struct err *e);
void filetree_free(struct filetree *t);

static inline void filetree_cleanup(struct filetree **t)
{
	filetree_free(*t);
	*t = NULL;
}
#define auto_filetree __attribute__((cleanup(filetree_cleanup))) struct filetree *

/* The next line of the list, which is what was made next. ERR_VERIFY: a link to nothing. */
int filetree_add(struct filetree *t, const struct file_entry *f, struct err *e) NODISCARD;

/* After the last line: ERR_VERIFY if there is something that no line describes. */
int filetree_end(struct filetree *t, struct err *e) NODISCARD;

/* What should be at path, and make a note that it was asked for. NULL: nothing. */
struct filetree_file *filetree_look(struct filetree *t, const char *path);

/* What is below path cannot be looked at. */
void filetree_close_dir(struct filetree *t, const char *path);

/* Call fn for all that nobody asked for: of a whole tree only the top. -1 if fn says so, or
 * ERR_SYSTEM. */
int filetree_missing(const struct filetree *t,
		     int (*fn)(void *arg, const char *path, struct err *e), void *arg,
		     struct err *e) NODISCARD;

#endif
