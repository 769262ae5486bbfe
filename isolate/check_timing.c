/* SPDX-License-Identifier: MIT */
/* --check: what makes timings unsteady. Decided from files of /proc and /sys alone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/check_impl.h"

#define CPU_DIR "sys/devices/system/cpu"

static bool there(int root_fd, const char *path)
{
	return faccessat(root_fd, path, F_OK, 0) == 0;
}

/* A file that cannot be read is a feature that the kernel does not have, or does not show. */
static bool reads(int root_fd, const char *path, const char *text)
{
	char buf[64];

	return check_read(root_fd, path, buf, sizeof(buf)) >= 0 && strcmp(buf, text) == 0;
}

void check_swap(const struct check *c, struct finding *f)
{
	char buf[16384];
	const char *areas;

	if (check_read(c->root_fd, "proc/swaps", buf, sizeof(buf)) < 0) {
		if (errno == ENOENT)
			check_set(f, CHECK_OK, NULL, "the kernel has no swap");
		else
			check_set(f, CHECK_WARNING, NULL, "cannot read /proc/swaps: %s",
				  err_strerror(errno));
		return;
	}
	/* A heading, and a line for each area. */
	areas = strchr(buf, '\n');
	if (!areas)
		check_set(f, CHECK_OK, NULL, "there is no swap");
	else
		check_set(f, CHECK_WARNING,
			  "programs wait for their memory, at times that depend on others: swapoff "
			  "-a, and take swap out of /etc/fstab",
			  "swap is on (%s)",
			  text_quote_bytes(areas + 1, strcspn(areas + 1, " \t")).s);
}

void check_smt(const struct check *c, struct finding *f)
{
	if (reads(c->root_fd, CPU_DIR "/smt/active", "1"))
		check_set(f, CHECK_WARNING,
			  "a program slows down when its core's other thread works: echo off > "
			  "/" CPU_DIR "/smt/control, or boot with nosmt",
			  "processors are threads that share cores (SMT)");
	else
		check_set(f, CHECK_OK, NULL, "no threads that share a core are to be seen");
}

/* Is it "cpu" and a number? */
static bool is_cpu(const char *name)
{
	return strncmp(name, "cpu", 3) == 0 && name[3] &&
	       name[3 + strspn(name + 3, "0123456789")] == '\0';
}

#define VALUE_MAX 64

/* Calls fn for the content (less than VALUE_MAX bytes) of <cpu>/file of each processor that has it.
 * Returns how many there were. */
static unsigned each_cpu(int root_fd, const char *file,
			 void (*fn)(void *ctx, const char *cpu, const char *value), void *ctx)
{
	int fd = openat(root_fd, CPU_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	unsigned count = 0;

	if (!dir) {
		cleanup_fd(&fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		char path[320], value[VALUE_MAX];

		if (!is_cpu(d->d_name) ||
		    text_format(path, sizeof(path), "%s/%s", d->d_name, file) < 0 ||
		    check_read(dirfd(dir), path, value, sizeof(value)) < 0)
			continue;
		fn(ctx, d->d_name, value);
		count++;
	}
	return count;
}

struct governors {
	unsigned slow;
	char name[VALUE_MAX];
};

static void see_governor(void *ctx, const char *cpu UNUSED, const char *value)
{
	struct governors *g = ctx;

	if (strcmp(value, "performance") == 0)
		return;
	if (g->slow++ == 0)
		memcpy(g->name, value, strlen(value) + 1);
}

void check_governor(const struct check *c, struct finding *f)
{
	struct governors g = {0};
	unsigned count = each_cpu(c->root_fd, "cpufreq/scaling_governor", see_governor, &g);

	if (count == 0)
		check_set(f, CHECK_OK, NULL,
			  "no frequency scaling is to be seen (a virtual machine does not show its "
			  "host's)");
	else if (g.slow == 0)
		check_set(f, CHECK_OK, NULL, "the frequency governor is performance");
	else
		check_set(
			f, CHECK_WARNING,
			"programs run slower until the clock has risen: cpupower frequency-set -g "
			"performance",
			"%u of %u processors have the frequency governor '%s'", g.slow, count,
			text_quote(g.name).s);
}

void check_boost(const struct check *c, struct finding *f)
{
	static const char mend_pstate[] =
		"the clock depends on how many cores work and how warm they are: echo 1 > "
		"/" CPU_DIR "/intel_pstate/no_turbo";
	static const char mend_boost[] =
		"the clock depends on how many cores work and how warm they are: echo 0 > "
		"/" CPU_DIR "/cpufreq/boost";

	if (reads(c->root_fd, CPU_DIR "/intel_pstate/no_turbo", "0"))
		check_set(f, CHECK_WARNING, mend_pstate, "turbo boost is on");
	else if (reads(c->root_fd, CPU_DIR "/cpufreq/boost", "1"))
		check_set(f, CHECK_WARNING, mend_boost, "frequency boost is on");
	else
		check_set(f, CHECK_OK, NULL, "no frequency boost is to be seen");
}

void check_aslr(const struct check *c, struct finding *f)
{
	char mode[16];

	if (check_read(c->root_fd, "proc/sys/kernel/randomize_va_space", mode, sizeof(mode)) < 0)
		check_set(f, CHECK_OK, NULL, "the kernel does not randomise addresses");
	else if (strcmp(mode, "0") == 0)
		check_set(f, CHECK_OK, NULL, "addresses are not randomised");
	else
		check_set(f, CHECK_WARNING,
			  "cache conflicts, and so times, differ from run to run; where nothing "
			  "else needs that protection: sysctl kernel.randomize_va_space=0",
			  "addresses are randomised (ASLR)");
}

void check_hugepages(const struct check *c, struct finding *f)
{
	char modes[128];

	if (check_read(c->root_fd, "sys/kernel/mm/transparent_hugepage/enabled", modes,
		       sizeof(modes)) < 0 ||
	    !strstr(modes, "[always]"))
		check_set(f, CHECK_OK, NULL, "no huge pages but for who asks for them");
	else
		check_set(f, CHECK_WARNING,
			  "time and memory of a program depend on how free memory is cut up: echo "
			  "madvise > /sys/kernel/mm/transparent_hugepage/enabled",
			  "transparent huge pages are used always");
}

void check_core_pattern(const struct check *c, struct finding *f)
{
	char pattern[256];
	ssize_t len =
		check_read(c->root_fd, "proc/sys/kernel/core_pattern", pattern, sizeof(pattern));

	if (len < 0 || pattern[0] != '|')
		check_set(f, CHECK_OK, NULL, "core dumps start no program");
	else
		check_set(f, CHECK_WARNING,
			  "a crash in a box starts a program outside, whose time nobody limits: "
			  "sysctl kernel.core_pattern=core",
			  "core dumps go to a program (%s)",
			  text_quote_bytes(pattern + 1, strcspn(pattern + 1, " ")).s);
}

struct capacities {
	unsigned count;
	bool differ;
	char first[VALUE_MAX];
};

static void see_capacity(void *ctx, const char *cpu UNUSED, const char *value)
{
	struct capacities *s = ctx;

	if (s->count++ == 0)
		memcpy(s->first, value, strlen(value) + 1);
	else if (strcmp(s->first, value) != 0)
		s->differ = true;
}

void check_cores(const struct check *c, struct finding *f)
{
	static const char mend[] =
		"how fast a program is depends on where it happens to run: pin boxes to cores of "
		"one kind by boxN.cpus in isolate.cf(5), or switch the others off";
	struct capacities s = {0};

	(void)each_cpu(c->root_fd, "cpu_capacity", see_capacity, &s); /* s counts, too */
	if (s.differ)
		check_set(f, CHECK_WARNING, mend, "processors are not equally fast");
	/* Counters of their own for either kind of core, on hybrid x86. */
	else if (there(c->root_fd, "sys/devices/cpu_core") &&
		 there(c->root_fd, "sys/devices/cpu_atom"))
		check_set(f, CHECK_WARNING, mend, "there are cores for performance and for thrift");
	else
		check_set(f, CHECK_OK, NULL, "no processors of different kinds are to be seen");
}

void check_hardlinks(const struct check *c, struct finding *f)
{
	if (reads(c->root_fd, "proc/sys/fs/protected_hardlinks", "0"))
		check_set(
			f, CHECK_WARNING,
			"users can keep old set-id programs, and put names for others' files into "
			"their boxes: sysctl fs.protected_hardlinks=1",
			"anybody can make hard links to files of others");
	else
		check_set(f, CHECK_OK, NULL, "hard links to files of others are refused");
}
