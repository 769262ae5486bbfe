/* SPDX-License-Identifier: MIT */
/* isolate-cg-keeper: holds the control group that systemd delegates to isolate. Never setuid.
 *
 * Theory of operation. systemd lets others make control groups only below a unit with Delegate=yes,
 * and removes the unit's group when none of its processes is left. So isolate.service runs this one
 * process, for as long as boxes may run:
 *
 *   start  goes into a child of its own group, since a group that hands controllers down must not
 *          hold processes; hands them down; writes the group's path to FILE, where isolate looks
 * for it; tells systemd that the service is up. TERM   removes FILE, so that nobody starts another
 * box; waits until no box runs; ends. Whoever is tired of waiting signals again, as systemd does
 * with KILL after TimeoutStopSec.
 *
 * It waits for signals the rest of the time and opens nothing that others can write. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/cgroup.h"
#include "isolate/cgroup_hold.h"

#define PROGRAM "isolate-cg-keeper"

#define EXIT_WRONG_USAGE 2

/* How often boxes are looked after while waiting for their end. */
#define LOOK_MSEC 50

static const char help_text[] =
	"Usage: " PROGRAM " [--help | --version] [FILE]\n"
	"Hold this process's cgroup v2 group for isolate, and name it in FILE (default\n" CGROUP_KEEPER_FILE
	"), until SIGTERM.\n"
	"\n"
	"  --help     this text\n"
	"  --version  number of this version\n";

/* --- the file that tells isolate where ------------------------------------------------------- */

struct file {
	char dir[PATH_MAX];
	const char *base;
	int dir_fd;
	struct stat st; /* of what we wrote */
};

static int open_dir(const char *path, struct file *f, struct err *e)
{
	char *slash;

	if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return err_set(e, ERR_USAGE, "'%s' is no absolute path of a file",
			       text_quote(path).s);
	if (text_format(f->dir, sizeof(f->dir), "%s", path))
		return err_sys(e, ERR_USAGE, "FILE");
	slash = strrchr(f->dir, '/');
	f->base = path + (slash - f->dir) + 1;
	slash[slash == f->dir] = '\0';
	if (mkdir(f->dir, 0755) && errno != EEXIST)
		return err_sys(e, ERR_CONFIG, "make directory '%s'", text_quote(f->dir).s);
	f->dir_fd = path_open_trusted_dir(f->dir, 0, false, e);
	return f->dir_fd < 0 ? -1 : 0;
}

/* Whole or not at all: isolate may read it at any time. */
static int write_file(struct file *f, const char *path, struct err *e)
{
	char temp[NAME_MAX + 1], line[PATH_MAX + 1];
	auto_fd fd = -1;

	if (text_format(temp, sizeof(temp), ".%s.%d", f->base, (int)getpid()) ||
	    text_format(line, sizeof(line), "%s\n", path))
		return err_sys(e, ERR_USAGE, "FILE");
	fd = path_open_beneath(f->dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || fchmod(fd, 0644) || fdio_write_all(fd, line, strlen(line)) ||
	    fstat(fd, &f->st) || renameat(f->dir_fd, temp, f->dir_fd, f->base)) {
		(void)err_sys(e, ERR_CONFIG, "write '%s/%s'", text_quote(f->dir).s,
			      text_quote(f->base).s);
		(void)unlinkat(f->dir_fd, temp, 0); /* the first error counts */
		return -1;
	}
	return 0;
}

/* Another keeper may have put its own there. */
static int remove_file(const struct file *f, struct err *e)
{
	struct stat st;

	if (fstatat(f->dir_fd, f->base, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT)
			return 0;
	} else if (st.st_dev != f->st.st_dev || st.st_ino != f->st.st_ino ||
		   !unlinkat(f->dir_fd, f->base, 0)) {
		return 0;
	}
	return err_sys(e, ERR_SYSTEM, "remove '%s/%s'", text_quote(f->dir).s,
		       text_quote(f->base).s);
}

/* --- systemd --------------------------------------------------------------------------------- */

/* sd_notify(3) without its library: one datagram. Nobody may be there who wants to know. */
static int notify(const char *state, struct err *e)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	auto_fd fd = -1;
	size_t len;

	if (!path || !*path)
		return 0;
	len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(to.sun_path))
		return err_set(e, ERR_CONFIG, "NOTIFY_SOCKET: '%s' is no socket's name",
			       text_quote(path).s);
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return err_sys(e, ERR_SYSTEM, "notify '%s'", text_quote(path).s);
	return 0;
}

/* --- waiting --------------------------------------------------------------------------------- */

static int open_signals(struct err *e)
{
	sigset_t set;
	int fd;

	/* None of these can fail. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_sys(e, ERR_SYSTEM, "block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_sys(e, ERR_SYSTEM, "signalfd") : fd;
}

/* 1: a signal came, 0: the time is over. */
static int wait_signal(int fd, int msec, struct err *e)
{
	struct signalfd_siginfo info;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = poll(&p, 1, msec);

	if (n < 0 || (n > 0 && read(fd, &info, sizeof(info)) != sizeof(info)))
		return err_sys(e, ERR_SYSTEM, "wait for signals");
	return n;
}

/* Until no box runs, or a second signal. */
static int wait_others(const struct cgroup_hold *h, int signals, struct err *e)
{
	for (;;) {
		bool others;
		int n;

		if (cgroup_hold_others(h, &others, e))
			return -1;
		if (!others)
			return 0;
		n = wait_signal(signals, LOOK_MSEC, e);
		if (n)
			return n < 0 ? -1 : 0;
	}
}

static int serve(const struct cgroup_hold *h, struct file *f, int signals, struct err *e)
{
	struct err other;
	int rc;

	if (write_file(f, h->path, e))
		return -1;
	rc = notify("READY=1\nSTATUS=Boxes can be made.", e);
	if (!rc && wait_signal(signals, -1, e) < 0)
		rc = -1;
	/* In any case; the first error counts. */
	if (remove_file(f, rc ? &other : e))
		rc = -1;
	if (rc || notify("STOPPING=1\nSTATUS=Waiting for running boxes to end.", e))
		return -1;
	return wait_others(h, signals, e);
}

/* Signals first: one that comes in the middle must not leave the file behind. */
static int run(const char *path, struct err *e)
{
	struct cgroup_hold h;
	struct file f;
	auto_fd signals = open_signals(e);
	auto_fd dir = -1;
	int rc;

	if (signals < 0 || open_dir(path, &f, e))
		return -1;
	dir = f.dir_fd;
	if (cgroup_hold(&h, e))
		return -1;
	rc = serve(&h, &f, signals, e);
	cgroup_hold_end(&h);
	return rc;
}

static int print(const char *text)
{
	struct err e;

	if (!fdio_write_all(STDOUT_FILENO, text, strlen(text)))
		return EXIT_SUCCESS;
	(void)err_sys(&e, ERR_SYSTEM, "write to standard output");
	err_print(PROGRAM, &e);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : CGROUP_KEEPER_FILE;
	struct err e;

	(void)umask(022); /* returns the other one */
	if (argc == 2 && !strcmp(path, "--help"))
		return print(help_text);
	if (argc == 2 && !strcmp(path, "--version"))
		return print(PROGRAM " " ISOLATE_OCI_VERSION "\n");
	if (argc > 2 || path[0] == '-') {
		(void)(argc > 2 ? err_set(&e, ERR_USAGE, "takes one argument at most; see --help")
				: err_set(&e, ERR_USAGE, "unknown option '%s'; see --help",
					  text_quote(path).s));
		err_print(PROGRAM, &e);
		return EXIT_WRONG_USAGE;
	}
	if (fdio_keep_stdio_open(&e) || run(path, &e)) {
		err_print(PROGRAM, &e);
		return e.kind == ERR_USAGE ? EXIT_WRONG_USAGE : EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
