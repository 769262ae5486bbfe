/* SPDX-License-Identifier: MIT */
/* The configuration of imgfetch, imgfetch.cf(5): what it says, and where it is found. */
#ifndef IMGFETCH_CONFIG_H
#define IMGFETCH_CONFIG_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/hostrules.h"
#include "imgfetch/limits.h"
#include "imgfetch/registriesconf.h"

#define CONFIG_PLAIN_MAX 64

/* What is 0 or NULL was not said. Strings are owned. */
struct config {
	unsigned jobs;	     /* layers at a time */
	unsigned timeout_s;  /* no progress for so long ends a transfer */
	unsigned connect_s;  /* to connect, TLS included */
	unsigned max_time_s; /* for all requests */
	unsigned tries;	     /* of one request: one more than it is tried again */
	struct limits limits;
	char *ca_file; /* authorities to believe besides the system's */
	size_t plain_count;
	char *plain[CONFIG_PLAIN_MAX]; /* "host[:port]" that may be asked without TLS */
	struct hostrules rules;
};

/* Where to look; NULL or empty: not set. Values of the command line and of the environment, given
 * by main(). */
struct config_paths {
	const char *given;			       /* --config: then only there */
	const char *system;			       /* IMGFETCH_CONFIG_FILE */
	const char *config_home;		       /* XDG_CONFIG_HOME */
	const char *home;			       /* HOME */
	const struct registriesconf_paths *registries; /* NULL: do not read these */
};

/* Everything that the files say: the system's, then the caller's own, whose keys win. They may be
 * missing, but not the one that was given. Then rules of registries.conf, which count after ours,
 * if nothing was given. A file that others than root and the caller could have
 * written is an error, since it says whom to believe. *out is to be given to config_fini.
 * ERR_CONFIG (text begins with "file:line: " where there is a line), ERR_SYSTEM. */
int config_load(const struct config_paths *paths, struct config *out, struct err *e) NODISCARD;

/* Pure part: add what the text of one file says to *c. As for lineconf, text is writable and ends
 * with a NUL, and is cut up. name is for messages. After an error *c is still to be given to
 * config_fini. ERR_CONFIG. */
int config_parse(const char *name, char *text, size_t len, struct config *c,
		 struct err *e) NODISCARD;

void config_fini(struct config *c);

#endif
