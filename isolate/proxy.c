/* SPDX-License-Identifier: MIT */
/* Init of the box's pid namespace: builds the box, starts the program, waits for it. */
#include "isolate/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sys.h"
#include "isolate/inside.h"
#include "isolate/net.h"
#include "isolate/report.h"

/* When the machine runs out of memory the program goes first. It can raise this, not lower it. */
#define OOM_SCORE_ADJ "500"

static const char box_hostname[] = "box";

/* As init of a pid namespace we are immune to the signals of those inside, and only the keeper, an
 * ancestor, can kill us: by this, too. */
static int die_with_keeper(int sock, struct err *e)
{
	struct pollfd p = {.fd = sock};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "bind the box's life to its keeper's");
	/* It may have died before that: then nobody holds the other end any more. getppid(2) tells
	 * nothing here, the parent is not in this namespace. */
	if (poll(&p, 1, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "look for the keeper");
	if (p.revents & (POLLHUP | POLLERR))
		return err_set(e, ERR_SYSTEM, "the keeper is gone");
	return 0;
}

static int set_oom_score(struct err *e)
{
	auto_fd fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || fdio_write_all(fd, OOM_SCORE_ADJ, sizeof(OOM_SCORE_ADJ) - 1) < 0)
		return err_sys(e, ERR_SYSTEM, "set oom_score_adj of the box");
	return 0;
}

/* Runs as: root in new namespaces. Trusts: the orders. Must not: go on after any failure. */
static int build_box(const struct run_spec *s, int keeper_sock, int sock, int *proc_fd,
		     struct err *e)
{
	if (close(keeper_sock) < 0)
		return err_sys(e, ERR_SYSTEM, "close the keeper's socket");
	/* Ids first: changing them takes the death signal away. */
	if (priv_become_root(e) < 0)
		return -1;
	if (die_with_keeper(sock, e) < 0)
		return -1;
	if (set_oom_score(e) < 0)
		return -1;
	if (!s->share_net && net_loopback_up(e) < 0)
		return -1;
	if (sethostname(box_hostname, sizeof(box_hostname) - 1) < 0 || setdomainname("", 0) < 0)
		return err_sys(e, ERR_SYSTEM, "name the box's host");
	if (rootfs_enter(s->rootfs, proc_fd, e) < 0)
		return -1;
	return 0;
}

/* --- the program's life ---------------------------------------------------------------------- */

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * NSEC_PER_SEC + (uint64_t)t->tv_usec * 1000;
}

/* Clone the program's process and tell the keeper. */
static int start_program(const struct run_spec *s, int sock, int proc_fd, pid_t *program,
			 struct err *e)
{
	struct run_report started = {.kind = REPORT_STARTED, .mono_ns = report_now_ns()};
	int birth_fd = s->cgroup ? cgroup_birth_fd(s->cgroup) : -1;
	auto_fd pidfd = -1;
	pid_t pid;

	pid = sys_clone(0, &pidfd, birth_fd);
	if (pid < 0)
		return err_sys(e, ERR_SYSTEM, "start the program's process");
	if (pid == 0)
		inside_run(s, sock);
	if (report_send(sock, &started, (const int[]){proc_fd, pidfd}, 2) < 0)
		return err_sys(e, ERR_SYSTEM, "report to the keeper");
	*program = pid;
	return 0;
}

/* Reap whoever has ended, the orphans too, which come to us. *ended: whether the program is among
 * them, its status is in *status then. With block, waits until nobody is left; without, the
 * program's end is enough: others may end faster than they can be reaped. */
static int reap(pid_t program, bool block, bool *ended, int *status, struct err *e)
{
	for (;;) {
		int how;
		pid_t pid = waitpid(-1, &how, __WALL | (block ? 0 : WNOHANG));

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid == 0 || (pid < 0 && errno == ECHILD))
			return 0;
		if (pid < 0)
			return err_sys(e, ERR_SYSTEM, "wait for the program");
		if (pid == program) {
			*ended = true;
			*status = how;
			if (!block)
				return 0;
		}
	}
}

/* SIGKILL to everybody in this pid namespace but us. No fork escapes: the kernel holds the list of
 * tasks, and a fork in flight sees its signal. */
static int kill_all(struct err *e)
{
	if (kill(-1, SIGKILL) < 0 && errno != ESRCH)
		return err_sys(e, ERR_SYSTEM, "kill the processes of the box");
	return 0;
}

/* Until the program ends, or the keeper has it ended. All signals are blocked, as in the keeper. */
static int wait_for_program(pid_t program, struct run_report *out, struct err *e)
{
	bool ended = false;
	sigset_t set;

	if (sigemptyset(&set) < 0 || sigaddset(&set, SIGCHLD) < 0 ||
	    sigaddset(&set, RUN_KILL_SIGNAL) < 0)
		return err_sys(e, ERR_BUG, "fill signal set");
	for (;;) {
		int sig;

		if (reap(program, false, &ended, &out->wait_status, e) < 0)
			return -1;
		if (ended)
			break;
		sig = sigwaitinfo(&set, NULL);
		if (sig == RUN_KILL_SIGNAL && kill_all(e) < 0)
			return -1;
		if (sig < 0 && errno != EINTR)
			return err_sys(e, ERR_SYSTEM, "wait for the program");
	}
	out->kind = REPORT_ENDED;
	out->mono_ns = report_now_ns();
	return 0;
}

/* The program has ended: so does everybody it left behind. */
static int end_rest(struct run_report *out, struct err *e)
{
	struct rusage used;
	bool ended = true;
	int status;

	if (kill_all(e) < 0 || reap(0, true, &ended, &status, e) < 0)
		return -1;
	if (getrusage(RUSAGE_CHILDREN, &used) < 0)
		return err_sys(e, ERR_SYSTEM, "read what the program used");
	*out = (struct run_report){
		.kind = REPORT_USAGE,
		.cpu_user_ns = timeval_ns(&used.ru_utime),
		.cpu_system_ns = timeval_ns(&used.ru_stime),
		.max_rss_kib = (uint64_t)used.ru_maxrss,
		.csw_voluntary = (uint64_t)used.ru_nvcsw,
		.csw_forced = (uint64_t)used.ru_nivcsw,
		.faults_minor = (uint64_t)used.ru_minflt,
		.faults_major = (uint64_t)used.ru_majflt,
	};
	return 0;
}

static int run(const struct run_spec *s, int keeper_sock, int sock, struct err *e)
{
	struct run_report r = {0};
	auto_fd proc_fd = -1;
	pid_t program;

	if (build_box(s, keeper_sock, sock, &proc_fd, e) < 0 ||
	    start_program(s, sock, proc_fd, &program, e) < 0)
		return -1;
	cleanup_fd(&proc_fd);
	tty_close_slave(s->tty);
	rootfs_close_sources(s->rootfs);
	/* All that is left to do is to kill; nothing outside this namespace can be named. */
	if (priv_limit_caps(UINT64_C(1) << CAP_KILL, e) < 0)
		return -1;
	if (wait_for_program(program, &r, e) < 0)
		return -1;
	if (report_send(sock, &r, NULL, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "report to the keeper");
	if (end_rest(&r, e) < 0)
		return -1;
	r.disk_full = rootfs_is_full(s->rootfs);
	if (report_send(sock, &r, NULL, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "report to the keeper");
	return 0;
}

void proxy_run(const struct run_spec *s, int keeper_sock, int sock)
{
	struct run_report r = {.kind = REPORT_ERROR};

	if (run(s, keeper_sock, sock, &r.err) == 0)
		_exit(0);
	if (report_send(sock, &r, NULL, 0) < 0)
		_exit(2); /* nobody is there to be told */
	_exit(1);
}
