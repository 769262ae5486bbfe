/* SPDX-License-Identifier: MIT */
/* Streaming SHA-256, and SHA-512 to compare with. sha256.c is the only file that includes OpenSSL.
 */
#ifndef IMGFETCH_SHA256_H
#define IMGFETCH_SHA256_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"

struct sha256;

/* A fresh hash, or NULL (ERR_SYSTEM: no memory, or the library cannot do SHA-256). */
struct sha256 *sha256_new(struct err *e);

/* The same, but a SHA-512 if `like`, with which the result will be compared, is one. */
struct sha256 *sha256_new_like(const struct digest *like, struct err *e);

int sha256_update(struct sha256 *h, const void *data, size_t len, struct err *e) NODISCARD;

/* Digest of everything since sha256_new or sha256_reset. May be called once. */
int sha256_final(struct sha256 *h, struct digest *out, struct err *e) NODISCARD;

/* Begin anew, which is cheaper than a fresh one. */
int sha256_reset(struct sha256 *h, struct err *e) NODISCARD;

/* NULL is fine. */
void sha256_free(struct sha256 *h);

/* The digest of one buffer. */
int sha256_buffer(const void *data, size_t len, struct digest *out, struct err *e) NODISCARD;
int sha256_buffer_like(const struct digest *like, const void *data, size_t len, struct digest *out,
		       struct err *e) NODISCARD;

static inline void sha256_cleanup(struct sha256 **h)
{
	sha256_free(*h);
	*h = NULL;
}
#define auto_sha256 __attribute__((cleanup(sha256_cleanup))) struct sha256 *

#endif
