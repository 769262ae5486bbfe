/* SPDX-License-Identifier: MIT */
/* What the files of main share. Nobody else includes this. */
#ifndef ISOLATE_MAIN_IMPL_H
#define ISOLATE_MAIN_IMPL_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/box.h"
#include "isolate/cgroup.h"
#include "isolate/config.h"
#include "isolate/entry.h"
#include "isolate/lock.h"
#include "isolate/meta.h"
#include "isolate/opts.h"
#include "isolate/priv.h"

#define PROG "isolate"

/* Everything about this call. */
struct call {
	struct entry entry;
	struct opts opts;
	struct priv priv;
	struct config config;
	struct meta meta;
	int stdio[3];	 /* --once: the program's standard files; -1: inherited */
	int lock_dir_fd; /* lock_root */
	struct lock lock;
	struct box box;
	struct cgroup_place *place; /* with control groups, when needed */
};

/* With -v: what is being done. As the caller, whose file it is. */
void call_tell(const struct call *c, const char *what, const char *value);
void call_tell_place(const struct call *c);

/* Set c->place, once. As root. */
int call_find_place(struct call *c, struct err *e) NODISCARD;

/* Processes that a dead keeper left in the box. The files are put in order by the caller of this,
 * or removed. As root. */
int call_end_leftovers(struct call *c, struct err *e) NODISCARD;

/* Somebody else's box is his; root may do away with it. ERR_DENIED. */
int call_check_owner(const struct call *c, bool root_may, struct err *e) NODISCARD;

/* The ids of boxes should be nobody's (--check-config looks through them all). What is in a box
 * could do to its caller whatever it wants if it were him. ERR_CONFIG. */
int call_check_caller(const struct call *c, struct err *e) NODISCARD;

/* May the caller make boxes? ERR_DENIED. */
int call_check_restricted(const struct call *c, struct err *e) NODISCARD;

/* Is --image-rw no more than a file system in memory may be? ERR_CONFIG. */
int call_check_rw(const struct call *c, struct err *e) NODISCARD;

/* Write c->lock.record, which makes the box its owner's; ERR_DENIED when he has too many, but he
 * may have those that were his. As root. */
int call_register_box(struct call *c, bool was_his, struct err *e) NODISCARD;

/* main_run.c: --run and --once. *rc: exit status of a run that came to its end. Resting state of
 * priv before and after: caller. */
int call_run(struct call *c, int *rc, struct err *e) NODISCARD;

#endif
