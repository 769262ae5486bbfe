/* SPDX-License-Identifier: MIT */
/* The kernel's own price of one command in fresh namespaces: clone, exec, wait, and nothing else.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/sched.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	int status;
	pid_t pid;

	if (argc < 2) {
		fputs("usage: bare CMD [ARG...]\n", stderr);
		return 2;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("bare");
		return 2;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
