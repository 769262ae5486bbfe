/* SPDX-License-Identifier: MIT */
/* What one says to a token server, and what it answers. Pure. */
#include "imgfetch/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "imgfetch/json.h"

/* As the distribution project's token specification says. */
#define LIFE_DEFAULT_S 60
#define LIFE_MAX_S     (24 * 3600)

static bool is_visible(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	return true;
}

/* It goes into a header: visible ASCII only. */
static int take_token(const struct jv *doc, struct token *out, struct err *e)
{
	const char *token = NULL, *refresh = NULL;
	struct err ignored;

	if (jv_get_string(doc, "token", JV_OPTIONAL, TOKEN_BYTES_MAX, &token, e) < 0)
		return -1;
	/* Some send both, one of them empty. */
	if ((!token || !token[0]) &&
	    jv_get_string(doc, "access_token", JV_REQUIRED, TOKEN_BYTES_MAX, &token, e) < 0)
		return -1;
	if (!is_visible(token))
		return err_set(e, ERR_NETWORK, "malformed token");
	if (!token[0])
		return err_set(e, ERR_NETWORK, "empty token");
	if (jv_get_string(doc, "refresh_token", JV_OPTIONAL, REFRESH_BYTES_MAX, &refresh, e) < 0)
		return -1;
	out->life_s = 0;
	if (jv_get_u64(doc, "expires_in", JV_OPTIONAL, UINT64_MAX, &out->life_s, &ignored) < 0 ||
	    out->life_s == 0)
		out->life_s = LIFE_DEFAULT_S;
	out->life_s = MIN(out->life_s, LIFE_MAX_S);
	if (!refresh || !is_visible(refresh))
		refresh = "";
	return text_format(out->refresh, sizeof(out->refresh), "%s", refresh) < 0 ||
			       text_format(out->value, sizeof(out->value), "%s", token) < 0
		       ? err_set(e, ERR_NETWORK, "token is too long")
		       : 0;
}

int token_parse(const char *text, size_t len, struct token *out, struct err *e)
{
	struct jv *doc = NULL;
	int r = -1;

	if (len == 0)
		return err_set(e, ERR_NETWORK, "empty answer");
	if (jv_parse(text, len, &doc, e) < 0)
		/* The parser quotes what it stumbled over, which may be a token. */
		err_set(e, ERR_NETWORK, "not valid JSON");
	else if (!jv_is_object(doc))
		err_set(e, ERR_NETWORK, "not a JSON object");
	else
		r = take_token(doc, out, e);
	jv_wipe(doc);
	if (r < 0) {
		explicit_bzero(out, sizeof(*out));
		e->kind = ERR_NETWORK; /* it does not speak the protocol */
	}
	return r;
}

static void add_field(struct text *t, const char *name, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~";

	if (!value[0])
		return;
	text_addf(t, "%s%s=", t->len > 0 ? "&" : "", name);
	for (const char *p = value; *p; p++) {
		if (strchr(plain, *p))
			text_add_bytes(t, p, 1);
		else
			text_addf(t, "%%%02X", (unsigned char)*p);
	}
}

char *token_form(const char *service, const char *scope, const char *refresh, struct err *e)
{
	const size_t size = 3 * (strlen(service) + strlen(scope) + strlen(refresh)) + 256;
	char *form = calloc(1, size);
	struct text t = {.buf = form, .size = size};

	if (!form) {
		err_sys(e, ERR_SYSTEM, "ask for a token");
		return NULL;
	}
	add_field(&t, "grant_type", "refresh_token");
	add_field(&t, "client_id", "imgfetch");
	add_field(&t, "service", service);
	add_field(&t, "scope", scope);
	add_field(&t, "refresh_token", refresh);
	return form;
}
