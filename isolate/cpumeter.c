/* SPDX-License-Identifier: MIT */
/* CPU time of a box while it runs, read by the keeper. */
#include "isolate/cpumeter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

/* Our pid of the process that pidfd refers to, from /proc/self/fdinfo; 0 when it has none (any
 * more). */
static pid_t pidfd_pid(int pidfd)
{
	char path[64], text[1024];
	auto_fd fd = -1;
	const char *line;
	long pid;

	if (text_format(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd) < 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fdio_read_text(fd, text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "\nPid:");
	if (!line)
		return 0;
	pid = strtol(line + strlen("\nPid:"), NULL, 10);
	return pid > 0 ? (pid_t)pid : 0;
}

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

/* Length of the kernel's tick: what its coarse clocks step by. At most 10 ms (CONFIG_HZ=100). */
static uint64_t get_tick_ns(void)
{
	struct timespec ts;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &ts) < 0 || ts.tv_sec > 0)
		return 10 * NSEC_PER_MSEC;
	return MIN((uint64_t)ts.tv_nsec, 10 * NSEC_PER_MSEC);
}

void cpumeter_init(struct cpumeter *m, const struct run_spec *s, int proc_fd, int program_fd)
{
	pid_t pid;

	*m = (struct cpumeter){
		.proc_fd = proc_fd, .program_fd = program_fd, .counter_fd = -1, .cpus = 1};
	if (s->cgroup && s->cg_timing)
		m->cgroup = s->cgroup;
	m->single = s->limits->processes == 1;
	if (!m->single) {
		int online = get_nprocs();

		m->cpus = s->cgroup ? cgroup_cpus(s->cgroup) : (unsigned)MAX(online, 1);
		if (s->limits->processes > 0)
			m->cpus = (unsigned)MIN((uint64_t)m->cpus, s->limits->processes);
	}
	/* A pid may be another's by the time it is used, so the pidfd has the last word. */
	pid = pidfd_pid(program_fd);
	m->tick_ns = get_tick_ns();
	m->can_visit = sched_getaffinity(0, sizeof(m->home), &m->home) == 0;
	m->have_clock =
		pid > 0 && clock_getcpuclockid(pid, &m->clock) == 0 && !has_ended(program_fd);
}

/* 0 when the process has ended. */
static uint64_t clock_ns(const struct cpumeter *m)
{
	struct timespec ts;

	if (!m->have_clock || clock_gettime(m->clock, &ts) < 0 || has_ended(m->program_fd))
		return 0;
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- the counter ----------------------------------------------------------------------------- */

bool cpumeter_is_by_process(const struct run_spec *s)
{
	return s->limits->processes != 1 && !(s->cgroup && s->cg_timing);
}

int cpumeter_open_counter(struct err *e)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.inherit = 1,
	};
	int fd;

	fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open a counter of CPU time (perf_event_open)");
	return fd;
}

uint64_t cpumeter_read_counter(int counter_fd)
{
	uint64_t ns;

	if (counter_fd < 0 || read(counter_fd, &ns, sizeof(ns)) != (ssize_t)sizeof(ns))
		return 0;
	return ns;
}

/* --- /proc ----------------------------------------------------------------------------------- */

struct task_stat {
	uint64_t own_ns;    /* utime + stime */
	uint64_t reaped_ns; /* cutime + cstime */
	unsigned cpu;	    /* where it runs, or ran last */
	bool running;	    /* or waiting for a processor */
};

/* proc_pid_stat(5): the fields after the command name, which may hold anything, spaces and ')' too.
 */
static bool parse_stat(const char *text, struct task_stat *out)
{
	const char *p = strrchr(text, ')');
	unsigned long long v[36];
	uint64_t tick_ns = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	char *end;

	if (!p)
		return false;
	p++;
	p += strspn(p, " ");
	if (!*p)
		return false;
	out->running = *p == 'R';
	p++; /* v[i] below is field i + 4: ppid, ... */
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		v[i] = strtoull(p, &end, 10);
		if (end == p)
			return false;
		p = end;
	}
	out->own_ns = (v[10] + v[11]) * tick_ns;
	out->reaped_ns = (v[12] + v[13]) * tick_ns;
	out->cpu = (unsigned)v[35];
	return true;
}

/* Of a process or task that is gone by now: false. */
static bool read_stat(int dirfd, const char *id, struct task_stat *out)
{
	char path[64], text[2048];
	auto_fd fd = -1;

	if (text_format(path, sizeof(path), "%s/stat", id) < 0)
		return false;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fdio_read_text(fd, text, sizeof(text)) < 0)
		return false;
	return parse_stat(text, out);
}

static DIR *open_list(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		cleanup_fd(&fd);
	return dir;
}

/* The next process or task in the list. NULL with errno 0: there are no more. */
static const char *next_id(DIR *dir)
{
	struct dirent *d;

	do {
		errno = 0;
		d = readdir(dir);
	} while (d && (d->d_name[0] < '1' || d->d_name[0] > '9'));
	return d ? d->d_name : NULL;
}

/* Pid 1 is the proxy: its own time is ours, what it reaped is the program's. */
static bool is_proxy(const char *pid)
{
	return strcmp(pid, "1") == 0;
}

/* --- one by one ------------------------------------------------------------------------------ */

static int sum_processes(const struct cpumeter *m, uint64_t *ns, struct err *e)
{
	auto_dir dir = open_list(m->proc_fd, ".");
	uint64_t total = 0;
	const char *pid;

	if (!dir)
		return err_sys(e, ERR_SYSTEM, "read the box's process list");
	while ((pid = next_id(dir))) {
		struct task_stat t;

		/* One that is gone has been reaped and counts with its parent from the next look
		 * on. */
		if (read_stat(m->proc_fd, pid, &t))
			total += t.reaped_ns + (is_proxy(pid) ? 0 : t.own_ns);
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "read the box's process list");
	*ns = total;
	return 0;
}

/* --- visits ---------------------------------------------------------------------------------- */

/* So many tasks are looked at; with more than that, switches between them are frequent. */
#define VISIT_TASKS 256

/* Add the processors on which tasks of one process run; at most `max` tasks. Returns how many were
 * looked at. */
static size_t find_cpus(int proc_fd, const char *pid, size_t max, cpu_set_t *out)
{
	char path[64];
	auto_dir dir = NULL;
	const char *tid;
	size_t count = 0;

	if (text_format(path, sizeof(path), "%s/task", pid) == 0)
		dir = open_list(proc_fd, path);
	while (dir && count < max && (tid = next_id(dir))) {
		struct task_stat t;

		count++;
		if (read_stat(dirfd(dir), tid, &t) && t.running && t.cpu < CPU_SETSIZE)
			CPU_SET(t.cpu, out);
	}
	return count;
}

/* Waking up on a processor has the scheduler account for the task that was running there:
 * update_curr() in enqueue_entity(), kernel/sched/fair.c. */
void cpumeter_refresh(const struct cpumeter *m)
{
	bool visit = m->can_visit && m->counter_fd < 0;
	auto_dir dir = visit ? open_list(m->proc_fd, ".") : NULL;
	size_t left = VISIT_TASKS;
	const char *pid;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	while (dir && left > 0 && (pid = next_id(dir))) {
		if (!is_proxy(pid))
			left -= find_cpus(m->proc_fd, pid, left, &cpus);
	}
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&cpus) > 0; cpu++) {
		cpu_set_t there;

		if (!CPU_ISSET(cpu, &cpus))
			continue;
		CPU_CLR(cpu, &cpus);
		CPU_ZERO(&there);
		CPU_SET(cpu, &there);
		/* Fails where our own cpuset lacks it. */
		(void)sched_setaffinity(0, sizeof(there), &there);
	}
	if (dir)
		(void)sched_setaffinity(0, sizeof(m->home), &m->home); /* it was so before */
}

int cpumeter_read(const struct cpumeter *m, uint64_t *ns, struct err *e)
{
	uint64_t own = clock_ns(m), all = 0;

	if (m->cgroup && cgroup_cpu_ns(m->cgroup, &all, e) < 0)
		return -1;
	if (!m->cgroup && !m->single && sum_processes(m, &all, e) < 0)
		return -1;
	all = MAX(all, cpumeter_read_counter(m->counter_fd));
	*ns = MAX(own, all);
	return 0;
}
