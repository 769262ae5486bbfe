/* SPDX-License-Identifier: MIT */
/* Who uses an image: boxes, runs, pulls, mounts. */
#ifndef IMGFETCH_USERS_H
#define IMGFETCH_USERS_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/imgdesc.h"
#include "common/store.h"

/* Make sure that nobody uses the image, and that nobody will: returns a descriptor which keeps runs
 * and pulls away until it is closed. -1 with ERR_BUSY and who it is ("in use by box 3"),
 * ERR_NOTFOUND, ERR_SYSTEM.
 * Boxes say in <box_root>/<id>/image which image they are pinned to (line 1: store, line 2: digest,
 * line 2 being enough: the store may be known there by another path). */
int users_exclude(const struct store *st, const struct imgdesc *image, const char *box_root,
		  struct err *e);

/* The same, but boxes that are pinned to the image and do not run at the moment may be there. */
int users_exclude_running(const struct store *st, const struct imgdesc *image, struct err *e);

#endif
