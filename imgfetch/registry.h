/* SPDX-License-Identifier: MIT */
/* A repository on a registry (OCI distribution protocol) as a source. */
#ifndef IMGFETCH_REGISTRY_H
#define IMGFETCH_REGISTRY_H

#include "common/err.h"
#include "common/ref.h"
#include "imgfetch/credentials.h"
#include "imgfetch/http.h"
#include "imgfetch/source.h"

/* ref: REF_REGISTRY. Talks https, or plain HTTP where http allows it for the host; a loopback host
 * that turns out to want TLS gets it. Nothing is sent before the first call. http and paths are
 * borrowed until source_free. NULL with *e. */
struct source *registry_open(struct http *http, const struct credential_paths *paths,
			     const struct ref *ref, struct err *e);

/* As source_peek, for such a source; what the answer's status was, too (0: none came). An error
 * status gives 0, since only the GET that follows brings the registry's own words. */
int registry_peek(struct source *src, const struct ref *ref, struct digest *out, long *status,
		  struct err *e) NODISCARD;

/* Does the registry take this login? src: from registry_open with a ref whose repository is empty;
 * nothing else was asked of it yet. *wanted: it asked for a login, so that it was tried. ERR_AUTH,
 * ERR_NETWORK, ERR_NOTFOUND. */
int registry_check_login(struct source *src, const struct credentials *creds, bool *wanted,
			 struct err *e) NODISCARD;

#endif
