/* SPDX-License-Identifier: MIT */
/* Values in the store's line-based files. */
#include "common/exact.h"

static bool is_plain(unsigned char c, bool with_space)
{
	return c >= (with_space ? 0x20 : 0x21) && c <= 0x7e && c != '\\';
}

/* Value of a lower-case hex digit, or -1. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void exact_add(struct text *t, const char *s, bool with_space)
{
	while (*s) {
		size_t n = 0;

		while (is_plain((unsigned char)s[n], with_space))
			n++;
		text_add_bytes(t, s, n);
		s += n;
		if (*s)
			text_addf(t, "\\x%02x", (unsigned char)*s++);
	}
}

bool exact_parse(char *s, bool with_space)
{
	const char *from = s;
	char *to = s;

	while (*from) {
		if (is_plain((unsigned char)*from, with_space)) {
			*to++ = *from++;
			continue;
		}
		if (from[0] != '\\' || from[1] != 'x')
			return false;
		int high = hex_value(from[2]);
		int low = high < 0 ? -1 : hex_value(from[3]);
		if (low < 0)
			return false;
		int byte = high * 16 + low;
		if (byte == 0 || is_plain((unsigned char)byte, with_space))
			return false;
		*to++ = (char)byte;
		from += 4;
	}
	*to = '\0';
	return true;
}
