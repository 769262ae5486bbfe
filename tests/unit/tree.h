/* SPDX-License-Identifier: MIT */
/* Trees for the tests of common/path: short calls that abort when the test cannot even be set up.
 */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/defs.h"

static inline NORETURN void tree_die(const char *what, const char *name)
{
	fprintf(stderr, "cannot prepare the test: %s '%s': %m\n", what, name);
	abort();
}

/* A fresh directory below $TMPDIR or /tmp; O_RDONLY descriptor. */
static inline int tree_base(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	if (!tmp || !*tmp)
		tmp = "/tmp";
	(void)umask(0022); /* modes in the tests are meant as they stand */
	if ((size_t)snprintf(path, size, "%s/isolate-unit-XXXXXX", tmp) >= size || !mkdtemp(path))
		tree_die("mkdtemp", tmp);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		tree_die("open", path);
	return fd;
}

static inline int tree_dir(int at, const char *name)
{
	int fd;

	if (mkdirat(at, name, 0755) < 0)
		tree_die("mkdir", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		tree_die("open", name);
	return fd;
}

static inline void tree_file(int at, const char *name)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		tree_die("create", name);
	(void)close(fd); /* empty */
}

static inline void tree_link(int at, const char *target, const char *name)
{
	if (symlinkat(target, at, name) < 0)
		tree_die("symlink", name);
}

static inline bool tree_has(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

#endif
