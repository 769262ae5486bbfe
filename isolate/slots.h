/* SPDX-License-Identifier: MIT */
/* All boxes at once, as their lock files tell: which are used, by whom, and which is free. */
#ifndef ISOLATE_SLOTS_H
#define ISOLATE_SLOTS_H

#include <dirent.h>
#include <sys/types.h>
#include <time.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/box.h"
#include "isolate/config.h"
#include "isolate/lock.h"

/* There may be 2^31 boxes, so nothing here counts through numbers: a box that was ever used has a
 * lock file, and only these are looked at. All as root; lock_dir_fd as for lock_open. */

/* One box that is somebody's. */
struct slot {
	unsigned id;
	struct lock_record record;
	bool held;    /* an isolate works in it */
	time_t since; /* of the record as it is: of the run, when one goes on */
};

struct slots {
	DIR *dir;
};

/* One after the other, in no order, each as it is at that moment: 1, 0 at the end, -1. `except`
 * (UINT_MAX: none) is left out: who holds a box must not look at it here, since closing any
 * descriptor of its file gives up his lock (fcntl(2), "record locks"). */
int slots_open(int lock_dir_fd, struct slots *out, struct err *e) NODISCARD;
int slots_next(struct slots *s, unsigned except, struct slot *out, struct err *e) NODISCARD;
void slots_close(struct slots *s);

/* Is it its owner's? 1, 0, -1. What a --once has left that was killed is nobody's, unless there are
 * processes that could not be killed. */
int slots_is_owned(const struct config *c, const struct slot *s, struct err *e) NODISCARD;

/* Take the lock of a free box and open the box. Free is one that has no record, or that a --once
 * which was killed left with no process in it, and that has no files on disk but the caller's own
 * (lock files can be lost; by then these are what any --init of his may reset). Many may do this at
 * a time: each gets another. ERR_BUSY when all are used. */
int slots_take(const struct config *c, int lock_dir_fd, uid_t caller, struct lock *lock,
	       struct box *box, struct err *e) NODISCARD;

/* lock_write of a record that gives box id to l->record.owner, if he has fewer than max others
 * (0: no limit). Two of one user that do this at a time wait for each other. ERR_DENIED. */
int slots_register(const struct config *c, int lock_dir_fd, unsigned id, struct lock *l,
		   unsigned max, struct err *e) NODISCARD;

#endif
