/* SPDX-License-Identifier: MIT */
/* CPU time of a box while it runs, read by the keeper. */
#ifndef ISOLATE_CPUMETER_H
#define ISOLATE_CPUMETER_H

#include <time.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/run.h"

struct cpumeter {
	const struct cgroup
		*cgroup; /* its meter counts; NULL: processes are looked at one by one */
	int proc_fd;	 /* procfs of the box's pid namespace; borrowed */
	int program_fd;	 /* pidfd of the program's process; borrowed */
	bool have_clock;
	clockid_t clock; /* of the program's process */
	bool single;	 /* the program can have no other process or thread */
	unsigned cpus;	 /* as many processors it can use at once */
};

/* Prepare for the run *s whose program is program_fd. Failing to find the program (it may have
 * ended) is none. */
void cpumeter_init(struct cpumeter *m, const struct run_spec *s, int proc_fd, int program_fd);

/* CPU time used so far, ns. With a group at least the group's figure, which the kernel brings up to
 * date at ticks only; the clock of the program's process is exact at any time. Without one: that
 * clock, and for other processes what /proc tells, in steps of 10 ms; what a process used that was
 * reaped automatically (SIGCHLD ignored) is seen by no one without a group. */
int cpumeter_read(const struct cpumeter *m, uint64_t *ns, struct err *e) NODISCARD;

#endif
