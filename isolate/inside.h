/* SPDX-License-Identifier: MIT */
/* The program's own process, from its birth to execve. */
#ifndef ISOLATE_INSIDE_H
#define ISOLATE_INSIDE_H

#include "isolate/run.h"

/* In a child of the proxy, as root in the box's namespaces and root directory: becomes the program.
 * Whatever fails is reported on sock and ends the process. */
void inside_run(const struct run_spec *s, int sock) NORETURN;

#endif
