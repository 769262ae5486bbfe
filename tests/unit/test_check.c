/* SPDX-License-Identifier: MIT */
/* isolate/check_timing: what is told of made-up /proc and /sys. */
#include "isolate/check_impl.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#include "common/path.h"

#define CPU "sys/devices/system/cpu/"

/* "path=content" texts; a content ends with a newline, as in the real thing. */
#define FILES_MAX 4

static const struct row {
	const char *name;
	void (*look)(const struct check *c, struct finding *f);
	const char *files[FILES_MAX];
	enum check_state state;
	const char *says;
} rows[] = {
	{"swap: kernel without", check_swap, {NULL}, CHECK_OK, "no swap"},
	{"swap: none", check_swap, {"proc/swaps=Filename\t\t\tType\n"}, CHECK_OK, "no swap"},
	{"swap: a partition",
	 check_swap,
	 {"proc/swaps=Filename\tType\n/dev/sda2  partition 1 0 -2\n"},
	 CHECK_WARNING,
	 "swap is on (/dev/sda2)"},
	{"smt: not told", check_smt, {NULL}, CHECK_OK, "no threads"},
	{"smt: off", check_smt, {CPU "smt/active=0\n"}, CHECK_OK, "no threads"},
	{"smt: on", check_smt, {CPU "smt/active=1\n"}, CHECK_WARNING, "SMT"},
	{"governor: not told",
	 check_governor,
	 {CPU "cpu0/online=1\n"},
	 CHECK_OK,
	 "no frequency scaling"},
	{"governor: performance",
	 check_governor,
	 {CPU "cpu0/cpufreq/scaling_governor=performance\n",
	  CPU "cpu11/cpufreq/scaling_governor=performance\n"},
	 CHECK_OK,
	 "is performance"},
	{"governor: one of three",
	 check_governor,
	 {CPU "cpu0/cpufreq/scaling_governor=performance\n",
	  CPU "cpu1/cpufreq/scaling_governor=powersave\n",
	  CPU "cpu2/cpufreq/scaling_governor=performance\n",
	  CPU "cpufreq/cpufreq/scaling_governor=ondemand\n"},
	 CHECK_WARNING,
	 "1 of 3 processors have the frequency governor 'powersave'"},
	{"boost: not told", check_boost, {NULL}, CHECK_OK, "no frequency boost"},
	{"boost: intel off",
	 check_boost,
	 {CPU "intel_pstate/no_turbo=1\n"},
	 CHECK_OK,
	 "no frequency"},
	{"boost: intel on", check_boost, {CPU "intel_pstate/no_turbo=0\n"}, CHECK_WARNING, "turbo"},
	{"boost: others off", check_boost, {CPU "cpufreq/boost=0\n"}, CHECK_OK, "no frequency"},
	{"boost: others on", check_boost, {CPU "cpufreq/boost=1\n"}, CHECK_WARNING, "boost is on"},
	{"aslr: off",
	 check_aslr,
	 {"proc/sys/kernel/randomize_va_space=0\n"},
	 CHECK_OK,
	 "not randomised"},
	{"aslr: half",
	 check_aslr,
	 {"proc/sys/kernel/randomize_va_space=1\n"},
	 CHECK_WARNING,
	 "ASLR"},
	{"aslr: full",
	 check_aslr,
	 {"proc/sys/kernel/randomize_va_space=2\n"},
	 CHECK_WARNING,
	 "ASLR"},
	{"huge pages: none", check_hugepages, {NULL}, CHECK_OK, "no huge pages"},
	{"huge pages: on request",
	 check_hugepages,
	 {"sys/kernel/mm/transparent_hugepage/enabled=always [madvise] never\n"},
	 CHECK_OK,
	 "no huge pages"},
	{"huge pages: always",
	 check_hugepages,
	 {"sys/kernel/mm/transparent_hugepage/enabled=[always] madvise never\n"},
	 CHECK_WARNING,
	 "always"},
	{"core pattern: a file",
	 check_core_pattern,
	 {"proc/sys/kernel/core_pattern=core.%p\n"},
	 CHECK_OK,
	 "start no program"},
	{"core pattern: none",
	 check_core_pattern,
	 {"proc/sys/kernel/core_pattern=\n"},
	 CHECK_OK,
	 "no program"},
	{"core pattern: a program",
	 check_core_pattern,
	 {"proc/sys/kernel/core_pattern=|/usr/share/apport/apport -p%p\n"},
	 CHECK_WARNING,
	 "(/usr/share/apport/apport)"},
	{"cores: not told", check_cores, {NULL}, CHECK_OK, "no processors of different"},
	{"cores: alike",
	 check_cores,
	 {CPU "cpu0/cpu_capacity=1024\n", CPU "cpu1/cpu_capacity=1024\n"},
	 CHECK_OK,
	 "no processors of different"},
	{"cores: big and little",
	 check_cores,
	 {CPU "cpu0/cpu_capacity=1024\n", CPU "cpu1/cpu_capacity=446\n"},
	 CHECK_WARNING,
	 "not equally fast"},
	{"cores: one counter",
	 check_cores,
	 {"sys/devices/cpu_core/type=4\n"},
	 CHECK_OK,
	 "no processors"},
	{"cores: hybrid",
	 check_cores,
	 {"sys/devices/cpu_core/type=4\n", "sys/devices/cpu_atom/type=10\n"},
	 CHECK_WARNING,
	 "for thrift"},
	{"hard links: protected",
	 check_hardlinks,
	 {"proc/sys/fs/protected_hardlinks=1\n"},
	 CHECK_OK,
	 "refused"},
	{"hard links: not",
	 check_hardlinks,
	 {"proc/sys/fs/protected_hardlinks=0\n"},
	 CHECK_WARNING,
	 "anybody"},
};

/* Make the file with the directories above it. */
static void put(int base, const char *file)
{
	const char *content = strchr(file, '=') + 1;
	char path[256];
	size_t len = (size_t)(content - 1 - file);
	int fd;

	memcpy(path, file, len);
	path[len] = '\0';
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdirat(base, path, 0755); /* it may be there; opening tells */
		*slash = '/';
	}
	fd = openat(base, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content))
		tree_die("write", path);
	(void)close(fd); /* written */
}

static void test_row(struct tap *t, int base, const struct row *r)
{
	struct check c = {.root_fd = tree_dir(base, "root")};
	struct finding f = {0};
	struct err e;

	for (size_t i = 0; i < FILES_MAX && r->files[i]; i++)
		put(c.root_fd, r->files[i]);
	r->look(&c, &f);
	tap_int(t, f.state, r->state, "%s", r->name);
	tap_has(t, f.text, r->says, "%s: says so", r->name);
	tap_int(t, f.mend[0] != '\0', r->state != CHECK_OK, "%s: how to mend it", r->name);
	(void)close(c.root_fd); /* a directory */
	if (path_remove_tree(base, "root", &e) < 0)
		tree_die("remove", e.text);
}

int main(void)
{
	char path[256];
	int base = tree_base(path, sizeof(path));
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		test_row(&t, base, &rows[i]);
	(void)rmdir(path); /* it is empty */
	return tap_done(&t);
}
