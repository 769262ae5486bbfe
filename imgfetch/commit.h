/* SPDX-License-Identifier: MIT */
/* Finished things enter the store by rename(2) from its tmp/ directory, or not at all. */
#ifndef IMGFETCH_COMMIT_H
#define IMGFETCH_COMMIT_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/imgdesc.h"
#include "common/ref.h"
#include "common/store.h"

/* Is it there? Only looks at the name: whatever has its final name is complete. */
bool commit_has_layer(const struct store *st, const struct digest *diffid);
bool commit_has_image(const struct store *st, const struct digest *manifest);

/* Remove from tmp/ what no living process holds (a lock on): the rest of killed pulls, but for
 * parts of blobs that the next one may resume with, which have PARTIAL_KEEP_S. To be called once
 * before a pull; cheap when there is nothing. */
int commit_sweep(const struct store *st, struct err *e) NODISCARD;

/* Drop from layers (bottom first, *count of them) those that cannot be seen: lower copies of a
 * layer that comes twice (overlayfs refuses those), and all that lies under a layer whose root is
 * opaque (overlayfs would not honour that). All must be in the store. */
int commit_visible_layers(const struct store *st, struct digest *layers, size_t *count,
			  struct err *e) NODISCARD;

/* The documents of an image, byte for byte as they came. */
struct commit_texts {
	const void *manifest, *config;
	size_t manifest_len, config_len;
};

/* Make images/sha256/<d->digest>/ with the files descriptor, manifest.json and config.json, and the
 * fix-up layer if there is need for one (fixup.h; d->fixup is not looked at). all: every layer of
 * the image, also those that d does not show. All layers must be in the store; on disk before the
 * image is, unless no_sync. An image that is there already is success. ERR_DISK, ERR_SYSTEM,
 * ERR_VERIFY (the descriptor cannot be written; a layer needs what the others have not). */
int commit_image(const struct store *st, const struct imgdesc *d, const struct digest *all,
		 size_t all_count, const struct commit_texts *texts, bool no_sync,
		 struct err *e) NODISCARD;

/* Let the reference mean this manifest from now on, by an atomic replacement of its file under
 * refs/: :<tag> if it has a tag; @<hex> too if it has a digest that is not the manifest's own (an
 * index was asked for), or no tag. */
int commit_ref(const struct store *st, const struct ref *ref, const struct digest *manifest,
	       bool no_sync, struct err *e) NODISCARD;

#endif
