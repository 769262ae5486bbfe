/* SPDX-License-Identifier: MIT */
/* Logins are kept, and forgotten: in a credentials file, or by the helper that is configured. */
#ifndef IMGFETCH_LOGINS_H
#define IMGFETCH_LOGINS_H

#include <limits.h>

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/credentials.h"

/* What a login is for. */
struct login_key {
	const char *host;   /* docker.io for Docker Hub */
	const char *prefix; /* of repositories; "" for all of the host */
};

/* For messages: "credentials file '...'" or "credential helper '...'". */
struct login_place {
	char s[300];
};

/* Keep a login that works. For a whole host the helper gets it that credHelpers or else credsStore
 * of the first file names that has one; the first file (credentials_file_at) loses its entry then.
 * Else that file gets it: a new file takes its place by rename, with mode 0600 and all other
 * content as it was; writers lock its folder. ERR_CONFIG, ERR_AUTH (helper), ERR_BUSY (lock),
 * ERR_SYSTEM. */
int logins_keep(const struct credential_paths *paths, const struct login_key *key, const char *user,
		const char *secret, struct login_place *where, struct err *e) NODISCARD;

/* Take it out of the first file, and out of the helper. key NULL: all that the file has; helpers
 * keep theirs. ERR_NOTFOUND when there was none; else as above. *left (may be "") is a place that
 * still has a login for it, which imgfetch would use. */
int logins_drop(const struct credential_paths *paths, const struct login_key *key,
		struct login_place *where, struct login_place *left, struct err *e) NODISCARD;

#endif
