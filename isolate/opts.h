/* SPDX-License-Identifier: MIT */
/* The command line of isolate. */
#ifndef ISOLATE_OPTS_H
#define ISOLATE_OPTS_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/copyrules.h"
#include "isolate/dirrules.h"
#include "isolate/envrules.h"
#include "isolate/limits.h"
#include "isolate/redirect.h"

enum opts_mode {
	MODE_NONE,
	MODE_INIT,
	MODE_RUN,
	MODE_CLEANUP,
	MODE_ONCE,
	MODE_LIST,
	MODE_PRINT_CG_ROOT,
	MODE_CHECK,
	MODE_CHECK_CONFIG,
	MODE_VERSION,
	MODE_HELP,
};

/* All texts are borrowed from argv. */
struct opts {
	enum opts_mode mode;
	unsigned box_id;
	bool box_auto;	   /* --box-id=auto, --once: a free one; box_id is set when it is known */
	bool box_numbered; /* --box-id was given a number */
	char **command;	   /* what follows --, NULL-terminated */

	const char *meta; /* file, "-", or NULL */
	bool meta_json;
	struct redirect redirect;
	const char *chdir; /* or NULL */
	struct limits limits;
	struct envrules env;
	const char **dirs; /* --dir values in order; owned array */
	size_t dir_count;
	bool no_default_dirs;
	struct copyrules copies;
	const char *image; /* reference, or NULL */
	bool no_image_env;
	bool image_rw_given;
	struct room image_rw; /* --image-rw */

	bool disk_given, quota_given;
	struct room disk;  /* --disk; inodes 0: in proportion */
	struct room quota; /* --quota */
	bool cg_mem_given;
	bool no_cg_timing;
	bool share_net;
	bool inherit_fds;
	bool tty_hack;
	bool special_files;
	bool wait;
	bool json;
	bool silent;
	unsigned verbose;
	bool as_uid_given, as_gid_given;
	uid_t as_uid;
	gid_t as_gid;
	bool syscalls_given;
	unsigned syscalls;
};

/* Parse argv and check that the options go together. Touches nothing but the order of argv and
 * *out, which is to be released by opts_fini also after a failure. ERR_USAGE. */
int opts_parse(int argc, char **argv, struct opts *out, struct err *e) NODISCARD;
void opts_fini(struct opts *o);

/* Is it a command that runs a program? */
bool opts_runs(const struct opts *o);

/* The rules of this run in order: the defaults for an image or without one, then --dir. */
int opts_dirrules(const struct opts *o, bool image, struct dirrules *out, struct err *e) NODISCARD;

/* --help on fd 1. 0 or -1 (errno). */
int opts_print_help(void);

#endif
