/* SPDX-License-Identifier: MIT */
/* The meta file: key:value lines or a JSON object, written once at the end; isolate-meta(5). */
#ifndef ISOLATE_META_H
#define ISOLATE_META_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/verdict.h"

struct meta {
	int fd;	       /* -1: none asked for */
	bool own_file; /* opened by name: may be truncated */
	bool json;     /* one JSON object, with the same keys whatever happened */
	bool has_box;  /* box_id is known */
	unsigned box_id;
};

/* Open the file as the caller (effective ids), truncated in place, created 0666 minus the
 * umask of the process if absent; "-" is a duplicate of fd 1. No box is known yet. */
int meta_open(struct meta *m, const char *path, bool json, struct err *e) NODISCARD;

/* Whole text for a finished run; image_digest ("sha256:...") or NULL. As text only keys the
 * well-known tool has, plus `image` when one was used. Values are escaped so that no key can be
 * forged. */
int meta_write_run(const struct meta *m, const struct outcome *o, const struct verdict *v,
		   const char *image_digest, struct err *e) NODISCARD;

/* status:XX and the message of a sandbox error. */
int meta_write_error(const struct meta *m, const struct err *why, struct err *e) NODISCARD;

void meta_close(struct meta *m);

#endif
