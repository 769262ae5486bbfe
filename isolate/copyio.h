/* SPDX-License-Identifier: MIT */
/* Copying files into a box before a run and out of it afterwards. */
#ifndef ISOLATE_COPYIO_H
#define ISOLATE_COPYIO_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/copyrules.h"
#include "isolate/priv.h"

/* A larger file is not copied. */
#define COPYIO_BYTES_MAX (UINT64_C(256) << 20)

/* Only regular files, and never along a symbolic link: neither one that the program made, nor one
 * in a directory of somebody whose files the caller grades. Outside with the caller's rights,
 * inside with those of the box's files' owner: no name is ever looked up as root. */

struct copyio {
	const struct copyrules *rules; /* borrowed */
	int fds[COPYRULES_MAX];	       /* of each rule: the file to copy in, or the directory that
					  the copy goes to */
	mode_t umask;		       /* the caller's, for what is made outside */
	struct priv caller;
	struct priv box; /* whose the files inside are: the box's user, or the caller himself */
};

/* Open what is named outside, before anything is done: a file of the caller's that cannot be
 * copied, or a place where no file can be put, is the first error to tell. As the caller. */
int copyio_open(struct copyio *c, const struct copyrules *rules, struct err *e) NODISCARD;
void copyio_close(struct copyio *c);

/* Copy in, replacing what has the names, and making directories on the way. box_fd: what is /box
 * for the program. Nothing of it may be in use. Resting state of priv: caller. */
int copyio_in(const struct copyio *c, int box_fd, struct err *e) NODISCARD;

/* Copy out what there is, each file whole or not at all (a new file is renamed over the old one).
 * Goes on after a failure; the first is told, but rather one of the outside than one of the
 * program's: a file that is missing, no regular one, too large or unreadable. Resting state of
 * priv: caller. */
int copyio_out(const struct copyio *c, int box_fd, uint64_t max_bytes, struct err *e) NODISCARD;
bool copyio_is_programs_fault(const struct err *e);

#endif
