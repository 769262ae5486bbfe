/* SPDX-License-Identifier: MIT */
/* Runs inside a box, uses known amounts of what is metered, and tells what the kernel told it:
 *
 *   meter MIB CPU_MS CHILDREN IO_KIB [READY]
 *
 * Touches MIB of memory, computes for CPU_MS, has CHILDREN processes beside itself at a time,
 * writes IO_KIB into the file `data` past the page cache and reads half of it back. Prints what it
 * used, itself and its children, as "name=value" lines. With READY it then makes that file and
 * waits for the end of standard input, so that somebody can look at it from outside. */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void touch(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(9, "mmap");
	/* A fault for each page, on every machine. Kernels without huge pages do not know it. */
	(void)madvise(p, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += 4096)
		((volatile char *)p)[i] = 1;
}

static void compute(long ms)
{
	struct timespec now;

	do {
		for (volatile int i = 0; i < 10000; i++)
			;
		if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now))
			err(9, "clock_gettime");
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < ms);
}

/* All at once: each lives until the pipe is closed. */
static void have_children(int count)
{
	int pair[2];
	char c;

	if (pipe(pair))
		err(9, "pipe");
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(9, "fork");
		if (pid == 0) {
			(void)close(pair[1]);
			_exit(read(pair[0], &c, 1) != 0);
		}
	}
	(void)close(pair[1]);
	while (wait(NULL) > 0)
		;
}

static void do_io(size_t bytes)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
	void *buf;

	if (fd < 0)
		err(9, "open");
	if (posix_memalign(&buf, 4096, bytes))
		errx(9, "memory");
	if (pwrite(fd, buf, bytes, 0) != (ssize_t)bytes || fsync(fd) ||
	    pread(fd, buf, bytes / 2, 0) != (ssize_t)(bytes / 2) || close(fd))
		err(9, "data");
	free(buf);
}

static long usec(struct timeval t)
{
	return t.tv_sec * 1000000 + t.tv_usec;
}

static void print(void)
{
	struct rusage own, kids;

	if (getrusage(RUSAGE_SELF, &own) || getrusage(RUSAGE_CHILDREN, &kids))
		err(9, "getrusage");
	printf("user_us=%ld\nsystem_us=%ld\nmax_rss_kib=%ld\nminor=%ld\nmajor=%ld\nvoluntary=%ld\n"
	       "forced=%ld\n",
	       usec(own.ru_utime) + usec(kids.ru_utime), usec(own.ru_stime) + usec(kids.ru_stime),
	       own.ru_maxrss > kids.ru_maxrss ? own.ru_maxrss : kids.ru_maxrss,
	       own.ru_minflt + kids.ru_minflt, own.ru_majflt + kids.ru_majflt,
	       own.ru_nvcsw + kids.ru_nvcsw, own.ru_nivcsw + kids.ru_nivcsw);
	if (fflush(stdout))
		err(9, "stdout");
}

int main(int argc, char **argv)
{
	char c;

	if (argc < 5)
		errx(2, "usage: meter MIB CPU_MS CHILDREN IO_KIB [READY]");
	touch((size_t)atol(argv[1]) << 20);
	compute(atol(argv[2]));
	have_children(atoi(argv[3]));
	if (atol(argv[4]) > 0)
		do_io((size_t)atol(argv[4]) * 1024);
	print();
	if (argc > 5) {
		if (open(argv[5], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) < 0)
			err(9, "%s", argv[5]);
		while (read(0, &c, 1) > 0)
			;
	}
	return 0;
}
