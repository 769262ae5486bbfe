/* SPDX-License-Identifier: MIT */
/* The fix-up layer of an image: what its layers leave to be settled with each other. */
#ifndef IMGFETCH_FIXUP_H
#define IMGFETCH_FIXUP_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/layercheck.h"

/* Make image_fd/fixup/tree, the topmost layer of an image, if its layers need one (*made). layers:
 * all of the image, bottom first; shown: those of them that are stacked (commit_visible_layers).
 * All must be in the store. Looks only at names that the layers' facts have, and at nothing where
 * there are none. Does not sync. ERR_VERIFY: a hard link to what no layer has, which the text
 * names, or more to settle than isolate-image(5) allows; ERR_DISK, ERR_SYSTEM. */
int fixup_make(const struct store *st, const struct digest *layers, size_t count,
	       const struct digest *shown, size_t shown_count, int image_fd, bool *made,
	       struct err *e) NODISCARD;

/* Work the fix-up layer out again, and report where the one in tree_fd (O_PATH will do) is
 * something else; tree_fd -1: only say whether the image needs one. Writes nothing. *out has no
 * "listed", and something unreadable where a directory is closed to the caller and nothing was
 * compared for that. What is wrong with the tree is no error: ERR_VERIFY is about the layers, as
 * above. */
int fixup_check(const struct store *st, const struct digest *layers, size_t count,
		const struct digest *shown, size_t shown_count, int tree_fd, bool *needed,
		layercheck_report report, void *arg, struct layercheck_result *out,
		struct err *e) NODISCARD;

#endif
