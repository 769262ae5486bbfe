/* SPDX-License-Identifier: MIT */
/* What one says to a token server, and what it answers. Pure. */
#ifndef IMGFETCH_TOKEN_H
#define IMGFETCH_TOKEN_H

#include "common/defs.h"
#include "common/err.h"

#define TOKEN_BYTES_MAX	  (16 * 1024)
#define REFRESH_BYTES_MAX 8192

/* Secrets: to be wiped. */
struct token {
	char value[TOKEN_BYTES_MAX + 1];     /* visible ASCII, not empty */
	char refresh[REFRESH_BYTES_MAX + 1]; /* instead of the one that was sent; "" if none came */
	uint64_t life_s;		     /* at least 1; 60 where the answer does not say */
};

/* Read an answer: token or access_token, expires_in, refresh_token. ERR_NETWORK (it does not speak
 * the protocol); no message shows what it holds. */
int token_parse(const char *text, size_t len, struct token *out, struct err *e) NODISCARD;

/* The form that asks for an access token for a refresh token (RFC 6749 section 6, with the fields
 * of the distribution project), malloc'd, to be wiped and freed. service, scope: "" to leave them
 * out. NULL with ERR_SYSTEM. */
char *token_form(const char *service, const char *scope, const char *refresh, struct err *e);

#endif
