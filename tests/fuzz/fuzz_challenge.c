/* SPDX-License-Identifier: MIT */
/* Fuzz target: WWW-Authenticate, as a registry may send it. */
#include "imgfetch/challenge.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "challenge";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = fuzz_string(data, size);
	struct challenge c;

	if (challenge_parse(s, &c)) {
		FUZZ_MUST(c.scheme == CHALLENGE_BASIC || c.scheme == CHALLENGE_BEARER);
		FUZZ_MUST(memchr(c.realm, '\0', sizeof(c.realm)) &&
			  memchr(c.service, '\0', sizeof(c.service)) &&
			  memchr(c.scope, '\0', sizeof(c.scope)) &&
			  memchr(c.error, '\0', sizeof(c.error)));
	}
	free(s);
	return 0;
}
