/* SPDX-License-Identifier: MIT */
/* The descriptor-based mount API as checked helpers: each returns a detached mount or moves one. */
#ifndef MOUNT_MNT_H
#define MOUNT_MNT_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

/* All need CAP_SYS_ADMIN over the current mount namespace. attrs are MOUNT_ATTR_* bits of
 * mount_setattr(2) (Linux 5.12). Failures are ERR_SYSTEM and name the object. */

/* A new mount of file system `type` with "key=value" or "flag" options, NULL-terminated. Texts that
 * the kernel left in the fs context go into *e. Returns a detached mount fd or -1. */
int mnt_new(const char *type, const char *const *options, uint64_t attrs, struct err *e);

/* How many inodes a tmpfs of so many bytes has when nobody says. Each takes about a kilobyte that
 * no size counts: more of them are more memory. */
uint64_t mnt_tmpfs_inodes(uint64_t bytes);

/* A new tmpfs whose root belongs to uid and gid with this octal mode. inodes 0: in proportion to
 * bytes. As mnt_new. */
int mnt_new_tmpfs(uint64_t bytes, uint64_t inodes, uid_t uid, gid_t gid, const char *mode,
		  uint64_t attrs, struct err *e);

/* Let the tmpfs whose root is at mnt_fd have so many inodes from now on. Fails where it has more.
 */
int mnt_set_tmpfs_inodes(int mnt_fd, uint64_t inodes, const char *what, struct err *e) NODISCARD;

/* Has the file system at fd, or the quota of the directory fd, not a page left, or no inode? False
 * when that cannot be told. */
bool mnt_is_full(int fd);

/* The steps of mnt_new for those who have options that are no text. fs_fd is of fsopen(2).
 * mnt_fs_option: one "key=value" or "flag"; a value of 256 bytes or more is EINVAL (6.18).
 * mnt_fs_finish: create the superblock and a detached mount of it. fd or -1.
 * mnt_fs_error: describe errno, and what the kernel left in the context, as the failure to mount
 * `type`; always -1. */
int mnt_fs_option(int fs_fd, const char *option);
int mnt_fs_finish(int fs_fd, const char *type, uint64_t attrs, struct err *e);
int mnt_fs_error(int fs_fd, const char *type, const char *step, struct err *e);

/* Detached copy of the mount tree at fd (O_PATH), recursive or only the top mount, with
 * mount_setattr(set) applied to all of it (AT_RECURSIVE) before anybody can see it. The copy is
 * private: as a peer of a shared source it would pass on to it what is mounted below the copy. */
int mnt_clone(int fd, bool recursive, uint64_t attrs, const char *what, struct err *e);

/* Id-map a detached, never attached mount with the mapping of userns_fd (MOUNT_ATTR_IDMAP, 5.12).
 * Where the file system cannot, returns -1 with e->errnum EINVAL. */
int mnt_idmap(int mnt_fd, int userns_fd, const char *what, struct err *e) NODISCARD;

/* Add attrs to an attached or detached mount, recursively, and make it private. */
int mnt_set_attrs(int mnt_fd, uint64_t attrs, const char *what, struct err *e) NODISCARD;

/* Attach a detached mount onto the directory or file behind target_fd (O_PATH). No path is
 * walked.*/
int mnt_attach(int mnt_fd, int target_fd, const char *what, struct err *e) NODISCARD;

/* The mount behind mnt_fd really has at least MOUNT_ATTR_RDONLY, NOSUID, NODEV, NOEXEC of attrs.
 * ERR_BUG otherwise. */
int mnt_check_attrs(int mnt_fd, uint64_t attrs, const char *what, struct err *e) NODISCARD;

#endif
