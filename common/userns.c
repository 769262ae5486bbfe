/* SPDX-License-Identifier: MIT */
/* A user namespace that maps one user and one group to themselves. */
#include "common/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

static bool write_proc(const char *path, const char *text)
{
	auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && fdio_write_all(fd, text, strlen(text)) == 0;
}

/* False: there is none, or nobody has an id in it. */
static bool enter(const char *uid_map, const char *gid_map)
{
	return unshare(CLONE_NEWUSER) == 0 && write_proc("/proc/self/uid_map", uid_map) &&
	       write_proc("/proc/self/setgroups", "deny") &&
	       write_proc("/proc/self/gid_map", gid_map);
}

/* There is no way back from a namespace without maps, in which every file seems to be nobody's.
 * AppArmor as Ubuntu 24.04 sets it up lets users make them and write no map, and /proc may be
 * read-only: so a child goes first. The pipe tells, since our caller may ignore SIGCHLD. */
static bool may_enter(const char *uid_map, const char *gid_map)
{
	int fds[2];
	char done;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	auto_fd from = fds[0];
	auto_fd to = fds[1];
	pid_t pid = fork();
	if (pid == 0)
		_exit(!enter(uid_map, gid_map) || fdio_write_all(to, "", 1) < 0);
	cleanup_fd(&to);
	bool may = pid > 0 && fdio_read_full(from, &done, 1) == 1;
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return may;
}

void userns_override_modes(void)
{
	char uid_map[32], gid_map[32];

	if (geteuid() == 0)
		return;
	if (text_format(uid_map, sizeof(uid_map), "%u %u 1", geteuid(), geteuid()) < 0 ||
	    text_format(gid_map, sizeof(gid_map), "%u %u 1", getegid(), getegid()) < 0)
		return;
	if (may_enter(uid_map, gid_map))
		(void)enter(uid_map, gid_map); /* as the child just did */
}
