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

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * NSEC_PER_SEC + (uint64_t)t->tv_usec * 1000;
}

/* What of the whole process tree's consumption is not the program's. */
static void add_own_usage(struct run_report *r)
{
	struct rusage self;

	if (getrusage(RUSAGE_SELF, &self) < 0)
		return; /* cannot fail with valid arguments */
	r->own_cpu_ns = timeval_ns(&self.ru_utime) + timeval_ns(&self.ru_stime);
	r->own_csw_voluntary = (uint64_t)self.ru_nvcsw;
	r->own_csw_forced = (uint64_t)self.ru_nivcsw;
}

static void add_program_usage(struct run_report *r)
{
	struct rusage reaped;

	/* Orphans become our children, so having none means that the program left nobody. */
	r->alone = waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 &&
		   errno == ECHILD;
	if (getrusage(RUSAGE_CHILDREN, &reaped) < 0)
		return; /* cannot fail with valid arguments */
	r->program_cpu_ns = timeval_ns(&reaped.ru_utime) + timeval_ns(&reaped.ru_stime);
	r->program_csw_voluntary = (uint64_t)reaped.ru_nvcsw;
	r->program_csw_forced = (uint64_t)reaped.ru_nivcsw;
}

/* Reap until the program's process has ended. Orphans come to us; whoever is left then dies with
 * this namespace when we exit, and the keeper gets all their consumption with ours. */
static int wait_for_program(pid_t program, struct run_report *out, struct err *e)
{
	for (;;) {
		struct rusage used;
		int status;
		pid_t pid = wait4(-1, &status, __WALL, &used);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return err_sys(e, ERR_SYSTEM, "wait for the program");
		out->max_rss_kib = MAX(out->max_rss_kib, (uint64_t)used.ru_maxrss);
		if (pid != program)
			continue;
		out->kind = REPORT_ENDED;
		out->wait_status = status;
		out->mono_ns = report_now_ns();
		add_own_usage(out);
		add_program_usage(out);
		return 0;
	}
}

/* Clone the program's process, tell the keeper, and become as small as possible. */
static int start_program(const struct run_spec *s, int sock, int proc_fd, pid_t *program,
			 struct err *e)
{
	struct run_report started = {.kind = REPORT_STARTED};
	int birth_fd = s->cgroup ? cgroup_birth_fd(s->cgroup) : -1;
	auto_fd pidfd = -1;
	pid_t pid;

	/* Taken before the clone: limits count from here. */
	add_own_usage(&started);
	started.mono_ns = report_now_ns();
	pid = sys_clone(0, &pidfd, birth_fd);
	if (pid < 0)
		return err_sys(e, ERR_SYSTEM, "start the program's process");
	if (pid == 0)
		inside_run(s, sock);
	if (report_send(sock, &started, (const int[]){proc_fd, pidfd}, 2) < 0)
		return err_sys(e, ERR_SYSTEM, "report to the keeper");
	*program = pid;
	return priv_limit_caps(0, e);
}

static int run(const struct run_spec *s, int keeper_sock, int sock, struct err *e)
{
	struct run_report ended = {0};
	auto_fd proc_fd = -1;
	pid_t program;

	if (build_box(s, keeper_sock, sock, &proc_fd, e) < 0 ||
	    start_program(s, sock, proc_fd, &program, e) < 0)
		return -1;
	cleanup_fd(&proc_fd);
	rootfs_free(s->rootfs);
	if (wait_for_program(program, &ended, e) < 0)
		return -1;
	if (report_send(sock, &ended, NULL, 0) < 0)
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
