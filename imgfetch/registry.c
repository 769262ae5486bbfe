/* SPDX-License-Identifier: MIT */
/* A repository on a registry (OCI distribution protocol) as a source. */
#include "imgfetch/registry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/auth.h"
#include "imgfetch/json.h"
#include "imgfetch/manifest.h"
#include "imgfetch/membuf.h"
#include "imgfetch/regerror.h"
#include "imgfetch/secret.h"

#define BACKOFF_MS	    250 /* doubled for each further try, plus up to as much at random */
#define BACKOFF_DOUBLED_MAX 6u
#define RETRY_AFTER_MAX_S   60
#define MANIFEST_TIMEOUT_S  30
#define PING_BYTES_MAX	    65536
#define LOGINS_MAX	    2 /* in a row: one for the challenge, one for an expired token */

struct registry {
	struct source source; /* first: this is a source */
	struct http *http;
	struct auth *auth;
	char host[REF_HOST_MAX + 1]; /* to talk to */
	char repo[REF_REPO_MAX + 1];
	pthread_mutex_t lock; /* guards https */
	bool https;
	bool may_upgrade; /* plain HTTP is only a guess */
};

static struct registry *of(struct source *src)
{
	return (struct registry *)(void *)src;
}

static bool uses_https(struct registry *r)
{
	bool v;

	(void)pthread_mutex_lock(&r->lock); /* fails only on misuse */
	v = r->https;
	(void)pthread_mutex_unlock(&r->lock);
	return v;
}

/* From plain HTTP to TLS, never back. */
static void upgrade(struct registry *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->https = true;
	(void)pthread_mutex_unlock(&r->lock);
}

static int build_url(struct registry *r, const char *kind, const char *name, struct url *out,
		     struct err *e)
{
	char text[REF_HOST_MAX + REF_REPO_MAX + REF_TAG_MAX + 64];

	if (!kind) {
		if (text_format(text, sizeof(text), "%s://%s/v2/", uses_https(r) ? "https" : "http",
				r->host) < 0)
			return err_set(e, ERR_USAGE, "reference is too long");
		return url_parse(text, out, e);
	}
	if (text_format(text, sizeof(text), "%s://%s/v2/%s/%s/%s", uses_https(r) ? "https" : "http",
			r->host, r->repo, kind, name) < 0)
		return err_set(e, ERR_USAGE, "reference is too long");
	return url_parse(text, out, e);
}

/* --- a blob that may arrive in pieces ------------------------------------------------------ */

/* A blob on its way to the sink. Over all tries the sink sees each byte once, in order. */
struct blob_flow {
	const struct blob_desc *blob;
	blob_sink sink;
	void *arg;
	uint64_t got_bytes;  /* given to the sink, or there from an earlier pull */
	uint64_t skip_bytes; /* of this answer: had already */
	bool no_ranges;	     /* the server's answers to Range are wrong */
	bool bad_range;	     /* this answer was ended for that */
	bool sink_failed;
};

/* What the server means to send must end where the blob does: said before the first byte is used.
 */
static int check_length(const struct blob_flow *f, const struct http_response *resp, uint64_t from,
			struct err *e)
{
	if (!resp->has_length || resp->length_bytes == f->blob->size_bytes - from)
		return 0;
	return err_set(e, ERR_VERIFY, "%s: it sends %llu bytes, but %llu are declared",
		       url_show(&resp->url).s, (unsigned long long)resp->length_bytes,
		       (unsigned long long)(f->blob->size_bytes - from));
}

static int flow_begin(void *arg, const struct http_response *resp, struct err *e)
{
	struct blob_flow *f = arg;

	f->skip_bytes = 0;
	if (resp->status == 200) {
		f->skip_bytes = f->got_bytes;
		return check_length(f, resp, 0, e);
	}
	if (resp->status == 206 && f->got_bytes > 0 && !f->no_ranges && resp->has_range &&
	    resp->range_start == f->got_bytes)
		return check_length(f, resp, f->got_bytes, e);
	f->bad_range = true;
	return err_set(e, ERR_NETWORK, "%s: HTTP %ld with another part than was asked for",
		       url_show(&resp->url).s, resp->status);
}

static int flow_add(void *arg, const void *data, size_t len, struct err *e)
{
	struct blob_flow *f = arg;
	uint64_t skip = MIN(f->skip_bytes, len);

	f->skip_bytes -= skip;
	if (len > 0 && skip == len)
		return 0;
	if (len - skip > f->blob->size_bytes - f->got_bytes)
		return err_set(e, ERR_VERIFY, "the blob is larger than the %llu bytes declared",
			       (unsigned long long)f->blob->size_bytes);
	if (f->sink(f->arg, (const char *)data + skip, len - skip, e) < 0) {
		f->sink_failed = true;
		return -1;
	}
	f->got_bytes += len - skip;
	return 0;
}

/* --- one request, as often as needed ------------------------------------------------------- */

/* Everything about one request that outlives its tries. */
struct attempt {
	struct registry *r;
	const char *kind, *name; /* of the URL; NULL for that of the registry itself */
	struct http_request req;
	struct http_response resp;
	struct blob_flow *flow;	       /* or NULL: then the body is small and starts anew */
	const struct membuf *document; /* that will be read as JSON, or NULL */
	unsigned failures, logins;
};

static struct attempt *attempt_new(struct registry *r, const char *kind, const char *name,
				   struct err *e)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a) {
		err_sys(e, ERR_SYSTEM, "prepare a request to '%s'", r->host);
		return NULL;
	}
	a->r = r;
	a->kind = kind;
	a->name = name;
	return a;
}

/* Waits that people would wonder about are explained. why: what went wrong, or NULL for resp. */
static bool may_wait(const struct attempt *a, uint64_t ms, const struct err *why)
{
	const struct http_response *resp = &a->resp;
	char text[ERR_TEXT_MAX + 64];
	struct text t = TEXT_OVER(text);
	struct err shown;

	if (ms < 1000)
		return http_may_wait(a->r->http, ms, NULL);
	if (why)
		shown = *why;
	else
		err_set(&shown, ERR_NETWORK, "HTTP %ld from %s", resp->status,
			url_show(&resp->url).s);
	(void)auth_scrub(a->r->auth, &shown); /* always -1 */
	text_addf(&t, "%s: next try in %llu s", shown.text, (unsigned long long)(ms + 999) / 1000);
	return http_may_wait(a->r->http, ms, text);
}

/* Wait before the next try; asks the sink in between. after_s: what the server said, or -1; why:
 * the error there was, or NULL. 1, 0 when there is no time left for it, -1 with the sink's error.
 */
static int back_off(const struct attempt *a, long after_s, const struct err *why, struct err *e)
{
	uint64_t ms = (uint64_t)BACKOFF_MS << MIN(a->failures - 1, BACKOFF_DOUBLED_MAX);
	unsigned char dice = 0;

	if (getrandom(&dice, 1, GRND_NONBLOCK) == 1) /* without it all clients come together */
		ms += ms * dice / 255;
	if (after_s >= 0)
		ms = MAX(ms, (uint64_t)after_s * 1000);
	if (!may_wait(a, ms, why))
		return 0;
	while (ms > 0) {
		uint64_t step = MIN(ms, 500);
		struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)(step * NSEC_PER_MSEC)};

		(void)nanosleep(&ts, NULL); /* shorter is fine */
		ms -= step;
		if (a->req.sink && a->req.sink(a->req.arg, "", 0, e) < 0)
			return -1;
	}
	return 1;
}

/* A server that speaks TLS only, and got plain HTTP: 400 with a text (Go, nginx). */
static bool is_tls_complaint(const struct http_response *resp)
{
	return resp->status == 400 && (strcasestr(resp->error_body, "HTTPS server") ||
				       strcasestr(resp->error_body, "HTTPS port"));
}

static bool is_temporary(const struct http_response *resp)
{
	/* Nobody waits for hours: then it is an error, which says so. */
	return http_status_is_temporary(resp->status) && resp->retry_after_s <= RETRY_AFTER_MAX_S;
}

/* An answer that is an error, in words. */
static int refuse(struct attempt *a, const char *what, struct err *e)
{
	bool forbidden = a->resp.status == 401 || a->resp.status == 403;

	regerror_set(&a->resp, what, forbidden ? auth_hint(a->r->auth).s : NULL, e);
	return auth_scrub(a->r->auth, e);
}

/* 0: try again; 1: the answer stands; -1 */
static int log_in(struct attempt *a, const char *used, struct auth_later *later, struct err *e)
{
	int r;

	*later = (struct auth_later){.after_s = -1};
	/* Only the registry itself may ask for a login, not a place it redirects to. */
	if (!url_same_origin(&a->req.url, &a->resp.url))
		return regerror_set(&a->resp, "redirected request", "no login is sent there", e);
	if (a->logins == LOGINS_MAX)
		return 1;
	r = auth_answer(a->r->auth, &a->resp, used, later, e);
	if (r == 0)
		a->logins++;
	return r;
}

enum verdict { DONE, AGAIN, FAILED };

/* The registry's answers to Range are of no use: go on without. False if that was known. */
static bool give_up_ranges(struct blob_flow *f)
{
	bool news = !f->no_ranges;

	f->no_ranges = true;
	return news;
}

/* The same of a manifest, of which nobody has said how long it is. */
static int check_document(struct attempt *a, struct err *e)
{
	if (a->resp.status > 299 || !a->resp.by_close ||
	    !jv_is_cut(a->document->data, a->document->len))
		return 0;
	a->resp.retry = true;
	return err_set(e, ERR_NETWORK, "%s: ended in the middle of the manifest, after %zu bytes",
		       url_show(&a->resp.url).s, a->document->len);
}

/* A blob's answer that ended early though no error was seen: without a length that may be a broken
 * line. Returns what the transfer should have returned. */
static int check_cut(struct attempt *a, struct err *e)
{
	const struct blob_flow *f = a->flow;

	if (a->document)
		return check_document(a, e);
	if (!f || a->resp.status > 299 || f->got_bytes == f->blob->size_bytes)
		return 0;
	a->resp.retry = !a->resp.complete;
	return err_set(e, a->resp.complete ? ERR_VERIFY : ERR_NETWORK,
		       "%s: ended after %llu of the %llu bytes declared", url_show(&a->resp.url).s,
		       (unsigned long long)f->got_bytes, (unsigned long long)f->blob->size_bytes);
}

/* One transfer. The URL is built each time, since the scheme may have changed. */
static int transfer(struct attempt *a, const char *authorization, struct err *e)
{
	struct err why;
	int r;

	if (build_url(a->r, a->kind, a->name, &a->req.url, e) < 0)
		return -1;
	if (a->flow)
		a->req.range_from = a->flow->no_ranges ? 0 : a->flow->got_bytes;
	a->req.authorization = authorization;
	r = http_perform(a->r->http, &a->req, &a->resp, &why);
	a->req.authorization = NULL;
	if (r == 0)
		return check_cut(a, e);
	/* All that was declared is here: how the connection ended is of no interest. */
	if (a->flow && a->resp.retry && a->flow->got_bytes == a->flow->blob->size_bytes &&
	    !a->flow->sink_failed && a->resp.status < 300)
		return 0;
	*e = why;
	return -1;
}

/* After a failure that may pass: with an error in *e, or else with an answer that says so. */
static enum verdict once_more(struct attempt *a, long after_s, bool failed, struct err *e)
{
	struct err sink_error;
	int r;

	if (++a->failures >= http_tries(a->r->http))
		return failed ? FAILED : DONE;
	r = back_off(a, after_s, failed ? e : NULL, &sink_error);
	if (r > 0)
		return AGAIN;
	if (r == 0)
		return failed ? FAILED : DONE;
	*e = sink_error;
	return FAILED;
}

static enum verdict try_once(struct attempt *a, struct err *e)
{
	auto_secret header = auth_header(a->r->auth);
	const struct http_response *resp = &a->resp;
	struct blob_flow *f = a->flow;
	struct auth_later later;
	int r = transfer(a, header, e);

	/* It had let us in: a token that is too old later is another matter. */
	if (resp->status >= 200 && resp->status <= 299)
		a->logins = 0;
	if (r == 0 && a->r->may_upgrade && !a->req.url.https && is_tls_complaint(resp)) {
		upgrade(a->r);
		return AGAIN;
	}
	if (f && (r < 0 ? f->bad_range : resp->status == 416 && a->req.range_from > 0)) {
		f->bad_range = false;
		if (give_up_ranges(f))
			return AGAIN;
	}
	if (r == 0 && resp->status == 401) {
		r = log_in(a, header, &later, e);
		if (r >= 0)
			return r == 0 ? AGAIN : DONE;
		if (!later.maybe || later.after_s > RETRY_AFTER_MAX_S)
			return FAILED;
		return once_more(a, later.after_s, true, e);
	}
	if (r == 0 && !is_temporary(resp))
		return DONE;
	if (r < 0 && (!resp->retry || (f && f->sink_failed)))
		return FAILED;
	return once_more(a, resp->retry_after_s, r < 0, e);
}

/* Until there is an answer that is worth looking at. An error may show where a redirect led, which
 * the registry has made of what it likes, also of our password. */
static int perform(struct attempt *a, struct err *e)
{
	struct err why;

	for (;;) {
		switch (try_once(a, &why)) {
		case DONE:
			return 0;
		case FAILED:
			*e = why;
			return auth_scrub(a->r->auth, e);
		case AGAIN:
			break;
		}
	}
}

/* --- manifests ----------------------------------------------------------------------------- */

int registry_peek(struct source *src, const struct ref *ref, struct digest *out, long *status,
		  struct err *e)
{
	auto_free struct attempt *a = attempt_new(of(src), "manifests", ref->tag, e);
	struct err ignored;

	if (!a)
		return -1;
	a->req.head = true;
	a->req.accept = MANIFEST_ACCEPT;
	a->req.total_s = MANIFEST_TIMEOUT_S;
	if (perform(a, e) < 0)
		return -1;
	*status = a->resp.status;
	/* Whatever is wrong: the GET that follows will say it with the registry's own words. */
	return a->resp.status == 200 && digest_parse_any(a->resp.docker_digest, out, &ignored) == 0;
}

static int peek(struct source *src, const struct ref *ref, struct digest *out, struct err *e)
{
	long status = 0;

	return registry_peek(src, ref, out, &status, e);
}

/* A body that is tried again starts anew. */
static int manifest_begin(void *arg, const struct http_response *resp, struct err *e)
{
	struct membuf *body = arg;

	(void)resp, (void)e; /* any 2xx answer will do */
	body->len = 0;
	return 0;
}

static int get_manifest(struct source *src, const struct ref *ref, const struct blob_desc *want,
			struct raw_manifest *out, struct err *e)
{
	auto_membuf body = {.len_max = MANIFEST_BYTES_MAX};
	const struct digest *digest = want ? &want->digest : ref->has_digest ? &ref->digest : NULL;
	struct digest_text digest_name;
	struct digest said;
	struct err ignored;
	auto_free struct attempt *a = NULL;

	if (digest)
		digest_name = digest_text(digest);
	a = attempt_new(of(src), "manifests", digest ? digest_name.s : ref->tag, e);
	if (!a)
		return -1;
	a->req.accept = MANIFEST_ACCEPT;
	a->req.total_s = MANIFEST_TIMEOUT_S;
	a->req.body_max = MANIFEST_BYTES_MAX;
	a->req.begin = manifest_begin;
	a->req.sink = membuf_add;
	a->req.arg = &body;
	a->document = &body;
	if (perform(a, e) < 0)
		return -1;
	if (a->resp.status != 200)
		return refuse(a, "manifest", e);
	if (body.len == 0) {
		err_set(e, ERR_VERIFY, "manifest from %s is empty", url_show(&a->resp.url).s);
		return auth_scrub(of(src)->auth, e);
	}
	out->data = take_ptr(body.data);
	out->len = body.len;
	memcpy(out->media_type, a->resp.content_type, sizeof(out->media_type));
	/* Without a usable header there is nothing to compare with. */
	if (digest_parse_any(a->resp.docker_digest, &said, &ignored) == 0)
		out->digest = said;
	return 0;
}

/* --- blobs --------------------------------------------------------------------------------- */

static int resume_blob(struct source *src, const struct blob_desc *blob, uint64_t from_bytes,
		       blob_sink sink, void *arg, struct err *e)
{
	struct blob_flow flow = {.blob = blob, .sink = sink, .arg = arg, .got_bytes = from_bytes};
	struct digest_text name = digest_text(&blob->digest);
	auto_free struct attempt *a = attempt_new(of(src), "blobs", name.s, e);

	if (!a)
		return -1;
	a->flow = &flow;
	a->req.body_max = blob->size_bytes;
	a->req.begin = flow_begin;
	a->req.sink = flow_add;
	a->req.arg = &flow;
	if (perform(a, e) < 0)
		return -1;
	if (a->resp.status != 200 && a->resp.status != 206)
		return refuse(a, "blob", e);
	return 0;
}

static int get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e)
{
	return resume_blob(src, blob, 0, sink, arg, e);
}

/* --- logins ---------------------------------------------------------------------------------- */

int registry_check_login(struct source *src, const struct credentials *creds, bool *wanted,
			 struct err *e)
{
	auto_membuf body = {.len_max = PING_BYTES_MAX};
	auto_free struct attempt *a = attempt_new(of(src), NULL, NULL, e);

	if (!a)
		return -1;
	auth_set_credentials(of(src)->auth, creds);
	a->req.accept = "application/json";
	a->req.total_s = MANIFEST_TIMEOUT_S;
	a->req.body_max = PING_BYTES_MAX;
	a->req.begin = manifest_begin;
	a->req.sink = membuf_add;
	a->req.arg = &body;
	if (perform(a, e) < 0)
		return -1;
	if (a->resp.status < 200 || a->resp.status > 299)
		return refuse(a, "login", e);
	auto_secret header = auth_header(of(src)->auth);
	*wanted = header != NULL;
	return 0;
}

/* --- open and close ------------------------------------------------------------------------ */

static void registry_free(struct source *src)
{
	struct registry *r = of(src);

	auth_free(r->auth);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

static const struct source_ops registry_ops = {
	.get_blob = get_blob,
	.resume_blob = resume_blob,
	.peek = peek,
	.get_manifest = get_manifest,
	.free = registry_free,
};

struct source *registry_open(struct http *http, const struct credential_paths *paths,
			     const struct ref *ref, struct err *e)
{
	auto_free struct registry *r = calloc(1, sizeof(*r));
	/* Docker Hub's name is not that of its registry. */
	const char *host = strcmp(ref->host, "docker.io") == 0 ? "registry-1.docker.io" : ref->host;
	struct url plain;
	char text[REF_HOST_MAX + 16];

	if (!r || text_format(r->host, sizeof(r->host), "%s", host) < 0 ||
	    text_format(r->repo, sizeof(r->repo), "%s", ref->repo) < 0 ||
	    text_format(text, sizeof(text), "http://%s/", host) < 0) {
		err_sys(e, ERR_SYSTEM, "open registry '%s'", text_quote(ref->host).s);
		return NULL;
	}
	if (url_parse(text, &plain, e) < 0) {
		e->kind = ERR_USAGE;
		return NULL;
	}
	r->source.ops = &registry_ops;
	r->http = http;
	r->https = !http_plain_allowed(http, &plain);
	/* That it may be asked without TLS does not mean that it has none. */
	r->may_upgrade = !r->https;
	r->auth = auth_new(http, paths, ref->host, ref->repo, e);
	if (!r->auth)
		return NULL;
	(void)pthread_mutex_init(&r->lock, NULL); /* default mutexes need no resources here */
	return &take_ptr(r)->source;
}
