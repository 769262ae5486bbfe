/* SPDX-License-Identifier: MIT */
/* Standard input, output and error of the program. */
#ifndef ISOLATE_REDIRECT_H
#define ISOLATE_REDIRECT_H

#include "common/defs.h"
#include "common/err.h"

/* Paths inside the box, from /box, or with --once outside; NULL: what isolate itself was started
 * with. Borrowed. */
struct redirect {
	const char *in;
	const char *out;
	const char *err;
	bool err_to_out; /* stderr goes where stdout goes */
};

/* Standard descriptors that the program would inherit as they are must not be a way out of the box:
 * a directory or an O_PATH descriptor is refused. ERR_USAGE. */
int redirect_check_stdio(const struct redirect *r, struct err *e) NODISCARD;

/* Open and put in place. In the program's process: inside its root, as the box's user, working
 * directory /box. May wait for the other end of a fifo. */
int redirect_apply(const struct redirect *r, struct err *e) NODISCARD;

/* For --once: the three files are opened here, as a shell would do it for the caller (effective
 * ids, umask), and fds gets descriptors above 2, or -1 where no file is named. ERR_USAGE; also for
 * a directory, and for a file of /proc, which may be about us. redirect_close closes them. */
int redirect_open(const struct redirect *r, int fds[3], struct err *e) NODISCARD;
void redirect_close(int fds[3]);

/* Put these in place, and stderr where stdout is if so wanted. In the program's process, before its
 * other descriptors are closed. */
int redirect_place(const struct redirect *r, const int fds[3], struct err *e) NODISCARD;

#endif
