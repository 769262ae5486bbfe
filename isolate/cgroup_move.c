/* SPDX-License-Identifier: MIT */
/* Room for boxes below a v2 group that holds processes: these go into a child of it. A group other
 * than the root of all can have processes or hand controllers down, not both ("no internal process
 * constraint" of cgroups(7)). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

/* Where they go. No box is called so. */
#define REST_NAME "isolate-rest"

/* Each round moves all processes there are; the next one those that were made meanwhile. A fork
 * bomb can outrun us for ever. */
#define ROUNDS_MAX 100

int cgroup_v2_open_child(int fd, const char *path, const char *name, struct err *e)
{
	int child;

	if (mkdirat(fd, name, 0755) && errno != EEXIST)
		return err_sys(e, ERR_CONFIG, "create control group '%s/%s'", text_quote(path).s,
			       name);
	child = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child < 0)
		return err_sys(e, ERR_CONFIG, "open control group '%s/%s'", text_quote(path).s,
			       name);
	return child;
}

/* A line of cgroup.procs each. *count = how many there were; a process that has gone since is as
 * good as moved. */
static int move_round(int procs_fd, int into_fd, const char *path, size_t *count, struct err *e)
{
	char buf[4096];
	ssize_t len = pread(procs_fd, buf, sizeof(buf) - 1, 0);
	char *line = buf, *end;

	if (len < 0)
		return err_sys(e, ERR_SYSTEM, "list processes of control group '%s'",
			       text_quote(path).s);
	buf[len] = '\0';
	*count = 0;
	/* A number that was cut has no newline, and belongs to the next round. */
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		if (!strcmp(line, "0"))
			return err_set(e, ERR_CONFIG,
				       "the root above '%s' holds processes of another pid "
				       "namespace, which cannot be moved from here",
				       text_quote(path).s);
		if (write(into_fd, line, strlen(line)) < 0 && errno != ESRCH)
			return err_sys(e, ERR_CONFIG,
				       "move process %s into control group '" REST_NAME "'", line);
		(*count)++;
		line = end + 1;
	}
	return 0;
}

int cgroup_v2_move_out(int fd, const char *path, struct err *e)
{
	auto_fd rest = cgroup_v2_open_child(fd, path, REST_NAME, e);
	auto_fd from = -1, into = -1;

	if (rest < 0)
		return -1;
	into = cgroup_open_file(rest, REST_NAME, "cgroup.procs", O_WRONLY, e);
	if (into < 0)
		return -1;
	from = cgroup_open_file(fd, "..", "cgroup.procs", O_RDONLY, e);
	if (from < 0)
		return -1;
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		size_t count;

		if (move_round(from, into, path, &count, e))
			return -1;
		if (!count)
			return 0;
	}
	return err_set(e, ERR_BUSY,
		       "the root above '%s' gets new processes faster than they can be moved",
		       text_quote(path).s);
}
