/* SPDX-License-Identifier: MIT */
/* Is the machine fit for boxes, and the configuration right? For people and scripts, on stdout. */
#ifndef ISOLATE_CHECK_H
#define ISOLATE_CHECK_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/priv.h"

/* --check-config: every error and warning of CONFIG_FILE with its line, also ids of boxes that are
 * somebody's by passwd(5), group(5), subuid(5) or subgid(5). What is in the file is told to those
 * only who may read it. Acting as the caller; becomes root to read the file. ERR_CONFIG when there
 * are errors. */
int check_config(const struct priv *p, struct err *e) NODISCARD;

/* What --check was asked: what runs need beyond the plain one, and how to tell. */
struct check_ask {
	bool cg;
	bool quota;
	const char *image; /* a reference, or NULL */
	bool json;
	char *const *env; /* the caller's environment, for his image store */
};

/* --check: look at the machine by trying what runs do, change nothing, and tell what is fit for
 * boxes, what is not, and how to mend it. Acting as the caller, becomes root in between. p is NULL
 * where priv_start failed with *why. *fit: runs as asked for would work. Fails only when nothing
 * can be told. */
int check_machine(const struct check_ask *ask, const struct priv *p, const struct err *why,
		  bool *fit, struct err *e) NODISCARD;

#endif
