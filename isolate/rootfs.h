/* SPDX-License-Identifier: MIT */
/* Directory rules and an optional image become the root file system of a run. */
#ifndef ISOLATE_ROOTFS_H
#define ISOLATE_ROOTFS_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/dirrules.h"
#include "isolate/limits.h"
#include "isolate/priv.h"
#include "mount/layers.h"

/* Descriptors do not follow a process into a new mount namespace: they keep to mounts of the old
 * one, which overlayfs will not stack in the new one. Two ways around it are used here. A detached
 * mount belongs to no namespace until it is attached, and what was opened through it goes along:
 * so the layers are opened through a detached copy of the store's mount. And the working directory
 * of a process is carried over by the kernel: so it is the stage when the proxy is cloned. */

/* Replace s->fd, just opened, by a detached, read-only copy of its mount, for layers_open.
 * Resting state of priv before and after: caller. */
int rootfs_detach_store(struct store *s, const struct priv *p, struct err *e) NODISCARD;

struct rootfs_spec {
	const struct dirrules *rules;
	const struct layers *image; /* NULL: a fresh tmpfs root */
	int store_fd;	    /* with an image: store.fd after rootfs_detach_store, through which the
			       layers were opened; borrowed; otherwise -1 */
	int rw_fd;	    /* with an image that can be written: detached tmpfs for that, root's
			       alone; borrowed; otherwise -1 */
	uint64_t rw_inodes; /* then: how many files that may have */
	uid_t rw_owner;	    /* then: whose the root directory is: the store's owner */
	int box_mnt_fd;	    /* detached (id-mapped) mount of the box directory, "./box"; borrowed */
	int box_dir_fd; /* the box's own directory <box_root>/<id>: "./x" starts here; borrowed */
	int stage_fd;	/* a root-owned directory in it that nobody else uses: mounts are put
			   together there in the private namespace; borrowed */
	uid_t uid;	/* of the program: owner of /tmp and of writable tmpfs mounts */
	gid_t gid;
	struct room tmp; /* of each tmpfs the program can write; inodes 0: in proportion */
};

struct rootfs; /* sources opened and cloned, ready to be put in place */

/* In the keeper, which is alone (no threads): open every bind source with the caller's rights,
 * clone it detached with its attributes as root. Resting state of priv before and after: caller.
 * The working directory becomes the stage, and must still be that when the proxy is cloned.
 * `maybe` sources that do not exist are left out; an unreachable one reads the same as a missing
 * one. *spec is copied; what it points to must stay until rootfs_free.
 * Runs as: caller and root in turns. Trusts: the stage. Must not: open a source as root. */
int rootfs_prepare(const struct rootfs_spec *spec, const struct priv *p, struct rootfs **out,
		   struct err *e) NODISCARD;

/* In the proxy: pid 1 of the new pid namespace, cloned with CLONE_NEWNS, as root. Makes every mount
 * private, builds the root (skeleton, image overlay, rules in order), pivots into it, detaches the
 * old root, and leaves the working directory at /. *proc_fd gets an fd of a procfs mount of this
 * pid namespace that is not visible in the root (the keeper counts tasks through it).
 * Runs as: root with CAP_SYS_ADMIN, and CAP_DAC_READ_SEARCH for mount points inside a box.
 * Trusts: nothing inside images, boxes and bound directories; creates nothing in them.
 * Must not: follow a symbolic link in there. */
int rootfs_enter(struct rootfs *r, int *proc_fd, struct err *e) NODISCARD;

/* In the proxy, after that: close all but what rootfs_is_full looks at. */
void rootfs_close_sources(struct rootfs *r);

/* In the proxy: has a tmpfs that the program can write no block or no inode left? */
bool rootfs_is_full(const struct rootfs *r);

/* Close what rootfs_prepare opened; in keeper and proxy. */
void rootfs_free(struct rootfs *r);

#endif
