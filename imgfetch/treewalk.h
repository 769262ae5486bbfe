/* SPDX-License-Identifier: MIT */
/* A walk over everything below a directory of the store, without following links and without
 * recursion. */
#ifndef IMGFETCH_TREEWALK_H
#define IMGFETCH_TREEWALK_H

#include <sys/stat.h>

#include "common/defs.h"
#include "common/err.h"

struct treewalk_entry {
	const char *path; /* relative to where the walk began */
	const char *name; /* its last component */
	int parent;	  /* the directory it is in; for calls with `name` */
	struct stat st;	  /* of the entry itself */
};

struct treewalk_ops {
	/* 1: go on, into it if it is a directory; 0: go on, but not into it; -1 with *e: stop. */
	int (*entry)(void *arg, const struct treewalk_entry *w, struct err *e);
	/* The directory may not be read, as its mode tells; "" is where the walk began. 0, or -1.
	 */
	int (*closed)(void *arg, const char *path, struct err *e);
};

/* Whatever vanishes meanwhile is passed over. root: open, O_PATH will do. -1: what an op said,
 * ERR_SYSTEM. */
int treewalk(int root, const struct treewalk_ops *ops, void *arg, struct err *e) NODISCARD;

#endif
