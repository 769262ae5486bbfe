/* SPDX-License-Identifier: MIT */
/* Control groups: which processors and memory nodes a box may use, and how much of them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"
#include "isolate/cpulist.h"

/* The kernel's own default, and everybody's. */
#define PERIOD_US      100000
#define PERIOD_US_TEXT "100000"

/* Long enough for every second of a thousand processors. */
#define LIST_SIZE 4096

bool cgroup_cpu_wants(const struct cgroup_place *p, const struct limits *l, size_t i)
{
	return !p->v2 && ((l->cpu_milli && p->ctl_dir[CTL_CPU] == (int)i) ||
			  ((l->cpu_list || l->mem_list) && p->ctl_dir[CTL_CPUSET] == (int)i));
}

/* The directory of the group with the files of this controller; v2: after it was handed down.
 * `file` tells whether it is there, `why` what needs it. */
static int find_dir(const struct cgroup *g, enum cg_ctl ctl, const char *controller,
		    const char *file, const char *why, struct err *e)
{
	const struct cgroup_place *p = g->place;
	int dir = p->v2 ? g->dirs[0] : p->ctl_dir[ctl] < 0 ? -1 : g->dirs[p->ctl_dir[ctl]];
	struct err reason;

	if (dir >= 0 && !faccessat(dir, file, F_OK, AT_EACCESS))
		return dir;
	if (!p->v2)
		return err_set(e, ERR_CONFIG,
			       "%s needs the cgroup controller '%s', which is not mounted: "
			       "mount -t cgroup -o %s cgroup /sys/fs/cgroup/%s",
			       why, controller, controller, controller);
	if (cgroup_v2_hand_down(p, controller, &reason))
		return err_set(e, ERR_CONFIG,
			       "%s needs the cgroup controller '%s', which is not delegated to "
			       "'%s' (%s)",
			       why, controller, p->name + strlen("v2 "),
			       err_strerror(reason.errnum));
	if (faccessat(dir, file, F_OK, AT_EACCESS))
		return err_sys(e, ERR_CONFIG, "%s needs '%s' of the control group", why, file);
	return dir;
}

static int limit_bandwidth(struct cgroup *g, uint64_t milli, struct err *e)
{
	const char *file = g->place->v2 ? "cpu.max" : "cpu.cfs_quota_us";
	int dir = find_dir(g, CTL_CPU, "cpu", file, "--cpus", e);
	uint64_t quota_us = milli * (PERIOD_US / 1000);
	char text[48];

	if (dir < 0)
		return -1;
	if (g->place->v2 ? text_format(text, sizeof(text), "%" PRIu64 " " PERIOD_US_TEXT, quota_us)
			 : text_format(text, sizeof(text), "%" PRIu64, quota_us))
		return err_sys(e, ERR_BUG, "limit of control group");
	g->throttled = true;
	if (!g->place->v2 &&
	    cgroup_write_file(dir, g->name, "cpu.cfs_period_us", PERIOD_US_TEXT, e))
		return -1;
	return cgroup_write_file(dir, g->name, file, text, e);
}

/* Before Linux 6.18 a process that has used up its group's share waits wherever it is in the
 * kernel, also in the middle of its exit, for minutes where there is much to give back. */
void cgroup_cpu_release(const struct cgroup_place *p, const char *name)
{
	const char *file = p->v2 ? "cpu.max" : "cpu.cfs_quota_us", *none = p->v2 ? "max" : "-1";
	char path[64];

	if (text_format(path, sizeof(path), "%s/%s", name, file))
		return;
	for (size_t i = 0; i < p->dir_count; i++) {
		auto_fd fd = openat(p->dirs[i], path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd >= 0 && write(fd, none, strlen(none)) < 0)
			continue;
	}
}

static int read_list(int dir, const char *file, struct cpulist *out, struct err *e)
{
	char text[LIST_SIZE];

	if (cgroup_read_file(dir, file, text, sizeof(text), e))
		return -1;
	text[strcspn(text, "\n")] = '\0';
	return cpulist_parse(text, file, out, e);
}

/* A group of v1 begins with no processor and no memory node at all, and gets its parent's here. */
static int inherit_list(int parent_dir, int dir, const char *name, const char *file, struct err *e)
{
	char text[LIST_SIZE];

	if (cgroup_read_file(dir, file, text, sizeof(text), e))
		return -1;
	if (text[0] && text[0] != '\n')
		return 0;
	if (cgroup_read_file(parent_dir, file, text, sizeof(text), e))
		return -1;
	text[strcspn(text, "\n")] = '\0';
	return cgroup_write_file(dir, name, file, text, e);
}

static int inherit_lists(const struct cgroup *g, int dir, struct err *e)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	int parent_dir = g->place->dirs[g->place->ctl_dir[CTL_CPUSET]];
	auto_fd above_dir = openat(parent_dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (above_dir < 0)
		return err_sys(e, ERR_SYSTEM, "open the root of the cpuset hierarchy");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (inherit_list(above_dir, parent_dir, "..", files[i], e) ||
		    inherit_list(parent_dir, dir, g->name, files[i], e))
			return -1;
	}
	return 0;
}

/* Write the list and look what became of it: v2 takes any, and where none of it can be had gives
 * all that the parent has. */
static int set_list(const struct cgroup *g, int dir, const char *file, const char *effective,
		    const char *list, struct err *e)
{
	struct cpulist asked, got;
	char key[48];

	/* box-7 and cpuset.cpus: box7.cpus */
	if (text_format(key, sizeof(key), "box%s%s", g->name + strlen("box-"), strchr(file, '.')))
		return err_sys(e, ERR_BUG, "name of key");
	if (cgroup_write_file(dir, g->name, file, list, e))
		return err_wrap(e, "configuration: %s = %s", key, list);
	if (cpulist_parse(list, key, &asked, e) || read_list(dir, effective, &got, e))
		return -1;
	if (!cpulist_within(&got, &asked))
		return err_set(e, ERR_CONFIG,
			       "configuration: %s = %s: this machine, or the control group that "
			       "boxes are in, has none of them",
			       key, list);
	return 0;
}

static int pin(struct cgroup *g, const struct limits *l, struct err *e)
{
	bool v2 = g->place->v2;
	const char *cpus = v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus";
	const char *mems = v2 ? "cpuset.mems.effective" : "cpuset.effective_mems";
	int dir = find_dir(g, CTL_CPUSET, "cpuset", "cpuset.cpus", "a box with cpus or mems", e);
	struct cpulist got;

	if (dir < 0 || (!v2 && inherit_lists(g, dir, e)))
		return -1;
	if (l->cpu_list && set_list(g, dir, "cpuset.cpus", cpus, l->cpu_list, e))
		return -1;
	if (l->mem_list && set_list(g, dir, "cpuset.mems", mems, l->mem_list, e))
		return -1;
	if (read_list(dir, cpus, &got, e))
		return -1;
	g->cpus = MIN(g->cpus, cpulist_count(&got));
	return 0;
}

/* As many processors as l->processes tasks can keep busy at once. Not the affinity of this process:
 * the program may widen its own. Nor does --cpus count: as long as its share of a period lasts, a
 * box may use all processors. */
static unsigned count_cpus(const struct limits *l)
{
	long online;

	if (l->processes == 1)
		return 1;
	online = sysconf(_SC_NPROCESSORS_ONLN);
	if (online < 1)
		online = CPU_SETSIZE;
	if (l->processes && l->processes < (uint64_t)online)
		return (unsigned)l->processes;
	return (unsigned)online;
}

int cgroup_cpu_setup(struct cgroup *g, const struct limits *l, struct err *e)
{
	g->cpus = count_cpus(l);
	if (l->cpu_milli && limit_bandwidth(g, l->cpu_milli, e))
		return -1;
	if ((l->cpu_list || l->mem_list) && pin(g, l, e))
		return -1;
	return 0;
}
