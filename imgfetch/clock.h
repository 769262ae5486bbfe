/* SPDX-License-Identifier: MIT */
/* The clock that durations are measured with. */
#ifndef IMGFETCH_CLOCK_H
#define IMGFETCH_CLOCK_H

#include <time.h>

#include "common/defs.h"

static inline uint64_t clock_mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

#endif
