/* SPDX-License-Identifier: MIT */
/* What a setuid program inherits from its caller, made harmless before anything else happens. */
#ifndef ISOLATE_ENTRY_H
#define ISOLATE_ENTRY_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

#define ENTRY_FDS_MAX 1024

struct entry {
	char **env;		/* the caller's environment: data for --env, never ours */
	mode_t umask;		/* the caller's, for his meta file */
	int fds[ENTRY_FDS_MAX]; /* for --inherit-fds */
	size_t fd_count;
};

/* First thing in main: descriptors 0 to 2 open, signals as a new process has them (but for SIGPIPE
 * and SIGXFSZ, which writes report as errors), no timers, umask 077, empty environment, no dumps.
 * Opens nothing but /dev/null. */
int entry_clean(struct entry *out, struct err *e) NODISCARD;

/* Every other descriptor is closed, or with `inherit` becomes close-on-exec and, unless it is a
 * directory or O_PATH, is listed in fds. Before anything is opened. */
int entry_take_fds(struct entry *en, bool inherit, struct err *e) NODISCARD;

/* Limits that would end us half-way are raised; ERR_CONFIG where that is impossible. As root. */
int entry_raise_limits(struct err *e) NODISCARD;

#endif
