/* SPDX-License-Identifier: MIT */
/* Bounded text: a string builder over a caller's array, and quoting of untrusted bytes. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdarg.h>

#include "common/defs.h"

/* A builder over memory the caller owns. Appending past the end sets `full` and keeps what fitted;
 * what is appended later is dropped. buf is always NUL-terminated. */
struct text {
	char *buf;
	size_t size; /* bytes of buf, at least 1 */
	size_t len;  /* without the NUL */
	bool full;   /* something did not fit */
};

/* Declare with: char b[128]; struct text t = TEXT_OVER(b); */
#define TEXT_OVER(array) ((struct text){.buf = ((array)[0] = '\0', (array)), .size = sizeof(array)})

void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const void *bytes, size_t len);
void text_addf(struct text *t, const char *fmt, ...) PRINTF(2, 3);
void text_vaddf(struct text *t, const char *fmt, va_list ap) PRINTF(2, 0);

/* Append bytes so that they are safe in a message or terminal: printable ASCII except \ as it is,
 * well-formed UTF-8 that neither controls a terminal nor turns the text's direction as it is, all
 * else as \xHH. An escape or character that does not fit is left out whole. */
void text_add_quoted(struct text *t, const void *bytes, size_t len);

/* The same into a static-size value for use in printf arguments: err_set(e, K, "open '%s'",
 * text_quote(name).s). Longer input is cut with "..." after 256 bytes of output. */
struct text_quoted {
	char s[264];
};
struct text_quoted text_quote(const char *s);
struct text_quoted text_quote_bytes(const void *bytes, size_t len);

/* snprintf that is an error when it truncates: 0, or -1 with errno ENAMETOOLONG. */
int text_format(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4) NODISCARD;

#endif
