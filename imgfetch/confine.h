/* SPDX-License-Identifier: MIT */
/* Take away from the calling thread what parsing a stranger's layer never needs. */
#ifndef IMGFETCH_CONFINE_H
#define IMGFETCH_CONFINE_H

#include "common/defs.h"
#include "common/err.h"

/* For the rest of its life this thread may open files only beneath dir_fd (-1: none at all), and
 * may not make sockets, run programs, trace, signal, mount or gain privileges. Landlock
 * (Linux 5.13) and seccomp are used where the kernel has them; what is missing is left out,
 * anything else that fails is an error. A thread shares its memory with the others: this stops a
 * confused parser, and raises the price for a taken-over one, which would have to reach another
 * thread first. */
int confine_thread(int dir_fd, struct err *e) NODISCARD;

#endif
