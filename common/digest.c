/* SPDX-License-Identifier: MIT */
/* Content digests as text and bytes: "sha256:" and 64 lower-case hex digits. No hashing. Pure. */
#include "common/digest.h"

#include <string.h>

#include "common/text.h"

#define PREFIX_LEN 7

static const char sha256_prefix[PREFIX_LEN + 1] = "sha256:";
static const char sha512_prefix[PREFIX_LEN + 1] = "sha512:";

/* Copies the digits if s is the prefix and so many of them. */
static bool take(const char *s, const char *prefix, size_t hex_len, struct digest *out)
{
	const char *hex = s + PREFIX_LEN;

	if (strncmp(s, prefix, PREFIX_LEN) != 0 || strlen(hex) != hex_len ||
	    strspn(hex, "0123456789abcdef") != hex_len)
		return false;
	memcpy(out->hex, hex, hex_len + 1);
	return true;
}

int digest_parse(const char *s, struct digest *out, struct err *e)
{
	if (take(s, sha256_prefix, DIGEST_HEX_LEN, out))
		return 0;
	return err_set(e, ERR_USAGE,
		       "'%s' is not a digest ('sha256:' and 64 lower-case hex digits)",
		       text_quote(s).s);
}

int digest_parse_any(const char *s, struct digest *out, struct err *e)
{
	if (take(s, sha512_prefix, DIGEST_HEX_MAX, out))
		return 0;
	return digest_parse(s, out, e);
}

void digest_from_bytes(const unsigned char *bytes, size_t len, struct digest *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = MIN(len, DIGEST_HEX_MAX / 2);

	for (size_t i = 0; i < n; i++) {
		out->hex[2 * i] = hex[bytes[i] >> 4];
		out->hex[2 * i + 1] = hex[bytes[i] & 15];
	}
	out->hex[2 * n] = '\0';
}

bool digest_is_sha512(const struct digest *d)
{
	return strlen(d->hex) > DIGEST_HEX_LEN;
}

struct digest_text digest_text(const struct digest *d)
{
	struct digest_text t;

	memcpy(t.s, digest_is_sha512(d) ? sha512_prefix : sha256_prefix, PREFIX_LEN);
	memcpy(t.s + PREFIX_LEN, d->hex, sizeof(d->hex));
	return t;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->hex, b->hex) == 0;
}
