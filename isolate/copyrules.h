/* SPDX-License-Identifier: MIT */
/* --copy-in and --copy-out: the grammar, and the list they make. Pure. */
#ifndef ISOLATE_COPYRULES_H
#define ISOLATE_COPYRULES_H

#include "common/defs.h"
#include "common/err.h"

/* More names than that are a directory, which --dir can show. Each holds a descriptor. */
#define COPYRULES_MAX 40

struct copyrule {
	bool out;      /* from the box */
	char *outside; /* file of the caller's, relative to his working directory; owned */
	char *inside;  /* relative to /box: no "..", no leading '/'; owned */
};

struct copyrules {
	struct copyrule rules[COPYRULES_MAX];
	size_t count;
};

/* FILE[=NAME]: the last '=' divides, so that a file may have one in its name if NAME is given;
 * without NAME it is FILE's last part. ERR_USAGE. */
int copyrules_add_in(struct copyrules *c, const char *value, struct err *e) NODISCARD;

/* NAME[=FILE]: the first '=' divides; without FILE it is NAME's last part. ERR_USAGE. */
int copyrules_add_out(struct copyrules *c, const char *value, struct err *e) NODISCARD;

void copyrules_fini(struct copyrules *c);

#endif
