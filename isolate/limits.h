/* SPDX-License-Identifier: MIT */
/* What a run may use, and what it did use. */
#ifndef ISOLATE_LIMITS_H
#define ISOLATE_LIMITS_H

#include "common/defs.h"
#include "common/err.h"

/* How much may be written into some place: 0 = no bound. */
struct room {
	uint64_t bytes;
	uint64_t inodes; /* files, directories, links */
};

struct limits {
	uint64_t cpu_ns;       /* --time; 0 = none */
	uint64_t wall_ns;      /* --wall-time; 0 = none */
	uint64_t extra_ns;     /* --extra-time: killed only once cpu_ns and extra_ns are reached */
	uint64_t as_bytes;     /* --mem: RLIMIT_AS; 0 = none */
	uint64_t stack_bytes;  /* --stack; 0 = unlimited */
	uint64_t fsize_bytes;  /* --fsize; 0 = unlimited */
	uint64_t core_bytes;   /* --core; default 0 = no core */
	uint64_t open_files;   /* --open-files; 0 = unlimited; default 1024 */
	uint64_t processes;    /* --processes; 0 = unlimited; default 1 */
	bool cg;	       /* --cg: a cgroup meters and limits */
	uint64_t cg_mem_bytes; /* --cg-mem; 0 = none */
	bool figures;	       /* --meta-format=json: measure whatever can be measured */
	uint64_t cpu_milli;    /* --cpus: thousandths of a processor; 0 = none; needs the group */
	const char *cpu_list;  /* boxN.cpus: processors it may use, see cpulist.h; NULL = all */
	const char *mem_list;  /* boxN.mems: memory nodes; NULL = all. Both borrowed, well-formed */
};

/* What not every kernel, group or mode tells. */
struct figure {
	bool known;
	uint64_t n;
};

enum pressure { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_IO, PRESSURE_COUNT };

/* What was measured. */
struct usage {
	uint64_t cpu_ns; /* user + system of all processes of the box */
	uint64_t wall_ns;
	bool told;		/* the proxy told what its processes used; else these four are 0 */
	uint64_t max_rss_bytes; /* largest process */
	uint64_t csw_voluntary, csw_forced;
	uint64_t faults_minor, faults_major;
	bool have_cg;	       /* there was a group: cg_oom_killed is known */
	bool have_cg_mem;      /* cg_mem_bytes was measured */
	uint64_t cg_mem_bytes; /* peak of the control group in this run */
	bool cg_oom_killed;
	bool cg_fork_refused; /* by the limit on processes; only with limits.figures */
	bool cpu_known;	      /* cpu_ns is all that was used, not just what was seen in passing */
	bool cpu_missed;      /* cpu_ns lacks what nobody could see: no meter for all processes */

	/* Only with limits.figures: */
	struct figure cpu_user_ns, cpu_system_ns; /* together cpu_ns */
	struct figure io_read_bytes, io_written_bytes;
	struct figure processes_peak; /* with threads */
	/* How long some process, and all of them, had to wait. */
	struct figure pressure_some_ns[PRESSURE_COUNT], pressure_full_ns[PRESSURE_COUNT];
	struct figure box_bytes; /* disk space that the files left in the box take */
};

/* Set every rlimit of the calling process for the program: those of *l, and fixed values for all
 * others (RTPRIO, NICE, MSGQUEUE, SIGPENDING, MEMLOCK, CPU, DATA, RSS, LOCKS), so that nothing of
 * the caller's leaks in. Raising a hard limit needs CAP_SYS_RESOURCE: where it is missing and the
 * limit asked for is above the inherited hard limit, the run ends, except that an unlimited default
 * nobody asked for is cut to the inherited hard limit. */
int limits_apply(const struct limits *l, struct err *e) NODISCARD;

#endif
