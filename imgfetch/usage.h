/* SPDX-License-Identifier: MIT */
/* How much room files of the store take, each file once however many names it has. */
#ifndef IMGFETCH_USAGE_H
#define IMGFETCH_USAGE_H

#include "common/defs.h"
#include "common/err.h"

struct usage_sum {
	uint64_t disk_bytes; /* allocated, 512-byte blocks as the file system counts them */
	uint64_t data_bytes; /* sizes of files: what a copy of all would have to hold */
	uint64_t files;	     /* entries of all kinds, directories included */
};

/* What was counted already, so that a second name of a file adds nothing. */
struct usage;

struct usage *usage_new(struct err *e);
void usage_free(struct usage *u);

static inline void usage_cleanup(struct usage **u)
{
	usage_free(*u);
	*u = NULL;
}
#define auto_usage __attribute__((cleanup(usage_cleanup))) struct usage *

/* Add what is at `name` in dir, with all below it, to *sum. Missing is nothing. What may not be
 * read is left out. ERR_SYSTEM. */
int usage_add(struct usage *u, int dir, const char *name, struct usage_sum *sum,
	      struct err *e) NODISCARD;

/* Of all that was counted so far, what its removal would not free: files that have other names,
 * elsewhere. */
uint64_t usage_held_elsewhere(const struct usage *u);

#endif
