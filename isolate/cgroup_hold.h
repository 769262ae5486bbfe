/* SPDX-License-Identifier: MIT */
/* Holding a v2 group that was delegated to this process, as systemd does with Delegate=yes. */
#ifndef ISOLATE_CGROUP_HOLD_H
#define ISOLATE_CGROUP_HOLD_H

#include <limits.h>

#include "common/defs.h"
#include "common/err.h"

struct cgroup_hold {
	char path[PATH_MAX]; /* directory of the group: what cg_root is to be */
	int tasks_fd;	     /* pids.current: all tasks in it, the boxes' too */
};

/* Make this process's group a place for boxes: the process goes into the child group "keeper", and
 * the controllers are handed down. As root. ERR_CONFIG: there is no cgroup v2, the group is the
 * root of all, or others can change it, or holds other processes, or lacks a controller. *out must
 * get to cgroup_hold_end, which only closes: a group cannot be left. */
int cgroup_hold(struct cgroup_hold *out, struct err *e) NODISCARD;
void cgroup_hold_end(struct cgroup_hold *h);

/* Is anything in the group besides this process (of one thread)? */
int cgroup_hold_others(const struct cgroup_hold *h, bool *others, struct err *e) NODISCARD;

#endif
