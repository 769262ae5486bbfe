/* SPDX-License-Identifier: MIT */
/* Writes the list of what unpacking a layer makes, as it is made. */
#ifndef IMGFETCH_LISTWRITER_H
#define IMGFETCH_LISTWRITER_H

#include <sys/stat.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "imgfetch/filelist.h"

struct listwriter;

/* fd: an empty file, borrowed until the list is freed. owners: what files have as owners means
 * something (not so in a user's own store, where all is his). NULL: ERR_SYSTEM, ERR_DISK. */
struct listwriter *listwriter_new(int fd, bool owners, struct err *e);

/* Whatever is at f->path by now, given its type and names; and contents and attributes where it has
 * them. The rest comes from *sb: what the file system made of it, which may have coarser times.
 * NULL for a link or whiteout. */
int listwriter_add(struct listwriter *w, const struct file_entry *f, const struct stat *sb,
		   struct err *e) NODISCARD;

/* The same where there may be no list (w NULL), which is success. Of what has the name `base` in
 * the directory `parent`; of a directory that has got all it will have, with what was hashed while
 * its mode let its owner read its attributes; of a link or whiteout. */
int listwriter_add_at(struct listwriter *w, int parent, const char *base,
		      const struct file_entry *f, struct err *e) NODISCARD;
int listwriter_hash_dir(struct listwriter *w, int fd, struct file_entry *f,
			struct err *e) NODISCARD;
int listwriter_add_dir(struct listwriter *w, int fd, const struct file_entry *f,
		       struct err *e) NODISCARD;
int listwriter_add_name(struct listwriter *w, enum file_type type, const char *path,
			const char *target, struct err *e) NODISCARD;

/* Last line and end of the file; its digest into *out. */
int listwriter_finish(struct listwriter *w, struct digest *out, struct err *e) NODISCARD;

/* NULL is fine. */
void listwriter_free(struct listwriter *w);

static inline void listwriter_cleanup(struct listwriter **w)
{
	listwriter_free(*w);
	*w = NULL;
}
#define auto_listwriter __attribute__((cleanup(listwriter_cleanup))) struct listwriter *

#endif
