/* SPDX-License-Identifier: MIT */
/* Init of the box's pid namespace: builds the box, starts the program, waits for it. */
#ifndef ISOLATE_PROXY_H
#define ISOLATE_PROXY_H

#include "isolate/run.h"

/* In the child that the keeper cloned into new namespaces, as root. keeper_sock is the keeper's end
 * of the socket pair, to be closed; sock is ours. Ends with the program, and with the keeper. */
void proxy_run(const struct run_spec *s, int keeper_sock, int sock) NORETURN;

#endif
