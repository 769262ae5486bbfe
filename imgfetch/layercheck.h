/* SPDX-License-Identifier: MIT */
/* Is a layer of the store still what was unpacked? */
#ifndef IMGFETCH_LAYERCHECK_H
#define IMGFETCH_LAYERCHECK_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"

enum layercheck_change {
	CHANGE_TYPE,
	CHANGE_CONTENTS,
	CHANGE_SIZE,
	CHANGE_TARGET,
	CHANGE_MODE,
	CHANGE_OWNER,
	CHANGE_MTIME,
	CHANGE_XATTRS,
	CHANGE_LINKS, /* two names are no longer of one file */
	CHANGE_COUNT
};

/* "type", "contents" and so on. */
extern const char *const layercheck_change_names[CHANGE_COUNT];

struct layercheck_problem {
	const char *path;    /* in the layer, "" its root; NULL: the layer, its notes or its list */
	const char *what;    /* "changed", "missing", "added"; without a path "unusable" */
	unsigned changes;    /* of "changed": bits, 1 << enum layercheck_change */
	const char *details; /* of what is "unusable", or cannot be read; else NULL */
};

/* 0, or -1 to stop. */
typedef int (*layercheck_report)(void *arg, const struct layercheck_problem *p, struct err *e);

struct layercheck_result {
	bool listed;	   /* there is a list of files to check against; else nothing was checked */
	uint64_t entries;  /* of all kinds, looked at */
	uint64_t bytes;	   /* of contents, read */
	uint64_t problems; /* reported */
	uint64_t unreadable; /* files and directories whose contents the caller may not read */
};

/* Compare all of a layer with its list of files, and report what is not the same. What is wrong
 * with the layer is no error: -1 is for what keeps from checking (ERR_SYSTEM), or what report said.
 */
int layercheck_run(const struct store *st, const struct digest *diffid, layercheck_report report,
		   void *arg, struct layercheck_result *out, struct err *e) NODISCARD;

#endif
