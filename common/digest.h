/* SPDX-License-Identifier: MIT */
/* Content digests as text and bytes: "sha256:" and 64 lower-case hex digits. No hashing. Pure. */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include "common/defs.h"
#include "common/err.h"

#define DIGEST_HEX_LEN	64
#define DIGEST_TEXT_LEN (7 + DIGEST_HEX_LEN) /* without the NUL */

/* Kept as canonical lower-case hex, ready for file names. */
struct digest {
	char hex[DIGEST_HEX_LEN + 1];
};

/* The whole of s must be "sha256:" + 64 of [0-9a-f]; nothing else is a digest here. ERR_USAGE. */
int digest_parse(const char *s, struct digest *out, struct err *e) NODISCARD;

/* From 32 raw bytes. */
void digest_from_bytes(const unsigned char bytes[32], struct digest *out);

/* "sha256:<hex>" as a value for printf arguments. */
struct digest_text {
	char s[DIGEST_TEXT_LEN + 1];
};
struct digest_text digest_text(const struct digest *d);

bool digest_equal(const struct digest *a, const struct digest *b);

#endif
