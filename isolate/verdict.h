/* SPDX-License-Identifier: MIT */
/* What happened to a run, in the words of the meta file. Pure. */
#ifndef ISOLATE_VERDICT_H
#define ISOLATE_VERDICT_H

#include "common/defs.h"
#include "isolate/limits.h"

/* Why the keeper killed the box, if it did. */
enum kill_reason { KILL_NONE, KILL_CPU, KILL_WALL, KILL_SIGNAL };

struct outcome {
	bool exec_failed;	 /* execve failed: status RE, exit code 127 */
	int wait_status;	 /* of the program, as wait(2) has it */
	enum kill_reason killed; /* by the keeper */
	int interrupt_signal;	 /* with KILL_SIGNAL: what the keeper received */
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
};

/* Order of judgement: interrupt, wall and CPU limits (also a program that ended by itself past its
 * limit), signal, exit status. Sandbox errors never get here: they are a struct err. */
void verdict_judge(const struct outcome *o, const struct limits *l, struct verdict *out);

const char *verdict_status_text(enum run_status s); /* "", "RE", "SG", "TO", "XX" */

#endif
