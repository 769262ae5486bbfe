/* SPDX-License-Identifier: MIT */
/* Values in the store's line-based files: each string of bytes has exactly one spelling. Pure. */
#ifndef COMMON_EXACT_H
#define COMMON_EXACT_H

#include "common/defs.h"
#include "common/text.h"

/* Printable ASCII but \ stands for itself, and so does a space where fields are not separated by
 * spaces (with_space); every other byte is \xHH, in lower case. */
void exact_add(struct text *t, const char *s, bool with_space);

/* Undo that in place. False for anything that exact_add would not have written; s is spoilt then.
 */
bool exact_parse(char *s, bool with_space) NODISCARD;

#endif
