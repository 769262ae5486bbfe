/* SPDX-License-Identifier: MIT */
/* --tty-hack: a terminal for the program, which is not the caller's. */
#include "isolate/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sys.h"
#include "isolate/priv.h"

/* How long the caller's terminal may take to show what the program printed last. */
#define DRAIN_MS 2000

static bool is_used(const struct tty *t, int fd)
{
	return (t->used_as & (1U << fd)) != 0;
}

/* --- the relay ------------------------------------------------------------------------------- */

/* Its descriptors besides 0 and 1, the caller's terminal. */
enum { MASTER_FD = 3, SIGNAL_FD = 4 };

/* What was typed and is not the program's yet. While it does not read, nor do we. */
struct typed {
	char buf[1024];
	size_t len, done;
};

/* Nobody to show it to is no reason to stop the program. */
static void show(const char *buf, size_t len)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Somebody made the caller's terminal so. */
			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				return;
		} else if (errno != EINTR) {
			return;
		}
	}
}

/* false: nobody holds the program's end any more, which Linux tells by EIO. */
static bool show_output(void)
{
	char buf[4096];
	ssize_t n = read(MASTER_FD, buf, sizeof(buf));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	show(buf, (size_t)n);
	return n > 0;
}

/* false: nothing can be typed any more. */
static bool read_typed(struct typed *t)
{
	ssize_t n = read(STDIN_FILENO, t->buf, sizeof(t->buf));

	t->done = 0;
	t->len = n > 0 ? (size_t)n : 0;
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static void pass_typed(struct typed *t)
{
	ssize_t n = write(MASTER_FD, t->buf + t->done, t->len - t->done);

	if (n > 0)
		t->done += (size_t)n;
	if (t->done == t->len || (n < 0 && errno != EAGAIN && errno != EINTR))
		t->len = t->done = 0;
}

/* The kernel tells the program's foreground processes. */
static void pass_size(void)
{
	struct signalfd_siginfo info;
	struct winsize size;

	/* What is wrong with a size is not worth a run. */
	if (read(SIGNAL_FD, &info, sizeof(info)) < 0 ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || ioctl(MASTER_FD, TIOCSWINSZ, &size) < 0)
		return;
}

static void relay(bool typing)
{
	struct typed typed = {.len = 0};

	for (;;) {
		struct pollfd p[] = {
			{.fd = MASTER_FD, .events = POLLIN},
			{.fd = SIGNAL_FD, .events = POLLIN},
			{.fd = typing && !typed.len ? STDIN_FILENO : -1, .events = POLLIN},
		};

		if (typed.len > 0)
			p[0].events |= POLLOUT;
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return;
		if ((p[0].revents & (POLLIN | POLLHUP | POLLERR)) && !show_output())
			return;
		if (p[0].revents & POLLOUT)
			pass_typed(&typed);
		if (p[1].revents)
			pass_size();
		if (p[2].revents)
			typing = read_typed(&typed);
	}
}

static void set_mode(int fd, const struct termios *mode)
{
	int rc;

	/* A terminal that is gone needs no mode. SIGTTOU is blocked. */
	do
		rc = tcsetattr(fd, TCSANOW, mode);
	while (rc < 0 && errno == EINTR);
}

/* Runs as: the caller. Must not: hold anything but the two terminals; the box's lock, for one,
 * lasts as long as anybody has it open. */
static void relay_run(const struct tty *t, int master_fd) NORETURN;
static void relay_run(const struct tty *t, int master_fd)
{
	struct err ignored;
	sigset_t set;
	int signal_fd;

	priv_leave();
	if (sigemptyset(&set) < 0 || sigaddset(&set, SIGWINCH) < 0)
		_exit(1);
	/* Out of each other's way first. */
	signal_fd = fcntl(signalfd(-1, &set, SFD_NONBLOCK), F_DUPFD, SIGNAL_FD + 1);
	master_fd = fcntl(master_fd, F_DUPFD, SIGNAL_FD + 1);
	if (dup2(master_fd, MASTER_FD) < 0 || dup2(signal_fd, SIGNAL_FD) < 0 ||
	    fdio_close_from(SIGNAL_FD + 1, &ignored) < 0)
		_exit(1);
	relay(is_used(t, STDIN_FILENO));
	/* The keeper does it too, unless it was killed. */
	set_mode(STDOUT_FILENO, &t->mode);
	_exit(0);
}

/* --- making it ------------------------------------------------------------------------------- */

/* A background process must not change the mode of a terminal that others work at. */
static int check_foreground(struct err *e)
{
	pid_t group = tcgetpgrp(STDOUT_FILENO);

	/* ENOTTY: not our controlling terminal, there is no foreground for us then. */
	if (group >= 0 && group != getpgrp())
		return err_set(e, ERR_USAGE, "--tty-hack: isolate is in the background");
	return 0;
}

static int open_pair(struct tty *t, int *master_fd, struct err *e)
{
	auto_fd master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), slave = -1;
	struct winsize size;

	if (master < 0 || unlockpt(master) < 0)
		return err_sys(e, ERR_SYSTEM, "open a pseudo-terminal for --tty-hack");
	/* Linux 4.13. By name it could be another one, in another mount of devpts. */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, ERR_SYSTEM, "open the program's end of a pseudo-terminal");
	if (tcgetattr(STDOUT_FILENO, &t->mode) < 0 || tcsetattr(slave, TCSANOW, &t->mode) < 0)
		return err_sys(e, ERR_SYSTEM, "copy the mode of the terminal");
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || ioctl(slave, TIOCSWINSZ, &size) < 0)
		return err_sys(e, ERR_SYSTEM, "copy the size of the terminal");
	t->slave_fd = take_fd(&slave);
	*master_fd = take_fd(&master);
	return 0;
}

/* Everything passes as it is: the program's terminal does what terminals do. */
static void make_raw(const struct tty *t)
{
	struct termios raw = t->mode;

	if (is_used(t, STDIN_FILENO))
		cfmakeraw(&raw);
	else
		raw.c_oflag &= ~(tcflag_t)OPOST;
	set_mode(STDOUT_FILENO, &raw);
}

int tty_open(struct tty *t, unsigned inherited, struct err *e)
{
	struct tty fresh = TTY_NONE;
	auto_fd master = -1;

	if (!(inherited & (1U << STDOUT_FILENO)) || !isatty(STDOUT_FILENO))
		return 0;
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if ((inherited & (1U << fd)) && isatty(fd))
			fresh.used_as |= 1U << fd;
	}
	if (check_foreground(e) < 0 || open_pair(&fresh, &master, e) < 0)
		return -1;
	fresh.relay = sys_clone(0, &fresh.relay_fd, -1);
	if (fresh.relay == 0)
		relay_run(&fresh, master);
	if (fresh.relay < 0) {
		tty_close_slave(&fresh);
		return err_sys(e, ERR_SYSTEM, "start the process that serves the terminal");
	}
	make_raw(&fresh);
	*t = fresh;
	return 0;
}

int tty_attach(const struct tty *t, struct err *e)
{
	if (t->slave_fd < 0)
		return 0;
	if (ioctl(t->slave_fd, TIOCSCTTY, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "take the pseudo-terminal as the session's");
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (is_used(t, fd) && dup2(t->slave_fd, fd) < 0)
			return err_sys(e, ERR_SYSTEM, "make the pseudo-terminal descriptor %d", fd);
	}
	return 0;
}

void tty_close_slave(struct tty *t)
{
	cleanup_fd(&t->slave_fd);
}

void tty_end(struct tty *t)
{
	struct pollfd p = {.fd = t->relay_fd, .events = POLLIN};
	siginfo_t info;

	tty_close_slave(t);
	if (t->relay == 0)
		return;
	/* It is one of ours that holds nothing: killed, it is gone. */
	if (poll(&p, 1, DRAIN_MS) <= 0 && pidfd_send_signal(t->relay_fd, SIGKILL, NULL, 0) < 0)
		return;
	while (waitid(P_PIDFD, (id_t)t->relay_fd, &info, WEXITED) < 0 && errno == EINTR)
		;
	cleanup_fd(&t->relay_fd);
	t->relay = 0;
	set_mode(STDOUT_FILENO, &t->mode);
}
