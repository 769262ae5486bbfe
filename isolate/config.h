/* SPDX-License-Identifier: MIT */
/* The configuration file, isolate.cf(5). */
#ifndef ISOLATE_CONFIG_H
#define ISOLATE_CONFIG_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

#define CONFIG_PATH_MAX 1024

/* In the order of growing rights. */
enum config_who { WHO_NOBODY, WHO_ROOT, WHO_ALL };

struct config {
	char box_root[CONFIG_PATH_MAX];	  /* directory of all boxes */
	char lock_root[CONFIG_PATH_MAX];  /* directory of their lock files */
	char cg_root[CONFIG_PATH_MAX];	  /* as cgroup_find takes it */
	char image_root[CONFIG_PATH_MAX]; /* the system's image store */
	uid_t image_owner;		  /* who besides root may write it */
	uid_t first_uid;		  /* box N runs as first_uid + N */
	gid_t first_gid;
	unsigned num_boxes;	   /* ids 0 to num_boxes - 1 */
	unsigned syscall_flags;	   /* FILTER_* bits that a run gets unless told otherwise */
	uint64_t tmp_bytes;	   /* size of each tmpfs that a program can write */
	bool user_images;	   /* the caller's own image store is used too */
	bool init_refuse;	   /* --init of an existing box is an error, not a reset */
	bool restricted_init;	   /* only root may --init */
	enum config_who share_net; /* who may use --share-net */
};

/* Parse len bytes at text (writable, NUL-terminated, cut up in place) over the built-in defaults.
 * Pure. name is for messages. ERR_CONFIG. */
int config_parse(const char *name, char *text, size_t len, struct config *out,
		 struct err *e) NODISCARD;

/* Read CONFIG_FILE, which must be trusted up to / (owned by root, writable by nobody else); a
 * missing file is an error. As root. */
int config_read(struct config *out, struct err *e) NODISCARD;

/* Open a directory that the configuration names, trusted up to /; what is missing of it is made,
 * mode 0755 and the last part `mode`. As root. Returns an O_PATH fd or -1. */
int config_open_dir(const char *path, mode_t mode, struct err *e);

#endif
