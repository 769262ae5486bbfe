/* SPDX-License-Identifier: MIT */
/* Runs a command as an ordinary user, and with other files over those of the machine. setpriv
 * (--reuid
 * --regid --clear-groups --inh-caps=-all), unshare and mount do it, too, but tests do this more
 * than anything else, and on an emulated processor the libraries of those take longer than what
 * they are asked for; this one is static.
 *
 *   as [-b FROM TO]... UID|- CMD ARG...
 *
 * UID: gid = uid, no groups, no capabilities; "-" remains who started it. -b: in a mount namespace
 * of its own, where FROM is bound to TO.
 */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

static int failed(const char *what, const char *which)
{
	fprintf(stderr, "as: %s '%s': %s\n", what, which, strerror(errno));
	return 126;
}

static int become(const char *text)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	char *end = NULL;
	unsigned long id = strtoul(text, &end, 10);

	if (id == 0 || *end || id > 0x7fffffff) {
		errno = EINVAL;
		return -1;
	}
	if (setgroups(0, NULL) < 0 || setresgid((gid_t)id, (gid_t)id, (gid_t)id) < 0 ||
	    setresuid((uid_t)id, (uid_t)id, (uid_t)id) < 0)
		return -1;
	return (int)syscall(SYS_capset, &head, none);
}

int main(int argc, char **argv)
{
	int at = 1;

	while (argc > at + 2 && strcmp(argv[at], "-b") == 0) {
		if (at == 1 && (unshare(CLONE_NEWNS) < 0 ||
				mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
			return failed("make a mount namespace for", argv[at + 1]);
		if (mount(argv[at + 1], argv[at + 2], NULL, MS_BIND, NULL) < 0)
			return failed("bind something to", argv[at + 2]);
		at += 3;
	}
	if (argc < at + 2) {
		fprintf(stderr, "usage: as [-b FROM TO]... UID|- CMD ARG...\n");
		return 125;
	}
	if (strcmp(argv[at], "-") != 0 && become(argv[at]) < 0)
		return failed("become user", argv[at]);
	at++;
	(void)execvp(argv[at], argv + at); /* errno tells */
	failed("execute", argv[at]);
	return errno == ENOENT ? 127 : 126;
}
