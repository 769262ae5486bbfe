/* SPDX-License-Identifier: MIT */
/* Processes that a killed keeper left behind. */
#include "isolate/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

/* Each round kills what it sees; what forked meanwhile is seen by the next. So long do we sleep
 * between rounds, first a little and then more. Not by the clock: when the machine stood still,
 * nobody could die. */
#define PATIENCE_MS  5000
#define PAUSE_MAX_MS 64

/* Is one of the user ids in /proc/PID/status this one? Gone processes have none. */
static bool has_uid(int proc_fd, const char *pid, uid_t uid)
{
	char path[64], text[8192], *p;
	auto_fd fd = -1;

	if (text_format(path, sizeof(path), "%s/status", pid) < 0)
		return false;
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	/* The line is near the beginning, so a cut end does not matter. */
	if (fd < 0 || (fdio_read_text(fd, text, sizeof(text)) < 0 && errno != EFBIG))
		return false;
	p = strstr(text, "\nUid:");
	if (!p)
		return false;
	p += strlen("\nUid:");
	for (int i = 0; i < 4; i++) {
		if (strtoul(p, &p, 10) == uid)
			return true;
	}
	return false;
}

/* What a round finds. The dead ones were not waited for yet; the init of a dying PID namespace does
 * so when it gets to run. */
enum { FOUND_ALIVE = 1, FOUND_DEAD = 2 };

/* Kill one. By pidfd, and looked at again once that is held: the pid may have become another
 * process's. */
static int kill_one(int proc_fd, const char *name, uid_t uid)
{
	pid_t pid = (pid_t)strtol(name, NULL, 10);
	auto_fd pidfd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	if (pidfd < 0 || !has_uid(proc_fd, name, uid))
		return 0;
	/* Readable once all its threads are dead. */
	if (poll(&p, 1, 0) == 1)
		return FOUND_DEAD;
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno == ESRCH)
		return 0;
	return FOUND_ALIVE;
}

/* What there was, -1. Not killing, the first is enough. */
static int sweep_round(uid_t uid, bool killing, struct err *e)
{
	auto_dir dir = opendir("/proc");
	int found = 0;

	if (!dir)
		return err_sys(e, ERR_SYSTEM, "open '/proc'");
	for (;;) {
		struct dirent *d;

		errno = 0;
		d = readdir(dir);
		if (!d)
			break;
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		if (!has_uid(dirfd(dir), d->d_name, uid))
			continue;
		if (!killing)
			return FOUND_ALIVE;
		found |= kill_one(dirfd(dir), d->d_name, uid);
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "read '/proc'");
	return found;
}

/* Runs as: root. Trusts: /proc. Must not: signal a process it has not just looked at. */
int sweep_processes(uid_t uid, struct err *e)
{
	long slept_ms = 0, pause_ms = 1;

	for (;;) {
		int found = sweep_round(uid, true, e);

		if (found <= 0)
			return found;
		if (slept_ms >= PATIENCE_MS && !(found & FOUND_ALIVE))
			return 0;
		if (slept_ms >= PATIENCE_MS)
			return err_set(e, ERR_BUSY,
				       "processes of user %u, left by an earlier run, cannot be "
				       "killed",
				       (unsigned)uid);
		/* An early wake-up only means one more look. */
		(void)nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000}, NULL);
		slept_ms += pause_ms;
		pause_ms = MIN(2 * pause_ms, PAUSE_MAX_MS);
	}
}

int sweep_find(uid_t uid, struct err *e)
{
	return sweep_round(uid, false, e);
}
