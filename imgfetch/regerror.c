/* SPDX-License-Identifier: MIT */
/* Answers of registries that are errors, in words for people. Pure. */
#include "imgfetch/regerror.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "imgfetch/json.h"

struct reason {
	char code[40];
	char message[120];
};

/* {"errors":[{"code":"MANIFEST_UNKNOWN","message":"..."}]}; anything else gives empty texts. */
static void read_reason(const struct http_response *resp, struct reason *out)
{
	auto_jv doc = NULL;
	const struct jv *errors = NULL, *first = NULL;
	const char *code = NULL, *message = NULL;
	size_t count = 0;
	struct err ignored;

	if (jv_parse(resp->error_body, resp->error_len, &doc, &ignored) < 0 || !jv_is_object(doc) ||
	    jv_get_array(doc, "errors", JV_REQUIRED, 1000, &errors, &count, &ignored) < 0 ||
	    count == 0 || jv_object_at(errors, 0, &first, &ignored) < 0)
		return;
	if (jv_get_string(first, "code", JV_OPTIONAL, 4096, &code, &ignored) == 0 && code)
		(void)snprintf(out->code, sizeof(out->code), "%s", code); /* a head will do */
	if (jv_get_string(first, "message", JV_OPTIONAL, 4096, &message, &ignored) == 0 && message)
		(void)snprintf(out->message, sizeof(out->message), "%s", message);
}

static enum err_kind kind_of(long status, const char *code)
{
	if (status == 401 || status == 403 || strcmp(code, "DENIED") == 0 ||
	    strcmp(code, "UNAUTHORIZED") == 0)
		return ERR_AUTH;
	if (status == 404 || status == 410)
		return ERR_NOTFOUND;
	return ERR_NETWORK;
}

static const char *usual_hint(const struct http_response *resp, const char *code)
{
	if (strcmp(code, "NAME_UNKNOWN") == 0)
		return "is the name of the repository right?";
	if (strcmp(code, "MANIFEST_UNKNOWN") == 0)
		return "are the repository and the tag or digest right?";
	if (resp->status == 401 || resp->status == 403)
		return "no such repository, or it needs a login";
	if (resp->status == 404)
		return "is the name right, and is this a registry?";
	if (resp->status == 429)
		return "the registry limits requests: try again later, or log in";
	if (resp->status >= 500)
		return "the registry is in trouble: try again later";
	return "is this a registry?";
}

int regerror_set(const struct http_response *resp, const char *what, const char *hint,
		 struct err *e)
{
	struct reason r = {{0}, {0}};
	bool said = resp->error_len > 0;

	if (said)
		read_reason(resp, &r);
	return err_set(e, kind_of(resp->status, r.code), "%s: HTTP %ld%s%s%s%s%s from %s: %s", what,
		       resp->status, r.code[0] ? " " : "", text_quote(r.code).s,
		       r.message[0] ? " (" : "", text_quote(r.message).s, r.message[0] ? ")" : "",
		       url_show(&resp->url).s, hint ? hint : usual_hint(resp, r.code));
}
