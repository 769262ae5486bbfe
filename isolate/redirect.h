/* SPDX-License-Identifier: MIT */
/* Standard input, output and error of the program. */
#ifndef ISOLATE_REDIRECT_H
#define ISOLATE_REDIRECT_H

#include "common/defs.h"
#include "common/err.h"

/* Paths inside the box, from /box; NULL: what isolate itself was started with. Borrowed. */
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

#endif
