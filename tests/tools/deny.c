/* SPDX-License-Identifier: MIT */
/* Runs a command that is refused a system call, as a container's profile does; also what it runs
 * setuid. To be started by root, without whose rights a filter would take setuid bits their effect.
 *
 *   deny perf_event_open CMD ARG...    EPERM
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (argc < 3 || strcmp(argv[1], "perf_event_open") != 0) {
		fprintf(stderr, "usage: deny perf_event_open CMD ARG...\n");
		return 2;
	}
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0) {
		fprintf(stderr, "deny: load the filter: %s\n", strerror(errno));
		return 2;
	}
	(void)execvp(argv[2], argv + 2); /* errno tells */
	fprintf(stderr, "deny: execute '%s': %s\n", argv[2], strerror(errno));
	return 2;
}
