/* SPDX-License-Identifier: MIT */
/* JSON for scripts, written to a stream. */
#ifndef COMMON_JSONOUT_H
#define COMMON_JSONOUT_H

#include <stdio.h>

#include "common/defs.h"

/* Keeps track of commas and of the indentation; write errors are found by the caller with
 * ferror(3). */
struct jsonout {
	FILE *file;
	unsigned depth;
	bool first; /* nothing in this object or array yet */
};

/* key: NULL for an element of an array, or the root. */
void jsonout_open(struct jsonout *j, const char *key, char bracket); /* '{' or '[' */
void jsonout_close(struct jsonout *j, char bracket);
/* s NULL: null. Bytes that are not UTF-8 become U+FFFD. */
void jsonout_string(struct jsonout *j, const char *key, const char *s);
void jsonout_strings(struct jsonout *j, const char *key, char *const *list, size_t count);
void jsonout_number(struct jsonout *j, const char *key, uint64_t n);
void jsonout_bool(struct jsonout *j, const char *key, bool v);

#endif
