/* SPDX-License-Identifier: MIT */
/* Uses up CPU time in one of the ways in which programs hide it. Static, so that it works in any
 * root. Ends by itself after a minute of wall time, should nobody stop it.
 *
 *   burn loop          one busy process
 *   burn threads N     one process with N busy threads
 *   burn children MS   one child after another, waited for, each busy for MS of its CPU time
 *   burn orphan        a grandchild that nobody waits for, while the program itself sleeps
 *   burn ignored MS    as children, but with SIGCHLD ignored: the kernel reaps them
 *   burn sleep         none at all
 *   burn memory MIB    touches that much memory, and ends
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH_S 60

static double seconds(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		exit(2);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	fprintf(stderr, "burn: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* For so long of this thread's CPU time. */
static void burn(double cpu_s)
{
	double end = seconds(CLOCK_THREAD_CPUTIME_ID) + cpu_s;
	volatile unsigned n = 0;

	do {
		/* A few microseconds between two looks. */
		for (unsigned i = 0; i < 5000; i++)
			n = n + i;
	} while (seconds(CLOCK_THREAD_CPUTIME_ID) < end);
}

static void *burn_thread(void *unused)
{
	burn(ENOUGH_S);
	return unused;
}

static void burn_threads(int count)
{
	for (int i = 1; i < count; i++) {
		pthread_t thread;

		errno = pthread_create(&thread, NULL, burn_thread, NULL);
		if (errno)
			fail("pthread_create");
	}
	burn(ENOUGH_S);
}

static void burn_children(double each_s, int wait_for_them)
{
	double end = seconds(CLOCK_MONOTONIC) + ENOUGH_S;

	if (!wait_for_them && signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		fail("signal");
	while (seconds(CLOCK_MONOTONIC) < end) {
		pid_t pid = fork();

		if (pid == 0) {
			burn(each_s);
			_exit(0);
		}
		if (pid < 0)
			fail("fork");
		/* With SIGCHLD ignored this waits as well, and then tells ECHILD. */
		if (waitpid(pid, NULL, 0) != pid && wait_for_them)
			fail("waitpid");
	}
}

static void burn_orphan(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		pid = fork();
		if (pid < 0)
			fail("fork");
		if (pid == 0 && setsid() > 0)
			burn(ENOUGH_S);
		_exit(0);
	}
	if (waitpid(pid, NULL, 0) != pid)
		fail("waitpid");
	(void)sleep(ENOUGH_S);
}

static void touch_memory(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(how, "loop"))
		burn(ENOUGH_S);
	else if (!strcmp(how, "threads") && n > 0)
		burn_threads(n);
	else if (!strcmp(how, "children") && n > 0)
		burn_children(n / 1e3, 1);
	else if (!strcmp(how, "ignored") && n > 0)
		burn_children(n / 1e3, 0);
	else if (!strcmp(how, "orphan"))
		burn_orphan();
	else if (!strcmp(how, "sleep"))
		(void)sleep(ENOUGH_S);
	else if (!strcmp(how, "memory") && n > 0)
		touch_memory((size_t)n << 20);
	else {
		fputs("usage: burn loop | threads N | children MS | ignored MS | orphan | sleep | "
		      "memory MIB\n",
		      stderr);
		return 2;
	}
	return 0;
}
