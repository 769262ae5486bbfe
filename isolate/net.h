/* SPDX-License-Identifier: MIT */
/* The network namespace of a box. */
#ifndef ISOLATE_NET_H
#define ISOLATE_NET_H

#include "common/defs.h"
#include "common/err.h"

/* In a fresh network namespace: bring the loopback interface up, the only one there is. Needs
 * CAP_NET_ADMIN. */
int net_loopback_up(struct err *e) NODISCARD;

#endif
