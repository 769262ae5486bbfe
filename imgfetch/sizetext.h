/* SPDX-License-Identifier: MIT */
/* Numbers of bytes for people. Pure. */
#ifndef IMGFETCH_SIZETEXT_H
#define IMGFETCH_SIZETEXT_H

#include "common/defs.h"

struct size_text {
	char s[24];
};

/* Three digits and a decimal unit, as download sizes are given elsewhere: "12.3 MB". */
struct size_text size_text(uint64_t bytes);

#endif
