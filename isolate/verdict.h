/* SPDX-License-Identifier: MIT */
/* What happened to a run, in the words of the meta file. Pure. */
#ifndef ISOLATE_VERDICT_H
#define ISOLATE_VERDICT_H

#include "common/defs.h"
#include "isolate/limits.h"

/* Why the keeper killed the box, if it did. */
enum kill_reason { KILL_NONE, KILL_CPU, KILL_WALL, KILL_SIGNAL };

/* The limit that a run came up against, for the JSON format. */
enum limit_hit {
	LIMIT_NONE,
	LIMIT_TIME,
	LIMIT_WALL_TIME,
	LIMIT_MEMORY,
	LIMIT_DISK,
	LIMIT_OUTPUT,
	LIMIT_PROCESSES,
};

struct outcome {
	bool exec_failed;	 /* execve failed: status RE, exit code 127 */
	int wait_status;	 /* of the program, as wait(2) has it */
	enum kill_reason killed; /* by the keeper */
	int interrupt_signal;	 /* with KILL_SIGNAL: what the keeper received */
	bool disk_hit;		 /* the box had no room left for a write */
	struct usage usage;
};

enum run_status { RUN_OK, RUN_RE, RUN_SG, RUN_TO, RUN_XX };

struct verdict {
	enum run_status status;
	int exit_code; /* -1: none */
	int exit_sig;  /* 0: none */
	bool killed;
	char message[160]; /* without newline; empty for RUN_OK */
	int rc;		   /* exit status of isolate: 0, 1, 2 */
	enum limit_hit limit;
};

/* Order of judgement: interrupt, wall and CPU limits (also a program that ended by itself past its
 * limit), signal, exit status. Sandbox errors never get here: they are a struct err.
 *
 * The limit is the one that decided, as far as somebody tells: a limit of time with RUN_TO, else
 * the first of memory, disk, output and processes. A program can run against one of these and end
 * well all the same. */
void verdict_judge(const struct outcome *o, const struct limits *l, struct verdict *out);

const char *verdict_status_text(enum run_status s); /* "", "RE", "SG", "TO", "XX" */
const char *verdict_limit_text(enum limit_hit l);   /* "wall-time"; NULL for LIMIT_NONE */

#endif
