/* SPDX-License-Identifier: MIT */
/* Content digests as text and bytes: "sha256:" and 64 lower-case hex digits. */
#include "common/digest.h"

#include <string.h>

#include "common/text.h"

static const char prefix[] = "sha256:";

int digest_parse(const char *s, struct digest *out, struct err *e)
{
	size_t plen = sizeof(prefix) - 1;
	const char *hex = s + plen;

	if (strncmp(s, prefix, plen) != 0 || strlen(hex) != DIGEST_HEX_LEN ||
	    strspn(hex, "0123456789abcdef") != DIGEST_HEX_LEN)
		return err_set(e, ERR_USAGE,
			       "'%s' is not a digest ('sha256:' and 64 lower-case hex digits)",
			       text_quote(s).s);
	memcpy(out->hex, hex, DIGEST_HEX_LEN + 1);
	return 0;
}

void digest_from_bytes(const unsigned char bytes[32], struct digest *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < 32; i++) {
		out->hex[2 * i] = hex[bytes[i] >> 4];
		out->hex[2 * i + 1] = hex[bytes[i] & 15];
	}
	out->hex[DIGEST_HEX_LEN] = '\0';
}

struct digest_text digest_text(const struct digest *d)
{
	struct digest_text t;

	memcpy(t.s, prefix, sizeof(prefix) - 1);
	memcpy(t.s + sizeof(prefix) - 1, d->hex, sizeof(d->hex));
	return t;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->hex, b->hex, sizeof(a->hex)) == 0;
}
