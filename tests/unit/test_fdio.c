/* SPDX-License-Identifier: MIT */
/* common/fdio and common/sys: whole transfers, the descriptor table, and a child from clone3. */
#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "tests/unit/tap.h"

/* Run fn in a child; its exit status, or -1. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (pid == 0)
		_exit(fn());
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static int stdio_all_closed(void)
{
	struct err e;

	(void)close_range(0, ~0U, 0);
	if (fdio_keep_stdio_open(&e) < 0)
		return 1;
	return is_null(0) && is_null(1) && is_null(2) && !is_open(3) && fcntl(0, F_GETFD) == 0 ? 0
											       : 2;
}

static int stdio_middle_closed(void)
{
	struct err e;
	int p[2];

	if (pipe(p) < 0 || dup2(p[0], 0) < 0 || dup2(p[1], 2) < 0)
		return 1;
	(void)close_range(3, ~0U, 0);
	(void)close(1);
	if (fdio_keep_stdio_open(&e) < 0)
		return 2;
	return !is_null(0) && is_null(1) && !is_null(2) && !is_open(3) ? 0 : 3;
}

static int close_from_five(void)
{
	struct err e;

	for (int fd = 3; fd < 20; fd++) {
		if (dup2(0, fd) < 0)
			return 1;
	}
	if (fdio_close_from(5, &e) < 0)
		return 2;
	return is_open(4) && !is_open(5) && !is_open(19) ? 0 : 3;
}

static int cloexec_from_five(void)
{
	struct err e;

	for (int fd = 3; fd < 20; fd++) {
		if (dup2(0, fd) < 0)
			return 1;
	}
	if (fdio_cloexec_from(5, &e) < 0)
		return 2;
	return fcntl(4, F_GETFD) == 0 && fcntl(5, F_GETFD) == FD_CLOEXEC &&
			       fcntl(19, F_GETFD) == FD_CLOEXEC
		       ? 0
		       : 3;
}

static void test_read_text(struct tap *t)
{
	char buf[8];
	auto_fd fd = memfd_create("text", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	tap_ok(t, fdio_read_text(fd, buf, sizeof(buf)) == 0 && buf[0] == '\0', "text: empty");
	if (pwrite(fd, "1234567", 7, 0) != 7)
		abort();
	tap_int(t, fdio_read_text(fd, buf, sizeof(buf)), 7, "text: just fits");
	tap_str(t, buf, "1234567", "text: terminated");
	if (pwrite(fd, "12345678", 8, 0) != 8 || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	errno = 0;
	tap_int(t, fdio_read_text(fd, buf, sizeof(buf)), -1, "text: one byte too many");
	tap_int(t, errno, EFBIG, "text: errno says so");
	tap_int(t, fdio_read_text(fd, buf, 0), -1, "text: no room for the NUL");
	tap_int(t, fdio_read_text(-1, buf, sizeof(buf)), -1, "text: no descriptor");
}

static void nothing(int sig)
{
	(void)sig; /* only there to interrupt read(2) and write(2) */
}

/* A slow peer and a signal: short transfers and EINTR on both sides. */
static void test_pipe(struct tap *t)
{
	static char sent[300000], got[sizeof(sent)];
	struct sigaction sa = {.sa_handler = nothing}; /* no SA_RESTART */
	int p[2], status;
	pid_t pid, parent = getpid();

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 + i / 251);
	if (sigaction(SIGUSR1, &sa, NULL) < 0 || pipe2(p, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		int rc;

		(void)close(p[0]);
		for (int i = 0; i < 20; i++)
			(void)kill(parent, SIGUSR1);
		rc = fdio_write_all(p[1], sent, sizeof(sent));
		for (int i = 0; i < 20; i++)
			(void)kill(parent, SIGUSR1);
		_exit(rc < 0);
	}
	(void)close(p[1]);
	tap_int(t, fdio_read_full(p[0], got, sizeof(got)), (int64_t)sizeof(got),
		"pipe: all of it, however it comes");
	tap_ok(t, memcmp(sent, got, sizeof(sent)) == 0, "pipe: unchanged");
	tap_int(t, fdio_read_full(p[0], got, 10), 0, "pipe: then the end");
	tap_ok(t, waitpid(pid, &status, 0) == pid && status == 0, "pipe: the writer saw success");
	(void)close(p[0]);
	errno = 0;
	tap_ok(t, fdio_write_all(-1, "x", 1) == -1 && errno == EBADF, "write: no descriptor");
	tap_int(t, fdio_write_all(-1, "x", 0), 0, "write: nothing is always written");
}

static void test_clone(struct tap *t)
{
	int pidfd = -1;
	siginfo_t si = {0};
	pid_t pid = sys_clone(0, &pidfd, -1);

	if (pid == 0)
		_exit(pidfd == -1 ? 42 : 1); /* the child has no pidfd of itself */
	tap_ok(t, pid > 0 && pidfd >= 0, "clone: a child and its pidfd");
	tap_ok(t, fcntl(pidfd, F_GETFD) == FD_CLOEXEC, "clone: the pidfd is close-on-exec");
	tap_ok(t,
	       waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED) == 0 && si.si_pid == pid &&
		       si.si_code == CLD_EXITED && si.si_status == 42,
	       "clone: waited for by pidfd");
	(void)close(pidfd);

	errno = 0;
	pidfd = -1;
	pid = sys_clone(0, &pidfd, open("/", O_RDONLY | O_CLOEXEC));
	if (pid == 0)
		_exit(1);
	tap_ok(t, pid == -1 && pidfd == -1 && errno == EBADF,
	       "clone: a directory that is no cgroup is refused");
}

int main(void)
{
	struct tap t = {0};
	auto_fd fd = sys_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);

	tap_ok(&t, fcntl(fd, F_GETFD) == FD_CLOEXEC, "openat2: close-on-exec");
	tap_int(&t, in_child(stdio_all_closed), 0, "stdio: 0 to 2 closed");
	tap_int(&t, in_child(stdio_middle_closed), 0, "stdio: 1 closed, the others untouched");
	tap_int(&t, in_child(close_from_five), 0, "close_from: 5 and up, however many");
	tap_int(&t, in_child(cloexec_from_five), 0, "cloexec_from: 5 and up");
	test_read_text(&t);
	test_pipe(&t);
	test_clone(&t);
	return tap_done(&t);
}
