/* SPDX-License-Identifier: MIT */
/* WWW-Authenticate headers: which way to prove who we are a registry offers. Pure. */
#include "imgfetch/challenge.h"

#include <string.h>
#include <strings.h>

#define TOKEN_CHARS "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t");
}

static const char *skip_commas(const char *p)
{
	return p + strspn(p, " \t,");
}

static bool word_is(const char *p, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(p, word, len) == 0;
}

/* Read a token or quoted string at *p into out (which may be NULL); moves *p past it. False when it
 * is malformed or does not fit. */
static bool take_value(const char **p, char *out, size_t size)
{
	const char *s = *p;
	size_t n = 0;
	bool quoted = *s == '"';

	if (quoted)
		s++;
	while (quoted ? *s && *s != '"' : *s && !strchr(" \t,\"", *s)) {
		if (quoted && *s == '\\' && s[1])
			s++;
		if (out) {
			if (n + 1 >= size)
				return false;
			out[n++] = *s;
		}
		s++;
	}
	if (quoted && *s++ != '"')
		return false;
	if (out)
		out[n] = '\0';
	*p = s;
	return true;
}

/* One name=value of a challenge. */
static bool take_param(const char **p, const char *name, size_t len, struct challenge *c)
{
	if (word_is(name, len, "realm"))
		return take_value(p, c->realm, sizeof(c->realm));
	if (word_is(name, len, "service"))
		return take_value(p, c->service, sizeof(c->service));
	if (word_is(name, len, "scope"))
		return take_value(p, c->scope, sizeof(c->scope));
	if (word_is(name, len, "error"))
		return take_value(p, c->error, sizeof(c->error));
	return take_value(p, NULL, 0);
}

/* The parameters after a scheme, up to the next scheme or the end. */
static bool take_params(const char **p, struct challenge *c)
{
	for (;;) {
		const char *name = skip_commas(*p);
		size_t len = strspn(name, TOKEN_CHARS);
		const char *after = skip_space(name + len);

		if (len == 0 || *after != '=') {
			*p = name; /* the next scheme, or nothing that we can read */
			return true;
		}
		*p = skip_space(after + 1);
		if (!take_param(p, name, len, c))
			return false;
	}
}

/* How much we would like to answer it. */
static unsigned rank(const struct challenge *c)
{
	switch (c->scheme) {
	case CHALLENGE_BEARER:
		return c->realm[0] ? 3 : 1;
	case CHALLENGE_BASIC:
		return 2;
	default:
		return 0;
	}
}

bool challenge_parse(const char *header, struct challenge *out)
{
	struct challenge best = {0};
	const char *p = skip_commas(header);

	while (*p) {
		struct challenge c = {0};
		size_t len = strspn(p, TOKEN_CHARS);

		if (len == 0)
			break;
		if (word_is(p, len, "bearer"))
			c.scheme = CHALLENGE_BEARER;
		else if (word_is(p, len, "basic"))
			c.scheme = CHALLENGE_BASIC;
		p += len;
		/* "Negotiate b64==": a token68 instead of parameters */
		const char *s = skip_space(p);
		size_t word = strspn(s, TOKEN_CHARS "/");
		size_t pad = strspn(s + word, "=");
		if (word > 0 && (s[word + pad] == ',' || s[word + pad] == '\0') &&
		    c.scheme == CHALLENGE_NONE)
			p = s + word + pad;
		if (!take_params(&p, &c))
			break;
		if (rank(&c) > rank(&best))
			best = c;
	}
	if (best.scheme == CHALLENGE_NONE)
		return false;
	*out = best;
	return true;
}
