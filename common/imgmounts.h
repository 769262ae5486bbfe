/* SPDX-License-Identifier: MIT */
/* Which images are mounted in this mount namespace, as /proc/self/mountinfo tells it. */
#ifndef COMMON_IMGMOUNTS_H
#define COMMON_IMGMOUNTS_H

#include <stdio.h>

#include "common/cleanup.h"
#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/imgdesc.h"

/* An overlay that shows an image has this and the manifest's digest as its source. A merged tree is
 * known by the directory that is bound. */
#define IMGMOUNTS_SOURCE "isolate-image:"

struct imgmount_entry {
	uint64_t mnt_id; /* as in statx(2) stx_mnt_id */
	/* Image of one layer: a bind mount, known by the directory it shows, and digest is the
	 * layer's DiffID. Otherwise the manifest's digest. */
	bool is_layer;
	struct digest digest;
	char dir[4096]; /* where, seen from the process's root directory */
};

struct imgmounts {
	FILE *file;
	char *line; /* of getline */
	size_t size;
};

/* Start reading. imgmounts_close also after a failure of imgmounts_next. */
int imgmounts_open(struct imgmounts *m, struct err *e) NODISCARD;
/* Next mount that shows an image or a layer, others are skipped: 1, 0 at the end, -1. */
int imgmounts_next(struct imgmounts *m, struct imgmount_entry *out, struct err *e) NODISCARD;
void imgmounts_close(struct imgmounts *m);

/* Is this image mounted by imgmount here? 1 and *out filled, 0, or -1. Seen are the mounts of the
 * caller's own mount namespace only. An image of one layer counts as mounted when that layer is,
 * through whatever image and store: too often "yes" rather than once too seldom. */
int imgmounts_find(const struct imgdesc *image, struct imgmount_entry *out,
		   struct err *e) NODISCARD;

/* One line of mountinfo (cut up in place) to *out: true when it is such a mount. Pure. */
bool imgmounts_parse_line(char *line, struct imgmount_entry *out);

#endif
