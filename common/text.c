/* SPDX-License-Identifier: MIT */
/* Bounded text: a string builder over a caller's array, and quoting of untrusted bytes. */
#include "common/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

void text_add_bytes(struct text *t, const void *bytes, size_t len)
{
	size_t room = t->size - 1 - t->len;

	if (t->full)
		return;
	if (len > room) {
		len = room;
		t->full = true;
	}
	if (len)
		memcpy(t->buf + t->len, bytes, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

void text_addf(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(t, fmt, ap);
	va_end(ap);
}

void text_vaddf(struct text *t, const char *fmt, va_list ap)
{
	size_t room = t->size - t->len;
	int n;

	if (t->full)
		return;
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	if (n < 0) {
		t->buf[t->len] = '\0';
		t->full = true;
	} else if ((size_t)n >= room) {
		t->len = t->size - 1;
		t->full = true;
	} else {
		t->len += (size_t)n;
	}
}

/* Add all len bytes or none, so that no escape and no character is ever cut in two. */
static void add_unit(struct text *t, const void *bytes, size_t len)
{
	if (len > t->size - 1 - t->len)
		t->full = true;
	else
		text_add_bytes(t, bytes, len);
}

void text_add_quoted(struct text *t, const void *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	t->buf[t->len] = '\0';
	while (len > 0 && !t->full) {
		size_t n = *p == '\\' ? 0 : utf8_safe_len(p, len);

		if (n == 0) {
			char esc[4] = {'\\', 'x', hex[*p >> 4], hex[*p & 15]};

			add_unit(t, esc, sizeof(esc));
			n = 1;
		} else {
			add_unit(t, p, n);
		}
		p += n;
		len -= n;
	}
}

struct text_quoted text_quote(const char *s)
{
	return text_quote_bytes(s, strlen(s));
}

#define QUOTE_MAX 256

struct text_quoted text_quote_bytes(const void *bytes, size_t len)
{
	struct text_quoted q;
	struct text t = {.buf = q.s, .size = QUOTE_MAX + 1};

	_Static_assert(sizeof(q.s) >= QUOTE_MAX + sizeof("..."), "room for the mark of a cut");
	text_add_quoted(&t, bytes, len);
	if (t.full)
		memcpy(q.s + t.len, "...", sizeof("..."));
	return q;
}

int text_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}
