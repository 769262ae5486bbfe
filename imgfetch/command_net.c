/* SPDX-License-Identifier: MIT */
/* What the command line, the configuration and the environment say of networks. */
#include <stdlib.h>

#include "imgfetch/command.h"

#define CONNECT_TIMEOUT_S 15
#define TIMEOUT_DEFAULT_S 20
#define TRIES_DEFAULT	  3

/* The first that was said. */
static unsigned choose(unsigned option, unsigned key, unsigned otherwise)
{
	return option ? option : key ? key : otherwise;
}

/* Of the environment: empty is as good as not set. */
static const char *nonempty(const char *s)
{
	return s && s[0] ? s : NULL;
}

static void show_notice(void *progress, const char *text)
{
	progress_message(progress, "%s", text);
}

static int allow_configured_hosts(struct http *http, const struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->plain_count; i++)
		if (http_allow_plain(http, c->plain[i], e) < 0)
			return -1;
	return 0;
}

static const char *env_either(const char *name, const char *other)
{
	const char *value = nonempty(getenv(name));

	return value ? value : nonempty(getenv(other));
}

struct http *command_http_new(const struct opts *o, struct progress *progress, struct err *e)
{
	const struct config *c = o->config;
	const struct http_opts ho = {
		.connect_s = choose(0, c->connect_s, CONNECT_TIMEOUT_S),
		.stall_s = choose(o->timeout_s, c->timeout_s, TIMEOUT_DEFAULT_S),
		.tries = choose(o->tries, c->tries, TRIES_DEFAULT),
		.whole_s = choose(o->max_time_s, c->max_time_s, 0),
		.notice = show_notice,
		.notice_arg = progress,
		.ca_dir = nonempty(getenv("SSL_CERT_DIR")),
		.proxies =
			{
				/* In upper case it might be the header Proxy: of a web server's
				 * request (CVE-2016-5385). */
				.http = getenv("http_proxy"),
				.https = env_either("https_proxy", "HTTPS_PROXY"),
				.all = env_either("all_proxy", "ALL_PROXY"),
				.none = env_either("no_proxy", "NO_PROXY"),
			},
		.tls =
			{
				.system_ca = nonempty(getenv("SSL_CERT_FILE")),
				.extra_ca = o->ca_file ? o->ca_file : c->ca_file,
				.cert_dir = o->cert_dir,
				.named_host = o->ref.host,
				.config_home = getenv("XDG_CONFIG_HOME"),
				.home = getenv("HOME"),
			},
	};
	struct http *http = http_new(&ho, e);

	if (http && allow_configured_hosts(http, c, e) < 0) {
		http_free(http);
		return NULL;
	}
	return http;
}
