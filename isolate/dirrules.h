/* SPDX-License-Identifier: MIT */
/* --dir: the grammar of directory rules, and the ordered list they make. Pure. */
#ifndef ISOLATE_DIRRULES_H
#define ISOLATE_DIRRULES_H

#include "common/defs.h"
#include "common/err.h"

enum dirrule_flag {
	DIR_RW = 1 << 0,
	DIR_DEV = 1 << 1,
	DIR_NOEXEC = 1 << 2,
	DIR_MAYBE = 1 << 3,
	DIR_FS = 1 << 4,      /* out names a file system: proc sysfs tmpfs devpts dev */
	DIR_TMP = 1 << 5,     /* a fresh writable directory of the box */
	DIR_NOREC = 1 << 6,   /* without the mounts below */
	DIR_REMOVED = 1 << 7, /* alone: "IN=" was given; nothing is mounted, but the place in the
				 order is kept for a later rule for the same IN */
};

struct dirrule {
	char *in;  /* normalised, no leading '/', no "." or ".." components, not empty; owned */
	char *out; /* "/abs", "./rel" (box directory) or file system type; NULL with DIR_TMP and
		      DIR_REMOVED; owned */
	unsigned flags;
};

struct dirrules {
	struct dirrule *rules;
	size_t count;
};

/* The default list: for a run on the host's directories, or for one with an image. */
int dirrules_init(struct dirrules *r, bool image, struct err *e) NODISCARD;

/* One --dir value: IN=OUT[:opts], IN[:opts], IN= (removes). A rule for an IN that is there replaces
 * it in its place. Anything malformed is ERR_USAGE. */
int dirrules_add(struct dirrules *r, const char *rule, struct err *e) NODISCARD;
void dirrules_fini(struct dirrules *r);

#endif
