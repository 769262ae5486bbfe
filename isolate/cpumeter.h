/* SPDX-License-Identifier: MIT */
/* CPU time of a box while it runs, read by the keeper. */
#ifndef ISOLATE_CPUMETER_H
#define ISOLATE_CPUMETER_H

#include <sched.h>
#include <time.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/run.h"

struct cpumeter {
	const struct cgroup
		*cgroup; /* its meter counts; NULL: processes are looked at one by one */
	int proc_fd;	 /* procfs of the box's pid namespace; borrowed */
	int program_fd;	 /* pidfd of the program's process; borrowed */
	int counter_fd;	 /* cpumeter_open_counter, or -1; borrowed */
	bool have_clock;
	clockid_t clock;  /* of the program's process */
	bool single;	  /* the program can have no other process or thread */
	unsigned cpus;	  /* as many processors it can use at once */
	uint64_t tick_ns; /* so old may the kernel's figures be on each of them */
	bool can_visit;
	cpu_set_t home; /* with can_visit: where the keeper may run */
};

/* Is CPU time metered process by process in this run, of which there may be many? */
bool cpumeter_is_by_process(const struct run_spec *s);

/* For such runs, in the program's process, as root, before it can have children: a counter of the
 * CPU time of this process and all that descend from it, however they end (perf_event_open(2), task
 * clock, inherited). What the hypervisor takes away counts, too; what the kernel spends on their
 * end does not on all kernels (6.18: 40 us for a small process, 30 ms for one with 400 MiB). Fails
 * where there is none to be had: kernels without CONFIG_PERF_EVENTS, containers that forbid it. */
int cpumeter_open_counter(struct err *e) NODISCARD;

/* 0 without a counter. */
uint64_t cpumeter_read_counter(int counter_fd);

/* Prepare for the run *s whose program is program_fd. Failing to find the program (it may have
 * ended) is none. */
void cpumeter_init(struct cpumeter *m, const struct run_spec *s, int proc_fd, int program_fd);

/* CPU time used so far, ns: the group's figure, or without one the clock of the program's process
 * and the counter. Of tasks that are running on other processors, the kernel knows what they had
 * used at the last tick; but the counter is exact. What it misses (see above; and whoever executes
 * a file that he may not read is counted no more) is there as far as /proc tells it, in steps of 10
 * ms and without what was reaped automatically because SIGCHLD is ignored. */
int cpumeter_read(const struct cpumeter *m, uint64_t *ns, struct err *e) NODISCARD;

/* Bring the kernel's figures up to date: visit, for some microseconds each, the processors on which
 * tasks of the box are running. Where that cannot be done the figures stay as old as they are. */
void cpumeter_refresh(const struct cpumeter *m);

#endif
