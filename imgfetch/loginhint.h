/* SPDX-License-Identifier: MIT */
/* What 401 and 403 may come from, in words for people. Pure. */
#ifndef IMGFETCH_LOGINHINT_H
#define IMGFETCH_LOGINHINT_H

#include "common/defs.h"
#include "imgfetch/secret.h"

struct loginhint {
	char s[640];
};

/* Was a login sent (creds), where is it from, and what can be done? A login that is only tried has
 * no origin. host as in the reference; repo: it was about one. */
struct loginhint loginhint_make(const struct credentials *creds, const char *host, bool repo);

#endif
