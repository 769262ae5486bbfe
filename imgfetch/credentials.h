/* SPDX-License-Identifier: MIT */
/* User names and passwords for registries, from the files that docker and podman keep. */
#ifndef IMGFETCH_CREDENTIALS_H
#define IMGFETCH_CREDENTIALS_H

#include "common/defs.h"
#include "common/err.h"

/* Where to look; NULL or empty: not set. Values of the environment, given by main(). */
struct credential_paths {
	const char *authfile;	   /* --authfile or REGISTRY_AUTH_FILE: then only there */
	const char *docker_config; /* DOCKER_CONFIG, a directory */
	const char *runtime_dir;   /* XDG_RUNTIME_DIR */
	const char *config_home;   /* XDG_CONFIG_HOME */
	const char *home;	   /* HOME */
};

struct credentials {
	bool found;
	char basic[2048]; /* base64 of user:password, as in a Basic header */
	bool helper;	  /* a credential helper is configured for the host, which is not asked */
};

/* Credentials for repository repo on host ("host[:port]"; docker.io for Docker Hub). The most
 * specific entry of the first file that has one wins: host/a/b before host/a before host. Files
 * that are missing have none; a file that others may write, or that cannot be read or parsed, is an
 * error (ERR_CONFIG), since silently going on without a password would be a riddle. */
int credentials_find(const struct credential_paths *paths, const char *host, const char *repo,
		     struct credentials *out, struct err *e) NODISCARD;

/* Pure part: look into the JSON text of such a file. name is for messages. */
int credentials_parse(const char *name, const char *text, size_t len, const char *host,
		      const char *repo, struct credentials *out, struct err *e) NODISCARD;

#endif
