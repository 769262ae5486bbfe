/* SPDX-License-Identifier: MIT */
/* Sending and receiving reports of a run. */
#ifndef ISOLATE_REPORT_H
#define ISOLATE_REPORT_H

#include "isolate/run.h"

/* At most two descriptors travel with a report. */
#define REPORT_FDS 2

/* One report, with fds[0..count). 0, or -1 (errno): the sender is about to die then. */
int report_send(int sock, const struct run_report *r, const int *fds, size_t count) NODISCARD;

/* Next report: 1, 0 when every sender is gone, -1 on error or nonsense. Without waiting: -1 with
 * e->errnum EAGAIN when there is none. fds (REPORT_FDS of them) are -1 where none came; the caller
 * owns them. */
int report_receive(int sock, struct run_report *r, int fds[REPORT_FDS], struct err *e) NODISCARD;

/* CLOCK_MONOTONIC in ns. */
uint64_t report_now_ns(void);

#endif
