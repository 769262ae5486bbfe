/* SPDX-License-Identifier: MIT */
/* Sending and receiving reports of a run. */
#include "isolate/report.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

int report_send(int sock, const struct run_report *r, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(REPORT_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (count > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*r) ? 0 : -1;
}

/* Descriptors that came along, at most REPORT_FDS: there is room for no more. */
static void take_descriptors(struct msghdr *msg, int fds[REPORT_FDS])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), MIN(count, REPORT_FDS) * sizeof(int));
	}
}

int report_receive(int sock, struct run_report *r, int fds[REPORT_FDS], struct err *e)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(REPORT_FDS * sizeof(int))];
	} control;
	struct run_report got;
	struct iovec iov = {.iov_base = &got, .iov_len = sizeof(got)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	for (size_t i = 0; i < REPORT_FDS; i++)
		fds[i] = -1;
	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, ERR_SYSTEM, "receive a report from the box");
	if (n == 0)
		return 0;
	take_descriptors(&msg, fds);
	/* The senders are ours, but one of them is about to become the program. */
	if (n != (ssize_t)sizeof(got) || got.kind > REPORT_USAGE ||
	    (got.kind == REPORT_ERROR && (got.err.kind <= ERR_NONE || got.err.kind > ERR_PLATFORM ||
					  !memchr(got.err.text, '\0', sizeof(got.err.text))))) {
		for (size_t i = 0; i < REPORT_FDS; i++)
			cleanup_fd(&fds[i]);
		return err_set(e, ERR_BUG, "report from the box is malformed");
	}
	*r = got;
	return 1;
}

uint64_t report_now_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: a clock that every kernel has */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}
