/* SPDX-License-Identifier: MIT */
/* Is a file of a tree that was made out of layers still what it was made of? */
#ifndef IMGFETCH_ALIKE_H
#define IMGFETCH_ALIKE_H

#include <sys/stat.h>

#include "common/defs.h"

struct alike_file {
	int parent; /* may be O_PATH; borrowed */
	const char *name;
	struct stat st; /* of parent/name itself */
};

struct alike_result {
	unsigned changes;    /* bits, 1 << enum layercheck_change */
	const char *details; /* why it cannot be read, or NULL */
	bool unread;	     /* its mode shuts the caller out */
	uint64_t bytes;	     /* of contents, read */
};

/* Compare a file with the one in a layer that it should be another name of, or a copy: then type,
 * mode, times, contents, target, attributes, and with `owners` whose it is. A directory is compared
 * without what is in it. */
void alike_compare(const struct alike_file *want, const struct alike_file *got, bool owners,
		   struct alike_result *out);

/* Have two open files the same user.* attributes, but for those of overlayfs? strict: `got` has
 * none of these either, and nothing else that says who may do what. What cannot be read is not the
 * same.
 */
bool alike_xattrs(int want, int got, bool strict);

#endif
