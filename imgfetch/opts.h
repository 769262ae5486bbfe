/* SPDX-License-Identifier: MIT */
/* The command line of imgfetch. */
#ifndef IMGFETCH_OPTS_H
#define IMGFETCH_OPTS_H

#include "common/defs.h"
#include "common/err.h"
#include "common/ref.h"
#include "imgfetch/config.h"
#include "imgfetch/limits.h"
#include "imgfetch/platform.h"
#include "imgfetch/pull.h"

enum command {
	COMMAND_NONE,
	COMMAND_PULL,
	COMMAND_LIST,
	COMMAND_INSPECT,
	COMMAND_FLATTEN,
	COMMAND_TAG,
	COMMAND_RM,
	COMMAND_GC,
	COMMAND_VERIFY,
	COMMAND_DU,
	COMMAND_LOGIN,
	COMMAND_LOGOUT,
};

struct opts {
	enum command command;
	struct ref ref; /* first operand */
	/* All operands, of argv, each parsed by ref_parse without an error. */
	char **words;
	size_t word_count;
	const char *store;	 /* --store, or NULL */
	const char *authfile;	 /* --authfile, or NULL */
	const char *ca_file;	 /* --ca-file, or NULL */
	const char *cert_dir;	 /* --cert-dir, or NULL */
	const char *config_file; /* --config, or NULL */
	/* What the files say, for what the command line leaves open; main() sets it. */
	const struct config *config;
	struct platform platform; /* --platform, else our own */
	unsigned jobs;		  /* -j: layers in flight; 0: not given */
	unsigned max_time_s;	  /* --max-time: for all requests; 0: not given */
	unsigned tries;		  /* --retries and one; 0: not given */
	unsigned timeout_s; /* --timeout: no progress for so long ends a transfer; 0: not given */
	enum pull_policy policy; /* --pull; PULL_NEVER: also --offline, for what comes by network */
	bool remove;		 /* flatten --remove */
	struct limits limits;	 /* --max-...; what is 0 was not given */
	const char *username;	 /* login --username, or NULL */
	bool password_stdin, all;
	char prefix[REF_REPO_MAX + 1]; /* login, logout: of HOST/PREFIX; ref has the host only */
	bool plain_http, quiet, no_sync, json;
	bool dry_run, images; /* of gc */
	bool remove_damaged;  /* of verify */
	bool help, version;   /* then nothing else is filled or checked */
	unsigned given;	      /* bits of options that not every command has */
};

/* Fills *out and does nothing else; strings are those of argv. ERR_USAGE. */
int opts_parse(int argc, char **argv, struct opts *out, struct err *e) NODISCARD;

/* The text of --help, to stdout. 0 or -1 (errno). */
int opts_print_help(void) NODISCARD;

#endif
