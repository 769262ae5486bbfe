/* SPDX-License-Identifier: MIT */
/* Holding a v2 group that was delegated to this process: for isolate-cg-keeper, not for isolate. */
#include "isolate/cgroup_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

/* The keeper's own group. No box is called so. */
#define KEEPER_NAME "keeper"

/* /proc/self/cgroup has a line for each hierarchy, cgroup.procs one for each process. */
#define LIST_BYTES_MAX (64 * 1024)

bool cgroup_parse_self(const char *text, char *path, size_t size)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (!strncmp(text, "0::/", 4))
			return !text_format(path, size, "%.*s", (int)len - 3, text + 3);
		text += len;
		text += *text == '\n';
	}
	return false;
}

static int find_self(char *path, size_t size, struct err *e)
{
	auto_fd fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	char buf[LIST_BYTES_MAX], own[PATH_MAX];
	struct cgroup_mounts m;

	if (fd < 0 || fdio_read_text(fd, buf, sizeof(buf)) < 0)
		return err_sys(e, ERR_SYSTEM, "read /proc/self/cgroup");
	cgroup_mounts_guess(&m);
	if (!*m.v2 && cgroup_mounts_read(&m, e))
		return -1;
	if (!*m.v2 || !cgroup_v2_usable(m.v2) || !cgroup_parse_self(buf, own, sizeof(own)))
		return err_set(e, ERR_CONFIG,
			       "this machine has no cgroup v2 with the controllers memory and "
			       "pids: nothing to hold");
	if (text_format(path, size, "%s%s", m.v2, strcmp(own, "/") ? own : ""))
		return err_sys(e, ERR_CONFIG, "path of the control group");
	return 0;
}

/* Is it our group that has this path? Under another cgroup namespace or mount it may not be. */
static int check_member(int fd, const char *path, struct err *e)
{
	auto_fd procs = cgroup_open_file(fd, path, "cgroup.procs", O_RDONLY, e);
	char buf[LIST_BYTES_MAX], pid[16];

	if (procs < 0)
		return -1;
	if (fdio_read_text(procs, buf, sizeof(buf)) < 0 ||
	    text_format(pid, sizeof(pid), "%d", (int)getpid()))
		return err_sys(e, ERR_SYSTEM, "read '%s/cgroup.procs'", text_quote(path).s);
	if (!cgroup_has_word(buf, pid))
		return err_set(e, ERR_CONFIG, "'%s' is not this process's control group",
			       text_quote(path).s);
	return 0;
}

int cgroup_hold(struct cgroup_hold *out, struct err *e)
{
	struct cgroup_hold h;
	auto_fd fd = -1, child = -1;

	if (find_self(h.path, sizeof(h.path), e))
		return -1;
	fd = open(h.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_CONFIG, "open control group '%s'", text_quote(h.path).s);
	if (check_member(fd, h.path, e) || cgroup_check_owner(fd, h.path, e))
		return -1;
	if (faccessat(fd, "cgroup.type", F_OK, AT_SYMLINK_NOFOLLOW))
		return err_set(e, ERR_CONFIG,
			       "this process is in the root of all control groups: start it as a "
			       "service with Delegate=yes");
	child = cgroup_v2_open_child(fd, h.path, KEEPER_NAME, e);
	if (child < 0 || cgroup_write_file(child, KEEPER_NAME, "cgroup.procs", "0", e))
		return -1;
	if (cgroup_v2_enable(fd, h.path, CGROUP_DELEGATED, e))
		return -1;
	h.tasks_fd = cgroup_open_file(fd, h.path, "pids.current", O_RDONLY, e);
	if (h.tasks_fd < 0)
		return -1;
	*out = h;
	return 0;
}

int cgroup_hold_others(const struct cgroup_hold *h, bool *others, struct err *e)
{
	char buf[32];

	if (cgroup_read_fd(h->tasks_fd, "pids.current", buf, sizeof(buf), e))
		return -1;
	*others = strcmp(buf, "1\n") != 0;
	return 0;
}

void cgroup_hold_end(struct cgroup_hold *h)
{
	cleanup_fd(&h->tasks_fd);
}
