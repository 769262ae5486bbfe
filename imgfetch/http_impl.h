/* SPDX-License-Identifier: MIT */
/* What the files of http share: headers of answers. Pure. */
#ifndef IMGFETCH_HTTP_IMPL_H
#define IMGFETCH_HTTP_IMPL_H

#include "imgfetch/http.h"

/* Where a redirect leads, as it came. */
struct http_location {
	bool given;
	bool too_long; /* for text, which is empty then */
	char text[URL_TARGET_MAX + 1];
};

/* Forget what belongs to one answer. */
void http_headers_forget(struct http_response *r, struct http_location *l);

/* One line of len bytes, the status line too; a new answer (after a redirect or an interim one)
 * starts anew. What is malformed or too long counts as not sent. now_s: seconds since 1970. */
void http_headers_take(struct http_response *r, struct http_location *l, const char *line,
		       size_t len, int64_t now_s);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), in seconds since 1970; the two obsolete forms
 * are not known. */
bool http_parse_date(const char *s, int64_t *out);

#endif
