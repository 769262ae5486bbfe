/* SPDX-License-Identifier: MIT */
/* Proving to a registry who we are: Basic, or a token from the server that it names. */
#include "imgfetch/auth.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/ref.h"
#include "common/text.h"
#include "imgfetch/base64.h"
#include "imgfetch/challenge.h"
#include "imgfetch/clock.h"
#include "imgfetch/membuf.h"
#include "imgfetch/regerror.h"
#include "imgfetch/secret.h"
#include "imgfetch/token.h"

#define TOKEN_ANSWER_MAX (64 * 1024)
#define TOKEN_TIMEOUT_S	 60
/* After a renewal that failed, until the next one that nobody has asked for. */
#define RENEW_AGAIN_S 10

/* More of a secret than this is never shown, were it a coincidence. */
#define SECRET_SHOWN_MAX 12

struct auth {
	struct http *http;
	const struct credential_paths *paths;
	char host[REF_HOST_MAX + 1];
	char repo[REF_REPO_MAX + 1];
	pthread_mutex_t lock; /* guards the rest; held while a token is fetched, so that one is */
	char *header;	      /* current Authorization value, or NULL */
	bool looked;	      /* credentials were searched for */
	struct credentials creds;
	/* What the registry asked for last, and who it was. */
	struct challenge challenge;
	struct url asked;
	enum net_class asked_net;
	uint64_t renew_ns; /* when the token in header is too old; 0: never */
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
	secret_free(a->header);
	credentials_wipe(&a->creds);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}

void auth_set_credentials(struct auth *a, const struct credentials *creds)
{
	(void)pthread_mutex_lock(&a->lock); /* fails only on misuse */
	a->creds = *creds;
	a->looked = true;
	(void)pthread_mutex_unlock(&a->lock);
}

/* --- the header ------------------------------------------------------------------------------ */

static int set_header(struct auth *a, const char *scheme, const char *value, struct err *e)
{
	char *header;

	if (asprintf(&header, "%s %s", scheme, value) < 0)
		return err_sys(e, ERR_SYSTEM, "keep the answer of the token server");
	secret_free(a->header);
	a->header = header;
	a->renew_ns = 0;
	return 0;
}

/* base64 of user:password, malloc'd. For an identity token without a user name the one that means
 * this. */
static char *basic_value(const struct credentials *c, struct err *e)
{
	const char *user = !c->user[0] && c->kind == CREDENTIAL_IDENTITY ? IDENTITY_USER : c->user;
	char *plain = NULL, *value = NULL;

	if (asprintf(&plain, "%s:%s", user, c->secret) >= 0)
		value = malloc(BASE64_SIZE(strlen(plain)));
	else
		plain = NULL;
	if (value)
		base64_encode(plain, strlen(plain), value);
	else
		err_sys(e, ERR_SYSTEM, "log in");
	secret_free(plain);
	return value;
}

/* --- tokens ---------------------------------------------------------------------------------- */

/* One request to the token server. */
struct asking {
	struct http_request req;
	struct http_response got;
	struct membuf answer;
	char *basic, *form; /* as far as it needs them */
	char scope[512];
};

static struct asking *asking_new(const struct auth *a, struct err *e)
{
	struct asking *k = calloc(1, sizeof(*k));
	const char *scope = a->challenge.scope;

	if (!k) {
		err_sys(e, ERR_SYSTEM, "ask for a token");
		return NULL;
	}
	k->answer.len_max = TOKEN_ANSWER_MAX;
	k->req.accept = "application/json";
	k->req.sent_by = a->asked_net;
	k->req.body_max = TOKEN_ANSWER_MAX;
	k->req.total_s = TOKEN_TIMEOUT_S;
	k->req.sink = membuf_add;
	k->req.arg = &k->answer;
	/* For the host as such there is none, whatever it says: some name one that nobody has. */
	if (!a->repo[0] || (scope[0] ? text_format(k->scope, sizeof(k->scope), "%s", scope)
				     : text_format(k->scope, sizeof(k->scope), "repository:%s:pull",
						   a->repo)) == 0)
		return k;
	free(k);
	err_set(e, ERR_AUTH, "'%s' asks for a scope that is too long", a->host);
	return NULL;
}

static void asking_free(struct asking *k)
{
	if (k->answer.data)
		explicit_bzero(k->answer.data, k->answer.len);
	free(k->answer.data);
	secret_free(k->basic);
	secret_free(k->form);
	free(k);
}

/* The realm comes from the registry, or from whoever sits on a plain HTTP line to it. */
static int check_realm(const struct auth *a, const struct url *realm, struct err *e)
{
	if (realm->https)
		return 0;
	if (a->asked.https)
		return err_set(e, ERR_AUTH, "'%s' names a token server without TLS (%s): refused",
			       a->host, url_show(realm).s);
	if (!http_plain_allowed(a->http, realm))
		return err_set(
			e, ERR_AUTH,
			"'%s' names a token server without TLS on another host (%s): refused",
			a->host, url_show(realm).s);
	if (a->creds.kind != CREDENTIAL_NONE && !url_same_origin(&a->asked, realm))
		return err_set(e, ERR_AUTH,
			       "'%s' wants its password sent to %s over plain HTTP: refused",
			       a->host, url_show(realm).s);
	return 0;
}

static int send_asking(struct auth *a, struct asking *k, bool post, struct auth_later *later,
		       struct err *e)
{
	const struct challenge *c = &a->challenge;

	if (url_parse(c->realm, &k->req.url, e) < 0)
		return err_wrap(e, "token server named by '%s'", a->host);
	if (check_realm(a, &k->req.url, e) < 0)
		return -1;
	if (post) {
		k->form = token_form(c->service, k->scope, a->creds.secret, e);
		if (!k->form)
			return -1;
	} else {
		if ((c->service[0] && url_add_query(&k->req.url, "service", c->service, e) < 0) ||
		    (k->scope[0] && url_add_query(&k->req.url, "scope", k->scope, e) < 0))
			return -1;
		if (a->creds.kind != CREDENTIAL_NONE) {
			char *value = basic_value(&a->creds, e);

			if (!value || asprintf(&k->basic, "Basic %s", value) < 0)
				k->basic = NULL;
			secret_free(value);
			if (!k->basic)
				return err_sys(e, ERR_SYSTEM, "ask for a token");
		}
	}
	k->req.form = k->form;
	k->req.authorization = k->basic;
	if (http_perform(a->http, &k->req, &k->got, e) < 0) {
		later->maybe = k->got.retry;
		if (e->kind == ERR_VERIFY) /* too large: it does not speak the protocol */
			e->kind = ERR_NETWORK;
		return err_wrap(e, "token server of '%s'", a->host);
	}
	return 0;
}

static struct loginhint hint_locked(const struct auth *a)
{
	return loginhint_make(&a->creds, a->host, a->repo[0] != '\0');
}

static int judge_token_answer(struct auth *a, struct asking *k, struct auth_later *later,
			      struct err *e)
{
	struct token *token;
	int r;

	later->maybe = http_status_is_temporary(k->got.status);
	later->after_s = k->got.retry_after_s;
	if (k->got.status != 200) {
		/* Servers differ in how they say that they do not believe us (RFC 6749: 400). */
		bool refused = k->got.status == 401 || k->got.status == 403 ||
			       (k->got.status == 400 && k->form);

		regerror_set(&k->got, "token server", refused ? hint_locked(a).s : NULL, e);
		e->kind = refused ? ERR_AUTH : ERR_NETWORK;
		return -1;
	}
	token = calloc(1, sizeof(*token));
	if (!token)
		return err_sys(e, ERR_SYSTEM, "ask for a token");
	r = token_parse(k->answer.data, k->answer.len, token, e);
	if (r < 0)
		err_wrap(e, "token server of '%s' (%s)", a->host, url_show(&k->got.url).s);
	else
		r = set_header(a, "Bearer", token->value, e);
	if (r == 0) {
		a->renew_ns = clock_mono_ns() + token->life_s * NSEC_PER_SEC;
		/* The old one may be worth nothing any more. */
		if (k->form && token->refresh[0])
			r = text_format(a->creds.secret, sizeof(a->creds.secret), "%s",
					token->refresh);
	}
	explicit_bzero(token, sizeof(*token));
	free(token);
	return r;
}

static int fetch_token(struct auth *a, struct auth_later *later, struct err *e)
{
	bool post = a->creds.kind == CREDENTIAL_IDENTITY;
	struct asking *k = asking_new(a, e);
	int r;

	*later = (struct auth_later){.after_s = -1};
	if (!k)
		return -1;
	r = send_asking(a, k, post, later, e);
	/* A server that knows no POST: "use GET", says the specification. */
	if (r == 0 && post && (k->got.status == 404 || k->got.status == 405)) {
		asking_free(k);
		k = asking_new(a, e);
		if (!k)
			return -1;
		r = send_asking(a, k, false, later, e);
	}
	if (r == 0)
		r = judge_token_answer(a, k, later, e);
	asking_free(k);
	return r;
}

/* --- challenges ------------------------------------------------------------------------------ */

static int answer_basic(struct auth *a, const char *used, struct err *e)
{
	char *value;
	int r;

	/* An identity token is for token servers. */
	if (used || a->creds.kind != CREDENTIAL_PASSWORD)
		return 1;
	value = basic_value(&a->creds, e);
	r = value ? set_header(a, "Basic", value, e) : -1;
	secret_free(value);
	return r;
}

static int answer_locked(struct auth *a, const struct http_response *resp, const char *used,
			 struct auth_later *later, struct err *e)
{
	/* Somebody else was told the same and has a new header already. */
	if (a->header && (!used || strcmp(used, a->header) != 0))
		return 0;
	if (!challenge_parse(resp->www_authenticate, &a->challenge))
		return err_set(e, ERR_AUTH,
			       "HTTP %ld from %s: it wants a login, but no way that imgfetch knows",
			       resp->status, url_show(&resp->url).s);
	a->asked = resp->url;
	a->asked_net = resp->net;
	if (!a->looked && credentials_find(a->paths, a->host, a->repo, &a->creds, e) < 0)
		return -1;
	a->looked = true;
	if (a->challenge.scheme == CHALLENGE_BASIC)
		return answer_basic(a, used, e);
	if (a->creds.kind == CREDENTIAL_REGISTRY)
		return used ? 1 : set_header(a, "Bearer", a->creds.secret, e);
	return fetch_token(a, later, e);
}

/* --- for threads ----------------------------------------------------------------------------- */

char *auth_header(struct auth *a)
{
	char *copy;
	struct auth_later later;
	struct err ignored;

	(void)pthread_mutex_lock(&a->lock); /* fails only on misuse */
	if (a->renew_ns && clock_mono_ns() >= a->renew_ns && fetch_token(a, &later, &ignored) < 0)
		a->renew_ns = clock_mono_ns() +
			      (uint64_t)MAX(later.after_s, RENEW_AGAIN_S) * NSEC_PER_SEC;
	copy = a->header ? strdup(a->header) : NULL;
	(void)pthread_mutex_unlock(&a->lock);
	return copy;
}

/* Blot out what text has of a secret: also a beginning of it, since messages are cut. */
static void blot(char *text, const char *secret)
{
	const size_t len = strlen(secret), enough = MIN(len, SECRET_SHOWN_MAX);

	/* Two or three letters are everywhere. */
	for (char *p = text; enough > 3 && *p; p++) {
		size_t n = 0;

		while (n < len && p[n] == secret[n])
			n++;
		if (n >= enough)
			memset(p, '*', n);
	}
}

static void scrub_locked(const struct auth *a, struct err *e)
{
	struct err ignored;
	auto_secret basic =
		a->creds.kind != CREDENTIAL_NONE ? basic_value(&a->creds, &ignored) : NULL;

	blot(e->text, a->creds.secret);
	if (basic)
		blot(e->text, basic);
	if (a->header)
		blot(e->text, a->header + strcspn(a->header, " ") + 1);
}

int auth_answer(struct auth *a, const struct http_response *resp, const char *used,
		struct auth_later *later, struct err *e)
{
	int r;

	*later = (struct auth_later){.after_s = -1};
	(void)pthread_mutex_lock(&a->lock);
	r = answer_locked(a, resp, used, later, e);
	if (r < 0)
		scrub_locked(a, e);
	(void)pthread_mutex_unlock(&a->lock);
	return r;
}

struct loginhint auth_hint(struct auth *a)
{
	struct loginhint h;

	(void)pthread_mutex_lock(&a->lock);
	h = hint_locked(a);
	(void)pthread_mutex_unlock(&a->lock);
	return h;
}

int auth_scrub(struct auth *a, struct err *e)
{
	(void)pthread_mutex_lock(&a->lock);
	scrub_locked(a, e);
	(void)pthread_mutex_unlock(&a->lock);
	return -1;
}
