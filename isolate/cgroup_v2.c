/* SPDX-License-Identifier: MIT */
/* Control groups of version 2: one hierarchy; controllers are handed down from parent to child. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

/* Needed by every box, and used where they are there. */
static const char *const needed[] = {"memory", "pids"};
static const char *const wanted[] = {"cpu", "io"};

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

static int not_v2(const char *path, struct err *e)
{
	return err_set(e, ERR_CONFIG,
		       "cg_root: '%s' is not in a cgroup v2 file system: see isolate.cf(5)",
		       text_quote(path).s);
}

static int no_group(const char *path, enum cgroup_kind kind, struct err *e)
{
	if (kind == CGROUP_DELEGATED && errno == ENOENT)
		return err_set(e, ERR_CONFIG,
			       "control group '%s', which '%s' names, is gone: systemctl restart "
			       "isolate",
			       text_quote(path).s, CGROUP_KEEPER_FILE);
	return err_sys(e, ERR_CONFIG, "cg_root: open control group '%s'", text_quote(path).s);
}

/* The directory above, for a group that is to be made: only the last component may be missing, and
 * of what the keeper was given nothing may. */
static int open_above(const char *path, enum cgroup_kind kind, struct err *e)
{
	const char *name = strrchr(path, '/') + 1;
	char dir[PATH_MAX];
	auto_fd fd = -1;

	if (!*name || kind == CGROUP_DELEGATED) {
		errno = ENOENT;
		return no_group(path, kind, e);
	}
	if (text_format(dir, sizeof(dir), "%.*s", (int)(name - path), path))
		return err_sys(e, ERR_CONFIG, "cg_root");
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return no_group(path, kind, e);
	if (!is_v2(fd))
		return not_v2(path, e);
	return take_fd(&fd);
}

/* Open the directory, making its last component where only that is missing. */
static int open_group(const char *path, enum cgroup_kind kind, struct err *e)
{
	auto_fd fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *name = strrchr(path, '/') + 1;

	if (fd < 0 && errno == ENOENT) {
		auto_fd parent = open_above(path, kind, e);

		if (parent < 0)
			return -1;
		if (mkdirat(parent, name, 0755) && errno != EEXIST) {
			(void)err_sys(e, ERR_CONFIG, "create control group '%s'",
				      text_quote(path).s);
			return errno == EROFS ? err_wrap(e, "mount the cgroup hierarchy writable")
					      : -1;
		}
		fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return no_group(path, kind, e);
	if (!is_v2(fd))
		return not_v2(path, e);
	return take_fd(&fd);
}

/* The group at fd and all above it, as far as the mount shows them. Returns how many, 0 on error.
 */
static unsigned open_levels(int fd, int levels[LEVELS_MAX], struct err *e)
{
	unsigned count = 1;

	levels[0] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (levels[0] < 0) {
		(void)err_sys(e, ERR_SYSTEM, "duplicate descriptor");
		return 0;
	}
	while (count < LEVELS_MAX) {
		/* Above the mount's root lies another file system. */
		int up = openat(levels[count - 1], "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (up < 0 || !is_v2(up)) {
			cleanup_fd(&up);
			break;
		}
		levels[count++] = up;
	}
	return count;
}

static int give(int fd, const char *controller, struct err *e)
{
	char word[32];

	if (text_format(word, sizeof(word), "+%s", controller))
		return err_sys(e, ERR_BUG, "name of controller");
	return cgroup_write_file(fd, "..", "cgroup.subtree_control", word, e);
}

static int lacks_controller(const char *controller, const char *where, const char *path,
			    enum cgroup_kind kind, struct err *e)
{
	if (kind == CGROUP_CONTAINER)
		return err_set(e, ERR_CONFIG,
			       "cgroup controller '%s' is missing in %s'%s': let whoever started "
			       "this container delegate it",
			       controller, where, path);
	if (kind == CGROUP_DELEGATED)
		return err_set(e, ERR_CONFIG,
			       "cgroup controller '%s' is missing in %s'%s': its unit needs "
			       "Delegate=yes",
			       controller, where, path);
	return err_set(e, ERR_CONFIG,
		       "cgroup controller '%s' is missing in %s'%s': delegate it to that group, or "
		       "boot without cgroup_disable=%s",
		       controller, where, path, controller);
}

static int holds_processes(const char *where, const char *path, enum cgroup_kind kind,
			   struct err *e)
{
	const char *mend = kind == CGROUP_CONTAINER
				   ? "set cg_move_processes = yes"
				   : "set cg_root to a group without processes, or move these into "
				     "a child group";

	(void)err_set(e, ERR_CONFIG,
		      "%s'%s' holds processes, so that control groups in it get no controllers: %s",
		      where, path, mend);
	e->errnum = EBUSY;
	return -1;
}

/* Hand the controllers of the group at fd down to its children; `where` is "" or says that it is
 * only above `path`. */
static int enable(int fd, const char *where, const char *path, enum cgroup_kind kind, struct err *e)
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
			return lacks_controller(needed[i], where, path, kind, e);
		if (!give(fd, needed[i], &why))
			continue;
		if (why.errnum == EBUSY)
			return holds_processes(where, path, kind, e);
		*e = why;
		return err_wrap(e, "prepare control group '%s'", path);
	}
	/* Only --cpus and the like need one, and some figures the other: no reason to refuse when
	 * they cannot be had. */
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		if (cgroup_has_word(have, wanted[i]) && !cgroup_has_word(given, wanted[i]) &&
		    give(fd, wanted[i], &why))
			continue;
	}
	return 0;
}

int cgroup_v2_enable(int fd, const char *path, enum cgroup_kind kind, struct err *e)
{
	return enable(fd, "", path, kind, e);
}

/* The root of a container, which holds processes. One caller at a time, told apart by a file that
 * only root can open: were one still moving processes while another runs a box already, a process
 * number that changed hands would take a process of that box along, out of its limits. */
static int empty_root(int root_fd, int boxes_fd, const char *path, struct err *e)
{
	auto_fd lock = cgroup_open_file(boxes_fd, path, "cgroup.kill", O_WRONLY, e);

	if (lock < 0)
		return -1;
	if (flock(lock, LOCK_EX))
		return err_sys(e, ERR_SYSTEM, "lock control group '%s'", path);
	if (!enable(root_fd, "", path, CGROUP_CONTAINER, e))
		return 0; /* somebody else has just done it */
	if (e->errnum != EBUSY || cgroup_v2_move_out(root_fd, path, e))
		return -1;
	return enable(root_fd, "the root above ", path, CGROUP_CONTAINER, e);
}

/* Enable the controllers in the group at fd, and before that in all its parents that we can see:
 * they can only be handed down step by step. */
static int enable_all(int fd, const char *path, enum cgroup_kind kind, bool move, struct err *e)
{
	int levels[LEVELS_MAX], rc = 0;
	unsigned count = open_levels(fd, levels, e);

	if (!count)
		return -1;
	for (unsigned i = count; i-- > 0;) {
		if (!rc) {
			rc = enable(levels[i], i ? "a parent of " : "", path, kind, e);
			if (rc && e->errnum == EBUSY && i && move && kind == CGROUP_CONTAINER)
				rc = empty_root(levels[i], fd, path, e);
		}
		cleanup_fd(&levels[i]);
	}
	return rc;
}

/* What enable would find, without doing it: `top` is the highest group that we see. */
static int look(int fd, bool top, const char *where, const char *path, enum cgroup_kind kind,
		struct err *e)
{
	char list[LIST_SIZE];
	struct stat st;
	auto_fd procs = -1;

	if (cgroup_read_file(fd, "cgroup.subtree_control", list, sizeof(list), e))
		return -1;
	if (!lacking(list))
		return 0;
	if (top) {
		if (cgroup_read_file(fd, "cgroup.controllers", list, sizeof(list), e))
			return -1;
		if (lacking(list))
			return lacks_controller(lacking(list), where, path, kind, e);
	}
	/* Only the root of all may have both processes and controllers for others. */
	if (fstatat(fd, "cgroup.type", &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	procs = cgroup_open_file(fd, path, "cgroup.procs", O_RDONLY, e);
	if (procs < 0)
		return -1;
	return read(procs, list, 1) > 0 ? holds_processes(where, path, kind, e) : 0;
}

int cgroup_v2_look(const char *path, enum cgroup_kind kind, bool move_processes, struct err *e)
{
	auto_fd fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool there = fd >= 0;
	int levels[LEVELS_MAX], rc = 0;
	unsigned count;

	if (!there && errno != ENOENT)
		return no_group(path, kind, e);
	if (!there)
		fd = open_above(path, kind, e);
	if (fd < 0)
		return -1;
	if (!is_v2(fd))
		return not_v2(path, e);
	if (there && cgroup_check_owner(fd, path, e))
		return -1;
	count = open_levels(fd, levels, e);
	if (!count)
		return -1;
	for (unsigned i = count; i-- > 0;) {
		bool boxes = there && !i;

		if (!rc) {
			rc = look(levels[i], i == count - 1, boxes ? "" : "a parent of ", path,
				  kind, e);
			if (rc && e->errnum == EBUSY && !boxes && move_processes &&
			    kind == CGROUP_CONTAINER)
				rc = 0;
		}
		cleanup_fd(&levels[i]);
	}
	return rc;
}

/* Top down, since a group can only hand down what it has; from the lowest one on that hands it down
 * already. */
int cgroup_v2_hand_down(const struct cgroup_place *p, const char *controller, struct err *e)
{
	unsigned count, last = p->delegated ? 1 : LEVELS_MAX;
	int levels[LEVELS_MAX], rc = 0;

	for (count = 0; count < last; count++) {
		char given[LIST_SIZE];
		int fd = count ? openat(levels[count - 1], "..", O_PATH | O_DIRECTORY | O_CLOEXEC)
			       : fcntl(p->dirs[0], F_DUPFD_CLOEXEC, 3);

		levels[count] = fd;
		/* Above the mount's root lies another file system. */
		if (fd < 0 || !is_v2(fd) ||
		    (rc = cgroup_read_file(fd, "cgroup.subtree_control", given, sizeof(given),
					   e)) ||
		    cgroup_has_word(given, controller)) {
			cleanup_fd(&levels[count]);
			break;
		}
	}
	while (count-- > 0) {
		if (!rc)
			rc = give(levels[count], controller, e);
		cleanup_fd(&levels[count]);
	}
	return rc;
}

int cgroup_v2_find(const char *path, enum cgroup_kind kind, bool move_processes,
		   struct cgroup_place *p, struct err *e)
{
	auto_fd fd = open_group(path, kind, e);
	char given[LIST_SIZE];

	if (fd < 0)
		return -1;
	if (cgroup_check_owner(fd, path, e))
		return -1;
	if (cgroup_read_file(fd, "cgroup.subtree_control", given, sizeof(given), e))
		return -1;
	if (lacking(given) && enable_all(fd, path, kind, move_processes, e))
		return -1;
	if (text_format(p->name, sizeof(p->name), "v2 %s", path))
		return err_sys(e, ERR_CONFIG, "cg_root");
	p->v2 = true;
	p->delegated = kind == CGROUP_DELEGATED;
	p->dirs[0] = take_fd(&fd);
	p->dir_count = p->needed_count = 1;
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
		return err_set(e, ERR_CONFIG, CGROUP_SWAP_UNCOUNTED);
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
