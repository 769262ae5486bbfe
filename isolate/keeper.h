/* SPDX-License-Identifier: MIT */
/* The process that outlives the run: limits, signals, figures. */
#ifndef ISOLATE_KEEPER_H
#define ISOLATE_KEEPER_H

#include <signal.h>

#include "isolate/run.h"
#include "isolate/verdict.h"

/* Block every signal that can be blocked: from here on they are read by keeper_run, so that none is
 * lost and none ends us half-way. */
int keeper_block_signals(struct err *e) NODISCARD;

/* Run the program to its end and fill *out. When it returns, also with an error, no process of the
 * box is left, except with ERR_BUSY: something cannot be killed, and the box must stay locked up.
 * As root, signals blocked, working directory the stage (rootfs_prepare). Gives up all capabilities
 * but those that box_end_use and cgroup_destroy need. */
int keeper_run(const struct run_spec *s, struct outcome *out, struct err *e) NODISCARD;

#endif
