/* SPDX-License-Identifier: MIT */
/* isolate/cgroup: parsers as tables, and real groups where we are root and controllers are there.
 */
#include "isolate/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "isolate/cgroup_impl.h"
#include "tests/unit/tap.h"

#define MIB	  (1u << 20)
#define LINE_PROC "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
#define LINE_MEM                                                                                   \
	"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:7 master:2 - cgroup cgroup "        \
	"rw,memory\n"
#define LINE_CPU "32 31 0:29 / /cg/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
#define LINE_V2	 "41 31 0:38 / /sys/fs/cgroup\\040x rw - cgroup2 cgroup2 rw,nsdelegate\n"

static const struct mounts_row {
	const char *text;
	int rc;
	const char *v2, *memory, *cpuacct, *pids;
} mounts_rows[] = {
	{"", 0, "", "", "", ""},
	{LINE_PROC, 0, "", "", "", ""},
	{LINE_PROC LINE_MEM LINE_CPU, 0, "", "/sys/fs/cgroup/memory", "/cg/cpu", ""},
	{LINE_V2 LINE_MEM, 0, "/sys/fs/cgroup x", "/sys/fs/cgroup/memory", "", ""},
	{LINE_MEM "1 2 0:1 / /later rw - cgroup x rw,memory\n", 0, "", "/sys/fs/cgroup/memory", "",
	 ""},
	{"1 2 0:1 / /a rw - cgroup  rw,pids\n", 0, "", "", "", "/a"},
	{"1 2 0:1 / /a rw - cgroup x rw,pidsx,xpids\n", 0, "", "", "", ""},
	/* the source is not looked at, nor a mount point that looks like something else */
	{"1 2 0:1 / /cgroup2 rw - ext4 cgroup rw,memory\n", 0, "", "", "", ""},
	{"1 2 0:1 / /a rw - cgroup x rw,pids", -1, "", "", "", ""},
	{"1 2 0:1 / /a rw cgroup x rw,pids\n", -1, "", "", "", ""},
	{"1 2 0:1 /\n", -1, "", "", "", ""},
	{"\n", -1, "", "", "", ""},
	{"1 2 0:1 / /a\\0 rw - cgroup x rw,pids\n", -1, "", "", "", ""},
	{"1 2 0:1 / /a\\000 rw - cgroup x rw,pids\n", -1, "", "", "", ""},
	{"1 2 0:1 / /a rw - cgroup2\n", -1, "", "", "", ""},
};

static void test_mounts(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(mounts_rows); i++) {
		const struct mounts_row *row = &mounts_rows[i];
		auto_free char *text = strdup(row->text);
		struct cgroup_mounts m = {0};
		struct err e = {0};

		if (!text)
			abort();
		tap_int(t, cgroup_mounts_parse(text, strlen(text), &m, &e), row->rc, "mounts %zu",
			i);
		tap_str(t, m.v2, row->v2, "mounts %zu: v2", i);
		tap_str(t, m.v1[CTL_MEMORY], row->memory, "mounts %zu: memory", i);
		tap_str(t, m.v1[CTL_CPUACCT], row->cpuacct, "mounts %zu: cpuacct", i);
		tap_str(t, m.v1[CTL_PIDS], row->pids, "mounts %zu: pids", i);
	}
}

#define PRESSURE_SOME "some avg10=0.00 avg60=1.50 avg300=0.00 total=5\n"
#define PRESSURE      PRESSURE_SOME "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
#define IO_STAT                                                                                    \
	"8:16 rbytes=1459 wbytes=314 rios=192 wios=353 dbytes=5 dios=0\n"                          \
	"253:0 rbytes=1 wbytes=0 rios=9 wios=0 xrbytes=9\n254:0\n"
#define BLKIO                                                                                      \
	"8:0 Read 4096\n8:0 Write 0\n8:0 Sync 4096\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 4096\n"  \
	"7:0 Read 4\n7:0 Write 16\n7:0 Total 20\nTotal 4116\n"

static void test_parsers(struct tap *t)
{
	static const char stat[] = "usage_usec 12\nuser_usec 7\noom_kill_disable 0\noom_kill 3\n"
				   "big 18446744073709551616\nneg -1\nmax max\n";
	uint64_t v = 99;

	tap_ok(t, cgroup_parse_keyed(stat, "usage_usec", &v) && v == 12, "keyed: first");
	tap_ok(t, cgroup_parse_keyed(stat, "oom_kill", &v) && v == 3, "keyed: no prefix match");
	tap_ok(t, !cgroup_parse_keyed(stat, "usec", &v), "keyed: no suffix match");
	tap_ok(t, !cgroup_parse_keyed(stat, "big", &v), "keyed: overflow");
	tap_ok(t, !cgroup_parse_keyed(stat, "neg", &v), "keyed: sign");
	tap_ok(t, !cgroup_parse_keyed(stat, "max", &v), "keyed: word");
	tap_ok(t, !cgroup_parse_keyed("", "x", &v), "keyed: empty");
	v = 99;
	tap_ok(t, cgroup_parse_pressure(PRESSURE, "some", &v) && v == 5000, "pressure: some");
	tap_ok(t, cgroup_parse_pressure(PRESSURE, "full", &v) && v == 7000, "pressure: full");
	v = 99;
	tap_ok(t, !cgroup_parse_pressure(PRESSURE_SOME, "full", &v) && v == 99,
	       "pressure: a line that is not there");
	tap_ok(t, !cgroup_parse_pressure("some avg10=0.00\nfull total=1\n", "some", &v),
	       "pressure: not the total of another line");
	tap_ok(t, !cgroup_parse_pressure("some total=18446744073709551615\n", "some", &v),
	       "pressure: overflow");
	tap_u64(t, cgroup_sum_devices(IO_STAT, "rbytes="), 1460, "io.stat: read");
	tap_u64(t, cgroup_sum_devices(IO_STAT, "wbytes="), 314, "io.stat: written");
	tap_u64(t, cgroup_sum_devices(BLKIO, "Read "), 4100, "blkio: read");
	tap_u64(t, cgroup_sum_devices(BLKIO, "Write "), 16, "blkio: written");
	tap_u64(t, cgroup_sum_devices("Read 5", "Read "), 0, "blkio: a device first");
	tap_u64(t, cgroup_sum_devices("", "Read "), 0, "blkio: empty");
	tap_ok(t, cgroup_has_word("cpu memory pids\n", "pids"), "words: last");
	tap_ok(t, cgroup_has_word("cpu memory", "memory"), "words: without newline");
	tap_ok(t, !cgroup_has_word("cpuset memory\n", "cpu"), "words: no prefix");
	tap_ok(t, !cgroup_has_word("\n", "cpu"), "words: empty");
}

static const struct self_row {
	const char *text, *path; /* NULL: none */
} self_rows[] = {
	{"0::/isolate.slice/isolate.service\n", "/isolate.slice/isolate.service"},
	{"0::/\n", "/"},
	{"9:name=systemd:/a\n4:memory:/b\n0::/c d\n", "/c d"},
	{"0::/last", "/last"},
	{"10::/x\n", NULL},
	{"1:name=0::/x:/y\n", NULL},
	{"0::relative\n", NULL},
	{"", NULL},
	{"0::/a-path-that-does-not-fit-into-forty-bytes\n", NULL},
};

static void test_self(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(self_rows); i++) {
		const struct self_row *row = &self_rows[i];
		char path[40] = "";

		tap_int(t, cgroup_parse_self(row->text, path, sizeof(path)), row->path != NULL,
			"self %zu", i);
		if (row->path)
			tap_str(t, path, row->path, "self %zu: path", i);
	}
}

static const struct root_row {
	const char *cg_root, *says;
} bad_roots[] = {
	{"", "neither"},
	{"none", "neither"},
	{"v1:NAME", "neither"},
	{"v1:/", "plain name"},
	{"v1:/..", "plain name"},
	{"v1:/a/b", "plain name"},
	{"/proc", "not in a cgroup v2"},
	{"/proc/nothing", "not in a cgroup v2"},
	{"/does/not/exist", "open control group"},
	{"auto:/does/not/exist", "open '/does/not/exist'"},
	{"auto:/dev/null", "/dev/null"},
};

static void test_bad_roots(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_roots); i++) {
		struct cgroup_place *p = NULL;
		struct err e = {0};

		tap_int(t, cgroup_find(bad_roots[i].cg_root, false, &p, &e), -1, "find '%s'",
			bad_roots[i].cg_root);
		tap_int(t, e.kind, ERR_CONFIG, "find '%s': kind", bad_roots[i].cg_root);
		tap_has(t, e.text, bad_roots[i].says, "find '%s': text", bad_roots[i].cg_root);
	}
}

/* ---- with real groups --------------------------------------------------------------------- */

static uint64_t cpu_now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts))
		abort();
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void burn(uint64_t ns)
{
	uint64_t end_ns = cpu_now_ns() + ns;

	while (cpu_now_ns() < end_ns)
		;
}

static void touch(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(9);
	for (size_t i = 0; i < bytes; i += 4096)
		((volatile char *)p)[i] = 1;
}

/* How many children fit in beside us. */
static int count_forks(void)
{
	int n = 0;

	for (; n < 20; n++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (!pid) {
			(void)pause();
			_exit(0);
		}
	}
	return n;
}

enum load { LOAD_BURN, LOAD_TOUCH, LOAD_HOG, LOAD_FORKS, LOAD_WAIT };

static NORETURN void run_load(enum load load)
{
	switch (load) {
	case LOAD_BURN:
		burn(200 * NSEC_PER_MSEC);
		_exit(0);
	case LOAD_TOUCH:
		touch(20 * (size_t)MIB);
		_exit(0);
	case LOAD_HOG:
		touch(400 * (size_t)MIB);
		_exit(0);
	case LOAD_FORKS:
		_exit(count_forks());
	case LOAD_WAIT:
		/* No killer, no hang: the alarm ends the test with the wrong signal. */
		if (fork() >= 0) {
			(void)alarm(300);
			(void)pause();
		}
	}
	_exit(8);
}

/* A child in the group, as isolate makes one: born there on v2, joining on v1. It says so on a pipe
 * before it starts. Returns the pid. */
static pid_t start(const struct cgroup *g, enum load load, struct tap *t)
{
	int ready[2], pidfd = -1;
	char byte = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		abort();
	pid = sys_clone(0, &pidfd, cgroup_birth_fd(g));
	if (!pid) {
		struct err e = {0};

		if (cgroup_join(g, &e)) {
			err_print("test_cgroup", &e);
			_exit(7);
		}
		if (write(ready[1], "x", 1) != 1)
			_exit(6);
		run_load(load);
	}
	(void)close(ready[1]);
	tap_ok(t, pid > 0 && read(ready[0], &byte, 1) == 1, "load %d runs in the group", load);
	(void)close(ready[0]);
	cleanup_fd(&pidfd);
	return pid;
}

static int finish(pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void run_in(struct tap *t, const struct cgroup_place *p, const struct limits *l,
		   enum load load, int want_status, struct usage *u)
{
	struct cgroup *g = NULL;
	struct err e = {0};
	int status;
	bool ok;

	if (!tap_int(t, cgroup_create(p, 7, l, &g, &e), 0, "create: %s", e.text))
		return;
	status = finish(start(g, load, t));
	tap_int(t, status, want_status, "load %d: wait status", load);
	ok = !cgroup_kill(g, &e) && !cgroup_read_usage(g, u, &e);
	tap_ok(t, ok, "load %d: kill and read: %s", load, e.text);
	tap_int(t, cgroup_destroy(g, &e), 0, "load %d: destroy: %s", load, e.text);
}

/* Where the kernel does not kill the whole group it tells the keeper in time. */
static void test_oom_fd(struct tap *t, const struct cgroup_place *p, const struct limits *l)
{
	struct cgroup *g = NULL;
	struct err e = {0};
	struct pollfd event = {.events = POLLIN};
	pid_t hog, other;

	if (!tap_int(t, cgroup_create(p, 6, l, &g, &e), 0, "oom event: create: %s", e.text))
		return;
	event.fd = cgroup_oom_fd(g);
	tap_int(t, event.fd >= 0, !p->v2, "oom event: only on v1");
	tap_int(t, poll(&event, 1, 0), 0, "oom event: not yet");
	other = start(g, LOAD_WAIT, t);
	hog = start(g, LOAD_HOG, t);
	if (!p->v2) {
		tap_int(t, poll(&event, 1, 120000), 1, "oom event: comes");
		tap_int(t, cgroup_kill(g, &e), 0, "oom event: kill: %s", e.text);
	}
	tap_int(t, finish(hog), SIGKILL, "oom: the hog is killed");
	tap_int(t, finish(other), SIGKILL, "oom: the rest is killed");
	tap_int(t, cgroup_destroy(g, &e), 0, "oom event: destroy: %s", e.text);
}

static void test_groups(struct tap *t, const struct cgroup_place *p)
{
	struct limits l = {.cg = true};
	struct usage u = {0};

	run_in(t, p, &l, LOAD_BURN, 0, &u);
	tap_ok(t, u.cpu_ns >= 199 * NSEC_PER_MSEC && u.cpu_ns < 20 * NSEC_PER_SEC,
	       "CPU time of a 200 ms burn: %" PRIu64 " ns", u.cpu_ns);

	/* big, small: the second starts at zero */
	run_in(t, p, &l, LOAD_TOUCH, 0, &u);
	tap_ok(t,
	       !u.have_cg_mem ||
		       (u.cg_mem_bytes >= 20 * MIB && u.cg_mem_bytes < 40 * (uint64_t)MIB),
	       "peak of 20 MiB: %" PRIu64, u.cg_mem_bytes);
	/* Forks may take that long when the machine has other things to do, but not each time. */
	for (int i = 0; i < 5 && (i == 0 || u.cpu_ns >= 199 * NSEC_PER_MSEC); i++) {
		u = (struct usage){0};
		run_in(t, p, &l, LOAD_FORKS, 20 << 8, &u);
	}
	tap_ok(t, u.cg_mem_bytes < 15 * MIB, "peak of a small run after it: %" PRIu64,
	       u.cg_mem_bytes);
	tap_ok(t, u.cpu_ns < 199 * NSEC_PER_MSEC, "CPU time of a small run: %" PRIu64, u.cpu_ns);

	l.cg_mem_bytes = 32 * MIB;
	u = (struct usage){0};
	run_in(t, p, &l, LOAD_HOG, SIGKILL, &u);
	tap_ok(t, u.cg_oom_killed, "hog: oom is reported");
	tap_ok(t, !u.have_cg_mem || u.cg_mem_bytes <= 32 * MIB, "hog: peak within the limit");
	u = (struct usage){0};
	run_in(t, p, &l, LOAD_TOUCH, 0, &u);
	tap_ok(t, !u.cg_oom_killed, "run after a hog: no oom");
	test_oom_fd(t, p, &l);

	l.processes = 3;
	run_in(t, p, &l, LOAD_FORKS, 2 << 8, &u);
}

/* Each kill finds who is there now, also right after another one: v1 caches its lists. */
static void test_kill_again(struct tap *t, const struct cgroup_place *p)
{
	struct limits l = {.cg = true};
	struct cgroup *g = NULL;
	struct err e = {0};
	pid_t pid;

	if (!tap_int(t, cgroup_create(p, 5, &l, &g, &e), 0, "kill again: create: %s", e.text))
		return;
	for (int i = 0; i < 3; i++) {
		pid = start(g, LOAD_WAIT, t);
		tap_int(t, cgroup_kill(g, &e), 0, "kill again: round %d: %s", i, e.text);
		tap_int(t, finish(pid), SIGKILL, "kill again: round %d", i);
	}
	tap_int(t, cgroup_destroy(g, &e), 0, "kill again: destroy: %s", e.text);
}

/* With fewer descriptors than there are processes each round kills some. */
static void test_few_descriptors(struct tap *t, const struct cgroup_place *p)
{
	struct limits l = {.cg = true};
	struct rlimit all, few;
	struct cgroup *g = NULL;
	struct err e = {0};
	int fds[4], rc;
	pid_t pids[6];

	if (!tap_int(t, cgroup_create(p, 4, &l, &g, &e), 0, "few fds: create: %s", e.text))
		return;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		pids[i] = start(g, LOAD_WAIT, t);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dup(STDIN_FILENO);
	if (getrlimit(RLIMIT_NOFILE, &all))
		abort();
	few = all;
	few.rlim_cur = (rlim_t)fds[ARRAY_LEN(fds) - 1] + 1;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		cleanup_fd(&fds[i]);
	if (setrlimit(RLIMIT_NOFILE, &few))
		abort();
	rc = cgroup_kill(g, &e);
	if (setrlimit(RLIMIT_NOFILE, &all))
		abort();
	tap_int(t, rc, 0, "few fds: kill: %s", e.text);
	tap_int(t, cgroup_kill(g, &e), 0, "few fds: kill the rest: %s", e.text);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		tap_int(t, finish(pids[i]), SIGKILL, "few fds: process %zu", i);
	tap_int(t, cgroup_destroy(g, &e), 0, "few fds: destroy: %s", e.text);
}

/* A keeper that died leaves processes; sweep and create both clear them away. */
static void test_leftovers(struct tap *t, const struct cgroup_place *p)
{
	struct limits l = {.cg = true};
	struct cgroup *g = NULL, *again = NULL;
	struct err e = {0};
	pid_t pid;

	if (!tap_int(t, cgroup_create(p, 8, &l, &g, &e), 0, "leftovers: create: %s", e.text))
		return;
	pid = start(g, LOAD_WAIT, t);
	if (!tap_int(t, cgroup_create(p, 8, &l, &again, &e), 0, "leftovers: create again: %s",
		     e.text))
		return;
	tap_int(t, finish(pid), SIGKILL, "leftovers: killed by the second create");
	pid = start(again, LOAD_WAIT, t);
	tap_int(t, cgroup_sweep(p, 8, &e), 0, "leftovers: sweep: %s", e.text);
	tap_int(t, finish(pid), SIGKILL, "leftovers: killed by the sweep");
	tap_int(t, cgroup_sweep(p, 8, &e), 0, "leftovers: nothing left to sweep: %s", e.text);
	tap_int(t, cgroup_destroy(again, &e), 0, "leftovers: destroy what is gone: %s", e.text);
	tap_int(t, cgroup_destroy(g, &e), 0, "leftovers: destroy what is gone twice: %s", e.text);
}

static void test_cpus(struct tap *t, const struct cgroup_place *p)
{
	struct limits l = {.cg = true, .processes = 1};
	struct cgroup *g = NULL;
	struct err e = {0};

	if (!tap_int(t, cgroup_create(p, 9, &l, &g, &e), 0, "cpus: create: %s", e.text))
		return;
	tap_int(t, cgroup_cpus(g), 1, "one process keeps one processor busy");
	tap_int(t, cgroup_destroy(g, &e), 0, "cpus: destroy");
	l.processes = 0;
	if (!tap_int(t, cgroup_create(p, 9, &l, &g, &e), 0, "cpus: create: %s", e.text))
		return;
	tap_int(t, cgroup_cpus(g), sysconf(_SC_NPROCESSORS_ONLN), "many keep all busy");
	tap_int(t, cgroup_destroy(g, &e), 0, "cpus: destroy");
}

/* A group of our own in the hierarchy that auto would take, so that no isolate in use is disturbed.
 */
static int find_own(struct cgroup_place **p, struct err *e)
{
	struct cgroup_mounts m;
	char root[PATH_MAX + 32];
	int rc;

	cgroup_mounts_guess(&m);
	if (*m.v2 && cgroup_v2_usable(m.v2))
		rc = snprintf(root, sizeof(root), "%s/isolate-unit-%d", m.v2, getpid());
	else
		rc = snprintf(root, sizeof(root), "v1:/isolate-unit-%d", getpid());
	if (rc < 0 || (size_t)rc >= sizeof(root))
		abort();
	return cgroup_find(root, false, p, e);
}

/* The library keeps parents; a test cleans up after itself. */
static void remove_own(struct tap *t, const struct cgroup_place *p)
{
	const char *name = strrchr(p->name, '/') + 1;

	for (size_t i = 0; i < p->dir_count; i++) {
		auto_fd up = openat(p->dirs[i], "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		tap_ok(t, up >= 0 && !unlinkat(up, name, AT_REMOVEDIR), "remove '%s'", name);
	}
}

int main(void)
{
	struct tap t = {0};
	struct cgroup_place *p = NULL;
	struct err e = {0};

	test_mounts(&t);
	test_parsers(&t);
	test_self(&t);
	if (geteuid() != 0) {
		tap_skip(&t, "control groups need root");
		return tap_done(&t);
	}
	test_bad_roots(&t);
	if (find_own(&p, &e)) {
		tap_skip(&t, e.text);
		return tap_done(&t);
	}
	tap_note("place %s", cgroup_place_name(p));
	test_groups(&t, p);
	test_kill_again(&t, p);
	test_few_descriptors(&t, p);
	test_leftovers(&t, p);
	test_cpus(&t, p);
	remove_own(&t, p);
	cgroup_place_free(p);
	return tap_done(&t);
}
