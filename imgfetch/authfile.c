/* SPDX-License-Identifier: MIT */
/* The text of docker's config.json and podman's auth.json: looked into, and changed. Pure. */
#include "imgfetch/authfile.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/ref.h"
#include "common/text.h"
#include "imgfetch/authfile_impl.h"
#include "imgfetch/base64.h"
#include "imgfetch/json.h"

/* --- keys ---------------------------------------------------------------------------------- */

static bool same_place(const char *key, const char *want)
{
	static const char *const tails[] = {"", "/", "/v1", "/v1/", "/v2", "/v2/"};
	size_t n = strlen(want);

	if (strncmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncmp(key, "http://", 7) == 0)
		key += 7;
	if (strncmp(key, want, n) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		if (strcmp(key + n, tails[i]) == 0)
			return true;
	return false;
}

bool authfile_key_is(const char *key, const char *want)
{
	if (strcmp(want, "docker.io") != 0)
		return same_place(key, want);
	return same_place(key, "docker.io") || same_place(key, "index.docker.io") ||
	       same_place(key, "registry-1.docker.io");
}

/* The member of obj for `want`, NULL if there is none. Its plain spelling is preferred. */
static const struct jv *find_key(const struct jv *obj, const char *want)
{
	const struct jv *found = NULL;
	const char *key;

	for (size_t i = 0; (key = jv_key_at(obj, i)); i++) {
		if (strcmp(key, want) == 0)
			return jv_value_at(obj, i);
		if (!found && authfile_key_is(key, want))
			found = jv_value_at(obj, i);
	}
	return found;
}

/* --- entries of auths ---------------------------------------------------------------------- */

static int keep(char *out, size_t size, const char *text, const char *what, struct err *e)
{
	if (text_format(out, size, "%s", text) < 0)
		return err_set(e, ERR_CONFIG, "a %s is too long", what);
	return 0;
}

/* base64 of "user:password" */
static int take_auth(const char *auth, struct credentials *out, struct err *e)
{
	char plain[CREDENTIAL_USER_MAX + CREDENTIAL_SECRET_MAX + 2];
	ssize_t len = base64_decode(auth, plain, sizeof(plain));
	char *colon;
	int r = -1;

	if (len < 0)
		return err_set(e, ERR_CONFIG, "an 'auth' value is not base64, or too long");
	while (len > 0 && plain[len - 1] == '\0') /* which old clients have padded it with */
		len--;
	colon = memchr(plain, ':', (size_t)len);
	if (!colon || memchr(plain, '\0', (size_t)len)) {
		err_set(e, ERR_CONFIG, "an 'auth' value is not base64 of user:password");
	} else {
		*colon = '\0';
		r = keep(out->user, sizeof(out->user), plain, "user name", e);
		if (r == 0)
			r = keep(out->secret, sizeof(out->secret), colon + 1, "password", e);
	}
	explicit_bzero(plain, sizeof(plain));
	return r;
}

static int take_token(const char *token, enum credential_kind kind, struct credentials *out,
		      struct err *e)
{
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return err_set(e, ERR_CONFIG, "a token holds more than visible ASCII");
	out->kind = kind;
	return keep(out->secret, sizeof(out->secret), token, "token", e);
}

/* An entry of auths. Empty ones (a helper has the login) leave *out as it was. */
static int take_entry(const struct jv *entry, struct credentials *out, struct err *e)
{
	const char *auth = NULL, *user = NULL, *password = NULL, *identity = NULL, *token = NULL;
	const size_t most = BASE64_SIZE(CREDENTIAL_USER_MAX + CREDENTIAL_SECRET_MAX + 1);
	bool has_password = false;

	if (!jv_is_object(entry))
		return err_set(e, ERR_CONFIG, "an entry of 'auths' is not an object");
	if (jv_get_string(entry, "auth", JV_OPTIONAL, most, &auth, e) < 0 ||
	    jv_get_string(entry, "username", JV_OPTIONAL, CREDENTIAL_USER_MAX, &user, e) < 0 ||
	    jv_get_string(entry, "password", JV_OPTIONAL, CREDENTIAL_SECRET_MAX, &password, e) <
		    0 ||
	    jv_get_string(entry, "identitytoken", JV_OPTIONAL, CREDENTIAL_SECRET_MAX, &identity,
			  e) < 0 ||
	    jv_get_string(entry, "registrytoken", JV_OPTIONAL, CREDENTIAL_SECRET_MAX, &token, e) <
		    0)
		return -1;
	if (auth && auth[0]) {
		if (take_auth(auth, out, e) < 0)
			return -1;
		has_password = true;
	} else if (user && password) {
		if (keep(out->user, sizeof(out->user), user, "user name", e) < 0 ||
		    keep(out->secret, sizeof(out->secret), password, "password", e) < 0)
			return -1;
		has_password = true;
	}
	if (token && token[0])
		return take_token(token, CREDENTIAL_REGISTRY, out, e);
	if (identity && identity[0])
		return take_token(identity, CREDENTIAL_IDENTITY, out, e);
	if (has_password)
		out->kind = strcmp(out->user, IDENTITY_USER) == 0 ? CREDENTIAL_IDENTITY
								  : CREDENTIAL_PASSWORD;
	return 0;
}

/* Tries host/a/b, host/a, host. */
static int find_entry(const struct jv *auths, const char *host, const char *repo,
		      struct credentials *out, struct err *e)
{
	char want[REF_HOST_MAX + REF_REPO_MAX + 2];

	if (text_format(want, sizeof(want), "%s%s%s", host, repo[0] ? "/" : "", repo) < 0)
		return err_set(e, ERR_USAGE, "reference is too long");
	for (;;) {
		char *slash = strrchr(want, '/');
		const struct jv *entry = find_key(auths, want);

		if (entry && take_entry(entry, out, e) < 0)
			return -1;
		if (out->kind != CREDENTIAL_NONE || !slash)
			return 0;
		*slash = '\0';
	}
}

/* --- helpers ------------------------------------------------------------------------------- */

static int take_helper(const char *name, char *out, size_t size, struct err *e)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "._-";

	if (name[strspn(name, good)] || text_format(out, size, "%s", name) < 0)
		return err_set(e, ERR_CONFIG, "'%s' cannot be the name of a credential helper",
			       text_quote(name).s);
	return 0;
}

static int find_helpers(const struct jv *doc, const char *host, struct authfile *out, struct err *e)
{
	const struct jv *helpers = NULL;
	const char *name = NULL, *key;

	if (jv_get_object(doc, "credHelpers", JV_OPTIONAL, &helpers, e) < 0 ||
	    jv_get_string(doc, "credsStore", JV_OPTIONAL, 256, &name, e) < 0)
		return -1;
	if (name && take_helper(name, out->store, sizeof(out->store), e) < 0)
		return -1;
	for (size_t i = 0; helpers && (key = jv_key_at(helpers, i)); i++) {
		if (!authfile_key_is(key, host))
			continue;
		name = NULL;
		if (jv_get_string(helpers, key, JV_OPTIONAL, 256, &name, e) < 0 ||
		    (name && take_helper(name, out->helper, sizeof(out->helper), e) < 0))
			return -1;
	}
	return 0;
}

int authfile_parse(const char *name, const char *text, size_t len, const char *host,
		   const char *repo, struct authfile *out, struct err *e)
{
	struct jv *doc = NULL;
	const struct jv *auths = NULL;
	struct authfile found = {0};
	int r = -1;

	if (jv_parse(text, len, &doc, e) < 0)
		/* The parser quotes what it stumbled over, which may be a password. */
		err_set(e, ERR_CONFIG, "not valid JSON");
	else if (!jv_is_object(doc))
		err_set(e, ERR_CONFIG, "not a JSON object");
	else if (find_helpers(doc, host, &found, e) == 0 &&
		 jv_get_object(doc, "auths", JV_OPTIONAL, &auths, e) == 0 &&
		 (!auths || find_entry(auths, host, repo, &found.creds, e) == 0))
		r = 0;
	jv_wipe(doc);
	if (r == 0) {
		*out = found;
	} else {
		if (e->kind != ERR_USAGE)
			e->kind = ERR_CONFIG;
		err_wrap(e, "credentials file '%s'", name);
	}
	explicit_bzero(&found, sizeof(found));
	return r;
}
