/* SPDX-License-Identifier: MIT */
/* What a group can tell after a run, beyond what every group tells. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"
#include "isolate/cgroup_impl.h"

/* The longest of these files has a line of some hundred bytes per block device. */
#define FILE_BYTES_MAX (64u << 10)

/* ---- parsers ------------------------------------------------------------------------------ */

/* The digits at *s, which is moved behind them. */
static bool take_number(const char **s, uint64_t *out)
{
	uint64_t value = 0;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**s - '0'), &value))
			return false;
	*out = value;
	return true;
}

uint64_t cgroup_sum_devices(const char *text, const char *word)
{
	uint64_t sum = 0, value;
	const char *begin = text;

	/* Behind the device and a blank, so that "rbytes=" is not found in another word. */
	while ((text = strstr(text, word))) {
		bool whole = text > begin && text[-1] == ' ';

		text += strlen(word);
		if (whole && take_number(&text, &value))
			sum += value;
	}
	return sum;
}

bool cgroup_parse_pressure(const char *text, const char *kind, uint64_t *ns)
{
	size_t len = strlen(kind);
	uint64_t usec;

	while (*text) {
		const char *end = text + strcspn(text, "\n"), *total = strstr(text, " total=");

		if (!strncmp(text, kind, len) && text[len] == ' ' && total && total < end) {
			total += strlen(" total=");
			if (!take_number(&total, &usec) || usec > UINT64_MAX / 1000)
				return false;
			*ns = usec * 1000;
			return true;
		}
		text = end + (*end == '\n');
	}
	return false;
}

/* ---- files -------------------------------------------------------------------------------- */

/* 1, or 0 where the kernel has no such file or does not keep it (psi=0), or -1. A machine with so
 * many devices that the list of them is longer than the buffer has figures that are not known. */
static int read_optional(int dirfd, const char *file, char *buf, size_t size, struct err *e)
{
	struct err why;

	if (!cgroup_read_file(dirfd, file, buf, size, &why))
		return 1;
	if (why.errnum == ENOENT || why.errnum == EOPNOTSUPP || why.errnum == EFBIG)
		return 0;
	*e = why;
	return -1;
}

static struct figure known(uint64_t n)
{
	return (struct figure){.known = true, .n = n};
}

/* Both versions have these two, but for old kernels. A number is a text without a key. */
static int read_pids(int dirfd, struct usage *u, char *buf, struct err *e)
{
	const char *p = buf;
	uint64_t n;
	int got = read_optional(dirfd, "pids.peak", buf, FILE_BYTES_MAX, e);

	if (got < 0)
		return -1;
	if (got && take_number(&p, &n))
		u->processes_peak = known(n);
	got = read_optional(dirfd, "pids.events", buf, FILE_BYTES_MAX, e);
	if (got < 0)
		return -1;
	u->cg_fork_refused = got && cgroup_parse_keyed(buf, "max", &n) && n > 0;
	return 0;
}

static int read_v1(const struct cgroup *g, struct usage *u, char *buf, struct err *e)
{
	int index = g->place->ctl_dir[CTL_BLKIO], got;

	if (read_pids(g->dirs[g->place->ctl_dir[CTL_PIDS]], u, buf, e))
		return -1;
	if (index < 0)
		return 0;
	got = read_optional(g->dirs[index], "blkio.throttle.io_service_bytes", buf, FILE_BYTES_MAX,
			    e);
	/* A device is listed once it has counted something, and since Linux 6.10 none counts unless
	 * it is throttled: without any the zero below would be made up. */
	if (got > 0 && strstr(buf, " Read ")) {
		u->io_read_bytes = known(cgroup_sum_devices(buf, "Read "));
		u->io_written_bytes = known(cgroup_sum_devices(buf, "Write "));
	}
	return got < 0 ? -1 : 0;
}

static int read_pressure(int dirfd, struct usage *u, char *buf, struct err *e)
{
	static const char *const files[PRESSURE_COUNT] = {"cpu.pressure", "memory.pressure",
							  "io.pressure"};
	uint64_t ns;

	for (size_t i = 0; i < PRESSURE_COUNT; i++) {
		int got = read_optional(dirfd, files[i], buf, FILE_BYTES_MAX, e);

		if (got < 0)
			return -1;
		if (got && cgroup_parse_pressure(buf, "some", &ns))
			u->pressure_some_ns[i] = known(ns);
		if (got && cgroup_parse_pressure(buf, "full", &ns))
			u->pressure_full_ns[i] = known(ns);
	}
	return 0;
}

/* To the microsecond. */
static int read_cpu_split(const struct cgroup *g, struct usage *u, char *buf, struct err *e)
{
	uint64_t user, system;

	if (cgroup_read_fd(g->cpu, "CPU time", buf, FILE_BYTES_MAX, e))
		return -1;
	if (cgroup_parse_keyed(buf, "user_usec", &user) &&
	    cgroup_parse_keyed(buf, "system_usec", &system)) {
		u->cpu_user_ns = known(user * 1000);
		u->cpu_system_ns = known(system * 1000);
	}
	return 0;
}

static int read_v2(const struct cgroup *g, struct usage *u, char *buf, struct err *e)
{
	int got;

	if (read_cpu_split(g, u, buf, e) || read_pids(g->dirs[0], u, buf, e) ||
	    read_pressure(g->dirs[0], u, buf, e))
		return -1;
	got = read_optional(g->dirs[0], "io.stat", buf, FILE_BYTES_MAX, e);
	if (got > 0) {
		u->io_read_bytes = known(cgroup_sum_devices(buf, "rbytes="));
		u->io_written_bytes = known(cgroup_sum_devices(buf, "wbytes="));
	}
	return got < 0 ? -1 : 0;
}

int cgroup_read_figures(const struct cgroup *g, struct usage *u, struct err *e)
{
	char buf[FILE_BYTES_MAX];
	struct usage got = *u;

	if (g->place->v2 ? read_v2(g, &got, buf, e) : read_v1(g, &got, buf, e))
		return -1;
	*u = got;
	return 0;
}
