/* SPDX-License-Identifier: MIT */
/* Directory rules and an optional image become the root file system of a run. */
#ifndef ISOLATE_ROOTFS_H
#define ISOLATE_ROOTFS_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/dirrules.h"
#include "isolate/priv.h"
#include "mount/layers.h"

struct rootfs_spec {
	const struct dirrules *rules;
	const struct layers *image; /* NULL: a fresh tmpfs root */
	int box_mnt_fd; /* detached (id-mapped) mount of the box directory, "./box"; borrowed */
	int box_dir_fd; /* the box's own directory <box_root>/<id>: "./x" starts here */
	int stage_fd;	/* a root-owned directory in it that nobody else uses: mounts are put
			   together there in the private namespace */
	uid_t uid;	/* of the program: owner of /tmp and of writable tmpfs mounts */
	gid_t gid;
	uint64_t tmp_bytes; /* size of each tmpfs the program can write */
};

struct rootfs; /* sources opened and cloned, ready to be put in place */

/* In the keeper: open every bind source with the caller's rights (priv_as_caller), clone it
 * detached with its attributes as root. Resting state of priv on return: caller. `maybe` sources
 * that do not exist are left out; an unreachable one reads the same as a missing one. */
int rootfs_prepare(const struct rootfs_spec *spec, const struct priv *p, struct rootfs **out,
		   struct err *e) NODISCARD;

/* In the proxy: pid 1 of the new pid namespace, in a new mount namespace, as root with
 * CAP_SYS_ADMIN. Makes every mount private, builds the root (skeleton, image overlay, rules in
 * order), pivots into it, detaches the old root, and leaves the working directory at /.
 * *proc_fd gets an fd of a procfs mount of this pid namespace that is not visible in the root (the
 * keeper counts tasks through it). */
int rootfs_enter(struct rootfs *r, int *proc_fd, struct err *e) NODISCARD;

/* Close what rootfs_prepare opened; in keeper and proxy. */
void rootfs_free(struct rootfs *r);

#endif
