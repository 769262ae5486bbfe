/* SPDX-License-Identifier: MIT */
/* Streaming SHA-256 and SHA-512 by OpenSSL's EVP interface, which picks the processor's own
 * instructions. */
#include "imgfetch/sha256.h"

#include <stdlib.h>

#include <openssl/evp.h>

struct sha256 {
	EVP_MD_CTX *ctx;
};

static struct sha256 *new_hash(const EVP_MD *md, struct err *e)
{
	struct sha256 *h = calloc(1, sizeof(*h));

	if (!h) {
		err_sys(e, ERR_SYSTEM, "start a digest");
		return NULL;
	}
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, md, NULL) != 1) {
		sha256_free(h);
		err_set(e, ERR_SYSTEM, "start a digest: the crypto library refuses");
		return NULL;
	}
	return h;
}

struct sha256 *sha256_new(struct err *e)
{
	return new_hash(EVP_sha256(), e);
}

struct sha256 *sha256_new_like(const struct digest *like, struct err *e)
{
	return new_hash(digest_is_sha512(like) ? EVP_sha512() : EVP_sha256(), e);
}

int sha256_update(struct sha256 *h, const void *data, size_t len, struct err *e)
{
	if (EVP_DigestUpdate(h->ctx, data, len) != 1)
		return err_set(e, ERR_SYSTEM, "compute a digest: the crypto library refuses");
	return 0;
}

int sha256_final(struct sha256 *h, struct digest *out, struct err *e)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(h->ctx, bytes, &len) != 1 || (len != 32 && len != 64))
		return err_set(e, ERR_SYSTEM, "finish a digest: the crypto library refuses");
	digest_from_bytes(bytes, len, out);
	return 0;
}

int sha256_reset(struct sha256 *h, struct err *e)
{
	if (EVP_DigestInit_ex(h->ctx, NULL, NULL) != 1)
		return err_set(e, ERR_SYSTEM, "start sha256: the crypto library refuses");
	return 0;
}

void sha256_free(struct sha256 *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

static int hash_buffer(struct sha256 *h, const void *data, size_t len, struct digest *out,
		       struct err *e)
{
	if (!h || sha256_update(h, data, len, e) < 0)
		return -1;
	return sha256_final(h, out, e);
}

int sha256_buffer(const void *data, size_t len, struct digest *out, struct err *e)
{
	auto_sha256 h = sha256_new(e);

	return hash_buffer(h, data, len, out, e);
}

int sha256_buffer_like(const struct digest *like, const void *data, size_t len, struct digest *out,
		       struct err *e)
{
	auto_sha256 h = sha256_new_like(like, e);

	return hash_buffer(h, data, len, out, e);
}
