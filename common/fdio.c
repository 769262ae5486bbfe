/* SPDX-License-Identifier: MIT */
/* Whole reads and writes on descriptors, and the state of the descriptor table. */
#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <linux/close_range.h>

ssize_t fdio_read_full(int fd, void *buf, size_t size)
{
	size_t have = 0;

	if (size > SSIZE_MAX) {
		errno = EINVAL;
		return -1;
	}
	while (have < size) {
		ssize_t n = read(fd, (char *)buf + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int fdio_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0) {
			errno = EIO; /* no file we write to does that; do not spin on it */
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fdio_read_text(int fd, char *buf, size_t size)
{
	ssize_t n;
	char more;

	if (size == 0) {
		errno = EINVAL;
		return -1;
	}
	n = fdio_read_full(fd, buf, size - 1);
	if (n < 0)
		return -1;
	buf[n] = '\0';
	if ((size_t)n == size - 1) {
		ssize_t extra = fdio_read_full(fd, &more, 1);

		if (extra > 0)
			errno = EFBIG;
		if (extra != 0)
			return -1;
	}
	return n;
}

int fdio_keep_stdio_open(struct err *e)
{
	for (int want = STDIN_FILENO; want <= STDERR_FILENO; want++) {
		int fd;

		if (fcntl(want, F_GETFD) >= 0)
			continue;
		/* All lower ones are open, so the kernel has to hand out this very number. It is
		 * meant to be inherited like any standard descriptor: no O_CLOEXEC. */
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return err_sys(e, ERR_SYSTEM, "open '/dev/null' for descriptor %d", want);
		if (fd != want) {
			(void)close(fd); /* we are about to give up anyway */
			return err_set(e, ERR_BUG, "descriptor %d came instead of %d", fd, want);
		}
	}
	return 0;
}

static int close_from(int first, int flags, struct err *e)
{
	if (close_range((unsigned int)first, ~0U, flags) < 0)
		return err_sys(e, ERR_SYSTEM, "close_range from descriptor %d", first);
	return 0;
}

int fdio_close_from(int first, struct err *e)
{
	return close_from(first, 0, e);
}

int fdio_cloexec_from(int first, struct err *e)
{
	return close_from(first, CLOSE_RANGE_CLOEXEC, e);
}
