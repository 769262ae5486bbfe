/* SPDX-License-Identifier: MIT */
/* Names and passwords from people: at their terminal, or from standard input. */
#include "imgfetch/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/utf8.h"

int ask_check(const char *s, struct err *e)
{
	size_t len = strlen(s);

	if (len == 0)
		return err_set(e, ERR_USAGE, "it is empty");
	while (len > 0) {
		uint32_t cp;
		size_t n = utf8_decode((const unsigned char *)s, len, &cp);

		if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			return err_set(e, ERR_USAGE, "it is not UTF-8, or has control characters");
		s += n;
		len -= n;
	}
	return 0;
}

int ask_stream(int fd, char *out, size_t size, struct err *e)
{
	ssize_t n;

	if (isatty(fd))
		return err_set(e, ERR_USAGE,
			       "--password-stdin is for pipes and files; without it the terminal "
			       "is asked");
	n = fdio_read_text(fd, out, size);
	if (n < 0)
		return errno == EFBIG ? err_set(e, ERR_USAGE,
						"the password is longer than %zu bytes", size - 1)
				      : err_sys(e, ERR_SYSTEM, "read the password");
	if ((size_t)n != strlen(out)) {
		explicit_bzero(out, size);
		return err_set(e, ERR_USAGE, "password on standard input: it has a zero byte");
	}
	if (n > 0 && out[n - 1] == '\n')
		out[--n] = '\0';
	if (n > 0 && out[n - 1] == '\r')
		out[--n] = '\0';
	if (ask_check(out, e) == 0)
		return 0;
	explicit_bzero(out, size);
	return err_wrap(e, "password on standard input");
}

/* --- terminal -------------------------------------------------------------------------------- */

struct terminal {
	int fd, signals;
	struct termios before;
	bool hidden;
	sigset_t mask; /* before */
};

/* The terminal sends a line at a time: one byte after the other up to its end. 0, -1, or the number
 * of the signal that came. */
static int read_line(const struct terminal *t, char *out, size_t size, struct err *e)
{
	struct pollfd fds[] = {{.fd = t->signals, .events = POLLIN},
			       {.fd = t->fd, .events = POLLIN}};
	struct signalfd_siginfo got;
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n;

		if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, ERR_SYSTEM, "wait for the terminal");
		}
		if (fds[0].revents && read(t->signals, &got, sizeof(got)) == sizeof(got))
			return (int)got.ssi_signo;
		if (!fds[1].revents)
			continue;
		n = read(t->fd, &c, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_sys(e, ERR_SYSTEM, "read from the terminal");
		if (n == 0)
			return err_set(e, ERR_USAGE, "no answer");
		if (c == '\n')
			break;
		if (len + 1 == size)
			return err_set(e, ERR_USAGE, "the answer is longer than %zu bytes",
				       size - 1);
		out[len++] = c;
	}
	out[len] = '\0';
	return ask_check(out, e);
}

static int terminal_open(struct terminal *t, bool secret, struct err *e)
{
	struct termios hidden;
	sigset_t ours;

	*t = (struct terminal){.fd = -1, .signals = -1};
	t->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->fd < 0 || tcgetattr(t->fd, &t->before) < 0)
		return err_set(e, ERR_USAGE,
			       "there is no terminal to ask at: give --username=NAME and "
			       "--password-stdin");
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGHUP);
	(void)sigaddset(&ours, SIGQUIT);
	(void)sigaddset(&ours, SIGTSTP); /* no: the shell would get a terminal that hides */
	if (sigprocmask(SIG_BLOCK, &ours, &t->mask) < 0)
		return err_sys(e, ERR_SYSTEM, "block signals");
	(void)sigdelset(&ours, SIGTSTP);
	t->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	hidden = t->before;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL | ICANON;
	if (t->signals < 0 || (secret && tcsetattr(t->fd, TCSAFLUSH, &hidden) < 0)) {
		err_sys(e, ERR_SYSTEM, "hide what is typed");
		(void)sigprocmask(SIG_SETMASK, &t->mask, NULL); /* was valid before */
		return -1;
	}
	t->hidden = secret;
	return 0;
}

static void terminal_close(struct terminal *t)
{
	/* What can be done when it fails? It worked a moment ago. */
	if (t->hidden)
		(void)tcsetattr(t->fd, TCSAFLUSH, &t->before);
	if (t->signals >= 0)
		(void)close(t->signals);
	(void)close(t->fd);
}

int ask_terminal(const char *prompt, bool secret, char *out, size_t size, struct err *e)
{
	struct terminal t;
	int r;

	if (terminal_open(&t, secret, e) < 0) {
		if (t.fd >= 0)
			terminal_close(&t);
		return -1;
	}
	r = fdio_write_all(t.fd, prompt, strlen(prompt)) < 0
		    ? err_sys(e, ERR_SYSTEM, "write to the terminal")
		    : read_line(&t, out, size, e);
	terminal_close(&t);
	if (r > 0)
		(void)raise(r); /* ends us below, unless somebody ignores it */
	(void)sigprocmask(SIG_SETMASK, &t.mask, NULL); /* was valid before */
	if (r != 0)
		explicit_bzero(out, size);
	return r > 0 ? err_set(e, ERR_USAGE, "interrupted") : r;
}
