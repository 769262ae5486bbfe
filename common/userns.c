/* SPDX-License-Identifier: MIT */
/* A user namespace that maps one user and one group to themselves. */
#include "common/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

static bool write_proc(const char *path, const char *text)
{
	auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && fdio_write_all(fd, text, strlen(text)) == 0;
}

void userns_override_modes(void)
{
	char uid_map[32], gid_map[32];

	if (geteuid() == 0)
		return;
	if (text_format(uid_map, sizeof(uid_map), "%u %u 1", geteuid(), geteuid()) < 0 ||
	    text_format(gid_map, sizeof(gid_map), "%u %u 1", getegid(), getegid()) < 0 ||
	    unshare(CLONE_NEWUSER) < 0)
		return;
	/* Without maps the capability is worth nothing, and does no harm. */
	if (!write_proc("/proc/self/uid_map", uid_map) ||
	    !write_proc("/proc/self/setgroups", "deny"))
		return;
	(void)write_proc("/proc/self/gid_map", gid_map);
}
