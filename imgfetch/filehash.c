/* SPDX-License-Identifier: MIT */
/* Digests of files that may be mostly holes. */
#include "imgfetch/filehash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "common/cleanup.h"
#include "imgfetch/sha256.h"

struct filehash {
	struct sha256 *sha;
	uint64_t size;	 /* of the file so far */
	uint64_t hashed; /* of these, in the digest or left out; the rest are zeros of one block */
	bool skipped;	 /* the blocks before `hashed` were left out */
};

static const char zeros[FILEHASH_BLOCK];

struct filehash *filehash_new(struct err *e)
{
	struct filehash *h = calloc(1, sizeof(*h));

	if (!h) {
		err_sys(e, ERR_SYSTEM, "start a digest");
		return NULL;
	}
	h->sha = sha256_new(e);
	if (!h->sha) {
		free(h);
		return NULL;
	}
	return h;
}

static void put_le64(unsigned char out[8], uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (unsigned char)(n >> (8 * i));
}

/* Bytes of `hex` as the digest was computed. */
static void raw_digest(const struct digest *d, unsigned char out[32])
{
	for (unsigned i = 0; i < 32; i++) {
		const char *p = d->hex + 2 * (size_t)i;
		unsigned high = (unsigned)(p[0] <= '9' ? p[0] - '0' : p[0] - 'a' + 10);
		unsigned low = (unsigned)(p[1] <= '9' ? p[1] - '0' : p[1] - 'a' + 10);

		out[i] = (unsigned char)(high * 16 + low);
	}
}

/* Behind blocks that were left out: a digest that goes on from the one before them. */
static int chain(struct filehash *h, struct err *e)
{
	unsigned char head[40];
	struct digest before;

	if (sha256_final(h->sha, &before, e) < 0 || sha256_reset(h->sha, e) < 0)
		return -1;
	raw_digest(&before, head);
	put_le64(head + 32, h->hashed / FILEHASH_BLOCK);
	h->skipped = false;
	return sha256_update(h->sha, head, sizeof(head), e);
}

/* Zeros that were held back turned out to be in a block with more than zeros. */
static int flush_zeros(struct filehash *h, struct err *e)
{
	uint64_t held = h->size - h->hashed;

	if (h->skipped && chain(h, e) < 0)
		return -1;
	if (held > 0 && sha256_update(h->sha, zeros, held, e) < 0)
		return -1;
	h->hashed = h->size;
	return 0;
}

/* Is everything in this block zero so far? */
static bool block_is_zero(const struct filehash *h)
{
	return h->hashed % FILEHASH_BLOCK == 0;
}

int filehash_hole(struct filehash *h, uint64_t len, struct err *e)
{
	uint64_t in_block = h->size % FILEHASH_BLOCK;

	if (!block_is_zero(h)) {
		uint64_t n = MIN(len, FILEHASH_BLOCK - in_block);

		if (sha256_update(h->sha, zeros, n, e) < 0)
			return -1;
		h->size += n;
		h->hashed = h->size;
		len -= n;
	}
	h->size += len;
	if (h->size - h->hashed >= FILEHASH_BLOCK) {
		h->hashed = h->size - h->size % FILEHASH_BLOCK;
		h->skipped = true;
	}
	return 0;
}

static bool all_zero(const char *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

int filehash_data(struct filehash *h, const void *data, size_t len, struct err *e)
{
	const char *p = data;

	while (len > 0) {
		size_t n = MIN(len, FILEHASH_BLOCK - h->size % FILEHASH_BLOCK);

		if (block_is_zero(h) && all_zero(p, n)) {
			if (filehash_hole(h, n, e) < 0)
				return -1;
		} else {
			if ((h->skipped || h->hashed < h->size) && flush_zeros(h, e) < 0)
				return -1;
			if (sha256_update(h->sha, p, n, e) < 0)
				return -1;
			h->size += n;
			h->hashed = h->size;
		}
		p += n;
		len -= n;
	}
	return 0;
}

int filehash_restart(struct filehash *h, struct err *e)
{
	h->size = h->hashed = 0;
	h->skipped = false;
	return sha256_reset(h->sha, e);
}

int filehash_end(struct filehash *h, struct digest *out, struct err *e)
{
	/* The last block is no whole one: its zeros count. */
	if (h->hashed < h->size && flush_zeros(h, e) < 0)
		return -1;
	if (sha256_final(h->sha, out, e) < 0)
		return -1;
	return filehash_restart(h, e);
}

void filehash_free(struct filehash *h)
{
	if (!h)
		return;
	sha256_free(h->sha);
	free(h);
}

/* --- attributes ------------------------------------------------------------------------------ */

bool filehash_counts_xattr(const char *name)
{
	static const char *const prefixes[] = {
		"user.",
		"trusted.overlay.",
		"system.posix_acl_",
		"security.capability",
	};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_xattr(struct sha256 *sha, int fd, const char *name, char *value, struct err *e)
{
	unsigned char len[8];
	ssize_t n = fgetxattr(fd, name, value, XATTR_SIZE_MAX);

	if (n < 0)
		return err_sys(e, ERR_SYSTEM, "read an extended attribute");
	put_le64(len, (uint64_t)n);
	if (sha256_update(sha, name, strlen(name) + 1, e) < 0 ||
	    sha256_update(sha, len, sizeof(len), e) < 0)
		return -1;
	return sha256_update(sha, value, (size_t)n, e);
}

/* names: len bytes, each ended by a NUL; changed. */
static int digest_xattrs(int fd, char *names, size_t len, struct digest *out, struct err *e)
{
	/* Of two bytes at least. */
	auto_free char **sorted = calloc(len / 2 + 1, sizeof(*sorted));
	auto_free char *value = malloc(XATTR_SIZE_MAX);
	auto_sha256 sha = sha256_new(e);
	size_t count = 0;

	if (!sha)
		return -1;
	if (!sorted || !value)
		return err_sys(e, ERR_SYSTEM, "list extended attributes");
	for (char *p = names; p < names + len; p += strlen(p) + 1)
		if (filehash_counts_xattr(p))
			sorted[count++] = p;
	if (count == 0)
		return 0;
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 0; i < count; i++)
		if (add_xattr(sha, fd, sorted[i], value, e) < 0)
			return -1;
	return sha256_final(sha, out, e) < 0 ? -1 : 1;
}

int filehash_xattrs(int fd, struct digest *out, struct err *e)
{
	char few[1024];
	ssize_t n = flistxattr(fd, few, sizeof(few));

	if (n == 0 || (n < 0 && errno == EOPNOTSUPP))
		return 0;
	if (n > 0)
		return digest_xattrs(fd, few, (size_t)n, out, e);
	auto_free char *many = errno == ERANGE ? malloc(XATTR_LIST_MAX) : NULL;
	n = many ? flistxattr(fd, many, XATTR_LIST_MAX) : -1;
	if (n < 0)
		return err_sys(e, ERR_SYSTEM, "list extended attributes");
	return digest_xattrs(fd, many, (size_t)n, out, e);
}
