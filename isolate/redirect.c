/* SPDX-License-Identifier: MIT */
/* Standard input, output and error of the program. */
#include "isolate/redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "common/text.h"

static int check_inherited(int fd, const char *name, struct err *e)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at standard %s", name);
	/* openat(fd, "../../etc/shadow") knows no root directory. */
	if (S_ISDIR(st.st_mode) || (flags & O_PATH))
		return err_set(e, ERR_USAGE,
			       "standard %s is a directory, which would lead out of the box", name);
	return 0;
}

int redirect_check_stdio(const struct redirect *r, struct err *e)
{
	if (!r->in && check_inherited(STDIN_FILENO, "input", e) < 0)
		return -1;
	if (!r->out && check_inherited(STDOUT_FILENO, "output", e) < 0)
		return -1;
	if (!r->err && !r->err_to_out && check_inherited(STDERR_FILENO, "error", e) < 0)
		return -1;
	return 0;
}

/* No magic links: /proc/self/fd/N would give the program what we hold open ourselves. */
static int open_as(const char *path, int flags, int target, const char *name, struct err *e)
{
	auto_fd fd = -1;

	do
		fd = sys_openat2(AT_FDCWD, path, (uint64_t)flags | O_NOCTTY,
				 flags & O_CREAT ? 0666 : 0, RESOLVE_NO_MAGICLINKS);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_sys(e, ERR_USAGE, "open '%s' in the box for standard %s",
			       text_quote(path).s, name);
	if (dup2(fd, target) < 0)
		return err_sys(e, ERR_SYSTEM, "redirect standard %s", name);
	return check_inherited(target, name, e);
}

static const char *const names[] = {"input", "output", "error"};

/* The kernel asks whose a file below /proc is when it is opened, and /proc/self is us: maps would
 * show our addresses to the program, and to the caller, for as long as we run. */
static int check_not_of_proc(int fd, const char *path, int i, struct err *e)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_sys(e, ERR_SYSTEM, "look at the file system of '%s'",
			       text_quote(path).s);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	return err_set(e, ERR_USAGE, "standard %s: '%s' is a file of /proc: redirect isolate's own",
		       names[i], text_quote(path).s);
}

static int open_outside(const char *path, int flags, int i, int fds[3], struct err *e)
{
	auto_fd fd = -1;

	if (!path)
		return 0;
	fd = open(path, flags | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(e, ERR_USAGE, "open '%s' for standard %s", text_quote(path).s,
			       names[i]);
	if (check_inherited(fd, names[i], e) < 0 || check_not_of_proc(fd, path, i, e) < 0)
		return -1;
	fds[i] = take_fd(&fd);
	return 0;
}

int redirect_open(const struct redirect *r, int fds[3], struct err *e)
{
	const int out = O_WRONLY | O_CREAT | O_TRUNC;

	if (open_outside(r->in, O_RDONLY, 0, fds, e) < 0 ||
	    open_outside(r->out, out, 1, fds, e) < 0 || open_outside(r->err, out, 2, fds, e) < 0)
		return -1;
	return 0;
}

void redirect_close(int fds[3])
{
	for (int i = 0; i < 3; i++)
		cleanup_fd(&fds[i]);
}

int redirect_place(const struct redirect *r, const int fds[3], struct err *e)
{
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0 && dup2(fds[i], i) < 0)
			return err_sys(e, ERR_SYSTEM, "redirect standard %s", names[i]);
	}
	if (r->err_to_out && dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		return err_sys(e, ERR_SYSTEM, "redirect standard error");
	return 0;
}

int redirect_apply(const struct redirect *r, struct err *e)
{
	if (r->in && open_as(r->in, O_RDONLY, STDIN_FILENO, "input", e) < 0)
		return -1;
	if (r->out && open_as(r->out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO, "output", e) < 0)
		return -1;
	if (r->err && open_as(r->err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO, "error", e) < 0)
		return -1;
	if (r->err_to_out && dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		return err_sys(e, ERR_SYSTEM, "redirect standard error");
	return 0;
}
