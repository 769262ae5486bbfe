/* SPDX-License-Identifier: MIT */
/* Processes that a killed keeper left behind. */
#ifndef ISOLATE_SWEEP_H
#define ISOLATE_SWEEP_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

/* Kill every process that has uid, which no one but a box has, as its real, effective or saved user
 * id, and wait until they are gone. ERR_BUSY when one is still alive after a few seconds; one that
 * is dead and whose parent has not waited for it by then harms nobody. As root, with /proc mounted.
 */
int sweep_processes(uid_t uid, struct err *e) NODISCARD;

/* Is there such a process? 1, 0, -1. Kills nobody and waits for nothing. As root. */
int sweep_find(uid_t uid, struct err *e) NODISCARD;

#endif
