/* SPDX-License-Identifier: MIT */
/* The walk through a box's directory: owners, set-id bits, special files. */
#ifndef ISOLATE_BOXTREE_H
#define ISOLATE_BOXTREE_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

struct boxtree_job {
	bool chown;	/* everything gets uid and gid, but files with several names are refused
			   unless they are the users' (from_uid, uid) already */
	bool strangers; /* also what is neither uid's nor from_uid's: root put it there. Otherwise
			   that is left alone, as somebody may have moved another user's open
			   directory into the box to have its files given to him */
	uid_t uid;
	gid_t gid;
	uid_t from_uid;	   /* whose files are expected here besides uid's */
	bool drop_special; /* remove symlinks, fifos, sockets and devices */
	bool strip_set_id; /* clear set-user-id and set-group-id bits of regular files */
	uint64_t *bytes;   /* or NULL; to it is added the disk space that is taken by what remains,
			      as du(1) counts. Of a file with several names, wherever they are,
			      each name counts its share */
};

/* Do the job to everything below the directory dir_fd, and chown to dir_fd itself. One directory is
 * open at a time however deep the tree is; nothing is reached through links or on other file
 * systems (a mount point below is an error). Somebody may change the tree meanwhile: then this
 * fails, or misses what came late, but never touches anything outside.
 * As root. ERR_DENIED for a file with several names that is not the users'. */
int boxtree_walk(int dir_fd, const struct boxtree_job *job, struct err *e) NODISCARD;

#endif
