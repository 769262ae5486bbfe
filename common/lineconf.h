/* SPDX-License-Identifier: MIT */
/* Reader of line-based text (configuration, descriptor, layer notes): lines and key/value pairs
 * with numbers for messages, with caps on everything. Pure: works on memory. */
#ifndef COMMON_LINECONF_H
#define COMMON_LINECONF_H

#include "common/defs.h"
#include "common/err.h"

struct lineconf {
	char *pos;	  /* next unread byte */
	char *end;	  /* one past the last byte; *end is NUL */
	const char *name; /* of the file, for messages; borrowed */
	unsigned line;	  /* number of the line returned last, from 1 */
};

/* text: len bytes followed by a NUL, writable, borrowed while reading (it is cut up in place). A
 * NUL inside is an error when the line is read. */
void lineconf_init(struct lineconf *lc, const char *name, char *text, size_t len);

/* Next line without its newline. 1, 0 at the end, -1 (NUL byte, line over 8192 bytes, last line
 * without newline; kind ERR_CONFIG, text begins with "name:line: "). After an error the next call
 * goes on behind the bad line, for those who want to know all of them. */
int lineconf_next(struct lineconf *lc, char **line, struct err *e) NODISCARD;

/* Next `key = value` pair; comments (# at the start of a line, after white space) and blank lines
 * are skipped, white space around key and value removed. A line `[section]` is skipped too, since
 * some clients read our file as INI. Returns as lineconf_next. */
int lineconf_next_pair(struct lineconf *lc, char **key, char **value, struct err *e) NODISCARD;

#endif
