/* SPDX-License-Identifier: MIT */
/* Runs a command as an ordinary user. setpriv (--reuid --regid --clear-groups --inh-caps=-all) does
 * it, too, but tests do this more than anything else, and on an emulated processor the libraries of
 * setpriv take longer than what it is asked for; this one is static.
 *
 *   as UID CMD ARG...    gid = uid, no groups, no capabilities
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

int main(int argc, char **argv)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	char *end = NULL;
	unsigned long id;

	if (argc < 3 || (id = strtoul(argv[1], &end, 10)) == 0 || *end || id > 0x7fffffff) {
		fprintf(stderr, "usage: as UID CMD ARG...\n");
		return 125;
	}
	if (setgroups(0, NULL) < 0 || setresgid((gid_t)id, (gid_t)id, (gid_t)id) < 0 ||
	    setresuid((uid_t)id, (uid_t)id, (uid_t)id) < 0 ||
	    syscall(SYS_capset, &head, none) < 0) {
		fprintf(stderr, "as: become user %lu: %s\n", id, strerror(errno));
		return 126;
	}
	(void)execvp(argv[2], argv + 2); /* errno tells */
	fprintf(stderr, "as: execute '%s': %s\n", argv[2], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
