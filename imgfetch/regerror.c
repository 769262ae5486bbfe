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

static void take(const struct jv *obj, const char *key, char *out, size_t size)
{
	const char *text = NULL;
	struct err ignored;

	if (!out[0] && jv_get_string(obj, key, JV_OPTIONAL, 4096, &text, &ignored) == 0 && text)
		(void)snprintf(out, size, "%s", text); /* a head will do */
}

/* {"errors":[{"code":"MANIFEST_UNKNOWN","message":"..."}]} of registries,
 * {"error":"invalid_grant","error_description":"..."} of OAuth, {"details":"..."} of Docker Hub's
 * token server; anything else gives empty texts. */
static void read_reason(const struct http_response *resp, struct reason *out)
{
	auto_jv doc = NULL;
	const struct jv *errors = NULL, *first = NULL;
	size_t count = 0;
	struct err ignored;

	if (jv_parse(resp->error_body, resp->error_len, &doc, &ignored) < 0 || !jv_is_object(doc))
		return;
	if (jv_get_array(doc, "errors", JV_OPTIONAL, 1000, &errors, &count, &ignored) == 0 &&
	    count > 0 && jv_object_at(errors, 0, &first, &ignored) == 0) {
		take(first, "code", out->code, sizeof(out->code));
		take(first, "message", out->message, sizeof(out->message));
		return;
	}
	take(doc, "error", out->code, sizeof(out->code));
	take(doc, "error_description", out->message, sizeof(out->message));
	take(doc, "details", out->message, sizeof(out->message));
	take(doc, "message", out->message, sizeof(out->message));
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
	if (resp->status == 407)
		return "the proxy wants a login (http://USER:PASSWORD@HOST:PORT in the "
		       "environment)";
	if (resp->status == 429)
		return "the registry limits requests: try again later, or log in";
	if (resp->status >= 500)
		return "the registry is in trouble: try again later";
	return "is this a registry?";
}

/* What a registry says of its limits: Docker Hub's headers, and Retry-After. */
static void add_limits(struct text *t, const struct http_response *resp)
{
	if (resp->has_rate_limit && resp->has_rate_left) {
		text_addf(t, "; %llu of %llu requests are left",
			  (unsigned long long)resp->rate_left,
			  (unsigned long long)resp->rate_limit);
		if (resp->rate_window_s)
			text_addf(t, " (in %llu s)", (unsigned long long)resp->rate_window_s);
	}
	if (resp->retry_after_s > 0 && http_status_is_temporary(resp->status))
		text_addf(t, "; it asks to wait %ld s", resp->retry_after_s);
}

int regerror_set(const struct http_response *resp, const char *what, const char *hint,
		 struct err *e)
{
	struct reason r = {{0}, {0}};
	bool said = resp->error_len > 0;
	char limits[128];
	struct text t = TEXT_OVER(limits);

	if (said)
		read_reason(resp, &r);
	add_limits(&t, resp);
	return err_set(e, kind_of(resp->status, r.code), "%s: HTTP %ld%s%s%s%s%s from %s: %s%s",
		       what, resp->status, r.code[0] ? " " : "", text_quote(r.code).s,
		       r.message[0] ? " (" : "", text_quote(r.message).s, r.message[0] ? ")" : "",
		       url_show(&resp->url).s, hint ? hint : usual_hint(resp, r.code), limits);
}
