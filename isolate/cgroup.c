/* SPDX-License-Identifier: MIT */
/* One control group per run: what v1 and v2 have in common. */
#include "isolate/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/num.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

/* How long killed processes may take to go: one that writes a large core or tears down a big
 * address space needs a while; one that hangs in the kernel never goes. That is how long we slept
 * between looks, not what the clock says: when the machine stood still, nobody could go. */
#define GONE_NS (5 * NSEC_PER_SEC)

/* ---- small files -------------------------------------------------------------------------- */

int cgroup_open_file(int dirfd, const char *what, const char *file, int flags, struct err *e)
{
	int fd = openat(dirfd, file, flags | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s/%s'", what, file);
	return fd;
}

int cgroup_read_fd(int fd, const char *file, char *buf, size_t size, struct err *e)
{
	ssize_t n = pread(fd, buf, size, 0);

	if (n >= 0 && (size_t)n == size) {
		errno = EFBIG;
		n = -1;
	}
	if (n < 0)
		return err_sys(e, ERR_SYSTEM, "read '%s' of the control group", file);
	buf[n] = '\0';
	return 0;
}

int cgroup_read_file(int dirfd, const char *file, char *buf, size_t size, struct err *e)
{
	auto_fd fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s' of the control group", file);
	return cgroup_read_fd(fd, file, buf, size, e);
}

int cgroup_write_file(int dirfd, const char *what, const char *file, const char *value,
		      struct err *e)
{
	auto_fd fd = cgroup_open_file(dirfd, what, file, O_WRONLY, e);

	if (fd < 0)
		return -1;
	if (fdio_write_all(fd, value, strlen(value)))
		return err_sys(e, ERR_SYSTEM, "write '%s' to '%s/%s'", value, what, file);
	return 0;
}

bool cgroup_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, " \n");

		if (n == len && !strncmp(list, word, n))
			return true;
		list += n;
		list += strspn(list, " \n");
	}
	return false;
}

/* Digits up to the end of the line. */
static bool parse_number(const char *s, uint64_t *out)
{
	uint64_t value = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
			return false;
	if (*s && *s != '\n')
		return false;
	*out = value;
	return true;
}

bool cgroup_parse_keyed(const char *text, const char *key, uint64_t *out)
{
	size_t len = strlen(key);

	while (*text) {
		if (!strncmp(text, key, len) && text[len] == ' ')
			return parse_number(text + len + 1, out);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return false;
}

int cgroup_check_owner(int dirfd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(dirfd, &st))
		return err_sys(e, ERR_SYSTEM, "look at control group '%s'", path);
	if (st.st_uid != 0 || (st.st_mode & 022))
		return err_set(e, ERR_CONFIG,
			       "control group '%s' can be changed by others than root: "
			       "chown root and chmod 755 it, or set another cg_root",
			       path);
	return 0;
}

bool cgroup_swap_active(void)
{
	auto_fd fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);
	char buf[512];
	ssize_t n;

	if (fd < 0)
		return errno != ENOENT; /* a kernel without swap has no such file */
	n = fdio_read_full(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		return true;
	buf[n] = '\0';
	/* A heading, and a line for each area. */
	return strchr(buf, '\n') && strchr(buf, '\n')[1] != '\0';
}

/* ---- one group ---------------------------------------------------------------------------- */

/* rmdir of the group at dir that waits until the kernel has let go of killed tasks, or nothing is
 * left of *patience_ns. On v1 it also kills what is still there; on v2 cgroup.kill has caught
 * everything. */
static int remove_dir(const struct cgroup_place *p, int parent_fd, const char *name, int dir,
		      uint64_t *patience_ns, struct err *e)
{
	struct timespec pause = {.tv_nsec = 200 * 1000};

	for (;;) {
		size_t left;

		if (!unlinkat(parent_fd, name, AT_REMOVEDIR) || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return err_sys(e, ERR_SYSTEM, "remove control group '%s'", name);
		if (*patience_ns == 0)
			return err_set(e, ERR_BUSY,
				       "control group '%s' has processes that cannot be killed",
				       name);
		if (!p->v2 && cgroup_v1_kill(dir, name, &left, e))
			return -1;
		(void)nanosleep(&pause, NULL); /* an early wake-up only means one more look */
		*patience_ns -= MIN(*patience_ns, (uint64_t)pause.tv_nsec);
		if (pause.tv_nsec < 20 * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
}

/* Kill and remove whatever group of that name is in one hierarchy. */
static int sweep_dir(const struct cgroup_place *p, int parent_fd, const char *name, struct err *e)
{
	auto_fd dir = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t patience_ns = GONE_NS;

	if (dir < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(e, ERR_SYSTEM, "open control group '%s'", name);
	}
	if (p->v2 && cgroup_write_file(dir, name, "cgroup.kill", "1", e))
		return -1;
	return remove_dir(p, parent_fd, name, dir, &patience_ns, e);
}

static int format_name(unsigned box_id, char *buf, size_t size, struct err *e)
{
	if (text_format(buf, size, "box-%u", box_id))
		return err_sys(e, ERR_BUG, "name of control group");
	return 0;
}

int cgroup_sweep(const struct cgroup_place *p, unsigned box_id, struct err *e)
{
	char name[24];

	if (format_name(box_id, name, sizeof(name), e))
		return -1;
	cgroup_cpu_release(p, name);
	for (size_t i = 0; i < p->dir_count; i++)
		if (sweep_dir(p, p->dirs[i], name, e))
			return -1;
	return 0;
}

static int make_dir(const struct cgroup *g, int parent_fd, int *out, struct err *e)
{
	int rc = mkdirat(parent_fd, g->name, 0755);

	if (rc && errno == EEXIST) {
		/* The box is locked by us, so this is what a killed keeper left. */
		if (sweep_dir(g->place, parent_fd, g->name, e))
			return -1;
		rc = mkdirat(parent_fd, g->name, 0755);
	}
	if (rc)
		return err_sys(e, ERR_SYSTEM, "create control group '%s' in %s", g->name,
			       g->place->name);
	*out = openat(parent_fd, g->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*out < 0) {
		(void)err_sys(e, ERR_SYSTEM, "open control group '%s'", g->name);
		(void)unlinkat(parent_fd, g->name, AT_REMOVEDIR); /* the first error counts */
		return -1;
	}
	return 0;
}

int cgroup_create(const struct cgroup_place *p, unsigned box_id, const struct limits *l,
		  struct cgroup **out, struct err *e)
{
	struct cgroup *g = calloc(1, sizeof(*g));
	struct err ignored;
	int rc;

	if (!g)
		return err_sys(e, ERR_SYSTEM, "allocate control group");
	g->place = p;
	g->kill = g->cpu = g->peak = g->oom = g->oom_event = -1;
	for (size_t i = 0; i < CTL_COUNT; i++)
		g->dirs[i] = g->joins[i] = -1;
	rc = format_name(box_id, g->name, sizeof(g->name), e);
	for (size_t i = 0; !rc && i < p->dir_count; i++)
		if (i < p->needed_count || (l->figures && p->ctl_dir[CTL_BLKIO] == (int)i) ||
		    cgroup_cpu_wants(p, l, i))
			rc = make_dir(g, p->dirs[i], &g->dirs[i], e);
	if (!rc)
		rc = p->v2 ? cgroup_v2_setup(g, l, e) : cgroup_v1_setup(g, l, e);
	if (!rc)
		rc = cgroup_cpu_setup(g, l, e);
	if (rc) {
		if (cgroup_destroy(g, &ignored))
			return err_wrap(e, "control group left behind");
		return -1;
	}
	*out = g;
	return 0;
}

int cgroup_birth_fd(const struct cgroup *g)
{
	return g->place->v2 ? g->dirs[0] : -1;
}

int cgroup_join(const struct cgroup *g, struct err *e)
{
	for (size_t i = 0; i < CTL_COUNT; i++)
		if (g->joins[i] >= 0 && write(g->joins[i], "0", 1) != 1)
			return err_sys(e, ERR_SYSTEM, "enter control group '%s'", g->name);
	return 0;
}

int cgroup_cpu_ns(const struct cgroup *g, uint64_t *out, struct err *e)
{
	char buf[4096];
	uint64_t value;

	if (cgroup_read_fd(g->cpu, "CPU time", buf, sizeof(buf), e))
		return -1;
	if (g->place->v2) {
		if (!cgroup_parse_keyed(buf, "usage_usec", &value) || value > UINT64_MAX / 1000)
			return err_set(e, ERR_SYSTEM, "cpu.stat has no usage_usec");
		value *= 1000;
	} else if (!parse_number(buf, &value)) {
		return err_set(e, ERR_SYSTEM, "cpuacct.usage is no number");
	}
	*out = value;
	return 0;
}

void cgroup_let_die(const struct cgroup *g)
{
	if (g->throttled)
		cgroup_cpu_release(g->place, g->name);
}

int cgroup_kill(const struct cgroup *g, struct err *e)
{
	size_t left;

	cgroup_let_die(g);
	if (!g->place->v2)
		return cgroup_v1_kill(g->dirs[0], g->name, &left, e);
	if (pwrite(g->kill, "1", 1, 0) != 1)
		return err_sys(e, ERR_SYSTEM, "kill control group '%s'", g->name);
	return 0;
}

int cgroup_oom_fd(const struct cgroup *g)
{
	return g->oom_event;
}

/* The event comes before the kernel's kill, so that ours may have been the only one. */
static bool ran_out(const struct cgroup *g)
{
	struct pollfd p = {.fd = g->oom_event, .events = POLLIN};

	return g->oom_event >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

int cgroup_read_usage(const struct cgroup *g, struct usage *u, struct err *e)
{
	struct usage got = *u;
	char buf[4096];
	uint64_t kills;

	if (cgroup_cpu_ns(g, &got.cpu_ns, e))
		return -1;
	if (g->peak >= 0) {
		if (cgroup_read_fd(g->peak, "memory peak", buf, sizeof(buf), e))
			return -1;
		if (!parse_number(buf, &got.cg_mem_bytes))
			return err_set(e, ERR_SYSTEM, "memory peak of the group is no number");
		got.have_cg_mem = true;
	}
	if (cgroup_read_fd(g->oom, "OOM counter", buf, sizeof(buf), e))
		return -1;
	if (!cgroup_parse_keyed(buf, "oom_kill", &kills))
		return err_set(e, ERR_SYSTEM, "the group has no oom_kill counter");
	got.have_cg = true;
	got.cg_oom_killed = kills > 0 || ran_out(g);
	*u = got;
	return 0;
}

int cgroup_destroy(struct cgroup *g, struct err *e)
{
	uint64_t patience_ns = GONE_NS;
	int rc = 0;

	for (size_t i = 0; i < g->place->dir_count; i++) {
		struct err other;

		/* The first failure is told, the other groups are removed all the same. */
		if (g->dirs[i] >= 0 && remove_dir(g->place, g->place->dirs[i], g->name, g->dirs[i],
						  &patience_ns, rc ? &other : e))
			rc = -1;
	}
	for (size_t i = 0; i < CTL_COUNT; i++) {
		cleanup_fd(&g->dirs[i]);
		cleanup_fd(&g->joins[i]);
	}
	cleanup_fd(&g->kill);
	cleanup_fd(&g->cpu);
	cleanup_fd(&g->peak);
	cleanup_fd(&g->oom);
	cleanup_fd(&g->oom_event);
	free(g);
	return rc;
}

unsigned cgroup_cpus(const struct cgroup *g)
{
	return g->cpus;
}
