/* SPDX-License-Identifier: MIT */
/* isolate/sweep: what has a user's id is ended, at whatever time its parent waits for it. */
#include "isolate/sweep.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/tap.h"

/* How many processes, of which some end by themselves. */
#define CHILDREN 8

static void pause_ms(long ms)
{
	(void)nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* A parent with children of that user, and half of them dead, which waits for them after so many
 * milliseconds, if at all. Returns when they are there. */
static pid_t start(uid_t uid, long reap_ms)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready) < 0)
		abort();
	pid = fork();
	for (int i = 0; pid == 0 && i < CHILDREN; i++) {
		pid_t child = fork();

		if (child < 0 || (child == 0 && setresuid(uid, uid, uid) < 0))
			_exit(1);
		if (child == 0 && i % 2 == 0)
			_exit(0);
		if (child == 0) {
			(void)close(ready[0]);
			if (write(ready[1], "", 1) == 1)
				(void)alarm(300);
			(void)close(ready[1]);
			for (;;)
				(void)pause();
		}
		/* It stays a zombie. */
		if (i % 2 == 0 && waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT))
			_exit(1);
	}
	if (pid == 0) {
		(void)close(ready[1]);
		if (reap_ms < 0)
			(void)alarm(300);
		while (reap_ms < 0)
			(void)pause();
		pause_ms(reap_ms);
		while (wait(NULL) > 0)
			continue;
		_exit(0);
	}
	if (pid < 0 || close(ready[1]))
		abort();
	for (int i = 0; i < CHILDREN / 2; i++)
		if (read(ready[0], &c, 1) != 1)
			abort();
	(void)close(ready[0]);
	return pid;
}

/* Their parent waits for them in a while, as the init of a dying PID namespace on a busy machine.
 */
static void test_late(struct tap *t, uid_t uid)
{
	struct err e = {0};
	pid_t parent = start(uid, 400);
	int status = -1;

	tap_int(t, sweep_find(uid, &e), 1, "late: there is something");
	tap_int(t, sweep_processes(uid, &e), 0, "late: %s", e.text);
	tap_int(t, sweep_find(uid, &e), 0, "late: nothing is left when it returns");
	tap_ok(t, waitpid(parent, &status, 0) == parent && status == 0, "late: the parent lives");
}

/* Nobody waits for them, now or ever, and yet they are no reason to give a box up. */
static void test_never(struct tap *t, uid_t uid)
{
	struct err e = {0};
	pid_t parent = start(uid, -1);

	tap_int(t, sweep_processes(uid, &e), 0, "never: %s", e.text);
	tap_int(t, sweep_find(uid, &e), 1, "never: the dead ones are there");
	tap_ok(t, !kill(parent, SIGKILL) && waitpid(parent, NULL, 0) == parent, "never: end");
}

int main(void)
{
	struct tap t = {0};
	struct err e = {0};
	uid_t uid = 2000000000 + 2 * (uid_t)getpid();

	if (geteuid() != 0) {
		tap_skip(&t, "other users' processes need root");
		return tap_done(&t);
	}
	tap_int(&t, sweep_find(uid, &e), 0, "nobody has the id");
	tap_int(&t, sweep_processes(uid, &e), 0, "nobody to end: %s", e.text);
	test_late(&t, uid);
	test_never(&t, uid + 1);
	return tap_done(&t);
}
