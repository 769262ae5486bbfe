/* SPDX-License-Identifier: MIT */
/* Credential helpers: programs docker-credential-NAME that keep logins, asked as docker asks them.
 */
#ifndef IMGFETCH_HELPER_H
#define IMGFETCH_HELPER_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/secret.h"

/* Somebody may have to type a passphrase. */
#define HELPER_TIMEOUT_S 30

struct helper {
	const char *name;   /* checked: letters, digits, '.', '_', '-' */
	const char *search; /* PATH; only its absolute folders count */
	unsigned timeout_s; /* then it and its process group are killed */
};

/* All run the helper with the caller's environment, in a process group of its own, with nothing
 * open but three pipes; secrets pass through these only. server: a host, or Docker Hub's URL. 0 or
 * -1: ERR_CONFIG when there is no such program, ERR_AUTH when it fails, with the first line it
 * said, or says what is no answer. No message shows a secret. Thread-safe. SIGPIPE must be ignored,
 * SIGCHLD not. */

/* out->kind stays CREDENTIAL_NONE when the helper says that it has no credentials. */
int helper_get(const struct helper *h, const char *server, struct credentials *out,
	       struct err *e) NODISCARD;
int helper_store(const struct helper *h, const char *server, const char *user, const char *secret,
		 struct err *e) NODISCARD;
/* *had: it had some. */
int helper_erase(const struct helper *h, const char *server, bool *had, struct err *e) NODISCARD;

/* Pure part: what `get` printed. */
int helper_parse(const char *text, size_t len, struct credentials *out, struct err *e) NODISCARD;

#endif
