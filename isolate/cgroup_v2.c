/* SPDX-License-Identifier: MIT */
/* Control groups of version 2: one hierarchy; controllers are handed down from parent to child. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

/* Needed by every box, and used where it is there. */
static const char *const needed[] = {"memory", "pids"};
#define WANTED "cpu"

/* cgroup.subtree_control and cgroup.controllers: a dozen short words. */
#define LIST_SIZE  512
#define LEVELS_MAX 32

static bool is_v2(int fd)
{
	struct statfs st;

	return !fstatfs(fd, &st) && (unsigned)st.f_type == CGROUP2_SUPER_MAGIC;
}

/* The first needed controller that a list lacks, or NULL. */
static const char *lacking(const char *list)
{
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!cgroup_has_word(list, needed[i]))
			return needed[i];
	return NULL;
}

bool cgroup_v2_usable(const char *mount)
{
	auto_fd fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char list[LIST_SIZE];
	struct err ignored;

	return fd >= 0 &&
	       !cgroup_read_file(fd, "cgroup.controllers", list, sizeof(list), &ignored) &&
	       !lacking(list);
}

/* Open the directory, making its last component where only that is missing. */
static int open_group(const char *path, struct err *e)
{
	auto_fd fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd parent = -1;
	const char *name = strrchr(path, '/') + 1;
	char dir[PATH_MAX];

	if (fd < 0 && errno == ENOENT && *name) {
		if (text_format(dir, sizeof(dir), "%.*s", (int)(name - path), path))
			return err_sys(e, ERR_CONFIG, "cg_root");
		parent = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0)
			return err_sys(e, ERR_CONFIG, "cg_root: open control group '%s'",
				       text_quote(path).s);
		if (!is_v2(parent))
			return err_set(
				e, ERR_CONFIG,
				"cg_root: '%s' is not in a cgroup v2 file system: see isolate.cf(5)",
				text_quote(path).s);
		if (mkdirat(parent, name, 0755) && errno != EEXIST)
			return err_sys(e, ERR_CONFIG, "create control group '%s'",
				       text_quote(path).s);
		fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(e, ERR_CONFIG, "cg_root: open control group '%s'",
			       text_quote(path).s);
	if (!is_v2(fd))
		return err_set(e, ERR_CONFIG,
			       "cg_root: '%s' is not in a cgroup v2 file system: see isolate.cf(5)",
			       text_quote(path).s);
	return take_fd(&fd);
}

static int give(int fd, const char *controller, struct err *e)
{
	char word[32];

	if (text_format(word, sizeof(word), "+%s", controller))
		return err_sys(e, ERR_BUG, "name of controller");
	return cgroup_write_file(fd, "..", "cgroup.subtree_control", word, e);
}

/* Hand the controllers of the group at fd down to its children. Level 0 is the group of the boxes,
 * the others its parents. */
static int enable_level(int fd, unsigned level, const char *path, struct err *e)
{
	char have[LIST_SIZE], given[LIST_SIZE];
	struct err why;

	if (cgroup_read_file(fd, "cgroup.controllers", have, sizeof(have), e) ||
	    cgroup_read_file(fd, "cgroup.subtree_control", given, sizeof(given), e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		if (cgroup_has_word(given, needed[i]))
			continue;
		if (!cgroup_has_word(have, needed[i]))
			return err_set(
				e, ERR_CONFIG,
				"cgroup controller '%s' is missing in %s'%s': delegate it to "
				"that group, or boot without cgroup_disable=%s",
				needed[i], level ? "a parent of " : "", path, needed[i]);
		if (!give(fd, needed[i], &why))
			continue;
		if (why.errnum == EBUSY)
			return err_set(
				e, ERR_CONFIG,
				"%s'%s' holds processes, so that control groups in it get no "
				"controllers: set cg_root to a group without processes, or "
				"move these into a child group",
				level ? "a parent of " : "", path);
		*e = why;
		return err_wrap(e, "prepare control group '%s'", path);
	}
	/* Only --cpus and the like need it: no reason to refuse when it cannot be had. */
	if (cgroup_has_word(have, WANTED) && !cgroup_has_word(given, WANTED) &&
	    give(fd, WANTED, &why))
		return 0;
	return 0;
}

/* Enable the controllers in the group at fd, and before that in all its parents that we can see:
 * they can only be handed down step by step. */
static int enable_controllers(int fd, const char *path, struct err *e)
{
	int levels[LEVELS_MAX], rc = 0;
	unsigned count = 0;

	levels[count] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (levels[count] < 0)
		return err_sys(e, ERR_SYSTEM, "duplicate descriptor");
	count++;
	while (count < LEVELS_MAX) {
		/* Above the mount's root lies another file system. */
		int up = openat(levels[count - 1], "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (up < 0 || !is_v2(up)) {
			cleanup_fd(&up);
			break;
		}
		levels[count++] = up;
	}
	for (unsigned i = count; i-- > 0;) {
		if (!rc)
			rc = enable_level(levels[i], i, path, e);
		cleanup_fd(&levels[i]);
	}
	return rc;
}

int cgroup_v2_find(const char *path, struct cgroup_place *p, struct err *e)
{
	auto_fd fd = open_group(path, e);
	char given[LIST_SIZE];

	if (fd < 0)
		return -1;
	if (cgroup_check_owner(fd, path, e))
		return -1;
	if (cgroup_read_file(fd, "cgroup.subtree_control", given, sizeof(given), e))
		return -1;
	if (lacking(given) && enable_controllers(fd, path, e))
		return -1;
	if (text_format(p->name, sizeof(p->name), "v2 %s", path))
		return err_sys(e, ERR_CONFIG, "cg_root");
	p->v2 = true;
	p->dirs[0] = take_fd(&fd);
	p->dir_count = 1;
	return 0;
}

static int set_number(const struct cgroup *g, const char *file, uint64_t value, struct err *e)
{
	char text[24];

	if (text_format(text, sizeof(text), "%" PRIu64, value))
		return err_sys(e, ERR_BUG, "limit of control group");
	return cgroup_write_file(g->dirs[0], g->name, file, text, e);
}

static int limit_memory(const struct cgroup *g, uint64_t bytes, struct err *e)
{
	struct err why;

	if (set_number(g, "memory.max", bytes, e))
		return -1;
	/* A box that runs out dies whole (Linux 4.19): half of one gives wrong answers. */
	if (set_number(g, "memory.oom.group", 1, e))
		return -1;
	if (!set_number(g, "memory.swap.max", 0, &why))
		return 0;
	if (why.errnum != ENOENT) {
		*e = why;
		return -1;
	}
	/* A kernel without swap has no such file; one with swap that is not counted would let the
	 * box use more than its limit. */
	if (cgroup_swap_active())
		return err_set(e, ERR_CONFIG,
			       "swap is on, but the kernel does not count it per control group: "
			       "swapoff -a, or boot without swapaccount=0");
	return 0;
}

int cgroup_v2_setup(struct cgroup *g, const struct limits *l, struct err *e)
{
	int dir = g->dirs[0];

	if (l->cg_mem_bytes && limit_memory(g, l->cg_mem_bytes, e))
		return -1;
	if (l->processes && set_number(g, "pids.max", l->processes, e))
		return -1;
	g->kill = cgroup_open_file(dir, g->name, "cgroup.kill", O_WRONLY, e);
	if (g->kill < 0)
		return -1;
	g->cpu = cgroup_open_file(dir, g->name, "cpu.stat", O_RDONLY, e);
	if (g->cpu < 0)
		return -1;
	g->oom = cgroup_open_file(dir, g->name, "memory.events", O_RDONLY, e);
	if (g->oom < 0)
		return -1;
	g->peak = cgroup_open_file(dir, g->name, "memory.peak", O_RDONLY, e);
	if (g->peak < 0 && e->errnum != ENOENT) /* Linux 5.19 */
		return -1;
	return 0;
}
