/* SPDX-License-Identifier: MIT */
/* Settling what the layers of an ordinary user's image leave to each other, also where they have
 * directories that their modes close to their owner: then a child does it, in a user namespace in
 * which modes do not count. Not always, since that is one process more, and not this one, which has
 * to see afterwards whose the store's files are. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/userns.h"
#include "imgfetch/fixup_impl.h"

enum { CHILD_NOTHING = 0, CHILD_MADE = 1, CHILD_FAILED = 2 };

struct task {
	const struct store *st;
	const struct digest *layers, *shown;
	size_t count, shown_count;
	int image_fd;
};

static int settle(const struct task *t, bool strict, bool *made, struct err *e)
{
	return fixup_settle(t->st, t->layers, t->count, t->shown, t->shown_count, t->image_fd,
			    strict, made, e);
}

static _Noreturn void child(const struct task *t, int pipe_fd)
{
	struct err e = {0};
	bool made = false;

	userns_override_modes();
	if (settle(t, false, &made, &e) == 0)
		_exit(made ? CHILD_MADE : CHILD_NOTHING);
	(void)err_send(pipe_fd, &e); /* if even that fails, the status tells */
	_exit(CHILD_FAILED);
}

static int settle_in_child(const struct task *t, bool *made, struct err *e)
{
	int fds[2], status = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, ERR_SYSTEM, "make a pipe");
	auto_fd from = fds[0];
	auto_fd to = fds[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, ERR_SYSTEM, "start a process");
	if (pid == 0)
		child(t, to);
	cleanup_fd(&to);
	struct err why;
	int got = err_recv(from, &why);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(e, ERR_SYSTEM, "wait for a process");
	}
	if (got > 0) {
		*e = why;
		return -1;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= CHILD_FAILED)
		return err_set(e, ERR_SYSTEM, "the process that makes the fix-up layer was killed");
	*made = WEXITSTATUS(status) == CHILD_MADE;
	return 0;
}

int fixup_make(const struct store *st, const struct digest *layers, size_t count,
	       const struct digest *shown, size_t shown_count, int image_fd, bool *made,
	       struct err *e)
{
	const struct task t = {.st = st,
			       .layers = layers,
			       .shown = shown,
			       .count = count,
			       .shown_count = shown_count,
			       .image_fd = image_fd};
	bool closed_counts = geteuid() != 0;
	struct err why;

	if (settle(&t, closed_counts, made, &why) == 0)
		return 0;
	if (!closed_counts || why.errnum != EACCES) {
		*e = why;
		return -1;
	}
	if (path_remove_tree(image_fd, "fixup", e) < 0)
		return -1;
	return settle_in_child(&t, made, e);
}
