/* SPDX-License-Identifier: MIT */
/* What a run may use, as resource limits of the program's process. */
#include "isolate/limits.h"

#include <errno.h>
#include <sys/resource.h>

/* One limit: the value, and whether the caller chose it. */
struct row {
	int resource;
	const char *name;
	rlim_t value;
	bool chosen;
};

/* 0 means none in struct limits. */
static rlim_t or_infinity(uint64_t value)
{
	return value ? (rlim_t)value : RLIM_INFINITY;
}

static int apply_row(const struct row *row, struct err *e)
{
	struct rlimit was, want = {.rlim_cur = row->value, .rlim_max = row->value}, now;

	if (getrlimit(row->resource, &was) < 0)
		return err_sys(e, ERR_SYSTEM, "read the limit on %s", row->name);
	if (setrlimit(row->resource, &want) < 0) {
		if (errno != EPERM)
			return err_sys(e, ERR_SYSTEM, "limit %s", row->name);
		/* Above the hard limit we were started with, and no CAP_SYS_RESOURCE. */
		if (row->chosen)
			return err_set(e, ERR_CONFIG,
				       "the limit on %s cannot be raised to what was asked for: "
				       "isolate was started with a lower hard limit and lacks "
				       "CAP_SYS_RESOURCE",
				       row->name);
		want.rlim_cur = want.rlim_max = MIN(was.rlim_max, row->value);
		if (setrlimit(row->resource, &want) < 0)
			return err_sys(e, ERR_SYSTEM, "limit %s", row->name);
	}
	if (getrlimit(row->resource, &now) < 0)
		return err_sys(e, ERR_SYSTEM, "read back the limit on %s", row->name);
	if (now.rlim_cur != want.rlim_cur || now.rlim_max != want.rlim_max)
		return err_set(e, ERR_BUG, "the limit on %s did not change as told", row->name);
	return 0;
}

int limits_apply(const struct limits *l, struct err *e)
{
	/* The fixed values bound what the kernel keeps for a process on nobody's account, at the
	 * sizes that distributions give to ordinary users. */
	const struct row rows[] = {
		{RLIMIT_AS, "address space", or_infinity(l->as_bytes), l->as_bytes > 0},
		{RLIMIT_STACK, "stack size", or_infinity(l->stack_bytes), l->stack_bytes > 0},
		{RLIMIT_FSIZE, "file size", or_infinity(l->fsize_bytes), l->fsize_bytes > 0},
		/* 0 keeps files from being written, but where core_pattern is a pipe its program is
		 * started all the same, as root outside; 1 byte tells the kernel not to
		 * (fs/coredump.c). The filter keeps the program from lowering it. */
		{RLIMIT_CORE, "core size", (rlim_t)MAX(l->core_bytes, 1), l->core_bytes > 0},
		{RLIMIT_NOFILE, "open files", or_infinity(l->open_files), l->open_files > 0},
		/* One more where a group counts them: it tells that its limit was hit. */
		{RLIMIT_NPROC, "processes", or_infinity(l->processes ? l->processes + l->cg : 0),
		 l->processes > 0},
		{RLIMIT_CPU, "CPU time", RLIM_INFINITY, false}, /* the keeper does it, finer */
		{RLIMIT_DATA, "data size", RLIM_INFINITY, false},
		{RLIMIT_RSS, "resident size", RLIM_INFINITY, false},
		{RLIMIT_LOCKS, "file locks", RLIM_INFINITY, false},
		{RLIMIT_MEMLOCK, "locked memory", 64 * 1024, false},
		{RLIMIT_SIGPENDING, "queued signals", 1024, false},
		{RLIMIT_MSGQUEUE, "message queues", 819200, false},
		{RLIMIT_NICE, "nice level", 0, false},
		{RLIMIT_RTPRIO, "real-time priority", 0, false},
		{RLIMIT_RTTIME, "real-time CPU time", RLIM_INFINITY, false},
	};

	_Static_assert(ARRAY_LEN(rows) == RLIMIT_NLIMITS, "a limit would leak in");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (apply_row(&rows[i], e) < 0)
			return -1;
	}
	return 0;
}
