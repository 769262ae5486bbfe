/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648, the alphabet with + and /), as credentials are written. Pure. */
#include "imgfetch/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, char *out)
{
	const unsigned char *p = data;
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16;

		if (i + 1 < len)
			v |= (unsigned)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digits[v & 63] : '=';
	}
	out[n] = '\0';
}

ssize_t base64_decode(const char *text, char *out, size_t size)
{
	size_t count = strspn(text, digits), n = 0;
	const char *pad = text + count;
	unsigned v = 0;

	if (strcmp(pad, "") != 0 && strcmp(pad, "=") != 0 && strcmp(pad, "==") != 0)
		return -1;
	if (count % 4 == 1 || (*pad && (count + strlen(pad)) % 4 != 0))
		return -1;
	if (count * 3 / 4 >= size)
		return -1;
	for (size_t i = 0; i < count; i++) {
		v = (v << 6 | (unsigned)(strchr(digits, text[i]) - digits)) & 0xffffff;
		/* Each digit but the first of four completes a byte. */
		if (i % 4 > 0)
			out[n++] = (char)(v >> (6 - i % 4 * 2));
	}
	out[n] = '\0';
	return (ssize_t)n;
}
