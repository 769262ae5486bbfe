/* SPDX-License-Identifier: MIT */
/* Owners that release themselves at the end of their scope, keeping errno. */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/defs.h"

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		(void)close(*fd); /* nothing was promised about a file on an early exit */
		errno = saved;
	}
	*fd = -1;
}

static inline void cleanup_free(void *pp)
{
	void **p = pp;

	free(*p);
	*p = NULL;
}

static inline void cleanup_file(FILE **f)
{
	if (*f) {
		int saved = errno;
		(void)fclose(*f); /* writers call fclose themselves and look at it */
		errno = saved;
	}
	*f = NULL;
}

static inline void cleanup_dir(DIR **d)
{
	if (*d) {
		int saved = errno;
		(void)closedir(*d);
		errno = saved;
	}
	*d = NULL;
}

#define auto_fd	  __attribute__((cleanup(cleanup_fd))) int
#define auto_free __attribute__((cleanup(cleanup_free)))
#define auto_file __attribute__((cleanup(cleanup_file))) FILE *
#define auto_dir  __attribute__((cleanup(cleanup_dir))) DIR *

/* Hand an fd over to somebody else: *fd becomes -1. */
static inline NODISCARD int take_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

/* The same for a heap pointer. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) take_ptr_value = (p);                                                \
		(p) = NULL;                                                                        \
		take_ptr_value;                                                                    \
	})

#endif
