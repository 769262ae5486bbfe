/* SPDX-License-Identifier: MIT */
/* Project quotas: how much a directory and all that is made below it may hold. */
#include "isolate/quota.h"

#include <errno.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc 2.36 has no wrapper. */
static int project_quotactl(int fd, unsigned cmd, uint32_t project, void *data)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(cmd, PRJQUOTA), project, data);
}

bool quota_in_force(int fd)
{
	/* Asked for by XFS's command, which ext4 and F2FS answer too: Q_GETINFO does not tell
	 * accounting from limits. */
	struct fs_quota_statv s = {.qs_version = FS_QSTATV_VERSION1};

	return project_quotactl(fd, Q_XGETQSTATV, 0, &s) == 0 && (s.qs_flags & FS_QUOTA_PDQ_ENFD);
}

static int assign(int dir_fd, uint32_t project, struct err *e)
{
	struct fsxattr attr;

	if (ioctl(dir_fd, FS_IOC_FSGETXATTR, &attr) < 0)
		return err_sys(e, ERR_SYSTEM, "read the project of the box");
	attr.fsx_projid = project;
	attr.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(dir_fd, FS_IOC_FSSETXATTR, &attr) < 0 ||
	    ioctl(dir_fd, FS_IOC_FSGETXATTR, &attr) < 0)
		return err_sys(e, ERR_SYSTEM, "set the project of the box");
	if (attr.fsx_projid != project || !(attr.fsx_xflags & FS_XFLAG_PROJINHERIT))
		return err_set(e, ERR_SYSTEM, "set the project of the box: it did not change");
	return 0;
}

static int set_limits(int fd, uint32_t project, const struct room *room, struct err *e)
{
	uint64_t kib = (room->bytes + 1023) / 1024;
	/* No soft limits, whose grace period would be the file system's. */
	struct if_dqblk q = {
		.dqb_bhardlimit = kib,
		.dqb_ihardlimit = room->inodes,
		.dqb_valid = QIF_LIMITS,
	};

	if (project_quotactl(fd, Q_SETQUOTA, project, &q) < 0)
		return err_sys(e, ERR_SYSTEM, "set the quota of project %u", project);
	q = (struct if_dqblk){0};
	if (project_quotactl(fd, Q_GETQUOTA, project, &q) < 0)
		return err_sys(e, ERR_SYSTEM, "read the quota of project %u", project);
	if (q.dqb_bhardlimit != kib || q.dqb_ihardlimit != room->inodes)
		return err_set(e, ERR_SYSTEM, "the quota of project %u did not change as told",
			       project);
	/* It would be used up before the program begins. */
	if (q.dqb_curinodes > 1)
		return err_set(e, ERR_SYSTEM,
			       "project %u, by which the quota of the box counts, has %llu other "
			       "files on its file system: find them by lsattr -pR",
			       project, (unsigned long long)q.dqb_curinodes - 1);
	return 0;
}

int quota_set(int dir_fd, uint32_t project, const struct room *room, struct err *e)
{
	if (assign(dir_fd, project, e) < 0)
		return -1;
	return set_limits(dir_fd, project, room, e);
}

int quota_clear(int fd, uint32_t project, struct err *e)
{
	struct if_dqblk none = {.dqb_valid = QIF_LIMITS};

	if (!quota_in_force(fd))
		return 0;
	if (project_quotactl(fd, Q_SETQUOTA, project, &none) < 0)
		return err_sys(e, ERR_SYSTEM, "clear the quota of project %u", project);
	return 0;
}
