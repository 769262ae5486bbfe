/* SPDX-License-Identifier: MIT */
/* http and https URLs, strictly: parse, resolve a redirect, compare origins, show. Pure. */
#ifndef IMGFETCH_URL_H
#define IMGFETCH_URL_H

#include "common/defs.h"
#include "common/err.h"

/* Presigned URLs of object stores carry long tokens. */
#define URL_TARGET_MAX 8191
#define URL_TEXT_MAX   (URL_TARGET_MAX + 300)

/* Everything has been checked: url_text can contain nothing that another parser could read in
 * another way. No user, password or fragment. */
struct url {
	bool https;
	char host[256];			 /* lower case; IPv6 in brackets */
	unsigned port;			 /* 1 to 65535, the scheme's default filled in */
	char target[URL_TARGET_MAX + 1]; /* path and query, begins with '/' */
};

/* The whole of s; other schemes than http and https, user names, spaces, control and non-ASCII
 * bytes and backslashes are refused. A fragment is cut off. kind ERR_NETWORK. */
int url_parse(const char *s, struct url *out, struct err *e) NODISCARD;

/* What `location` means in an answer from base: absolute, //host/path, /path or relative. */
int url_resolve(const struct url *base, const char *location, struct url *out,
		struct err *e) NODISCARD;

/* Does "host[:port]", as in a reference, name the URL's host and port? */
bool url_is_at(const struct url *u, const char *host_port);

/* Same scheme, host and port: where credentials may be sent again. */
bool url_same_origin(const struct url *a, const struct url *b);

/* For requests. Never truncated: the parts are bounded. */
struct url_text {
	char s[URL_TEXT_MAX];
};
struct url_text url_text(const struct url *u);

/* For messages: without the query (it may be a secret), cut to 256 bytes. */
struct url_shown {
	char s[264];
};
struct url_shown url_show(const struct url *u);

/* Append ?name=value or &name=value, percent-encoded. ERR_NETWORK when it gets too long. */
int url_add_query(struct url *u, const char *name, const char *value, struct err *e) NODISCARD;

#endif
