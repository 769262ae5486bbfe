/* SPDX-License-Identifier: MIT */
/* Proving to a registry who we are: Basic, or a token from the server that it names. */
#ifndef IMGFETCH_AUTH_H
#define IMGFETCH_AUTH_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/credentials.h"
#include "imgfetch/http.h"
#include "imgfetch/loginhint.h"

/* The state for one repository on one host; shared by its threads. */
struct auth;

/* host as in the reference (docker.io for Docker Hub); repo "": for the host as such, then tokens
 * have no scope. http and paths are borrowed for the life of the result. NULL with ERR_SYSTEM. */
struct auth *auth_new(struct http *http, const struct credential_paths *paths, const char *host,
		      const char *repo, struct err *e);
void auth_free(struct auth *a);

/* Use these (copied) instead of looking for some. Before the first request. */
void auth_set_credentials(struct auth *a, const struct credentials *creds);

/* The value of the Authorization header to send now (malloc'd, to be wiped and freed), NULL for
 * none. A token whose life is over is renewed first; if that fails, it is for the registry to say
 * that it is too old. */
char *auth_header(struct auth *a);

/* May a token server that failed do better a little later? */
struct auth_later {
	bool maybe;
	long after_s; /* what it said about when (Retry-After), or -1 */
};

/* The registry answered 401 (resp) to a request with the header `used` (or NULL): get what it asks
 * for. 0: send the request again with auth_header(). Another thread may have done it meanwhile,
 * then nothing is fetched. Credentials go to the host itself, or to its token server: over https
 * wherever that is, over plain HTTP only if that is at the registry's own address. 1: there is
 * nothing (more) to offer, the answer stands. ERR_AUTH (a token server or a helper refuses),
 * ERR_NETWORK, ERR_CONFIG (credentials files); *later is valid then. */
int auth_answer(struct auth *a, const struct http_response *resp, const char *used,
		struct auth_later *later, struct err *e) NODISCARD;

/* For messages about 401 and 403: see loginhint_make. */
struct loginhint auth_hint(struct auth *a);

/* Whatever others say may quote our secret: take it out of *e. Always -1. */
int auth_scrub(struct auth *a, struct err *e);

#endif
