/* SPDX-License-Identifier: MIT */
/* --env, --full-env and the image's Env: the environment of the program. Pure. */
#ifndef ISOLATE_ENVRULES_H
#define ISOLATE_ENVRULES_H

#include "common/defs.h"
#include "common/err.h"

struct envrules {
	char **rules; /* "VAR=VALUE" sets, "VAR=" removes, "VAR" copies from the caller; owned */
	size_t count;
	bool full; /* --full-env: start from the caller's whole environment */
};

/* One --env value. "" is accepted and ignored (a client sends it). "=x" is ERR_USAGE. */
int envrules_add(struct envrules *r, const char *rule, struct err *e) NODISCARD;

/* Environment for execve: defaults (LIBC_FATAL_STDERR_=1), then the caller's with --full-env, then
 * image_env ("NAME=VALUE", may be NULL), then the rules in order; a later setting replaces an
 * earlier one. *out is a NULL-terminated malloc'd array with malloc'd strings. */
int envrules_build(const struct envrules *r, char *const *caller_env, char *const *image_env,
		   size_t image_env_count, char ***out, struct err *e) NODISCARD;
void envrules_free_env(char **env);
void envrules_fini(struct envrules *r);

#endif
