/* SPDX-License-Identifier: MIT */
/* passwd(5), group(5), subuid(5): whose an id is, read without NSS. Pure. */
#ifndef ISOLATE_IDFILES_H
#define ISOLATE_IDFILES_H

#include "common/defs.h"
#include "common/err.h"

/* Whoever's ids are compared is shown by this much of his name. */
#define IDFILES_NAME_MAX 64

/* count ids from first on; none of them is beyond UINT32_MAX - 1. */
struct idrange {
	uint32_t first;
	uint32_t count;
};

/* What of a range is somebody's. */
struct idoverlap {
	uint32_t owners;	     /* lines that have ids of the range */
	uint32_t id;		     /* of the first one: the lowest that both have */
	char name[IDFILES_NAME_MAX]; /* and its name, cut and as it is in the file */
};

/* All texts have len bytes, which may be anything; lines that are not as the manual pages have them
 * are passed over, as libc does. */

/* The range in the first line of `user` in a text of subuid(5) or subgid(5). `name` is the file,
 * for messages. 1, 0 when there is none, -1 (ERR_CONFIG) when his line is malformed. */
int idfiles_find_subid(const char *name, const char *text, size_t len, const char *user,
		       struct idrange *out, struct err *e) NODISCARD;

/* Users (groups) of passwd(5) (group(5)) whose id is in the range. True when there are any. */
bool idfiles_users_in(const char *text, size_t len, const struct idrange *r, struct idoverlap *out);

/* Is the first field of any line this name? */
bool idfiles_has_name(const char *text, size_t len, const char *name);

/* The same as idfiles_users_in for ranges of subuid(5), but those of user `except` (or NULL). */
bool idfiles_subids_in(const char *text, size_t len, const struct idrange *r, const char *except,
		       struct idoverlap *out);

#endif
