/* SPDX-License-Identifier: MIT */
/* File system access beneath a held directory descriptor, and checks of who may change what. */
#ifndef COMMON_PATH_H
#define COMMON_PATH_H

#include <sys/stat.h>

#include "common/defs.h"
#include "common/err.h"

/* Open rel beneath dirfd with RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS. flags as open(2);
 * O_CLOEXEC is added. A link is ELOOP anywhere, also at the end, unless the caller says
 * O_PATH | O_NOFOLLOW, which opens the link itself. Returns the fd, or -1 (errno; e is not used:
 * callers word it). Must not be replaced by something weaker when openat2 is refused. */
int path_open_beneath(int dirfd, const char *rel, int flags, mode_t mode);

/* mkdirat + open of one component; an existing directory is fine, whoever made it (fstat it), and
 * the umask applies to mode. O_PATH | O_DIRECTORY fd or -1 (errno). */
int path_make_dir(int dirfd, const char *name, mode_t mode);

/* Remove everything below the directory `name` in dirfd and then itself (or the single file).
 * Iterative, a bounded number of descriptors however deep the tree, never follows links, never
 * enters a mount (that is an error, not even one of the same file system), makes unreadable
 * directories readable first where it may (/proc must be there then). Missing is success. A tree
 * that somebody keeps changing is ERR_BUSY in the end. */
int path_remove_tree(int dirfd, const char *name, struct err *e) NODISCARD;

/* The same for what is inside the directory; the directory stays. */
int path_remove_contents(int dirfd, const char *name, struct err *e) NODISCARD;

/* Open the directory `path` (absolute) walking from / component by component without following
 * symbolic links, and check on every component that only `owner` (besides root) can replace what
 * comes below: owned by root or owner, and not writable by group or others unless sticky. With
 * check_leaf_only the rule is applied to the last component only. The last one must not be writable
 * by others at all: a sticky bit keeps what is there, and lets everybody add to it. "." and ".."
 * are refused. errnum is ENOENT when a component is missing. Returns an O_PATH | O_DIRECTORY fd, or
 * -1 with kind ERR_CONFIG and a text that names the offending component. */
int path_open_trusted_dir(const char *path, uid_t owner, bool check_leaf_only, struct err *e);

/* fd must be a regular file owned by root (or owner), not writable by group or others. 0 or -1. */
int path_check_trusted_file(int fd, uid_t owner, const char *name, struct err *e) NODISCARD;

#endif
