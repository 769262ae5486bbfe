/* SPDX-License-Identifier: MIT */
/* Proving to a registry who we are: Basic, or a token from the server that it names. */
#include "imgfetch/auth.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/ref.h"
#include "common/text.h"
#include "imgfetch/challenge.h"
#include "imgfetch/json.h"
#include "imgfetch/membuf.h"

#define TOKEN_ANSWER_MAX (64 * 1024)
#define TOKEN_BYTES_MAX	 (16 * 1024)
#define TOKEN_TIMEOUT_S	 60

#define LOGIN_WANTED                                                                               \
	"it wants a user name and password (podman login or docker login keeps them for imgfetch)"

struct auth {
	struct http *http;
	const struct credential_paths *paths;
	char host[REF_HOST_MAX + 1];
	char repo[REF_REPO_MAX + 1];
	pthread_mutex_t lock; /* guards the rest; held while a token is fetched, so that one is */
	char *header;	      /* current Authorization value, or NULL */
	bool looked;	      /* credentials were searched for */
	struct credentials creds;
};

struct auth *auth_new(struct http *http, const struct credential_paths *paths, const char *host,
		      const char *repo, struct err *e)
{
	struct auth *a = calloc(1, sizeof(*a));

	if (!a || text_format(a->host, sizeof(a->host), "%s", host) < 0 ||
	    text_format(a->repo, sizeof(a->repo), "%s", repo) < 0) {
		free(a);
		err_sys(e, ERR_SYSTEM, "prepare to log in to '%s'", text_quote(host).s);
		return NULL;
	}
	a->http = http;
	a->paths = paths;
	(void)pthread_mutex_init(&a->lock, NULL); /* default mutexes need no resources here */
	return a;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	if (a->header)
		explicit_bzero(a->header, strlen(a->header));
	free(a->header);
	explicit_bzero(&a->creds, sizeof(a->creds));
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}

char *auth_header(struct auth *a)
{
	char *copy;

	(void)pthread_mutex_lock(&a->lock); /* fails only on misuse */
	copy = a->header ? strdup(a->header) : NULL;
	(void)pthread_mutex_unlock(&a->lock);
	return copy;
}

bool auth_has_credentials(struct auth *a)
{
	bool found;

	(void)pthread_mutex_lock(&a->lock);
	found = a->creds.found;
	(void)pthread_mutex_unlock(&a->lock);
	return found;
}

bool auth_has_helper(struct auth *a)
{
	bool helper;

	(void)pthread_mutex_lock(&a->lock);
	helper = a->creds.helper;
	(void)pthread_mutex_unlock(&a->lock);
	return helper;
}

static int set_header(struct auth *a, const char *scheme, const char *value, struct err *e)
{
	char *header;

	if (asprintf(&header, "%s %s", scheme, value) < 0)
		return err_sys(e, ERR_SYSTEM, "keep the answer of the token server");
	free(a->header);
	a->header = header;
	return 0;
}

/* token or access_token of the answer, which goes into a header: visible ASCII only. */
static int parse_token(const struct membuf *answer, char *out, size_t size, struct err *e)
{
	auto_jv doc = NULL;
	const char *token = NULL;

	if (answer->len == 0)
		return err_set(e, ERR_NETWORK, "empty answer");
	if (jv_parse(answer->data, answer->len, &doc, e) < 0) {
		/* The parser quotes what it stumbled over, which may be a token. */
		err_set(e, ERR_NETWORK, "not valid JSON");
		goto bad;
	}
	if (!jv_is_object(doc)) {
		err_set(e, ERR_NETWORK, "not a JSON object");
		goto bad;
	}
	if (jv_get_string(doc, "token", JV_OPTIONAL, size - 1, &token, e) < 0)
		goto bad;
	if (!token && jv_get_string(doc, "access_token", JV_REQUIRED, size - 1, &token, e) < 0)
		goto bad;
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return err_set(e, ERR_NETWORK, "malformed token");
	if (!token[0])
		return err_set(e, ERR_NETWORK, "empty token");
	memcpy(out, token, strlen(token) + 1);
	return 0;
bad:
	e->kind = ERR_NETWORK; /* it does not speak the protocol */
	return -1;
}

static int build_token_url(const struct auth *a, const struct challenge *c, struct url *out,
			   struct err *e)
{
	char scope[REF_REPO_MAX + 32];

	if (url_parse(c->realm, out, e) < 0)
		return err_wrap(e, "token server named by '%s'", a->host);
	if (text_format(scope, sizeof(scope), "repository:%s:pull", a->repo) < 0)
		return err_set(e, ERR_USAGE, "repository name is too long");
	if (c->service[0] && url_add_query(out, "service", c->service, e) < 0)
		return -1;
	return url_add_query(out, "scope", c->scope[0] ? c->scope : scope, e);
}

/* The realm comes from the registry, or from whoever sits on a plain HTTP line to it. */
static int check_realm(const struct auth *a, const struct http_response *resp,
		       const struct url *realm, struct err *e)
{
	if (realm->https)
		return 0;
	if (resp->url.https)
		return err_set(e, ERR_AUTH, "'%s' names a token server without TLS (%s): refused",
			       a->host, url_show(realm).s);
	if (!http_plain_allowed(a->http, realm))
		return err_set(
			e, ERR_AUTH,
			"'%s' names a token server without TLS on another host (%s): refused",
			a->host, url_show(realm).s);
	if (a->creds.found && !url_same_origin(&resp->url, realm))
		return err_set(e, ERR_AUTH,
			       "'%s' wants its password sent to %s over plain HTTP: refused",
			       a->host, url_show(realm).s);
	return 0;
}

static int fetch_token(struct auth *a, const struct http_response *resp, const struct challenge *c,
		       bool *temporary, struct err *e)
{
	auto_membuf answer = {.len_max = TOKEN_ANSWER_MAX};
	auto_free struct http_request *req = calloc(1, sizeof(*req));
	auto_free struct http_response *got = calloc(1, sizeof(*got));
	auto_free char *basic = NULL;
	char token[TOKEN_BYTES_MAX];
	int r;

	if (!req || !got)
		return err_sys(e, ERR_SYSTEM, "ask for a token");
	if (build_token_url(a, c, &req->url, e) < 0 || check_realm(a, resp, &req->url, e) < 0)
		return -1;
	if (a->creds.found && asprintf(&basic, "Basic %s", a->creds.basic) < 0) {
		basic = NULL;
		return err_sys(e, ERR_SYSTEM, "ask for a token");
	}
	req->authorization = basic;
	req->accept = "application/json";
	req->sent_by = resp->net;
	req->body_max = TOKEN_ANSWER_MAX;
	req->total_s = TOKEN_TIMEOUT_S;
	req->sink = membuf_add;
	req->arg = &answer;
	if (http_perform(a->http, req, got, e) < 0) {
		*temporary = got->retry;
		return err_wrap(e, "token server of '%s'", a->host);
	}
	*temporary = http_status_is_temporary(got->status);
	if (got->status == 401 || got->status == 403)
		return err_set(e, ERR_AUTH, "token server of '%s': HTTP %ld from %s: %s", a->host,
			       got->status, url_show(&got->url).s,
			       a->creds.found ? "it refuses the user name or password"
					      : LOGIN_WANTED);
	if (got->status != 200)
		return err_set(e, ERR_NETWORK, "token server of '%s': HTTP %ld from %s", a->host,
			       got->status, url_show(&got->url).s);
	if (parse_token(&answer, token, sizeof(token), e) < 0)
		return err_wrap(e, "token server of '%s' (%s)", a->host, url_show(&got->url).s);
	r = set_header(a, "Bearer", token, e);
	explicit_bzero(token, sizeof(token));
	return r;
}

static int answer_locked(struct auth *a, const struct http_response *resp, const char *used,
			 bool *temporary, struct err *e)
{
	struct challenge c;

	/* Somebody else was told the same and has a new header already. */
	if (a->header && (!used || strcmp(used, a->header) != 0))
		return 0;
	if (!challenge_parse(resp->www_authenticate, &c))
		return err_set(e, ERR_AUTH,
			       "HTTP %ld from %s: it wants a login, but no way that imgfetch knows",
			       resp->status, url_show(&resp->url).s);
	if (!a->looked && credentials_find(a->paths, a->host, a->repo, &a->creds, e) < 0)
		return -1;
	a->looked = true;
	if (c.scheme == CHALLENGE_BEARER)
		return fetch_token(a, resp, &c, temporary, e);
	if (!a->creds.found)
		return err_set(e, ERR_AUTH, "HTTP %ld from %s: %s", resp->status,
			       url_show(&resp->url).s, LOGIN_WANTED);
	if (used)
		return err_set(e, ERR_AUTH,
			       "HTTP %ld from %s: it refuses the user name or password",
			       resp->status, url_show(&resp->url).s);
	return set_header(a, "Basic", a->creds.basic, e);
}

int auth_answer(struct auth *a, const struct http_response *resp, const char *used, bool *temporary,
		struct err *e)
{
	int r;

	(void)pthread_mutex_lock(&a->lock);
	r = answer_locked(a, resp, used, temporary, e);
	(void)pthread_mutex_unlock(&a->lock);
	return r;
}
