/* SPDX-License-Identifier: MIT */
/* The configuration file, isolate.cf(5). */
#ifndef ISOLATE_CONFIG_H
#define ISOLATE_CONFIG_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

#define CONFIG_PATH_MAX 1024
#define CONFIG_NAME_MAX 64
#define CONFIG_TEXT_MAX (64 * 1024)

/* All restrictions of system calls that there are (FILTER_ALL). */
#define CONFIG_FLAGS_ALL 31

/* No box gets the ids of system accounts, of "nobody", or those that mean "none". */
#define CONFIG_ID_LOWEST  1000
#define CONFIG_ID_HIGHEST (UINT32_MAX - 1)

/* In the order of growing rights. */
enum config_who { WHO_NOBODY, WHO_ROOT, WHO_ALL };

/* boxN.cpus and boxN.mems: lists as cpulist.h has them; NULL: not given. */
struct config_pin {
	unsigned box_id;
	char *cpus; /* owned, both */
	char *mems;
};

struct config {
	char box_root[CONFIG_PATH_MAX];	  /* directory of all boxes */
	char lock_root[CONFIG_PATH_MAX];  /* directory of their lock files */
	char cg_root[CONFIG_PATH_MAX];	  /* as cgroup_find takes it */
	bool cg_move_processes;		  /* and this */
	char image_root[CONFIG_PATH_MAX]; /* the system's image store */
	uid_t image_owner;		  /* who besides root may write it */
	uid_t first_uid;		  /* box N runs as first_uid + N */
	gid_t first_gid;
	unsigned num_boxes;	   /* ids 0 to num_boxes - 1 */
	unsigned max_boxes;	   /* of one user, but for root; 0: no limit */
	unsigned syscall_flags;	   /* FILTER_* bits that a run gets unless told otherwise */
	uint64_t tmp_bytes;	   /* size of each tmpfs that a program can write */
	bool user_images;	   /* the caller's own image store is used too */
	bool init_refuse;	   /* --init of an existing box is an error, not a reset */
	bool restricted_init;	   /* only root may --init */
	enum config_who share_net; /* who may use --share-net */

	/* Whose lines of subuid(5) and subgid(5) give the ids, or "". Until config_apply_subids
	 * first_uid, first_gid and num_boxes are the defaults then. */
	char subid_user[CONFIG_NAME_MAX];
	bool ids_given; /* the file has first_uid or first_gid */
	bool num_given; /* the file has num_boxes */

	struct config_pin *pins; /* owned array, one for each N that was named */
	size_t pin_count;
};

/* Parse len bytes at text (writable, NUL-terminated, cut up in place) over the built-in defaults.
 * Pure. name is for messages. *out is to be released by config_fini. ERR_CONFIG. */
int config_parse(const char *name, char *text, size_t len, struct config *out,
		 struct err *e) NODISCARD;

/* Who is told of all that config_check finds. line 0: of the file as a whole. */
struct config_sink {
	void (*tell)(void *ctx, unsigned line, bool error, const char *text);
	void *ctx;
};

/* Where the ids of boxes are set: line numbers, 0 for nowhere. */
struct config_lines {
	unsigned uids; /* first_uid, subid_user */
	unsigned gids; /* first_gid, subid_user */
};

/* config_parse that goes on after an error, and also tells what is only odd: keys that mean nothing
 * any more, keys that are set twice. *out is what the good lines say, and to be released by
 * config_fini. Returns the number of errors. Pure. */
unsigned config_check(const char *name, char *text, size_t len, struct config *out,
		      struct config_lines *lines, const struct config_sink *sink);

/* For a configuration with subid_user: the ids of its boxes from that user's lines in the texts of
 * /etc/subuid and /etc/subgid. num_boxes is what both have, or is checked if it was given. Pure.
 * ERR_CONFIG. */
int config_apply_subids(struct config *c, const char *subuid, size_t subuid_len, const char *subgid,
			size_t subgid_len, struct err *e) NODISCARD;

/* The first half of config_read: the text of CONFIG_FILE, trusted. size at least CONFIG_TEXT_MAX
 * + 1. As root. */
int config_read_text(char *text, size_t size, size_t *len, struct err *e) NODISCARD;

/* The second half: config_apply_subids with the files themselves, if there is anything to do. As
 * root. */
int config_read_subids(struct config *c, struct err *e) NODISCARD;

/* Read CONFIG_FILE, which must be trusted up to / (owned by root, writable by nobody else); a
 * missing file is an error. As root. */
int config_read(struct config *out, struct err *e) NODISCARD;

void config_fini(struct config *c);

/* Where box_id is pinned; fields NULL where it is not. Borrowed. */
struct config_pin config_find_pin(const struct config *c, unsigned box_id);

/* Open a directory that the configuration names, trusted up to /; what is missing of it is made,
 * mode 0755 and the last part `mode`. As root. Returns an O_PATH fd or -1. */
int config_open_dir(const char *path, mode_t mode, struct err *e);

#endif
