/* SPDX-License-Identifier: MIT */
/* What keeper, proxy and the program's process agree on: the orders of a run, and the reports. */
#ifndef ISOLATE_RUN_H
#define ISOLATE_RUN_H

#include <signal.h>
#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/cgroup.h"
#include "isolate/limits.h"
#include "isolate/priv.h"
#include "isolate/redirect.h"
#include "isolate/rootfs.h"
#include "isolate/tty.h"

/* Orders: everything a run needs is ready and open. All borrowed. */
struct run_spec {
	const struct priv *priv;
	uid_t uid; /* of the program */
	gid_t gid;
	const struct limits *limits;
	const struct cgroup *cgroup; /* NULL without --cg */
	bool cg_timing;		     /* CPU time is the group's, not the processes' */
	struct rootfs *rootfs;
	const struct redirect *redirect;
	const int *stdio;  /* --once: open files for it (redirect_place); NULL: names in the box */
	struct tty *tty;   /* the keeper and the proxy close the program's end */
	const char *chdir; /* or NULL */
	char *const *argv;
	char *const *env;
	bool search_path; /* an argv[0] without '/' is looked for along PATH */
	bool share_net;
	unsigned filter_flags;
	const int *pass_fds; /* descriptors above 2 that the program gets */
	size_t pass_count;
};

/* Reports, from the two processes in the box to the keeper, over a SOCK_SEQPACKET pair: each
 * arrives whole and in order. */
enum run_report_kind {
	REPORT_ERROR,	    /* the sandbox failed: err */
	REPORT_STARTED,	    /* the program's process is there: mono_ns; comes with two descriptors,
			       a procfs of the box and a pidfd of the program */
	REPORT_METER,	    /* comes with a descriptor: cpumeter_open_counter */
	REPORT_EXEC_FAILED, /* the program could not be executed and its process ended */
	REPORT_ENDED,	    /* the program ended: mono_ns, wait_status */
	REPORT_USAGE,	    /* nobody is left in the box: what all used, from cpu_user_ns on */
};

struct run_report {
	enum run_report_kind kind;
	int wait_status;  /* of the program */
	uint64_t mono_ns; /* when, on CLOCK_MONOTONIC */
	uint64_t cpu_user_ns, cpu_system_ns;
	uint64_t max_rss_kib; /* of the largest process */
	uint64_t csw_voluntary, csw_forced;
	uint64_t faults_minor, faults_major;
	bool disk_full; /* a file system in memory of the program */
	struct err err;
};

/* The keeper sends this to the proxy: kill everybody in the box, reap, report. Whoever dies with
 * its namespace is reaped by the kernel, which forgets what it used. */
#define RUN_KILL_SIGNAL SIGTERM

#endif
