/* SPDX-License-Identifier: MIT */
/* The file systems that are made anew for each run. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "isolate/rootfs_impl.h"
#include "mount/mnt.h"

int fs_make_skeleton(struct err *e)
{
	/* Directories take inodes only; rootfs_ids.c may make two files. */
	static const char *const options[] = {"mode=0755", "size=320k", "nr_inodes=16384", NULL};

	return mnt_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
}

int fs_make_proc_for_keeper(struct err *e)
{
	static const char *const options[] = {"subset=pid", NULL}; /* Linux 5.8 */

	return mnt_new("proc", options,
		       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		       e);
}

int fs_make_tmpfs(const struct rootfs_spec *s, uint64_t attrs, struct err *e)
{
	return mnt_new_tmpfs(s->tmp.bytes, s->tmp.inodes, s->uid, s->gid, "1777", attrs, e);
}

static const struct {
	const char *name;
	unsigned major, minor;
} dev_nodes[] = {
	{"full", 1, 7}, {"null", 1, 3},	   {"random", 1, 8},
	{"tty", 5, 0},	{"urandom", 1, 9}, {"zero", 1, 5},
};

static const struct {
	const char *name, *target;
} dev_links[] = {
	{"fd", "/proc/self/fd"},       {"ptmx", "pts/ptmx"},	      {"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
};

static const char *const dev_dirs[] = {"pts", "shm"};

static int fill_dev(int dir_fd, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(dev_nodes); i++)
		if (mknodat(dir_fd, dev_nodes[i].name, S_IFCHR | 0666,
			    makedev(dev_nodes[i].major, dev_nodes[i].minor)))
			return err_sys(e, ERR_SYSTEM, "make /dev/%s", dev_nodes[i].name);
	for (size_t i = 0; i < ARRAY_LEN(dev_links); i++)
		if (symlinkat(dev_links[i].target, dir_fd, dev_links[i].name))
			return err_sys(e, ERR_SYSTEM, "make /dev/%s", dev_links[i].name);
	for (size_t i = 0; i < ARRAY_LEN(dev_dirs); i++)
		if (mkdirat(dir_fd, dev_dirs[i], 0755))
			return err_sys(e, ERR_SYSTEM, "make /dev/%s", dev_dirs[i]);
	return 0;
}

/* The minimal /dev: what programs expect, and no way to a driver. Nodes on a read-only mount can
 * still be written to. */
int fs_make_dev(struct err *e)
{
	static const char *const options[] = {"mode=0755", "size=64k", "nr_inodes=64", NULL};
	auto_fd fd = mnt_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, e);
	mode_t saved;
	int rc;

	if (fd < 0)
		return -1;
	saved = umask(0);
	rc = fill_dev(fd, e);
	(void)umask(saved); /* gives back what was set above */
	if (rc || mnt_set_attrs(fd, MOUNT_ATTR_RDONLY, "/dev", e))
		return -1;
	return take_fd(&fd);
}

int fs_make(const struct rootfs_spec *s, const struct dirrule *rule, struct err *e)
{
	/* Others' processes are as if they were not there, and so is pid 1: its command line and
	 * environment are the keeper's. */
	static const char *const proc_options[] = {"hidepid=invisible", NULL}; /* Linux 5.8 */
	static const char *const pts_options[] = {"ptmxmode=0666", "mode=0620", NULL};
	static const char *const no_options[] = {NULL};
	uint64_t attrs = rootfs_attrs(rule->flags);

	if (rule->flags & DIR_TMP)
		return fs_make_tmpfs(s, rootfs_attrs(rule->flags | DIR_RW), e);
	if (!strcmp(rule->out, "tmpfs"))
		return fs_make_tmpfs(s, attrs, e);
	if (!strcmp(rule->out, "proc"))
		return mnt_new("proc", proc_options, attrs | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			       e);
	if (!strcmp(rule->out, "sysfs"))
		return mnt_new("sysfs", no_options,
			       attrs | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
	/* The only devices in there are terminals made in there. */
	if (!strcmp(rule->out, "devpts"))
		return mnt_new("devpts", pts_options,
			       (attrs & ~(uint64_t)MOUNT_ATTR_NODEV) | MOUNT_ATTR_NOEXEC, e);
	return err_set(e, ERR_BUG, "unknown file system '%s'", text_quote(rule->out).s);
}
