/* SPDX-License-Identifier: MIT */
/* The lock file of a box: who works in it now, whose it is, and what was made of it. */
#ifndef ISOLATE_LOCK_H
#define ISOLATE_LOCK_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "isolate/limits.h"

/* What --init --disk or --quota made of box/. */
struct lock_disk {
	struct room room; /* 0 and 0: no bound, and nothing of the rest holds */
	bool all;   /* --disk: each file system in memory of the program has the same bounds */
	bool tmpfs; /* box/ is a file system in memory, mounted there */
	uint32_t project; /* box/ is this project, which has a quota; 0: none */
};

/* What is written in the file. An empty file: nobody's box. */
struct lock_record {
	bool exists;  /* the box belongs to owner; all else is meaningless without it */
	uid_t owner;  /* who ran --init */
	bool ready;   /* --init came to its end */
	bool cg;      /* made with --cg */
	bool running; /* a run began and did not come to its end: leftovers are possible */
	bool once;    /* --once has it for a run: nobody's when the lock is free, nothing on disk */
	struct lock_disk disk;
	struct room rw; /* --image-rw: rw/ is a file system in memory; 0: none */
	bool has_image; /* pinned by --init --image */
	struct digest image;
	bool image_own;	       /* it is in a user's store (store_path), not in the system's */
	char store_path[4096]; /* LOCK_STORE_PATH_MAX in what is new */
};

struct lock {
	int fd; /* -1: not held */
	struct lock_record record;
};

/* Take the lock of box_id in the directory lock_dir_fd (O_PATH, root's, 0700) and read its record.
 * ERR_BUSY when somebody holds it, unless wait. As root (but waiting happens without privilege: an
 * open descriptor is enough). */
int lock_open(int lock_dir_fd, unsigned box_id, int *fd, struct err *e) NODISCARD;
int lock_take(int fd, unsigned box_id, bool wait, struct lock *out, struct err *e) NODISCARD;

/* The same without any waiting: 1, 0 when somebody has the lock (dying or not; fd stays the
 * caller's), -1. As root. */
int lock_try(int fd, unsigned box_id, struct lock *out, struct err *e) NODISCARD;

/* Does somebody who is not us work in the box? To be asked by who does not hold the lock. */
bool lock_is_held(int fd);

/* The record as it is now. Whoever does not hold the lock may see half of a change, or an error. */
int lock_read(int fd, unsigned box_id, struct lock_record *out, struct err *e) NODISCARD;

/* Write l->record: the whole of it, or nothing for exists = false. The file is never unlinked:
 * two callers would hold locks on two files of one name. Between two pages a SIGKILL, which any
 * caller may send us, ends the write: half a record can be one that nobody understands, and the box
 * unusable for good. With no longer path of a store it is all in the first. */
#define LOCK_STORE_PATH_MAX 3500
int lock_write(struct lock *l, struct err *e) NODISCARD;

/* Record to text and back; pure, for lock_take, lock_write and tests. Text needs LOCK_TEXT_MAX. */
#define LOCK_TEXT_MAX 8192
int lock_format(const struct lock_record *r, char *buf, size_t size, size_t *len,
		struct err *e) NODISCARD;
int lock_parse(const char *name, char *text, size_t len, struct lock_record *out,
	       struct err *e) NODISCARD;

void lock_close(struct lock *l);

#endif
