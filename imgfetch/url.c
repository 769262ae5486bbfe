/* SPDX-License-Identifier: MIT */
/* http and https URLs, strictly: parse, resolve a redirect, compare origins, show. Pure. */
#include "imgfetch/url.h"

#include <string.h>
#include <strings.h>

#include "common/num.h"
#include "common/text.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int refuse(const char *s, const char *why, struct err *e)
{
	char shown[200];
	struct text t = TEXT_OVER(shown);
	size_t len = strcspn(s, "?#");

	/* No query in messages: it may be a secret. No password before an '@' either. */
	text_add_quoted(&t, s, memchr(s, '@', len) ? strcspn(s, ":/") : len);
	return err_set(e, ERR_NETWORK, "URL '%s': %s", shown, why);
}

static unsigned default_port(bool https)
{
	return https ? 443 : 80;
}

/* The length of a valid host at s, up to ':' or the end of the authority; 0 if there is none. */
static size_t host_len(const char *s)
{
	size_t n;

	if (s[0] == '[') {
		n = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
		return n > 2 && s[n] == ']' ? n + 1 : 0;
	}
	n = strspn(s, LOWER UPPER DIGITS "-._");
	return n > 0 && s[0] != '.' && s[0] != '-' ? n : 0;
}

/* "host[:port]" of exactly len bytes. */
static int parse_authority(const char *s, size_t len, struct url *u, struct err *e)
{
	size_t n = host_len(s);
	char port[8];

	if (n == 0 || n > len || n >= sizeof(u->host))
		return -1;
	for (size_t i = 0; i < n; i++)
		u->host[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + ('a' - 'A') : s[i]);
	u->host[n] = '\0';
	u->port = default_port(u->https);
	if (n == len)
		return 0;
	if (s[n] != ':' || len - n - 1 >= sizeof(port))
		return -1;
	memcpy(port, s + n + 1, len - n - 1);
	port[len - n - 1] = '\0';
	int value = 0;
	if (port[0] && num_parse_int(port, 1, 65535, "port", &value, e) < 0)
		return -1;
	if (value)
		u->port = (unsigned)value;
	return 0;
}

/* Path and query from s (may be empty or begin with '?'), without the fragment. */
static int parse_target(const char *s, struct url *u)
{
	size_t len = strcspn(s, "#");
	size_t slash = s[0] == '/' ? 0 : 1;

	if (len + slash > URL_TARGET_MAX)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || strchr("\\\"<>^`{|}", s[i]))
			return -1;
	u->target[0] = '/';
	memcpy(u->target + slash, s, len);
	u->target[slash + len] = '\0';
	return 0;
}

int url_parse(const char *s, struct url *out, struct err *e)
{
	struct url u = {0};
	const char *authority;
	size_t len;

	if (strncasecmp(s, "https://", 8) == 0) {
		u.https = true;
		authority = s + 8;
	} else if (strncasecmp(s, "http://", 7) == 0) {
		authority = s + 7;
	} else {
		return refuse(s, "only http and https are allowed", e);
	}
	len = strcspn(authority, "/?#");
	if (memchr(authority, '@', len))
		return refuse(s, "it carries a user name: refused", e);
	if (parse_authority(authority, len, &u, e) < 0)
		return refuse(s, "malformed host or port", e);
	if (parse_target(authority + len, &u) < 0)
		return refuse(s, "malformed or too long", e);
	*out = u;
	return 0;
}

int url_resolve(const struct url *base, const char *location, struct url *out, struct err *e)
{
	char buf[URL_TEXT_MAX + URL_TARGET_MAX];
	const char *scheme = base->https ? "https" : "http";
	size_t scheme_len = strspn(location, LOWER UPPER DIGITS "+-.");
	size_t dir;
	int r;

	if (location[0] == '\0')
		return err_set(e, ERR_NETWORK, "redirect without a target");
	if (scheme_len > 0 && location[scheme_len] == ':')
		return url_parse(location, out, e);
	if (location[0] == '/' && location[1] == '/') {
		r = text_format(buf, sizeof(buf), "%s:%s", scheme, location);
	} else if (location[0] == '/') {
		r = text_format(buf, sizeof(buf), "%s://%s:%u%s", scheme, base->host, base->port,
				location);
	} else {
		/* Replaces what follows the last '/' of the base path; '?x' replaces the query. */
		dir = strcspn(base->target, "?");
		while (location[0] != '?' && base->target[dir - 1] != '/')
			dir--;
		r = text_format(buf, sizeof(buf), "%s://%s:%u%.*s%s", scheme, base->host,
				base->port, (int)dir, base->target, location);
	}
	if (r < 0)
		return refuse(location, "too long", e);
	return url_parse(buf, out, e);
}

bool url_is_at(const struct url *u, const char *host_port)
{
	struct url other = {.https = u->https};
	struct err ignored;

	return parse_authority(host_port, strlen(host_port), &other, &ignored) == 0 &&
	       strcmp(other.host, u->host) == 0 && other.port == u->port;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

struct url_text url_text(const struct url *u)
{
	struct url_text t;
	struct text b = TEXT_OVER(t.s);

	text_addf(&b, "%s://%s", u->https ? "https" : "http", u->host);
	if (u->port != default_port(u->https))
		text_addf(&b, ":%u", u->port);
	text_add(&b, u->target);
	return t;
}

struct url_shown url_show(const struct url *u)
{
	struct url bare = *u;
	struct url_shown shown;
	struct text b = TEXT_OVER(shown.s);

	bare.target[strcspn(bare.target, "?")] = '\0';
	text_addf(&b, "%.252s", url_text(&bare).s);
	if (strlen(url_text(&bare).s) > 252)
		text_add(&b, "...");
	return shown;
}

int url_add_query(struct url *u, const char *name, const char *value, struct err *e)
{
	struct text t = {.buf = u->target, .size = sizeof(u->target), .len = strlen(u->target)};

	text_addf(&t, "%c%s=", strchr(u->target, '?') ? '&' : '?', name);
	for (const char *p = value; *p; p++) {
		if (strchr(LOWER UPPER DIGITS "-._~:/,*", *p))
			text_add_bytes(&t, p, 1);
		else
			text_addf(&t, "%%%02X", (unsigned char)*p);
	}
	if (t.full)
		return err_set(e, ERR_NETWORK, "URL '%s' becomes too long", url_show(u).s);
	return 0;
}
