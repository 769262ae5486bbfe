/* SPDX-License-Identifier: MIT */
/* Control groups of version 1: a group of the same name in each hierarchy that is used. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

static const char *const ctl_names[CTL_COUNT] = {"memory", "cpuacct", "pids",
						 "blkio",  "cpu",     "cpuset"};

/* The group NAME in one hierarchy, made if need be. */
static int open_parent(const char *mount, const char *name, struct err *e)
{
	auto_fd root = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd dir = -1;

	if (root < 0)
		return err_sys(e, ERR_SYSTEM, "open cgroup hierarchy '%s'", text_quote(mount).s);
	dir = openat(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT) {
		if (mkdirat(root, name, 0755) && errno != EEXIST)
			return err_sys(e, ERR_CONFIG, "create control group '%s/%s'",
				       text_quote(mount).s, name);
		dir = openat(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (dir < 0)
		return err_sys(e, ERR_SYSTEM, "open control group '%s/%s'", text_quote(mount).s,
			       name);
	if (cgroup_check_owner(dir, name, e))
		return -1;
	return take_fd(&dir);
}

/* Controllers that share a hierarchy share the group. Returns the index in p->dirs; takes *dir. */
static int add_dir(struct cgroup_place *p, int *dir, struct err *e)
{
	struct stat st, other;

	if (fstat(*dir, &st))
		return err_sys(e, ERR_SYSTEM, "look at control group");
	for (size_t i = 0; i < p->dir_count; i++) {
		if (fstat(p->dirs[i], &other))
			return err_sys(e, ERR_SYSTEM, "look at control group");
		if (st.st_dev == other.st_dev && st.st_ino == other.st_ino)
			return (int)i;
	}
	p->dirs[p->dir_count] = take_fd(dir);
	return (int)p->dir_count++;
}

/* A hierarchy that boxes can do without: where it cannot be used it is as if it were not there. */
static int find_optional(const char *mount, const char *name, int *index, struct cgroup_place *p,
			 struct err *e)
{
	auto_fd dir = -1;
	struct err ignored;

	*index = -1;
	if (*mount)
		dir = open_parent(mount, name, &ignored);
	if (dir < 0)
		return 0;
	*index = add_dir(p, &dir, e);
	return *index < 0 ? -1 : 0;
}

int cgroup_v1_look(const struct cgroup_mounts *m, struct err *e)
{
	if (!*m->v1[CTL_MEMORY] && !*m->v1[CTL_CPUACCT] && !*m->v1[CTL_PIDS])
		return err_set(e, ERR_CONFIG,
			       "no control groups are mounted: mount -t cgroup2 cgroup2 "
			       "/sys/fs/cgroup");
	for (size_t i = 0; i < CTL_NEEDED; i++)
		if (!*m->v1[i])
			return err_set(e, ERR_CONFIG,
				       "cgroup controller '%s' is not mounted as the others are: "
				       "mount -t cgroup -o %s cgroup /sys/fs/cgroup/%s",
				       ctl_names[i], ctl_names[i], ctl_names[i]);
	return 0;
}

int cgroup_v1_find(const struct cgroup_mounts *m, const char *name, struct cgroup_place *p,
		   struct err *e)
{
	if (cgroup_v1_look(m, e))
		return -1;
	for (size_t i = 0; i < CTL_NEEDED; i++) {
		auto_fd dir = open_parent(m->v1[i], name, e);

		if (dir < 0)
			return -1;
		p->ctl_dir[i] = add_dir(p, &dir, e);
		if (p->ctl_dir[i] < 0)
			return -1;
	}
	p->needed_count = p->dir_count;
	for (size_t i = CTL_NEEDED; i < CTL_COUNT; i++) {
		if (find_optional(m->v1[i], name, &p->ctl_dir[i], p, e))
			return -1;
	}
	p->v2 = false;
	if (text_format(p->name, sizeof(p->name), "v1 /%s", name))
		return err_sys(e, ERR_CONFIG, "cg_root");
	return 0;
}

static int set_number(const struct cgroup *g, int dir, const char *file, uint64_t value,
		      struct err *e)
{
	char text[24];

	if (text_format(text, sizeof(text), "%" PRIu64, value))
		return err_sys(e, ERR_BUG, "limit of control group");
	return cgroup_write_file(dir, g->name, file, text, e);
}

/* Memory and swap together get the same limit, so that none of it can be swap. */
static int limit_memory(const struct cgroup *g, int dir, uint64_t bytes, struct err *e)
{
	if (set_number(g, dir, "memory.limit_in_bytes", bytes, e))
		return -1;
	if (!faccessat(dir, "memory.memsw.limit_in_bytes", F_OK, AT_EACCESS))
		return set_number(g, dir, "memory.memsw.limit_in_bytes", bytes, e);
	/* Without swap accounting the box could use more than its limit. */
	if (cgroup_swap_active())
		return err_set(e, ERR_CONFIG, CGROUP_SWAP_UNCOUNTED);
	/* Should swap be turned on during the run, at least not before anything else. */
	return set_number(g, dir, "memory.swappiness", 0, e);
}

/* cgroup.event_control: "<eventfd> <fd of the file to watch>". */
static int watch_oom(struct cgroup *g, int memory_dir, struct err *e)
{
	char text[32];

	g->oom_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->oom_event < 0)
		return err_sys(e, ERR_SYSTEM, "eventfd");
	if (text_format(text, sizeof(text), "%d %d", g->oom_event, g->oom))
		return err_sys(e, ERR_BUG, "event of control group");
	return cgroup_write_file(memory_dir, g->name, "cgroup.event_control", text, e);
}

int cgroup_v1_setup(struct cgroup *g, const struct limits *l, struct err *e)
{
	int memory = g->dirs[g->place->ctl_dir[CTL_MEMORY]];
	int cpuacct = g->dirs[g->place->ctl_dir[CTL_CPUACCT]];
	int pids = g->dirs[g->place->ctl_dir[CTL_PIDS]];

	if (l->cg_mem_bytes && limit_memory(g, memory, l->cg_mem_bytes, e))
		return -1;
	if (l->processes && set_number(g, pids, "pids.max", l->processes, e))
		return -1;
	/* Not cgroup.procs: writing 0 to tasks moves just the writing thread, which needs no lock
	 * over all processes of the machine (Linux 5.18). The difference is 6 ms on 6.18, an RCU
	 * grace period. The process that joins has only one thread. */
	for (size_t i = 0; i < g->place->dir_count; i++) {
		if (g->dirs[i] < 0)
			continue;
		g->joins[i] = cgroup_open_file(g->dirs[i], g->name, "tasks", O_WRONLY, e);
		if (g->joins[i] < 0)
			return -1;
	}
	g->cpu = cgroup_open_file(cpuacct, g->name, "cpuacct.usage", O_RDONLY, e);
	if (g->cpu < 0)
		return -1;
	g->peak = cgroup_open_file(memory, g->name, "memory.max_usage_in_bytes", O_RDONLY, e);
	if (g->peak < 0)
		return -1;
	g->oom = cgroup_open_file(memory, g->name, "memory.oom_control", O_RDONLY, e);
	if (g->oom < 0)
		return -1;
	return l->cg_mem_bytes ? watch_oom(g, memory, e) : 0;
}

/* ---- killing ------------------------------------------------------------------------------ */

/* So many at once; the rest is caught by the next round. */
#define ROUND_MAX 256

static size_t parse_pids(const char *text, pid_t *out, size_t max)
{
	size_t n = 0;

	while (*text && n < max) {
		char *end;
		long pid = strtol(text, &end, 10); /* written by the kernel: digits and newlines */

		if (end == text)
			break;
		/* 0 is a process that this PID namespace does not see. */
		if (pid > 0)
			out[n++] = (pid_t)pid;
		text = end + strspn(end, "\n");
	}
	return n;
}

/* A descriptor is good for one look: v1 makes the list at the first read of it, and a later read
 * gets that old list again as long as the kernel has it cached, a second after its last use
 * (cgroup_pidlist_start in Linux's kernel/cgroup/cgroup-v1.c). What was forked since would live. */
static int list(int procs, const char *what, pid_t *out, size_t *count, struct err *e)
{
	char buf[ROUND_MAX * 11 + 1];
	ssize_t n = read(procs, buf, sizeof(buf) - 1);

	if (n < 0)
		return err_sys(e, ERR_SYSTEM, "list processes of control group '%s'", what);
	/* A number that was cut belongs to the next round. */
	while (n > 0 && buf[n - 1] != '\n')
		n--;
	buf[n] = '\0';
	*count = parse_pids(buf, out, ROUND_MAX);
	return 0;
}

static bool contains(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* Never by number: a number may have gone to somebody else's process between the list and the
 * signal. A pidfd is opened first, and counts only if the number is on the list again afterwards:
 * if it had changed hands before the pidfd was opened, then either it is not listed now, or the
 * pidfd belongs to a process that is gone. */
int cgroup_v1_kill(int dir, const char *what, size_t *left, struct err *e)
{
	auto_fd first = cgroup_open_file(dir, what, "cgroup.procs", O_RDONLY, e), second = -1;
	pid_t before[ROUND_MAX], after[ROUND_MAX];
	size_t before_count, after_count;
	int fds[ROUND_MAX], rc;

	/* Both before the pidfds, for which the caller may have left too few descriptors. */
	if (first >= 0)
		second = cgroup_open_file(dir, what, "cgroup.procs", O_RDONLY, e);
	if (second < 0 || list(first, what, before, &before_count, e))
		return -1;
	for (size_t i = 0; i < before_count; i++)
		fds[i] = pidfd_open(before[i], 0);
	rc = before_count ? list(second, what, after, &after_count, e) : 0;
	for (size_t i = 0; i < before_count; i++) {
		if (fds[i] < 0)
			continue;
		if (!rc && contains(after, after_count, before[i]) &&
		    pidfd_send_signal(fds[i], SIGKILL, NULL, 0) && errno != ESRCH)
			rc = err_sys(e, ERR_SYSTEM, "kill process of control group '%s'", what);
		cleanup_fd(&fds[i]);
	}
	*left = before_count;
	return rc;
}
