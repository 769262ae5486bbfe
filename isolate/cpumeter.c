/* SPDX-License-Identifier: MIT */
/* CPU time of a box while it runs, read by the keeper. */
#include "isolate/cpumeter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

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

void cpumeter_init(struct cpumeter *m, const struct run_spec *s, int proc_fd, int program_fd)
{
	pid_t pid;

	*m = (struct cpumeter){.proc_fd = proc_fd, .program_fd = program_fd, .cpus = 1};
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

/* --- one by one ------------------------------------------------------------------------------ */

struct proc_times {
	uint64_t own_ns;    /* utime + stime */
	uint64_t reaped_ns; /* cutime + cstime */
};

/* proc(5): the fields after the command name, which may hold anything, spaces and ')' too. */
static bool parse_stat(const char *text, struct proc_times *out)
{
	const char *p = strrchr(text, ')');
	unsigned long long v[15];
	uint64_t tick_ns = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	char *end;

	if (!p)
		return false;
	p++;
	p += strspn(p, " ");
	if (!*p)
		return false;
	p++; /* state; v[i] below is field i + 4: ppid, ... */
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		v[i] = strtoull(p, &end, 10);
		if (end == p)
			return false;
		p = end;
	}
	out->own_ns = (v[10] + v[11]) * tick_ns;
	out->reaped_ns = (v[12] + v[13]) * tick_ns;
	return true;
}

/* A process that is gone by now has been reaped and counts with its parent from the next look on.*/
static bool read_stat(int proc_fd, const char *pid, struct proc_times *out)
{
	char path[64], text[2048];
	auto_fd fd = -1;

	if (text_format(path, sizeof(path), "%s/stat", pid) < 0)
		return false;
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fdio_read_text(fd, text, sizeof(text)) < 0)
		return false;
	return parse_stat(text, out);
}

static int sum_processes(const struct cpumeter *m, uint64_t *ns, struct err *e)
{
	int fd = openat(m->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t total = 0;

	if (!dir) {
		cleanup_fd(&fd);
		return err_sys(e, ERR_SYSTEM, "read the box's process list");
	}
	for (;;) {
		struct proc_times t;
		struct dirent *d;

		errno = 0;
		d = readdir(dir);
		if (!d)
			break;
		if (d->d_name[0] < '1' || d->d_name[0] > '9' ||
		    !read_stat(m->proc_fd, d->d_name, &t))
			continue;
		/* Pid 1 is the proxy: its own time is ours, what it reaped is the program's. */
		total += t.reaped_ns + (strcmp(d->d_name, "1") == 0 ? 0 : t.own_ns);
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "read the box's process list");
	*ns = total;
	return 0;
}

int cpumeter_read(const struct cpumeter *m, uint64_t *ns, struct err *e)
{
	uint64_t own = clock_ns(m), all = 0;

	if (m->cgroup && cgroup_cpu_ns(m->cgroup, &all, e) < 0)
		return -1;
	if (!m->cgroup && !m->single && sum_processes(m, &all, e) < 0)
		return -1;
	*ns = MAX(own, all);
	return 0;
}
