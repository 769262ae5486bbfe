/* SPDX-License-Identifier: MIT */
/* Run a program and kill it at its N-th system call, counted over all its threads: between two
 * steps of its work, whichever they are, and however fast the machine is.
 *
 *   killat N FILE CMD ARG...   N 0: let it run. The number of calls goes into FILE.
 *
 * Ends as the program does: with its status, or 137 when it was killed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void write_count(const char *file, unsigned long calls)
{
	FILE *f = fopen(file, "w");

	if (!f || fprintf(f, "%lu\n", calls) < 0 || fclose(f) != 0)
		die(file);
}

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
			die("ptrace");
		execvp(argv[0], argv);
		die(argv[0]);
	}
	return pid;
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
	unsigned long end, stops = 0;
	int status;

	if (argc < 4)
		return 125;
	end = strtoul(argv[1], NULL, 10);
	pid_t pid = start(argv + 3);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, options) < 0 ||
	    ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
		die("ptrace");
	for (;;) {
		pid_t who = waitpid(-1, &status, __WALL);
		long pass_on = 0;

		if (who < 0)
			die("waitpid");
		if (who == pid && !WIFSTOPPED(status))
			break;
		if (!WIFSTOPPED(status))
			continue;
		int sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80)) {
			/* Each call stops twice, before and after. */
			if (++stops / 2 == end && end > 0)
				kill(pid, SIGKILL);
		} else if (status >> 16 == 0 && sig != SIGSTOP && sig != SIGTRAP) {
			pass_on = sig;
		}
		/* Gone by now: then the next wait tells. */
		(void)!ptrace(PTRACE_SYSCALL, who, NULL, pass_on);
	}
	write_count(argv[2], stops / 2);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
