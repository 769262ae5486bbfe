/* SPDX-License-Identifier: MIT */
/* User names, passwords and tokens for registries, from the files that docker and podman keep and
 * the helpers that these name. */
#ifndef IMGFETCH_CREDENTIALS_H
#define IMGFETCH_CREDENTIALS_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/secret.h"

/* Where to look; NULL or empty: not set. Values of the environment, given by main(). */
struct credential_paths {
	const char *authfile;	   /* --authfile or REGISTRY_AUTH_FILE: then only there */
	const char *docker_config; /* DOCKER_CONFIG, a directory */
	const char *runtime_dir;   /* XDG_RUNTIME_DIR */
	const char *config_home;   /* XDG_CONFIG_HOME */
	const char *home;	   /* HOME */
	const char *search;	   /* PATH, for helpers */
};

/* Fill *out from the environment; authfile: --authfile or NULL. */
void credentials_paths_from_env(const char *authfile, struct credential_paths *out);

/* The i-th file that is looked into, in order, as a path: 1, 0 when there are no more, -1
 * (ERR_CONFIG: too long). The first one is also where logins are written to. */
int credentials_file_at(const struct credential_paths *paths, size_t i, char *out, size_t size,
			struct err *e) NODISCARD;

/* The content of such a file in *text (malloc'd, NUL-terminated, to be wiped and freed) and *len:
 * 1, 0 when it does not exist, -1. A file that others may write, or that cannot be read, is
 * ERR_CONFIG, since silently going on without a password would be a riddle. */
int credentials_read_file(const char *path, char **text, size_t *len, struct err *e) NODISCARD;

/* Credentials for repository repo on host ("host[:port]"; docker.io for Docker Hub; repo may be
 * empty). The files are looked into in order, and the first that has some wins. Within a file: the
 * helper that credHelpers names for the host; the most specific entry of auths (host/a/b before
 * host/a before host); the helper credsStore. A helper that says it knows nothing has none, any
 * other trouble with it is ERR_CONFIG or ERR_AUTH. Runs programs: not for confined threads. */
int credentials_find(const struct credential_paths *paths, const char *host, const char *repo,
		     struct credentials *out, struct err *e) NODISCARD;

/* What helpers know a host as. */
const char *credentials_server(const char *host);

#endif
