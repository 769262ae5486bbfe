/* SPDX-License-Identifier: MIT */
/* imgfetch flatten: the merged tree of an image, beside its descriptor. */
#ifndef IMGFETCH_FLATTEN_H
#define IMGFETCH_FLATTEN_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/ref.h"
#include "common/store.h"

struct flatten_result {
	struct digest digest; /* of the image's manifest */
	bool changed;	      /* false: there was nothing to do */
};

/* Make images/sha256/<manifest>/flat/tree: what an overlay of the layers would show, made of hard
 * links to their files, so that it takes room for directories only. It appears complete or not at
 * all, and goes with the image. One that is there already is success, nothing changed; while
 * somebody else makes it this waits for him. On disk when this returns, unless no_sync. The process
 * must have one thread, and gets another user namespace (userns_override_modes). ERR_NOTFOUND,
 * ERR_BUSY (being removed), ERR_DISK, ERR_VERIFY, ERR_SYSTEM. */
int flatten_make(const struct store *st, const struct ref *ref, bool no_sync,
		 struct flatten_result *done, struct err *e) NODISCARD;

/* Take it away. ERR_BUSY: a run or a mount uses the image. */
int flatten_remove(const struct store *st, const struct ref *ref, struct flatten_result *done,
		   struct err *e) NODISCARD;

/* Whether the image has one; also for who may not look into it. */
bool flatten_is_there(const struct store *st, const struct digest *manifest) NODISCARD;

#endif
