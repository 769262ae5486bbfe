/* SPDX-License-Identifier: MIT */
/* A user namespace that carries the mapping of an id-mapped mount. */
#include "isolate/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

/* Ids are 0 to 4294967294. */
#define ID_COUNT UINT32_MAX

/* "first id on disk, first id shown, how many" */
static void add_extent(struct text *t, uint32_t disk, uint32_t shown, uint32_t count)
{
	if (count > 0)
		text_addf(t, "%u %u %u\n", disk, shown, count);
}

/* Everything as it is, but a and b changed for each other. */
static void add_swap(struct text *t, uint32_t a, uint32_t b)
{
	uint32_t low = MIN(a, b), high = MAX(a, b);

	if (low == high) {
		add_extent(t, 0, 0, ID_COUNT);
		return;
	}
	add_extent(t, 0, 0, low);
	add_extent(t, low, high, 1);
	add_extent(t, low + 1, low + 1, high - low - 1);
	add_extent(t, high, low, 1);
	add_extent(t, high + 1, high + 1, ID_COUNT - high - 1);
}

/* The kernel takes a map in one write only. */
static int write_map(pid_t pid, const char *name, const struct text *map, struct err *e)
{
	char path[64];
	auto_fd fd = -1;

	if (map->full || text_format(path, sizeof(path), "/proc/%d/%s", (int)pid, name) < 0)
		return err_set(e, ERR_BUG, "%s is too long", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s'", path);
	if (fdio_write_all(fd, map->buf, map->len) < 0)
		return err_sys(e, ERR_SYSTEM, "write '%s'", path);
	return 0;
}

static int fill(pid_t pid, const struct text *uids, const struct text *gids, struct err *e)
{
	char path[64];
	int fd;

	if (write_map(pid, "uid_map", uids, e) < 0 || write_map(pid, "gid_map", gids, e) < 0)
		return -1;
	if (text_format(path, sizeof(path), "/proc/%d/ns/user", (int)pid) < 0)
		return err_set(e, ERR_BUG, "path of a user namespace is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s'", path);
	return fd;
}

/* Enough for the few calls of the helper. */
#define HELPER_STACK 16384

/* The helper shares our memory, so that making it does not copy any (half of the time that all of
 * this took). It must not touch what we use: with errno and the like that means no call that can
 * fail and come back. */
static int wait_to_be_killed(void *parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* It may have been gone before that took hold; all signals are blocked here. The helper
	 * would keep the lock of the box then. */
	while (getppid() == (pid_t)(intptr_t)parent)
		(void)pause();
	return 0;
}

/* Runs as: root. Trusts: the ids it is given. Must not: leave the helper process behind, which is
 * there only because a user namespace begins with a process. */
int idmap_open_userns(uid_t disk_uid, uid_t shown_uid, gid_t disk_gid, gid_t shown_gid,
		      struct err *e)
{
	char uid_map[64], gid_map[256];
	struct text uids = TEXT_OVER(uid_map), gids = TEXT_OVER(gid_map);
	char stack[HELPER_STACK] __attribute__((aligned(16)));
	auto_fd pidfd = -1;
	int fd, failed;
	siginfo_t info;
	pid_t pid;

	add_extent(&uids, disk_uid, shown_uid, 1);
	add_swap(&gids, disk_gid, shown_gid);
	pid = clone(wait_to_be_killed, stack + sizeof(stack),
		    CLONE_VM | CLONE_NEWUSER | CLONE_PIDFD | SIGCHLD, (void *)(intptr_t)getpid(),
		    &pidfd);
	if (pid < 0)
		return err_sys(e, ERR_SYSTEM, "make a user namespace for the box");
	fd = fill(pid, &uids, &gids, e);
	failed = pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	while (failed == 0 && waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) {
		if (errno != EINTR)
			failed = -1;
	}
	if (failed < 0 && fd >= 0) {
		cleanup_fd(&fd);
		return err_sys(e, ERR_SYSTEM, "end the helper of a user namespace");
	}
	return fd;
}
