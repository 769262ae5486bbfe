/* SPDX-License-Identifier: MIT */
/* What a thread that parses layers can still do, and what it cannot. */
#include "imgfetch/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "tests/unit/tap.h"

struct context {
	struct tap *t;
	int dir; /* -1: nothing is allowed */
	bool landlock;
};

/* The errno of a call that should fail; its result otherwise. */
static int failure(int r)
{
	if (r >= 0) {
		(void)close(r);
		return 0;
	}
	return errno;
}

static void check_calls(const struct context *c)
{
	char *const argv[] = {(char *)(uintptr_t) "true", NULL}, *const envp[] = {NULL};

	tap_int(c->t, failure(socket(AF_INET, SOCK_STREAM, 0)), EACCES, "... no socket");
	tap_int(c->t, failure(socket(AF_UNIX, SOCK_STREAM, 0)), EACCES, "... not even a local one");
	tap_int(c->t, failure(execve("/bin/true", argv, envp)), EACCES, "... no other program");
	tap_int(c->t, failure(kill(getpid(), 0)), EACCES, "... no signals");
	tap_int(c->t, failure(unshare(CLONE_NEWUSER)), EACCES, "... no namespace");
	tap_int(c->t, failure((int)syscall(SYS_ptrace, 0, 0, 0, 0)), EACCES, "... no tracing");
	tap_int(c->t, failure((int)syscall(SYS_io_uring_setup, 1, NULL)), EACCES,
		"... no io_uring");
}

static void check_files(const struct context *c)
{
	if (!c->landlock) {
		tap_skip(c->t, "the kernel has no landlock of version 2");
		return;
	}
	tap_int(c->t, failure(open("/etc/passwd", O_RDONLY | O_CLOEXEC)), EACCES, "... no file");
	tap_int(c->t, failure(open("/tmp/test_confine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
		EACCES, "... no new file");
	tap_int(c->t, failure(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), EACCES,
		"... no directory");
	if (c->dir < 0)
		return;
	tap_int(c->t, failure(openat(c->dir, "../beside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
		EACCES, "... nothing beside its directory");
	tap_int(c->t, failure(openat(c->dir, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0,
		"... but files in it");
	tap_int(c->t, mkdirat(c->dir, "d", 0700), 0, "... directories");
	tap_int(c->t, linkat(c->dir, "new", c->dir, "d/link", 0), 0, "... links between them");
	tap_int(c->t, renameat(c->dir, "d/link", c->dir, "moved"), 0, "... renames");
	tap_int(c->t, mknodat(c->dir, "whiteout", S_IFCHR, 0), 0, "... whiteouts");
	tap_int(c->t, unlinkat(c->dir, "moved", 0), 0, "... and removals");
}

static void *confined_main(void *arg)
{
	const struct context *c = arg;
	struct err e = {0};

	if (!tap_int(c->t, confine_thread(c->dir, &e), 0,
		     c->dir < 0 ? "a thread without files" : "a thread with a directory"))
		tap_note("%s", e.text);
	check_calls(c);
	check_files(c);
	return NULL;
}

static void run_confined(const struct context *c)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, confined_main, (void *)(uintptr_t)c) != 0)
		abort();
	pthread_join(thread, NULL);
}

int main(void)
{
	struct tap t = {0};
	struct err e = {0};
	char base[] = "/tmp/test_confine.XXXXXX";

	if (!mkdtemp(base))
		abort();
	auto_fd parent = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || mkdirat(parent, "layer", 0700) < 0)
		abort();
	auto_fd dir = openat(parent, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		abort();
	bool landlock =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2;
	run_confined(&(struct context){.t = &t, .dir = -1, .landlock = landlock});
	run_confined(&(struct context){.t = &t, .dir = dir, .landlock = landlock});
	tap_int(&t, failure(open("/etc/passwd", O_RDONLY | O_CLOEXEC)), 0,
		"the others are as free as before");
	tap_int(&t, failure(socket(AF_UNIX, SOCK_STREAM, 0)), 0, "... in all respects");
	if (path_remove_contents(parent, ".", &e) < 0 || rmdir(base) < 0)
		tap_note("left behind: %s: %s", base, e.text);
	return tap_done(&t);
}
