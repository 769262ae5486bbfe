/* SPDX-License-Identifier: MIT */
/* The image of a run: found in the caller's or the system's store, held, its layers opened. */
#ifndef ISOLATE_IMAGE_H
#define ISOLATE_IMAGE_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/imgdesc.h"
#include "common/store.h"
#include "isolate/config.h"
#include "isolate/priv.h"
#include "mount/layers.h"

struct image {
	bool own; /* in the caller's own store */
	struct store store;
	struct digest digest;
	struct imgdesc desc; /* read by image_open */
	struct layers layers;
	int lock_fd; /* holds a shared lock: `imgfetch rm` waits for us */
};

#define IMAGE_NONE ((struct image){.store = {.fd = -1}, .lock_fd = -1})

/* Path of the caller's own store, by his environment. ERR_CONFIG where he can have none. */
int image_user_store(char *const *caller_env, char *out, size_t size, struct err *e) NODISCARD;

/* Which image the reference means now: in the caller's own store (unless the configuration forbids
 * it), else in the system's. Fills own, store and digest. environ: the caller's, for where his
 * store is. Resting state of priv before and after: caller.
 * ERR_NOTFOUND says how to get it. */
int image_find(const struct config *c, const struct priv *p, char *const *caller_env,
	       const char *reference, struct image *out, struct err *e) NODISCARD;

/* The same for an image that a box was pinned to: this digest, in this store. */
int image_find_pinned(const struct config *c, const struct priv *p, bool own,
		      const char *store_path, const struct digest *digest, struct image *out,
		      struct err *e) NODISCARD;

/* Read the descriptor, lock it, open the layers through a detached copy of the store's mount. In
 * the user's own store all of that with his rights. Resting state of priv: caller. */
int image_open(struct image *i, const struct priv *p, struct err *e) NODISCARD;

void image_close(struct image *i);

#endif
