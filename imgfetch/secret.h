/* SPDX-License-Identifier: MIT */
/* What proves who we are, and texts on the heap that are overwritten before they are freed. */
#ifndef IMGFETCH_SECRET_H
#define IMGFETCH_SECRET_H

#include <stdlib.h>
#include <string.h>

#include "common/defs.h"

#define CREDENTIAL_USER_MAX 512
/* Passwords of clouds are tokens of some kilobytes. */
#define CREDENTIAL_SECRET_MAX 8192

/* The user name that stands for "the secret is an identity token". */
#define IDENTITY_USER "<token>"

enum credential_kind {
	CREDENTIAL_NONE = 0,
	CREDENTIAL_PASSWORD, /* user and password */
	CREDENTIAL_IDENTITY, /* a refresh token, which the token server takes for the password */
	CREDENTIAL_REGISTRY, /* a token for the registry itself */
};

/* Wipe it (credentials_wipe) when it is no longer needed. */
struct credentials {
	enum credential_kind kind;
	char user[CREDENTIAL_USER_MAX + 1];
	char secret[CREDENTIAL_SECRET_MAX + 1];
	char origin[300]; /* for messages: "credentials file '...'", "credential helper '...'" */
};

static inline void credentials_wipe(struct credentials *c)
{
	explicit_bzero(c, sizeof(*c));
}

/* NULL is fine. */
static inline void secret_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

static inline void cleanup_secret(char **s)
{
	secret_free(*s);
	*s = NULL;
}

/* char * */
#define auto_secret __attribute__((cleanup(cleanup_secret))) char *

#endif
