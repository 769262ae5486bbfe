/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648, the alphabet with + and /), as credentials are written. Pure. */
#ifndef IMGFETCH_BASE64_H
#define IMGFETCH_BASE64_H

#include <sys/types.h>

#include "common/defs.h"

/* Bytes that base64_encode writes for len bytes, with the NUL. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* out holds BASE64_SIZE(len) bytes. */
void base64_encode(const void *data, size_t len, char *out);

/* The bytes that text stands for, with or without padding at the end, into out with a NUL behind
 * them. Returns their number, or -1 if text is not base64 or out[size] is too small. */
ssize_t base64_decode(const char *text, char *out, size_t size);

#endif
