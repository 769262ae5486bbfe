/* SPDX-License-Identifier: MIT */
/* Project quotas: how much a directory and all that is made below it may hold. */
#ifndef ISOLATE_QUOTA_H
#define ISOLATE_QUOTA_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/limits.h"

/* Not user quotas: files in a box belong to its owner on disk, and so do all his others. A project
 * is a number that files inherit from their directory; quotactl_fd(2) is of Linux 5.14. Whoever
 * owns a file may change its project, with ioctl(2) or file_setattr(2): the filter of system calls
 * keeps the program from that (seccomp.c). */

/* Does the file system of fd (O_PATH will do) enforce quotas of projects? Accounting alone, as with
 * ext4's feature without the mount option prjquota, is not enough. */
bool quota_in_force(int fd);

/* Put the empty directory dir_fd (not O_PATH) and what will be made in it into `project`, which
 * gets this quota; 0 is no limit. The directory counts too. An error if the project has other
 * files. Limits are rounded up to KiB. As root. */
int quota_set(int dir_fd, uint32_t project, const struct room *room, struct err *e) NODISCARD;

/* No limit any more. fd: anything there, O_PATH will do. A file system without quotas is fine. As
 * root. */
int quota_clear(int fd, uint32_t project, struct err *e) NODISCARD;

#endif
