/* SPDX-License-Identifier: MIT */
/* A user namespace that carries the mapping of an id-mapped mount. */
#ifndef ISOLATE_IDMAP_H
#define ISOLATE_IDMAP_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

/* Make a user namespace for mnt_idmap in which files that belong to disk_uid and disk_gid on disk
 * show as shown_uid and shown_gid, and the other way round for what is created. Other users' files
 * show as nobody's; other groups' show as theirs, since to belong to a group without being in it
 * gives nobody anything, and files of an unknown group could not be written even by their owner.
 * As root, with /proc of this pid namespace mounted. Returns a descriptor, or -1. */
int idmap_open_userns(uid_t disk_uid, uid_t shown_uid, gid_t disk_gid, gid_t shown_gid,
		      struct err *e);

#endif
