/* SPDX-License-Identifier: MIT */
/* Which bytes may go to a terminal as they are: one decision, shared by err and text. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include "common/defs.h"

/* Code points that are well formed but must not reach a terminal: the C1 controls, the line and
 * paragraph separators, and those that turn the direction of text (they make a message read as
 * something it does not say, CVE-2021-42574). */
static inline bool utf8_is_unsafe(uint32_t cp)
{
	return cp < 0xa0 || cp == 0x2028 || cp == 0x2029 || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e || cp == 0x200f || cp == 0xfeff;
}

/* Length (1 to 4) of the well-formed UTF-8 character at p (RFC 3629: shortest form, no surrogates,
 * up to U+10FFFF), which goes to *cp; 0 when it is none. p holds len >= 1 bytes. */
static inline size_t utf8_decode(const unsigned char *p, size_t len, uint32_t *cp_out)
{
	uint32_t cp, min;
	size_t n;

	if (p[0] < 0x80) {
		*cp_out = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
		cp = p[0] & 0x1f;
		min = 0x80;
	} else if ((p[0] & 0xf0) == 0xe0) {
		n = 3;
		cp = p[0] & 0x0f;
		min = 0x800;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		cp = p[0] & 0x07;
		min = 0x10000;
	} else {
		return 0;
	}
	if (len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*cp_out = cp;
	return n;
}

/* The same length when the character is printable ASCII or harmless, 0 when its first byte must be
 * escaped. */
static inline size_t utf8_safe_len(const unsigned char *p, size_t len)
{
	uint32_t cp = 0;
	size_t n = utf8_decode(p, len, &cp);

	if (cp < 0x80)
		return n == 1 && cp >= 0x20 && cp < 0x7f;
	return n > 0 && !utf8_is_unsafe(cp) ? n : 0;
}

#endif
