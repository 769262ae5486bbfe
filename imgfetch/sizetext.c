/* SPDX-License-Identifier: MIT */
/* Numbers of bytes for people. Pure. */
#include "imgfetch/sizetext.h"

#include <stdio.h>

struct size_text size_text(uint64_t bytes)
{
	static const char units[][4] = {"B", "kB", "MB", "GB", "TB", "PB"};
	struct size_text t;
	double v = (double)bytes;
	size_t u = 0;

	for (; v >= 999.5 && u + 1 < ARRAY_LEN(units); u++)
		v /= 1000;
	(void)snprintf(t.s, sizeof(t.s), "%.*f %s", u > 0 && v < 99.95 ? 1 : 0, v, units[u]);
	return t;
}
