/* SPDX-License-Identifier: MIT */
/* Proving to a registry who we are: Basic, or a token from the server that it names. */
#ifndef IMGFETCH_AUTH_H
#define IMGFETCH_AUTH_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/credentials.h"
#include "imgfetch/http.h"

/* The state for one repository on one host; shared by its threads. */
struct auth;

/* host as in the reference (docker.io for Docker Hub). http and paths are borrowed for the life of
 * the result. NULL with ERR_SYSTEM. */
struct auth *auth_new(struct http *http, const struct credential_paths *paths, const char *host,
		      const char *repo, struct err *e);
void auth_free(struct auth *a);

/* The value of the Authorization header to send now (malloc'd), NULL for none. */
char *auth_header(struct auth *a);

/* The registry answered 401 (resp) to a request with the header `used` (or NULL): get what it asks
 * for. 0: send the request again with auth_header(). Another thread may have done it meanwhile,
 * then nothing is fetched. Credentials go to the host itself, or to its token server: over https
 * wherever that is, over plain HTTP only if that is at the registry's own address.
 * ERR_AUTH (nothing more to offer, or refused), ERR_NETWORK, ERR_CONFIG (credentials files); with
 * *temporary set true if the token server may do better a little later. */
int auth_answer(struct auth *a, const struct http_response *resp, const char *used, bool *temporary,
		struct err *e) NODISCARD;

/* For hints: did requests carry credentials of the user; is there a helper that was not asked? */
bool auth_has_credentials(struct auth *a);
bool auth_has_helper(struct auth *a);

#endif
