/* SPDX-License-Identifier: MIT */
/* The process that outlives the run: limits, signals, figures. */
#include "isolate/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sys.h"
#include "isolate/cpumeter.h"
#include "isolate/proxy.h"
#include "isolate/report.h"

/* How long the proxy may take to end the box that it was told to, before it is killed itself and
 * with it what it could have told; and how long the kernel then. To free tens of gigabytes takes
 * seconds. Of the time between two looks no more than one step counts: when the machine stood still
 * (a paused guest, one that swaps), those we wait for had nothing of it either. */
#define SOFT_TIMEOUT_NS (10 * NSEC_PER_SEC)
#define HARD_TIMEOUT_NS (15 * NSEC_PER_SEC)
#define PATIENCE_MS	100

/* Between two looks at the CPU meter at least this, more while nobody in the box runs, and eight
 * times the CPU time that a look costs, but never much: there may be thousands of processes. */
#define LOOK_STEP_NS	 (NSEC_PER_MSEC / 5)
#define LOOK_IDLE_NS	 (2 * NSEC_PER_MSEC)
#define LOOK_STEP_MAX_NS (20 * NSEC_PER_MSEC)
#define LOOK_COST_FACTOR 8

#define KEEPER_NICE (-15)

/* chown, chmod, remove in the box; back to the caller and to root; kill; write what root owns. */
#define KEEPER_CAPS                                                                                \
	(UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_FOWNER |  \
	 UINT64_C(1) << CAP_FSETID | UINT64_C(1) << CAP_KILL | UINT64_C(1) << CAP_SETGID |         \
	 UINT64_C(1) << CAP_SETUID)

struct keeper {
	const struct run_spec *spec;
	int proxy_fd;			    /* pidfd */
	int sock;			    /* reports come here */
	int timer_fd;			    /* next deadline */
	int signal_fd;			    /* what others want of us */
	int proc_fd;			    /* procfs of the box; -1 before it started */
	int program_fd;			    /* pidfd of the program */
	int counter_fd;			    /* of CPU time, where there is one */
	bool started;			    /* there is a program */
	bool ended;			    /* it has ended */
	bool told;			    /* what it used */
	bool failed;			    /* the sandbox: why */
	enum { LIVING, DYING, DEAD } state; /* of the box: what was done to end it */
	uint64_t start_ns, end_ns;	    /* monotonic */
	uint64_t patience_ns;		    /* unless LIVING: how long until more has to be done */
	uint64_t waiting_ns;		    /* up to when that was counted, monotonic */
	uint64_t seen_cpu_ns;		    /* at the last look */
	struct cpumeter meter;
	struct err why; /* with failed */
	struct outcome out;
};

/* --- signals --------------------------------------------------------------------------------- */

/* Left alone: what would only stop or inform us, and the two that earlier isolates ignore. A keeper
 * stopped from the terminal would leave its box running without limits, so it is not. */
static int all_signals(sigset_t *set, struct err *e)
{
	static const int quiet[] = {SIGCHLD,  SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU,
				    SIGWINCH, SIGURG,  SIGPIPE, SIGUSR1, SIGUSR2};

	if (sigfillset(set) < 0)
		return err_sys(e, ERR_BUG, "fill signal set");
	for (size_t i = 0; i < ARRAY_LEN(quiet); i++) {
		if (sigdelset(set, quiet[i]) < 0)
			return err_sys(e, ERR_BUG, "fill signal set");
	}
	return 0;
}

int keeper_block_signals(struct err *e)
{
	sigset_t all;

	if (sigfillset(&all) < 0 || sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "block signals");
	return 0;
}

/* --- the end --------------------------------------------------------------------------------- */

static void begin_waiting(struct keeper *k, uint64_t patience_ns)
{
	k->patience_ns = patience_ns;
	k->waiting_ns = report_now_ns();
}

/* Kill the proxy, and with it its pid namespace; the group, too. */
static void kill_hard(struct keeper *k)
{
	struct err ignored;

	k->state = DEAD;
	begin_waiting(k, HARD_TIMEOUT_NS);
	/* Fails only for a proxy that has ended already. */
	(void)pidfd_send_signal(k->proxy_fd, SIGKILL, NULL, 0);
	/* The namespace's death is what counts; it is waited for. */
	if (k->spec->cgroup && cgroup_kill(k->spec->cgroup, &ignored) < 0)
		return;
}

/* Have the proxy kill the rest, and wait for what it can tell. Before there is a program it does
 * not listen. */
static void kill_box(struct keeper *k)
{
	struct err ignored;

	if (k->state != LIVING)
		return;
	/* At once, before another process of ours has to run; on v1 and without a group what forks
	 * may escape this, but not the proxy, which sees the program's end even where it has no end
	 * of reaping what forks. */
	if (k->started && k->spec->cgroup && cgroup_kill(k->spec->cgroup, &ignored) < 0) {
		kill_hard(k);
		return;
	}
	/* Fails only for a program that has ended. */
	if (k->started)
		(void)pidfd_send_signal(k->program_fd, SIGKILL, NULL, 0);
	if (!k->started || pidfd_send_signal(k->proxy_fd, RUN_KILL_SIGNAL, NULL, 0) < 0) {
		kill_hard(k);
		return;
	}
	k->state = DYING;
	begin_waiting(k, SOFT_TIMEOUT_NS);
}

static void fail(struct keeper *k, const struct err *why)
{
	if (!k->failed)
		k->why = *why;
	k->failed = true;
	if (k->state != DEAD)
		kill_hard(k);
}

static void kill_for(struct keeper *k, enum kill_reason reason, int sig)
{
	/* A program that has ended cannot be killed for anything; the first reason stays. */
	if (!k->ended && k->state == LIVING) {
		k->out.killed = reason;
		k->out.interrupt_signal = sig;
	}
	kill_box(k);
}

/* --- events ---------------------------------------------------------------------------------- */

static int set_timer(const struct keeper *k, uint64_t at_ns, struct err *e)
{
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at_ns / NSEC_PER_SEC),
			     .tv_nsec = (long)(at_ns % NSEC_PER_SEC)},
	};

	if (timerfd_settime(k->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "set timer");
	return 0;
}

/* CPU time of our own: time by the clock would count what others use when we have to wait. */
static uint64_t own_cpu_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* What was used, exactly where it matters. *left_ns: how long, at the earliest, until limit_ns. */
static int look_at_cpu(struct keeper *k, uint64_t limit_ns, uint64_t *left_ns, struct err *e)
{
	const struct cpumeter *m = &k->meter;
	uint64_t used = 0, late_ns = m->tick_ns;

	if (cpumeter_read(m, &used, e) < 0)
		return -1;
	if (used < limit_ns && (limit_ns - used) / m->cpus <= 2 * m->tick_ns) {
		cpumeter_refresh(m);
		late_ns = 0;
		if (cpumeter_read(m, &used, e) < 0)
			return -1;
	}
	*left_ns = used < limit_ns ? (limit_ns - used) / m->cpus - late_ns : 0;
	if (used == k->seen_cpu_ns)
		*left_ns = MAX(*left_ns, LOOK_IDLE_NS);
	k->seen_cpu_ns = used;
	return 0;
}

/* Kill a box that has used up its CPU time; else *at_ns is when to look again. */
static int check_cpu(struct keeper *k, uint64_t limit_ns, uint64_t *at_ns, struct err *e)
{
	uint64_t left_ns = 0, cost_ns = own_cpu_ns();

	if (look_at_cpu(k, limit_ns, &left_ns, e) < 0)
		return -1;
	if (k->seen_cpu_ns >= limit_ns) {
		kill_for(k, KILL_CPU, 0);
		return 0;
	}
	cost_ns = LOOK_COST_FACTOR * (own_cpu_ns() - cost_ns);
	cost_ns = MAX(LOOK_STEP_NS, MIN(cost_ns, LOOK_STEP_MAX_NS));
	*at_ns = report_now_ns() + MAX(left_ns, cost_ns);
	return 0;
}

/* Look at the limits; kill, or sleep exactly until one could be reached at the earliest. */
static int check_limits(struct keeper *k, struct err *e)
{
	const struct limits *l = k->spec->limits;
	uint64_t now = report_now_ns(), next = UINT64_MAX;

	if (!k->started || k->ended || k->state != LIVING)
		return 0;
	if (l->wall_ns > 0) {
		if (now - k->start_ns >= l->wall_ns) {
			kill_for(k, KILL_WALL, 0);
			return 0;
		}
		next = k->start_ns + l->wall_ns;
	}
	if (l->cpu_ns > 0) {
		uint64_t at_ns = UINT64_MAX;

		if (check_cpu(k, MAX(l->cpu_ns, l->extra_ns), &at_ns, e) < 0)
			return -1;
		next = MIN(next, at_ns);
	}
	if (k->state != LIVING)
		return 0;
	return next == UINT64_MAX ? 0 : set_timer(k, next, e);
}

static int on_started(struct keeper *k, const struct run_report *r, int fds[REPORT_FDS],
		      struct err *e)
{
	k->started = true;
	k->start_ns = r->mono_ns;
	k->proc_fd = take_fd(&fds[0]);
	k->program_fd = take_fd(&fds[1]);
	if (k->proc_fd < 0 || k->program_fd < 0)
		return err_set(e, ERR_BUG, "report from the box lacks descriptors");
	if (k->spec->limits->cpu_ns > 0)
		cpumeter_init(&k->meter, k->spec, k->proc_fd, k->program_fd);
	k->meter.counter_fd = k->counter_fd;
	return check_limits(k, e);
}

/* The proxy is ending everybody else and then itself. */
static void on_ended(struct keeper *k, const struct run_report *r)
{
	k->ended = true;
	k->end_ns = r->mono_ns;
	k->out.wait_status = r->wait_status;
	if (k->spec->cgroup)
		cgroup_let_die(k->spec->cgroup);
	if (k->state == LIVING) {
		k->state = DYING;
		begin_waiting(k, SOFT_TIMEOUT_NS);
	}
}

static int on_report(struct keeper *k, const struct run_report *r, int fds[REPORT_FDS],
		     struct err *e)
{
	switch (r->kind) {
	case REPORT_ERROR:
		*e = r->err;
		return -1;
	case REPORT_STARTED:
		if (k->started)
			break;
		return on_started(k, r, fds, e);
	case REPORT_METER:
		if (k->counter_fd >= 0)
			break;
		k->counter_fd = take_fd(&fds[0]);
		k->meter.counter_fd = k->counter_fd;
		return 0;
	case REPORT_EXEC_FAILED:
		k->out.exec_failed = true;
		return 0;
	case REPORT_ENDED:
		if (!k->started || k->ended)
			break;
		on_ended(k, r);
		return 0;
	case REPORT_USAGE:
		if (!k->ended || k->told)
			break;
		k->told = true;
		k->out.disk_hit = r->disk_full;
		k->out.usage = (struct usage){
			.cpu_ns = r->cpu_user_ns + r->cpu_system_ns,
			.cpu_user_ns = {.known = true, .n = r->cpu_user_ns},
			.cpu_system_ns = {.known = true, .n = r->cpu_system_ns},
			.cpu_known = true,
			.told = true,
			.max_rss_bytes = r->max_rss_kib * 1024,
			.csw_voluntary = r->csw_voluntary,
			.csw_forced = r->csw_forced,
			.faults_minor = r->faults_minor,
			.faults_major = r->faults_major,
		};
		return 0;
	}
	return err_set(e, ERR_BUG, "report from the box is out of order");
}

/* All reports that are there. */
static int read_reports(struct keeper *k, struct err *e)
{
	for (;;) {
		int fds[REPORT_FDS];
		struct run_report r;
		int rc = report_receive(k->sock, &r, fds, e);

		/* The end of it stays readable: poll would return at once until the proxy is gone.
		 */
		if (rc == 0)
			cleanup_fd(&k->sock);
		if (rc == 0 || (rc < 0 && e->errnum == EAGAIN))
			return 0;
		if (rc > 0)
			rc = on_report(k, &r, fds, e);
		for (size_t i = 0; i < REPORT_FDS; i++)
			cleanup_fd(&fds[i]);
		if (rc < 0)
			return -1;
	}
}

static int read_signal(struct keeper *k, struct err *e)
{
	struct signalfd_siginfo info;
	ssize_t n = read(k->signal_fd, &info, sizeof(info));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != (ssize_t)sizeof(info))
		return err_sys(e, ERR_SYSTEM, "read signals");
	kill_for(k, KILL_SIGNAL, (int)info.ssi_signo);
	return 0;
}

static int read_timer(struct keeper *k, struct err *e)
{
	uint64_t times;

	if (read(k->timer_fd, &times, sizeof(times)) < 0 && errno != EAGAIN && errno != EINTR)
		return err_sys(e, ERR_SYSTEM, "read timer");
	return check_limits(k, e);
}

/* The box has not ended yet: is it time to do more about it? */
static int check_patience(struct keeper *k, struct err *e)
{
	uint64_t now = report_now_ns();

	if (k->state == LIVING)
		return 0;
	k->patience_ns -=
		MIN(k->patience_ns, MIN(now - k->waiting_ns, PATIENCE_MS * NSEC_PER_MSEC));
	k->waiting_ns = now;
	if (k->patience_ns > 0)
		return 0;
	if (k->state == DEAD)
		return err_set(e, ERR_BUSY, "cannot kill the processes of the box");
	kill_hard(k);
	return 0;
}

/* Wait for the next event. 1: the proxy, and so everything in the box, has ended; 0; -1. */
static int wait_event(struct keeper *k, struct err *e)
{
	bool watch_oom = k->spec->cgroup && k->state == LIVING;
	struct pollfd p[] = {
		{.fd = k->sock, .events = POLLIN},
		{.fd = k->proxy_fd, .events = POLLIN},
		{.fd = k->signal_fd, .events = POLLIN},
		{.fd = k->timer_fd, .events = POLLIN},
		{.fd = watch_oom ? cgroup_oom_fd(k->spec->cgroup) : -1, .events = POLLIN},
	};
	if (poll(p, ARRAY_LEN(p), k->state == LIVING ? -1 : PATIENCE_MS) < 0)
		return errno == EINTR ? 0 : err_sys(e, ERR_SYSTEM, "wait for the box");
	/* Reports first: a program that has ended is not killed any more. */
	if ((p[0].revents & POLLIN) && read_reports(k, e) < 0)
		return -1;
	/* Again, for what was sent between the looks at the two. */
	if (p[1].revents & POLLIN)
		return k->sock >= 0 && read_reports(k, e) < 0 ? -1 : 1;
	if (p[0].revents == POLLHUP)
		cleanup_fd(&k->sock);
	if ((p[2].revents & POLLIN) && read_signal(k, e) < 0)
		return -1;
	if ((p[3].revents & POLLIN) && read_timer(k, e) < 0)
		return -1;
	/* The whole box, as the kernel does on v2; the program's end is told as any other. */
	if (p[4].revents & POLLIN)
		kill_box(k);
	return check_patience(k, e);
}

static void watch_box(struct keeper *k)
{
	for (;;) {
		struct err why;
		int rc = wait_event(k, &why);

		if (rc > 0)
			return;
		if (rc < 0) {
			fail(k, &why);
			if (why.kind == ERR_BUSY)
				return;
		}
	}
}

/* --- figures --------------------------------------------------------------------------------- */

static int reap_proxy(const struct keeper *k, struct err *e)
{
	siginfo_t info;

	while (waitid(P_PIDFD, (id_t)k->proxy_fd, &info, WEXITED) < 0) {
		if (errno != EINTR)
			return err_sys(e, ERR_SYSTEM, "wait for the box's init");
	}
	return 0;
}

/* All CPU time in the proportion of what is known so far: of v2's group, or else what the processes
 * had, since a group of v1 tells user and system time apart only by ticks of the clock, and a
 * counter (cpumeter.c) not at all. */
static void split_cpu(struct usage *u)
{
	unsigned __int128 user = u->cpu_user_ns.n, all = user + u->cpu_system_ns.n;

	if (!u->cpu_user_ns.known || all == 0) {
		u->cpu_user_ns = u->cpu_system_ns = (struct figure){0};
		return;
	}
	u->cpu_user_ns.n = (uint64_t)(user * u->cpu_ns / all);
	u->cpu_system_ns.n = u->cpu_ns - u->cpu_user_ns.n;
}

/* What the group adds to the figures by process, or puts in their place. */
static int read_group(const struct keeper *k, struct usage *u, struct err *e)
{
	const struct usage by_process = *u;

	if (cgroup_read_usage(k->spec->cgroup, u, e) < 0)
		return -1;
	if (k->spec->limits->figures && cgroup_read_figures(k->spec->cgroup, u, e) < 0)
		return -1;
	u->cpu_known = true;
	if (k->spec->cg_timing)
		return 0;
	u->cpu_known = by_process.cpu_known;
	u->cpu_ns = by_process.cpu_ns;
	u->cpu_user_ns = by_process.cpu_user_ns;
	u->cpu_system_ns = by_process.cpu_system_ns;
	return 0;
}

/* Everybody is dead: the figures. */
static int collect(struct keeper *k, struct err *e)
{
	struct usage *u = &k->out.usage;

	if (!k->told && k->out.killed == KILL_NONE)
		return err_set(
			e, ERR_SYSTEM, "%s",
			k->state == DEAD
				? "what the box used is lost: its processes did not end in time"
				: "the box's init process was killed from outside");
	/* It had to be killed itself: what is known is what was seen last. */
	if (!k->told)
		u->cpu_ns = k->seen_cpu_ns;
	/* A child whose parent ignores SIGCHLD takes what it used along. */
	u->cpu_missed = cpumeter_is_by_process(k->spec) && k->counter_fd < 0;
	if (u->cpu_missed)
		u->cpu_known = u->cpu_user_ns.known = u->cpu_system_ns.known = false;
	u->cpu_ns = MAX(u->cpu_ns, cpumeter_read_counter(k->counter_fd));
	if (k->started)
		u->wall_ns = (k->ended ? k->end_ns : report_now_ns()) - k->start_ns;
	if (k->spec->cgroup && read_group(k, u, e) < 0)
		return -1;
	split_cpu(u);
	return 0;
}

/* --- the beginning --------------------------------------------------------------------------- */

static int open_events(struct keeper *k, struct err *e)
{
	sigset_t set;

	if (all_signals(&set, e) < 0)
		return -1;
	k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k->signal_fd < 0)
		return err_sys(e, ERR_SYSTEM, "open signalfd");
	k->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (k->timer_fd < 0)
		return err_sys(e, ERR_SYSTEM, "open timerfd");
	return 0;
}

/* The last to go when memory runs out, where we may say so; and not the first in any case. */
static int set_oom_score(struct err *e)
{
	auto_fd fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '/proc/self/oom_score_adj'");
	if (fdio_write_all(fd, "-1000", 5) == 0)
		return 0;
	if (fdio_write_all(fd, "0", 1) < 0 && errno != EACCES)
		return err_sys(e, ERR_SYSTEM, "set oom_score_adj of the keeper");
	return 0;
}

/* What limits are worth depends on how soon we run when it is time: before everybody else. Whoever
 * may not say so (no CAP_SYS_NICE) is a little less exact under load. inside.c undoes it. */
static int set_priority(struct err *e)
{
	if (setpriority(PRIO_PROCESS, 0, KEEPER_NICE) < 0 && errno != EPERM && errno != EACCES)
		return err_sys(e, ERR_SYSTEM, "set the keeper's priority");
	return 0;
}

/* The keeper alone, while it waits: nice levels hold only within a session's group where
 * sched_autogroup_enabled is on. Not the proxy, which works as much as the program makes it. It may
 * be forbidden (CAP_SYS_NICE; a group without rt_runtime on cgroup v1): see above. A limit of the
 * caller's on real-time CPU time would end us. */
static void set_realtime(bool on)
{
	const struct sched_param first = {.sched_priority = on ? 1 : 0};
	struct rlimit l;

	if (on && (getrlimit(RLIMIT_RTTIME, &l) < 0 || l.rlim_cur != RLIM_INFINITY))
		return;
	if (sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &first) < 0)
		return;
}

static int start_proxy(struct keeper *k, struct err *e)
{
	const uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
			       (k->spec->share_net ? 0 : CLONE_NEWNET);
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, ERR_SYSTEM, "open socket pair");
	pid = sys_clone(flags, &k->proxy_fd, -1);
	if (pid == 0)
		proxy_run(k->spec, pair[0], pair[1]);
	k->sock = pair[0];
	tty_close_slave(k->spec->tty);
	if (pid < 0)
		(void)err_sys(e, ERR_SYSTEM, "clone into new namespaces");
	cleanup_fd(&pair[1]);
	return pid < 0 ? -1 : 0;
}

/* Runs as: root. Trusts: the proxy's reports up to the program's start. Must not: return while a
 * process of the box is alive, unless it says ERR_BUSY. */
int keeper_run(const struct run_spec *s, struct outcome *out, struct err *e)
{
	struct keeper k = {.spec = s,
			   .proxy_fd = -1,
			   .sock = -1,
			   .timer_fd = -1,
			   .signal_fd = -1,
			   .proc_fd = -1,
			   .program_fd = -1,
			   .counter_fd = -1};
	int rc = -1;

	if (open_events(&k, e) < 0 || set_oom_score(e) < 0 || set_priority(e) < 0 ||
	    start_proxy(&k, e) < 0)
		goto out;
	/* Only if looks at the meter are cheap, however many processes there are. */
	set_realtime(s->limits->cpu_ns == 0 || !cpumeter_is_by_process(s));
	if (priv_limit_caps(KEEPER_CAPS, &k.why) < 0)
		fail(&k, &k.why);
	watch_box(&k);
	set_realtime(false);
	if (k.failed && k.why.kind == ERR_BUSY) {
		*e = k.why;
		goto out;
	}
	if (reap_proxy(&k, e) < 0)
		goto out;
	if (k.failed) {
		*e = k.why;
		goto out;
	}
	if (collect(&k, e) < 0)
		goto out;
	*out = k.out;
	rc = 0;
out:
	cleanup_fd(&k.counter_fd);
	cleanup_fd(&k.program_fd);
	cleanup_fd(&k.proc_fd);
	cleanup_fd(&k.signal_fd);
	cleanup_fd(&k.timer_fd);
	cleanup_fd(&k.sock);
	cleanup_fd(&k.proxy_fd);
	return rc;
}
