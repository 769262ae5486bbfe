/* SPDX-License-Identifier: MIT */
/* The program's own process, from its birth to execve. */
#include "isolate/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sys.h"
#include "common/text.h"
#include "isolate/cpulist.h"
#include "isolate/cpumeter.h"
#include "isolate/report.h"
#include "isolate/seccomp.h"

/* Exit status of a program that could not be executed, as in shells. */
#define EXIT_EXEC_FAILED 127

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* --- steps ----------------------------------------------------------------------------------- */

/* Those of the list, or all. The kernel leaves what the cpuset allows of it. */
static int set_processors(const char *list, struct err *e)
{
	struct cpulist numbers;
	cpu_set_t set;

	_Static_assert(sizeof(set) == sizeof(numbers.bits), "a list is a set of processors");
	memset(&set, 0xff, sizeof(set));
	if (list && cpulist_parse(list, "boxN.cpus", &numbers, e) < 0)
		return -1;
	if (list)
		memcpy(&set, numbers.bits, sizeof(set));
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return err_sys(e, ERR_SYSTEM, "use processors %s", list ? list : "of the group");
	return 0;
}

/* Those of the list, or whatever the kernel finds best; also when the caller has chosen otherwise.
 */
static int set_memory_nodes(const char *list, struct err *e)
{
	struct cpulist numbers;

	if (!list) {
		if (syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0) < 0 && errno != ENOSYS)
			return err_sys(e, ERR_SYSTEM, "reset memory policy");
		return 0;
	}
	if (cpulist_parse(list, "boxN.mems", &numbers, e) < 0)
		return -1;
	/* One more than there are bits: the kernel takes the last one off. */
	if (syscall(SYS_set_mempolicy, MPOL_BIND, numbers.bits, CPULIST_MAX + 1) < 0)
		return err_sys(e, ERR_SYSTEM, "use memory nodes %s", list);
	return 0;
}

/* How the kernel schedules us is inherited from the caller; the program starts as any other. */
static int reset_scheduling(const struct limits *l, struct err *e)
{
	static const struct sched_param none = {0};

	if (sched_setscheduler(0, SCHED_OTHER, &none) < 0)
		return err_sys(e, ERR_SYSTEM, "reset scheduling policy");
	if (setpriority(PRIO_PROCESS, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "reset nice level");
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0) < 0 && errno != ENOSYS)
		return err_sys(e, ERR_SYSTEM, "reset I/O priority");
	if (set_processors(l->cpu_list, e) < 0 || set_memory_nodes(l->mem_list, e) < 0)
		return -1;
	if (prctl(PR_SET_TIMERSLACK, 50000, 0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "reset timer slack");
	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) < 0 && errno != EINVAL)
		return err_sys(e, ERR_SYSTEM, "reset use of huge pages");
	if (personality(PER_LINUX) < 0)
		return err_sys(e, ERR_SYSTEM, "reset personality");
	return 0;
}

/* A session and session keyring of its own: neither the caller's terminal nor his keys. */
static int leave_session(struct err *e)
{
	if (setsid() < 0)
		return err_sys(e, ERR_SYSTEM, "start a session");
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return err_sys(e, ERR_SYSTEM, "start a session keyring");
	return 0;
}

/* Keys that are the user's and not a process's stay when a box is removed, and would be there for
 * who gets its number next (keyrings(7)). As the box's user. */
static int clear_keyrings(struct err *e)
{
	static const long kept[] = {KEY_SPEC_USER_KEYRING, KEY_SPEC_USER_SESSION_KEYRING};
	long persistent;

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (syscall(SYS_keyctl, KEYCTL_CLEAR, kept[i]) < 0)
			return errno == ENOSYS ? 0
					       : err_sys(e, ERR_SYSTEM,
							 "clear the keyrings of the box's user");
	}
	/* As the kernel makes them. */
	if (syscall(SYS_keyctl, KEYCTL_LINK, kept[0], kept[1]) < 0)
		return err_sys(e, ERR_SYSTEM, "link the keyrings of the box's user");
	persistent = syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, -1, KEY_SPEC_SESSION_KEYRING);
	if (persistent < 0 && errno == EOPNOTSUPP)
		return 0;
	if (persistent < 0 || syscall(SYS_keyctl, KEYCTL_CLEAR, persistent) < 0 ||
	    syscall(SYS_keyctl, KEYCTL_UNLINK, persistent, KEY_SPEC_SESSION_KEYRING) < 0)
		return err_sys(e, ERR_SYSTEM, "clear the persistent keyring of the box's user");
	return 0;
}

static int change_directory(const char *dir, struct err *e)
{
	/* Without a /box (--dir=box=) the program starts at the root. */
	if (chdir("/box") < 0 && (errno != ENOENT || chdir("/") < 0))
		return err_sys(e, ERR_SYSTEM, "change directory to '/box'");
	if (dir && chdir(dir) < 0)
		return err_sys(e, ERR_USAGE, "change directory to '%s' in the box",
			       text_quote(dir).s);
	return 0;
}

/* The lowest descriptor from `first` on that stays open: sock, or one of those for the program. */
static unsigned next_kept(const struct run_spec *s, int sock, unsigned first)
{
	unsigned found = UINT_MAX;

	if ((unsigned)sock >= first)
		found = (unsigned)sock;
	for (size_t i = 0; i < s->pass_count; i++) {
		if ((unsigned)s->pass_fds[i] >= first)
			found = MIN(found, (unsigned)s->pass_fds[i]);
	}
	return found;
}

/* Everything of ours but sock. Not left to execve(2): until then, directories of the host would be
 * there as /proc/self/fd/N for --chdir and for the command's own path (CVE-2024-21626). */
static int close_others(const struct run_spec *s, int sock, struct err *e)
{
	unsigned first = STDERR_FILENO + 1, kept;

	do {
		kept = next_kept(s, sock, first);
		if (kept > first && close_range(first, kept - (kept < UINT_MAX), 0) < 0)
			return err_sys(e, ERR_SYSTEM, "close what the program does not get");
		first = kept + 1;
	} while (kept < UINT_MAX);
	return 0;
}

/* Of the caller's descriptors only what may. */
static int pass_descriptors(const struct run_spec *s, struct err *e)
{
	if (fdio_cloexec_from(3, e) < 0)
		return -1;
	for (size_t i = 0; i < s->pass_count; i++) {
		if (fcntl(s->pass_fds[i], F_SETFD, 0) < 0)
			return err_sys(e, ERR_SYSTEM, "pass descriptor %d to the program",
				       s->pass_fds[i]);
	}
	return 0;
}

/* Signals that the keeper blocks and ignores are the program's again. SIGKILL and SIGSTOP refuse.
 */
static int reset_signals(struct err *e)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++) {
		if (sys_signal_default(sig) < 0 && errno != EINVAL)
			return err_sys(e, ERR_SYSTEM, "reset signal %d", sig);
	}
	if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "unblock signals");
	return 0;
}

/* Have the keeper count all that the program is going to use, where only that tells. Without a
 * counter a limit would be none for who ignores SIGCHLD, so there is no run then; and without a
 * limit the keeper knows what its figures lack. */
static int send_counter(const struct run_spec *s, int sock, struct err *e)
{
	const struct run_report r = {.kind = REPORT_METER};
	auto_fd counter = -1;
	struct err why;

	if (!cpumeter_is_by_process(s))
		return 0;
	counter = cpumeter_open_counter(&why);
	if (counter < 0 && s->limits->cpu_ns == 0)
		return 0;
	if (counter < 0) {
		*e = why;
		return err_wrap(e, "--time cannot hold for several processes without %s",
				s->cgroup ? "--cg-timing" : "--cg");
	}
	if (report_send(sock, &r, &counter, 1) < 0)
		return err_sys(e, ERR_SYSTEM, "report to the keeper");
	return 0;
}

/* Everything between clone and execve. The order matters: see the comments.
 * Runs as: root with the proxy's capabilities, from the drop on as the box's user with none.
 * Trusts: the orders. Must not: open or resolve anything of the box before the drop. */
static int prepare(const struct run_spec *s, int sock, struct err *e)
{
	/* First, so that whatever follows is on the program's account. */
	if (s->cgroup && cgroup_join(s->cgroup, e) < 0)
		return -1;
	if (leave_session(e) < 0)
		return -1;
	if (tty_attach(s->tty, e) < 0)
		return -1;
	if (send_counter(s, sock, e) < 0)
		return -1;
	if (s->stdio && redirect_place(s->redirect, s->stdio, e) < 0)
		return -1;
	if (close_others(s, sock, e) < 0)
		return -1;
	/* After entering the group: its place becomes the root of what /proc tells about it. */
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, ERR_SYSTEM, "make a control group namespace");
	if (reset_scheduling(s->limits, e) < 0)
		return -1;
	/* Before the drop, since hard limits may have to be raised. */
	if (limits_apply(s->limits, e) < 0)
		return -1;
	(void)umask(022); /* returns the old one, no error */
	if (priv_drop_forever(s->uid, s->gid, e) < 0)
		return -1;
	/* As the box's user from here on. */
	if (!(s->filter_flags & FILTER_KEYRINGS) && clear_keyrings(e) < 0)
		return -1;
	/* Files first, as seen from /box. */
	if (change_directory(NULL, e) < 0)
		return -1;
	if (!s->stdio && redirect_apply(s->redirect, e) < 0)
		return -1;
	if (s->chdir && change_directory(s->chdir, e) < 0)
		return -1;
	if (pass_descriptors(s, e) < 0)
		return -1;
	if (reset_signals(e) < 0)
		return -1;
	/* Last: it refuses much of the above. */
	return filter_apply(s->filter_flags, e);
}

/* --- execve ---------------------------------------------------------------------------------- */

static const char *find_env(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	}
	return NULL;
}

/* execve(2) of the command in each absolute directory of PATH. Returns with errno set: EACCES where
 * some file was there but could not be executed, as execvp(3) does. */
static void exec_along_path(const struct run_spec *s)
{
	const char *path = find_env(s->env, "PATH");
	bool denied = false;

	if (!path || !*path)
		path = DEFAULT_PATH;
	while (*path) {
		size_t len = strcspn(path, ":");
		char file[PATH_MAX];

		if (*path == '/' &&
		    text_format(file, sizeof(file), "%.*s/%s", (int)len, path, s->argv[0]) == 0) {
			(void)execve(file, s->argv, s->env); /* errno tells */
			if (errno == EACCES)
				denied = true;
			else if (errno != ENOENT && errno != ENOTDIR)
				return;
		}
		path += len;
		path += *path == ':';
	}
	errno = denied ? EACCES : ENOENT;
}

/* Told as the program's own last words, on its standard error, and to the keeper. */
static void exec_failed(const struct run_spec *s, int sock, int errnum) NORETURN;
static void exec_failed(const struct run_spec *s, int sock, int errnum)
{
	struct run_report r = {.kind = REPORT_EXEC_FAILED};
	char line[1024];
	struct text t = TEXT_OVER(line);
	const char *why = err_strerror(errnum);

	text_addf(&t, "execve(\"%s\"): %s\n", text_quote(s->argv[0]).s, why);
	/* Standard error may be closed or full: the status says it too. */
	if (write(STDERR_FILENO, line, t.len) < 0)
		errnum = errno;
	if (report_send(sock, &r, NULL, 0) < 0)
		_exit(EXIT_EXEC_FAILED); /* the keeper is gone, and so are we in a moment */
	_exit(EXIT_EXEC_FAILED);
}

void inside_run(const struct run_spec *s, int sock)
{
	struct run_report r = {.kind = REPORT_ERROR};

	if (prepare(s, sock, &r.err) < 0) {
		if (report_send(sock, &r, NULL, 0) < 0)
			_exit(1);
		_exit(1);
	}
	/* An empty name is nowhere, and no directory of PATH. */
	if (s->search_path && s->argv[0][0] && !strchr(s->argv[0], '/'))
		exec_along_path(s);
	else
		(void)execve(s->argv[0], s->argv, s->env); /* errno tells */
	exec_failed(s, sock, errno);
}
