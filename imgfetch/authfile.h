/* SPDX-License-Identifier: MIT */
/* The text of docker's config.json and podman's auth.json: looked into, and changed. Pure. */
#ifndef IMGFETCH_AUTHFILE_H
#define IMGFETCH_AUTHFILE_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/secret.h"

#define AUTHFILE_BYTES_MAX (1024 * 1024)
#define HELPER_NAME_MAX	   64

/* What a file says about a host. */
struct authfile {
	struct credentials creds;	  /* of auths; without origin */
	char helper[HELPER_NAME_MAX + 1]; /* of credHelpers, for this host; "" if there is none */
	char store[HELPER_NAME_MAX + 1];  /* credsStore */
};

/* host and repo as for credentials_find. name is for messages. Names of helpers become part of a
 * program's name: anything but letters, digits, '.', '_' and '-' is refused. ERR_CONFIG; no message
 * shows what the text holds. */
int authfile_parse(const char *name, const char *text, size_t len, const char *host,
		   const char *repo, struct authfile *out, struct err *e) NODISCARD;

/* Changes of the text. Each gives a new text (malloc'd, NUL-terminated, to be wiped and freed) in
 * which all other bytes are as they were; key is "host" or "host/prefix", and an entry that other
 * programs know by another spelling of it ("https://host/v2/", Docker Hub's old URL) is the same.
 * text must be one that authfile_parse took, or empty.
 *
 * set: an entry with this user and password, instead of those that are there.
 * remove: no entry for key; NULL for all. *count gets how many there were; 0 with *out NULL.
 * ERR_CONFIG, ERR_SYSTEM. */
int authfile_set(const char *text, const char *key, const char *user, const char *secret,
		 char **out, struct err *e) NODISCARD;
int authfile_remove(const char *text, const char *key, char **out, size_t *count,
		    struct err *e) NODISCARD;

#endif
