/* SPDX-License-Identifier: MIT */
/* HTTP for registries: TLS on, everything capped, redirects by our rules. The only file with curl.
 */
#include "imgfetch/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/clock.h"
#include "imgfetch/http_impl.h"

#define HEADER_BYTES_MAX (64 * 1024)
/* Of a body that nobody wants (errors, redirects): read so that the connection can be used again,
 * up to here. */
#define DROPPED_BYTES_MAX (64 * 1024)
#define PLAIN_HOSTS_MAX	  64
/* Slower than this over a whole stall time is as good as dead. */
#define STALL_BYTES_PER_S 1024
/* A transfer that stalled after so many bytes is worth another try. */
#define STALL_RETRY_BYTES (1024 * 1024)

struct handle {
	CURL *curl;
	struct handle *next;
};

struct http {
	struct http_opts opts;
	struct tlsfiles *tls;
	uint64_t end_ns;      /* of everything, by CLOCK_MONOTONIC; 0: never */
	pthread_mutex_t lock; /* guards idle */
	struct handle *idle;
	size_t plain_count;
	char *plain[PLAIN_HOSTS_MAX];
};

/* One request on its way; lives on the stack of http_perform. */
struct transfer {
	const struct http *h;
	const struct http_request *req;
	struct http_response *resp;
	struct err *e;
	enum net_class sent_by; /* of this hop */
	enum net_class net;	/* of the server of this hop */
	enum net_class refused; /* network of an address that sent_by may not send us to */
	bool proxied;		/* this hop: connections are to the user's proxy */
	size_t header_bytes;
	uint64_t dropped_bytes;
	struct http_location location;
	bool failed; /* *e was set in a callback */
	bool stalled;
	bool late;     /* past the end of everything */
	bool begun;    /* req->begin was called */
	bool dropping; /* ended on purpose: the rest of a body that nobody wants */
	bool reused;   /* the connection was open already */
	uint64_t mark_ns, mark_bytes, sink_ns; /* stall watch: since mark_ns */
	uint64_t asked_ns;		       /* when the sink was last asked whether to go on */
	uint64_t hop_bytes;
	char errbuf[CURL_ERROR_SIZE];
};

/* --- client -------------------------------------------------------------------------------- */

struct http *http_new(const struct http_opts *opts, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h) {
		err_sys(e, ERR_SYSTEM, "start HTTP client");
		return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		err_set(e, ERR_SYSTEM, "start HTTP client: libcurl does not initialise");
		return NULL;
	}
	h->opts = *opts;
	h->end_ns = opts->whole_s ? clock_mono_ns() + opts->whole_s * NSEC_PER_SEC : 0;
	/* What libcurl was built with; to be named where authorities are added to it. */
	if (!h->opts.tls.system_ca)
		h->opts.tls.system_ca = curl_version_info(CURLVERSION_NOW)->cainfo;
	h->tls = tlsfiles_new(&h->opts.tls, e);
	if (!h->tls) {
		free(h);
		curl_global_cleanup();
		return NULL;
	}
	(void)pthread_mutex_init(&h->lock, NULL); /* default mutexes need no resources here */
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->idle) {
		struct handle *next = h->idle->next;

		curl_easy_cleanup(h->idle->curl);
		free(h->idle);
		h->idle = next;
	}
	for (size_t i = 0; i < h->plain_count; i++)
		free(h->plain[i]);
	tlsfiles_free(h->tls);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
	curl_global_cleanup();
}

int http_allow_plain(struct http *h, const char *host_port, struct err *e)
{
	if (h->plain_count == PLAIN_HOSTS_MAX)
		return err_set(e, ERR_CONFIG, "more than %d plain HTTP hosts", PLAIN_HOSTS_MAX);
	h->plain[h->plain_count] = strdup(host_port);
	if (!h->plain[h->plain_count])
		return err_sys(e, ERR_SYSTEM, "remember plain HTTP host");
	h->plain_count++;
	return 0;
}

bool http_plain_allowed(const struct http *h, const struct url *u)
{
	if (netaddr_host_is_loopback(u->host))
		return true;
	for (size_t i = 0; i < h->plain_count; i++)
		if (url_is_at(u, h->plain[i]))
			return true;
	return false;
}

static struct handle *take_handle(struct http *h, struct err *e)
{
	struct handle *hd;

	(void)pthread_mutex_lock(&h->lock); /* fails only on misuse */
	hd = h->idle;
	if (hd)
		h->idle = hd->next;
	(void)pthread_mutex_unlock(&h->lock);
	if (hd)
		return hd;
	hd = calloc(1, sizeof(*hd));
	if (hd)
		hd->curl = curl_easy_init();
	if (!hd || !hd->curl) {
		free(hd);
		err_set(e, ERR_SYSTEM, "start HTTP request: out of memory");
		return NULL;
	}
	return hd;
}

static void give_handle(struct http *h, struct handle *hd)
{
	curl_easy_reset(hd->curl); /* keeps connections and TLS sessions */
	(void)pthread_mutex_lock(&h->lock);
	hd->next = h->idle;
	h->idle = hd;
	(void)pthread_mutex_unlock(&h->lock);
}

/* --- callbacks ----------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
	struct transfer *t = arg;
	struct http_response *r = t->resp;

	(void)one; /* always 1 */
	t->header_bytes += len;
	if (t->header_bytes > HEADER_BYTES_MAX) {
		err_set(t->e, ERR_NETWORK, "%s: more than 64 KiB of headers", url_show(&r->url).s);
		t->failed = true;
		return 0;
	}
	http_headers_take(r, &t->location, line, len, time(NULL));
	return len;
}

static int call_sink(struct transfer *t, const char *data, size_t len)
{
	uint64_t before = clock_mono_ns();
	int r;

	if (!t->req->sink)
		return 0;
	r = t->req->sink(t->req->arg, data, len, t->e);
	/* A sink that waits for its own reader is no fault of the server. */
	t->sink_ns += clock_mono_ns() - before;
	if (r < 0)
		t->failed = true;
	return r;
}

static size_t on_unwanted_body(struct transfer *t, const char *data, size_t len)
{
	struct http_response *r = t->resp;
	size_t room = HTTP_ERROR_BODY_MAX - r->error_len;
	size_t n = MIN(room, len);

	memcpy(r->error_body + r->error_len, data, n);
	r->error_len += n;
	t->dropped_bytes += len;
	if (t->dropped_bytes > DROPPED_BYTES_MAX) {
		t->dropping = true;
		return 0;
	}
	return len;
}

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
	struct transfer *t = arg;
	struct http_response *r = t->resp;

	(void)one; /* always 1 */
	t->hop_bytes += len;
	if (r->status < 200 || r->status > 299)
		return on_unwanted_body(t, data, len);
	if (!t->begun && t->req->begin && t->req->begin(t->req->arg, r, t->e) < 0) {
		t->failed = true;
		return 0;
	}
	t->begun = true;
	if (len > t->req->body_max - r->body_bytes) {
		err_set(t->e, ERR_VERIFY, "%s: the answer is larger than the %llu bytes expected",
			url_show(&r->url).s, (unsigned long long)t->req->body_max);
		t->failed = true;
		return 0;
	}
	if (call_sink(t, data, len) < 0)
		return 0;
	r->body_bytes += len;
	return len;
}

/* Called by curl at least once a second while it waits. Non-zero aborts. */
static int on_progress(void *arg, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total,
		       curl_off_t ul_now)
{
	struct transfer *t = arg;
	uint64_t stall_ns = t->h->opts.stall_s * NSEC_PER_SEC;
	uint64_t now = clock_mono_ns();

	if (t->h->end_ns && now >= t->h->end_ns) {
		t->late = true;
		return 1;
	}
	(void)dl_total, (void)dl_now, (void)ul_total, (void)ul_now; /* we count ourselves */
	if (now - t->asked_ns >= NSEC_PER_SEC / 2) {
		t->asked_ns = now;
		if (call_sink(t, "", 0) < 0)
			return 1;
	}
	if (now - t->mark_ns < stall_ns + t->sink_ns)
		return 0;
	if (t->hop_bytes - t->mark_bytes < (uint64_t)t->h->opts.stall_s * STALL_BYTES_PER_S) {
		t->stalled = true;
		return 1;
	}
	t->mark_ns = now;
	t->mark_bytes = t->hop_bytes;
	t->sink_ns = 0;
	return 0;
}

/* Connections go only where the server that sent us may send us (security: metadata services and
 * the user's own network are reachable from here, but not for a stranger). Decided on the address
 * that is connected to, so a name that resolves to it is no way around. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = arg;
	enum net_class to = netaddr_class(&address->addr);
	int fd;

	(void)purpose; /* only CURLSOCKTYPE_IPCXN exists for HTTP */
	if (!t->proxied && !netaddr_may_follow(t->sent_by, to)) {
		t->refused = to;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* The same before a request on a connection that is open already: what the user's own registry or
 * mirror left open is no way for a stranger either. */
static int on_prereq(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct transfer *t = arg;
	enum net_class to = netaddr_class_text(ip);

	(void)local_ip, (void)port, (void)local_port; /* only where it leads is of interest */
	if (t->proxied || netaddr_may_follow(t->sent_by, to))
		return CURL_PREREQFUNC_OK;
	t->refused = to;
	return CURL_PREREQFUNC_ABORT;
}

/* --- one hop ------------------------------------------------------------------------------- */

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
	auto_free char *line = NULL;
	struct curl_slist *longer;

	if (!value)
		return true;
	if (asprintf(&line, "%s: %s", name, value) < 0) {
		line = NULL;
		return false;
	}
	longer = curl_slist_append(*list, line);
	if (!longer)
		return false;
	*list = longer;
	return true;
}

/* The options that do not depend on the request. */
static CURLcode set_constants(CURL *c, const struct http *h)
{
	CURLcode r = CURLE_OK;

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (r == CURLE_OK)                                                                 \
			r = curl_easy_setopt(c, option, value);                                    \
	} while (0)
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, "imgfetch/" ISOLATE_OCI_VERSION);
	SET(CURLOPT_FOLLOWLOCATION, 0L); /* http_perform does, by stricter rules */
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* no token for a proxy */
	SET(CURLOPT_BUFFERSIZE, 128L * 1024);
	SET(CURLOPT_CONNECTTIMEOUT, (long)h->opts.connect_s);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SET(CURLOPT_PREREQFUNCTION, on_prereq);
	SET(CURLOPT_NOPROXY, ""); /* proxyenv.c has decided */
	return r;
}

static struct curl_blob blob_of(char *data, size_t len)
{
	return (struct curl_blob){.data = data, .len = len, .flags = CURL_BLOB_NOCOPY};
}

/* Whom to believe, and who we are for this host. */
static CURLcode set_tls(CURL *c, const struct http *h, const struct tlsfiles_host *host)
{
	struct curl_blob ca = blob_of(host->ca, host->ca_len);
	struct curl_blob cert = blob_of(host->cert, host->cert_len);
	struct curl_blob key = blob_of(host->key, host->key_len);
	CURLcode r = CURLE_OK;

	if (h->opts.ca_dir)
		SET(CURLOPT_CAPATH, h->opts.ca_dir);
	if (host->ca)
		SET(CURLOPT_CAINFO_BLOB, &ca);
	else if (h->opts.tls.system_ca)
		SET(CURLOPT_CAINFO, h->opts.tls.system_ca);
	if (host->cert) {
		SET(CURLOPT_SSLCERT_BLOB, &cert);
		SET(CURLOPT_SSLKEY_BLOB, &key);
		SET(CURLOPT_KEYPASSWD, ""); /* or OpenSSL would ask on the terminal */
	}
	return r;
}

static CURLcode set_options(CURL *c, struct transfer *t, const struct url *url,
			    const struct tlsfiles_host *tls, const struct curl_slist *headers,
			    const char *range, const char *proxy)
{
	CURLcode r = set_constants(c, t->h);
	bool plain = !url->https;

	if (r == CURLE_OK && tls)
		r = set_tls(c, t->h, tls);
	SET(CURLOPT_URL, url_text(url).s);
	SET(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
	SET(CURLOPT_PROXY, proxy ? proxy : "");
	SET(CURLOPT_NOBODY, t->req->head ? 1L : 0L);
	if (t->req->form) {
		SET(CURLOPT_POSTFIELDSIZE, (long)strlen(t->req->form));
		SET(CURLOPT_POSTFIELDS, t->req->form); /* not copied; also sets its Content-Type */
	}
	SET(CURLOPT_TIMEOUT, (long)t->req->total_s);
	SET(CURLOPT_HTTPHEADER, headers);
	if (range)
		SET(CURLOPT_RANGE, range);
	SET(CURLOPT_ERRORBUFFER, t->errbuf);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_XFERINFODATA, t);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_PREREQDATA, t);
#undef SET
	return r;
}

static const char *hint(CURLcode code, const struct url *url)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return ": is the name right, and is there a network?";
	case CURLE_COULDNT_CONNECT:
		return ": is the registry running?";
	case CURLE_PEER_FAILED_VERIFICATION:
		return ": its certificate does not prove that it is this host (--ca-file is for "
		       "authorities of your own)";
	case CURLE_SSL_CERTPROBLEM:
		return ": do certificate and key belong together, and is the key without a "
		       "password?";
	case CURLE_SSL_CONNECT_ERROR:
		return url->https ? ": does it speak TLS? (--plain-http is for those that do not)"
				  : "";
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
		return ": the registry broke off: try again later";
	case CURLE_OUT_OF_MEMORY:
		return ", or a header of more than 64 KiB";
	default:
		return "";
	}
}

static int refuse_network(const struct url *url, enum net_class to, struct err *e)
{
	return err_set(e, ERR_NETWORK, "%s: it is in %s, where that server may not send us",
		       url_show(url).s, netaddr_class_name(to));
}

static int too_late(const struct http *h, const struct url *url, struct err *e)
{
	return err_set(e, ERR_NETWORK, "%s: not done within %u s (--max-time)", url_show(url).s,
		       h->opts.whole_s);
}

static bool is_our_files(CURLcode code)
{
	return code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE;
}

/* Turn a failure of curl into an error, unless a callback has set one. */
static int explain(struct transfer *t, CURLcode code, const struct url *url)
{
	struct http_response *r = t->resp;
	const char *why = t->errbuf[0] ? t->errbuf : curl_easy_strerror(code);
	if (t->failed)
		return -1;
	if (t->refused)
		return refuse_network(url, t->refused, t->e);
	/* libcurl quotes the whole of a URL that it cannot read, with the password in it. */
	if (strcasestr(why, "unsupported proxy"))
		return err_set(t->e, ERR_NETWORK,
			       "%s: the proxy that the environment names is no URL that is "
			       "understood",
			       url_show(url).s);
	if (strstr(why, "response 407"))
		return err_set(t->e, ERR_NETWORK,
			       "%s: %s: the proxy wants a login (http://USER:PASSWORD@HOST:PORT in "
			       "the environment)",
			       url_show(url).s, text_quote(why).s);
	if (t->late)
		return too_late(t->h, url, t->e);
	if (t->stalled) {
		r->retry = t->hop_bytes >= STALL_RETRY_BYTES;
		return err_set(t->e, ERR_NETWORK, "%s: no progress for %u s, gave up",
			       url_show(url).s, t->h->opts.stall_s);
	}
	switch (code) {
	case CURLE_COULDNT_CONNECT: /* it may be starting */
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		r->retry = true;
		break;
	case CURLE_SSL_CONNECT_ERROR: /* the line broke, or there is no TLS at its other end */
		r->retry = strstr(why, "reset by peer") || strstr(why, "SSL_ERROR_SYSCALL");
		break;
	case CURLE_UNSUPPORTED_PROTOCOL: /* no HTTP: the rest of an earlier answer, which had no */
	case CURLE_WEIRD_SERVER_REPLY:	 /* end, or should have had no body */
		r->retry = t->reused;
		break;
	default:
		break;
	}
	/* Said by TLS 1.3 only after the handshake, which looks like a broken line. */
	if (strstr(why, "alert certificate required") || strstr(why, "alert bad certificate")) {
		r->retry = false;
		return err_set(t->e, ERR_AUTH, "%s: %s: it wants a client certificate (certs.d)",
			       url_show(url).s, text_quote(why).s);
	}
	return err_set(t->e, is_our_files(code) ? ERR_CONFIG : ERR_NETWORK, "%s: %s%s",
		       url_show(url).s, text_quote(why).s, hint(code, url));
}

/* Where the answer came from. Nobody is trusted for being unknown. */
static enum net_class find_net(const struct transfer *t, CURL *c, const struct url *url)
{
	enum net_class net = NET_UNKNOWN;
	const char *ip = NULL;

	if (t->proxied)
		net = netaddr_class_text(url->host);
	else if (curl_easy_getinfo(c, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip)
		net = netaddr_class_text(ip);
	return net == NET_UNKNOWN ? NET_PUBLIC : net;
}

static int run(struct transfer *t, CURL *c, const struct url *url)
{
	CURLcode code = curl_easy_perform(c);
	long connects = 1, version = 0;

	t->reused =
		curl_easy_getinfo(c, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK && connects == 0;
	t->net = find_net(t, c, url);
	if (t->resp->net == NET_UNKNOWN)
		t->resp->net = t->net;
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && t->dropping))
		return explain(t, code, url);
	t->resp->complete = code == CURLE_OK && t->resp->has_length;
	/* From HTTP/2 on streams have an end of their own. */
	t->resp->by_close = code == CURLE_OK && !t->resp->has_length && !t->resp->chunked &&
			    curl_easy_getinfo(c, CURLINFO_HTTP_VERSION, &version) == CURLE_OK &&
			    version <= CURL_HTTP_VERSION_1_1;
	t->resp->error_body[t->resp->error_len] = '\0';
	return 0;
}

static int perform_hop(struct http *h, struct transfer *t, const struct url *url,
		       const char *authorization)
{
	struct curl_slist *headers = NULL;
	char range[32];
	const struct tlsfiles_host *tls = NULL;
	const char *proxy = proxyenv_find(&h->opts.proxies, url);
	struct handle *hd;
	int result = -1;

	if (url->https && !(tls = tlsfiles_find(h->tls, url, t->e)))
		return -1;
	hd = take_handle(h, t->e);
	if (!hd)
		return -1;
	t->header_bytes = t->dropped_bytes = t->hop_bytes = t->mark_bytes = t->sink_ns = 0;
	t->mark_ns = t->asked_ns = clock_mono_ns();
	t->resp->status = 0;
	t->resp->complete = t->resp->by_close = false;
	t->dropping = t->begun = false;
	t->proxied = proxy != NULL;
	http_headers_forget(t->resp, &t->location);
	(void)snprintf(range, sizeof(range), "%llu-", (unsigned long long)t->req->range_from);
	/* identity: a digest is of the bytes as they are stored, not as they are sent */
	if (!add_header(&headers, "Accept", t->req->accept) ||
	    !add_header(&headers, "Accept-Encoding", "identity") ||
	    !add_header(&headers, "Authorization", authorization) ||
	    !add_header(&headers, "Expect", t->req->form ? "" : NULL) ||
	    set_options(hd->curl, t, url, tls, headers, t->req->range_from ? range : NULL, proxy) !=
		    CURLE_OK)
		err_set(t->e, ERR_SYSTEM, "%s: cannot set up the request", url_show(url).s);
	else
		result = run(t, hd->curl, url);
	give_handle(h, hd);
	curl_slist_free_all(headers);
	return result;
}

/* --- with redirects ------------------------------------------------------------------------ */

bool http_status_is_temporary(long status)
{
	return status == 429 || status == 500 || (status >= 502 && status <= 504);
}

unsigned http_tries(const struct http *h)
{
	return h->opts.tries;
}

bool http_may_wait(const struct http *h, uint64_t wait_ms, const char *why)
{
	if (h->end_ns && clock_mono_ns() + wait_ms * NSEC_PER_MSEC >= h->end_ns)
		return false;
	if (why && h->opts.notice)
		h->opts.notice(h->opts.notice_arg, why);
	return true;
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int check_plain(const struct http *h, const struct url *url, const struct url *from,
		       struct err *e)
{
	if (url->https)
		return 0;
	if (from && from->https)
		return err_set(e, ERR_NETWORK,
			       "%s: redirects from https to plain http (%s): refused",
			       url_show(from).s, url_show(url).s);
	if (http_plain_allowed(h, url))
		return 0;
	return err_set(e, ERR_NETWORK,
		       "%s: plain HTTP is not allowed for this host (--plain-http, or plain_http "
		       "in imgfetch.cf)",
		       url_show(url).s);
}

/* A form holds a login: it goes where its sender meant it to, or nowhere. */
static int check_form(const struct http_request *req, const struct http_response *resp,
		      const struct url *next, struct err *e)
{
	if (!req->form ||
	    ((resp->status == 307 || resp->status == 308) && url_same_origin(&resp->url, next)))
		return 0;
	return err_set(e, ERR_AUTH, "%s: redirects a request that holds a login (to %s): refused",
		       url_show(&resp->url).s, url_show(next).s);
}

/* Addresses in URLs are judged before anything is sent: through a proxy, on_open_socket would see
 * only the proxy's. */
static int check_literal(const struct url *url, enum net_class sent_by, struct err *e)
{
	enum net_class to = netaddr_class_text(url->host);

	if (to == NET_UNKNOWN || netaddr_may_follow(sent_by, to))
		return 0;
	return refuse_network(url, to, e);
}

int http_perform(struct http *h, const struct http_request *req, struct http_response *resp,
		 struct err *e)
{
	struct transfer t = {.h = h, .req = req, .resp = resp, .e = e, .sent_by = req->sent_by};
	const char *authorization = req->authorization;
	struct url next;

	*resp = (struct http_response){.url = req->url, .retry_after_s = -1};
	if (h->end_ns && clock_mono_ns() >= h->end_ns)
		return too_late(h, &req->url, e);
	if (check_plain(h, &req->url, NULL, e) < 0 || check_literal(&req->url, req->sent_by, e) < 0)
		return -1;
	for (unsigned hops = 0;; hops++) {
		if (perform_hop(h, &t, &resp->url, authorization) < 0)
			return -1;
		if (!is_redirect(resp->status) || !t.location.given)
			return 0;
		if (hops == HTTP_REDIRECTS_MAX)
			return err_set(e, ERR_NETWORK, "%s: more than %d redirects",
				       url_show(&req->url).s, HTTP_REDIRECTS_MAX);
		if (t.location.too_long)
			return err_set(e, ERR_NETWORK,
				       "%s: bad redirect: its target has more than %d bytes",
				       url_show(&resp->url).s, URL_TARGET_MAX);
		if (url_resolve(&resp->url, t.location.text, &next, e) < 0)
			return err_wrap(e, "%s: bad redirect", url_show(&resp->url).s);
		if (check_form(req, resp, &next, e) < 0 ||
		    check_plain(h, &next, &resp->url, e) < 0 || check_literal(&next, t.net, e) < 0)
			return -1;
		/* For good: a later hop that leads back gets no token either. */
		if (!url_same_origin(&resp->url, &next))
			authorization = NULL;
		t.sent_by = t.net;
		resp->url = next;
	}
}
