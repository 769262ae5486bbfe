/* SPDX-License-Identifier: MIT */
/* --list: the boxes that are used, for people and as JSON. */
#ifndef ISOLATE_LIST_H
#define ISOLATE_LIST_H

#include <sys/types.h>
#include <time.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "isolate/config.h"

struct list_row {
	unsigned id;
	uid_t owner;
	bool cg, once;
	const char *state; /* "ready", "running", "busy" or "stale" */
	time_t since;	   /* it is so */
	bool has_image;	   /* pinned, or of a --once */
	struct digest image;
};

struct list {
	struct list_row *rows; /* by id; owned */
	size_t count;
};

/* All boxes, or those of one owner: what others do is none of his business. lock_dir_fd as for
 * lock_open; as root. list_fini also after a failure. */
int list_read(const struct config *c, int lock_dir_fd, bool all, uid_t owner, struct list *out,
	      struct err *e) NODISCARD;
void list_fini(struct list *l);

/* On standard output; to be called as who may write there. */
int list_print(const struct list *l, bool json, struct err *e) NODISCARD;

#endif
