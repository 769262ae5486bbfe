/* SPDX-License-Identifier: MIT */
/* WWW-Authenticate headers: which way to prove who we are a registry offers. Pure. */
#ifndef IMGFETCH_CHALLENGE_H
#define IMGFETCH_CHALLENGE_H

#include "common/defs.h"

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_scheme scheme;
	char realm[1024]; /* Bearer: URL of the token server. Empty when not given */
	char service[256];
	char scope[512];
	char error[64]; /* RFC 6750: invalid_token, insufficient_scope */
};

/* Read the header's value (several headers joined by ", "), as in RFC 9110 section 11.6.1: schemes
 * and names in any case, values as tokens or quoted strings with escapes, commas inside quotes.
 * Bearer is preferred to Basic unless it names no token server, others are passed over. False if
 * there is none that we know, or the chosen one has a value too long to keep. */
bool challenge_parse(const char *header, struct challenge *out);

#endif
