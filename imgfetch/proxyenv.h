/* SPDX-License-Identifier: MIT */
/* Which proxy a request goes through, by what the environment says. Pure.
 *
 * libcurl would find out by itself, but not tell: and what a proxy looks up is out of our sight, so
 * that http.c has to know. Ports in no_proxy are understood, too, as by docker and podman. */
#ifndef IMGFETCH_PROXYENV_H
#define IMGFETCH_PROXYENV_H

#include "imgfetch/url.h"

/* As they are in the environment, borrowed; NULL or "" where there is none. */
struct proxyenv {
	const char *http, *https; /* for URLs of this kind */
	const char *all;	  /* where the former says nothing */
	const char *none;	  /* hosts, domains, addresses and networks that need none */
};

/* What to connect to (a URL, its scheme may be missing), or NULL: to the host itself. Names of
 * loopback need no proxy. */
const char *proxyenv_find(const struct proxyenv *p, const struct url *u);

#endif
