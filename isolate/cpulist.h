/* SPDX-License-Identifier: MIT */
/* Lists of processors or memory nodes as the kernel writes them: "0-3,8". Pure. */
#ifndef ISOLATE_CPULIST_H
#define ISOLATE_CPULIST_H

#include "common/defs.h"
#include "common/err.h"

/* Numbers are 0 to CPULIST_MAX - 1: what a cpu_set_t holds, and more nodes than there are. */
#define CPULIST_MAX 1024

struct cpulist {
	unsigned long bits[CPULIST_MAX / (8 * sizeof(unsigned long))];
};

/* cpuset(7), FORMATS, "List format": numbers and ranges with commas between them, at least one.
 * `what` is named in messages. ERR_CONFIG. */
int cpulist_parse(const char *s, const char *what, struct cpulist *out, struct err *e) NODISCARD;

bool cpulist_has(const struct cpulist *l, unsigned n);
unsigned cpulist_count(const struct cpulist *l);

/* Is all of `part` in `whole`? */
bool cpulist_within(const struct cpulist *part, const struct cpulist *whole);

#endif
