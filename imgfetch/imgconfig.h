/* SPDX-License-Identifier: MIT */
/* The image configuration: what a container would be given, as far as a box cares. Pure. */
#ifndef IMGFETCH_IMGCONFIG_H
#define IMGFETCH_IMGCONFIG_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "imgfetch/platform.h"

/* What is kept of an image configuration. Strings are owned. */
struct imgconfig {
	struct platform platform; /* fields may be empty: not every builder fills them */
	size_t diffid_count;
	struct digest *diffids; /* bottom first */
	size_t env_count;
	char **env;    /* NAME=VALUE, each name once (the last one wins), nameless ones dropped */
	char *workdir; /* absolute, or NULL */
	char *user;    /* or NULL */
	size_t entrypoint_count, cmd_count;
	char **entrypoint, **cmd;
};

/* ERR_VERIFY. imgconfig_fini what came out. */
int imgconfig_parse(const char *data, size_t len, struct imgconfig *out, struct err *e) NODISCARD;
void imgconfig_fini(struct imgconfig *c);

/* May an image made for the configuration's platform be used where `want` is wanted? ERR_PLATFORM.
 * An image that does not say is taken: the user named it, and there is no other to choose. */
int imgconfig_check_platform(const struct imgconfig *c, const struct platform *want,
			     struct err *e) NODISCARD;

#endif
