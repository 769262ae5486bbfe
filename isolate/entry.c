/* SPDX-License-Identifier: MIT */
/* What a setuid program inherits from its caller, made harmless before anything else happens. */
#include "isolate/entry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sys.h"

/* A blocked SIGTERM could not end us, an ignored SIGCHLD would lose exit statuses. */
static int reset_signals(struct err *e)
{
	struct sigaction action = {.sa_handler = SIG_IGN};
	sigset_t none;

	/* EINVAL: SIGKILL and SIGSTOP. */
	for (int sig = 1; sig < NSIG; sig++) {
		if (sys_signal_default(sig) < 0 && errno != EINVAL)
			return err_sys(e, ERR_SYSTEM, "reset signal %d", sig);
	}
	if (sigaction(SIGPIPE, &action, NULL) < 0 || sigaction(SIGXFSZ, &action, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "ignore signals of failed writes");
	if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "unblock signals");
	return 0;
}

/* Interval timers survive execve(2) and would kill us in mid-run. */
static int stop_timers(struct err *e)
{
	static const int timers[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
	static const struct itimerval off = {0};

	for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
		if (setitimer((__itimer_which_t)timers[i], &off, NULL) < 0)
			return err_sys(e, ERR_SYSTEM, "stop interval timers");
	}
	return 0;
}

int entry_clean(struct entry *out, struct err *e)
{
	static char *no_env[] = {NULL};

	if (fdio_keep_stdio_open(e) < 0 || reset_signals(e) < 0 || stop_timers(e) < 0)
		return -1;
	out->umask = umask(077);
	out->env = environ;
	out->fd_count = 0;
	environ = no_env;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "forbid dumps of this process");
	return 0;
}

/* A directory would be a way out of the box, and so would what O_PATH refers to. */
static bool may_pass(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	return flags >= 0 && !(flags & O_PATH) && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode);
}

static int list_fds(struct entry *en, struct err *e)
{
	auto_dir dir = opendir("/proc/self/fd");

	if (!dir)
		return err_sys(e, ERR_SYSTEM, "open '/proc/self/fd' for --inherit-fds");
	for (;;) {
		struct dirent *d;
		char *end;
		long fd;

		errno = 0;
		d = readdir(dir);
		if (!d)
			break;
		fd = strtol(d->d_name, &end, 10);
		if (*end || fd <= STDERR_FILENO || fd == dirfd(dir) || !may_pass((int)fd))
			continue;
		if (en->fd_count == ARRAY_LEN(en->fds))
			return err_set(e, ERR_USAGE, "--inherit-fds: more than %d open files",
				       ENTRY_FDS_MAX);
		en->fds[en->fd_count++] = (int)fd;
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "read '/proc/self/fd'");
	return 0;
}

int entry_take_fds(struct entry *en, bool inherit, struct err *e)
{
	if (!inherit)
		return fdio_close_from(STDERR_FILENO + 1, e);
	if (list_fds(en, e) < 0)
		return -1;
	return fdio_cloexec_from(STDERR_FILENO + 1, e);
}

/* Below these we could fail between two steps that belong together. */
static const struct {
	int resource;
	const char *name;
	rlim_t least;
} own_limits[] = {
	{RLIMIT_FSIZE, "file size", 1 << 20},	 {RLIMIT_NOFILE, "open files", 64},
	{RLIMIT_AS, "address space", 64 << 20},	 {RLIMIT_DATA, "data size", 32 << 20},
	{RLIMIT_STACK, "stack size", 512 << 10}, {RLIMIT_CPU, "CPU time", 10},
};

int entry_raise_limits(struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(own_limits); i++) {
		struct rlimit l;

		if (getrlimit(own_limits[i].resource, &l) < 0)
			return err_sys(e, ERR_SYSTEM, "read the limit on %s", own_limits[i].name);
		if (l.rlim_cur == l.rlim_max && l.rlim_cur >= own_limits[i].least)
			continue;
		l.rlim_cur = l.rlim_max;
		if (l.rlim_max < own_limits[i].least) {
			/* Needs CAP_SYS_RESOURCE. */
			l.rlim_cur = l.rlim_max = own_limits[i].least;
		}
		if (setrlimit(own_limits[i].resource, &l) < 0)
			return err_sys(e, ERR_CONFIG,
				       "isolate was started with a limit on %s that is too low and "
				       "cannot be raised",
				       own_limits[i].name);
	}
	return 0;
}
