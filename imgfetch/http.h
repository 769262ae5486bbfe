/* SPDX-License-Identifier: MIT */
/* HTTP for registries: TLS on, everything capped, redirects by our rules. The only file with curl.
 *
 * A client holds a pool of connections that its threads share: each request borrows a handle that
 * has connections open already, and gives it back. */
#ifndef IMGFETCH_HTTP_H
#define IMGFETCH_HTTP_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/netaddr.h"
#include "imgfetch/proxyenv.h"
#include "imgfetch/source.h"
#include "imgfetch/tlsfiles.h"
#include "imgfetch/url.h"

#define HTTP_REDIRECTS_MAX  5
#define HTTP_ERROR_BODY_MAX 8192

struct http;
struct http_response;

struct http_opts {
	unsigned connect_s; /* to connect, TLS included */
	unsigned stall_s;   /* no progress worth the name for so long ends a request */
	unsigned tries;	    /* of one request, at least 1 */
	unsigned whole_s;   /* no request starts or goes on so long after http_new; 0: no limit */
	/* Told why we wait, in one line. May be NULL. Called by any thread. */
	void (*notice)(void *arg, const char *text);
	void *notice_arg;
	struct tlsfiles_paths tls; /* system_ca: SSL_CERT_FILE, or NULL for the usual one */
	const char *ca_dir;	   /* SSL_CERT_DIR, or NULL for the usual one */
	struct proxyenv proxies;
};

/* Strings of opts are borrowed until http_free. ERR_SYSTEM. To be called before threads are
 * started. */
struct http *http_new(const struct http_opts *opts, struct err *e);
void http_free(struct http *h);

/* Plain HTTP goes to loopback names, and to the "host[:port]" names given here (copied). Call
 * before the first request. */
int http_allow_plain(struct http *h, const char *host_port, struct err *e) NODISCARD;
bool http_plain_allowed(const struct http *h, const struct url *u);

struct http_request {
	struct url url;
	bool head;	    /* HEAD, else GET */
	const char *form;   /* POST with this text as application/x-www-form-urlencoded, or NULL */
	const char *accept; /* Accept header, or NULL */
	const char
		*authorization; /* value of the header, or NULL. Only sent to the origin of url */
	enum net_class sent_by; /* where the server is that named this URL; 0: the user did */
	uint64_t range_from;	/* with a Range header when not 0 */
	uint64_t body_max;	/* of a 2xx answer: more is ERR_VERIFY */
	unsigned total_s;	/* 0: no limit but stall_s */
	/* Called once per answer of 2xx, before its first byte goes to the sink; status and headers
	 * in *resp are valid. -1 aborts. May be NULL. */
	int (*begin)(void *arg, const struct http_response *resp, struct err *e);
	/* Gets the body of a 2xx answer, never that of another. With len 0, about once a second: a
	 * question whether to go on. May be NULL (body dropped). */
	blob_sink sink;
	void *arg;
};

struct http_response {
	long status;
	struct url url; /* that answered, after redirects */
	/* Of the first server's address. Behind a proxy nobody knows it: then NET_PUBLIC, if it is
	 * not in the URL. */
	enum net_class net;
	char content_type[MEDIA_TYPE_MAX];
	char docker_digest[160];	    /* Docker-Content-Digest as it came */
	char www_authenticate[4096];	    /* all of them, joined by ", " */
	long retry_after_s;		    /* from now on, at most a day; -1: not said */
	int64_t retry_at_s, date_s;	    /* since 1970, by the server's clock; -1: not said */
	bool has_rate_limit, has_rate_left; /* requests that it allows in a time, and the rest */
	uint64_t rate_limit, rate_left, rate_window_s; /* window 0: not said */
	bool has_range;				       /* Content-Range: bytes range_start- */
	uint64_t range_start;
	uint64_t body_bytes; /* given to the sink */
	bool has_length;     /* Content-Length, of this answer's own bytes */
	uint64_t length_bytes;
	bool complete; /* all of that came */
	bool chunked;  /* Transfer-Encoding: it says where it ends */
	bool by_close; /* it ended with the connection, whether that was all or not */
	char error_body[HTTP_ERROR_BODY_MAX + 1]; /* start of an answer that is not 2xx */
	size_t error_len;
	bool retry; /* on failure: the same request may succeed (reset, cut off, ...) */
};

/* 429 and the 5xx that pass: the same request may succeed later. */
bool http_status_is_temporary(long status);

/* How often a request is worth being sent, by http_opts. */
unsigned http_tries(const struct http *h);

/* May we wait so long before the next try? why, if not NULL, is told then. False if that would be
 * past the end of whole_s. */
bool http_may_wait(const struct http *h, uint64_t wait_ms, const char *why);

/* One request with its redirects. 0: *resp holds an answer, whatever its status (a redirect status
 * only if it had no target). -1: no answer or an aborted one; resp->retry and body_bytes are
 * valid. ERR_NETWORK, ERR_VERIFY (body_max), ERR_AUTH (refused redirect), or what the sink
 * said. A form is a secret: no message shows it, and it follows a redirect only within its origin
 * and only as what it is (307, 308); any other is ERR_AUTH. Thread-safe. */
int http_perform(struct http *h, const struct http_request *req, struct http_response *resp,
		 struct err *e) NODISCARD;

#endif
