/* SPDX-License-Identifier: MIT */
/* Content digests as text and bytes: "sha256:" and 64 lower-case hex digits. No hashing. Pure. */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include "common/defs.h"
#include "common/err.h"

#define DIGEST_HEX_LEN	64
#define DIGEST_TEXT_LEN (7 + DIGEST_HEX_LEN) /* without the NUL */

/* Of the longest digest there is, a SHA-512. */
#define DIGEST_HEX_MAX	128
#define DIGEST_TEXT_MAX (7 + DIGEST_HEX_MAX)

/* Kept as canonical lower-case hex, ready for file names. Everything in a store is named by
 * SHA-256, which is what `struct digest` means where nothing else is said. What registries and
 * references call by SHA-512 is kept in the same struct: its 128 digits are no name that a store
 * has, so the two cannot be taken for each other. */
struct digest {
	char hex[DIGEST_HEX_MAX + 1];
};

/* The whole of s must be "sha256:" + 64 of [0-9a-f]; nothing else is a digest here. ERR_USAGE. */
int digest_parse(const char *s, struct digest *out, struct err *e) NODISCARD;

/* The same, or "sha512:" + 128 digits. For what is compared and asked for, not for names in a
 * store. */
int digest_parse_any(const char *s, struct digest *out, struct err *e) NODISCARD;

/* From the raw bytes of a hash: 32 are a SHA-256, 64 a SHA-512. */
void digest_from_bytes(const unsigned char *bytes, size_t len, struct digest *out);

bool digest_is_sha512(const struct digest *d);

/* "sha256:<hex>" or "sha512:<hex>" as a value for printf arguments. */
struct digest_text {
	char s[DIGEST_TEXT_MAX + 1];
};
struct digest_text digest_text(const struct digest *d);

bool digest_equal(const struct digest *a, const struct digest *b);

#endif
