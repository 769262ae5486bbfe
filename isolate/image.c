/* SPDX-License-Identifier: MIT */
/* The image of a run: found in the caller's or the system's store, held, its layers opened. */
#include "isolate/image.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/ref.h"
#include "common/text.h"
#include "isolate/rootfs.h"

static const char *find_env(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	}
	return NULL;
}

int image_user_store(char *const *caller_env, char *out, size_t size, struct err *e)
{
	return store_user_path(find_env(caller_env, "XDG_DATA_HOME"), find_env(caller_env, "HOME"),
			       out, size, e);
}

/* Open a store: the caller's own with his rights and eyes, the system's as root. */
static int open_store(const struct config *c, const struct priv *p, bool own, const char *path,
		      struct store *out, struct err *e)
{
	int rc;

	if (own)
		return store_open(path, p->uid, true, out, e);
	if (priv_as_root(p, e) < 0)
		return -1;
	rc = store_open(path, c->image_owner, false, out, e);
	if (rc < 0) {
		struct err worse;

		if (priv_as_caller(p, &worse) < 0)
			*e = worse;
		return -1;
	}
	if (priv_as_caller(p, e) < 0) {
		store_close(out);
		return -1;
	}
	return 0;
}

/* Look into one store. 1 found, 0 not there, -1. */
static int look_into(const struct config *c, const struct priv *p, bool own, const char *path,
		     const struct ref *ref, struct image *out, struct err *e)
{
	struct image i = IMAGE_NONE;

	i.own = own;
	if (open_store(c, p, own, path, &i.store, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (store_resolve(&i.store, ref, &i.digest, e) < 0) {
		store_close(&i.store);
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	}
	*out = i;
	return 1;
}

int image_find(const struct config *c, const struct priv *p, char *const *caller_env,
	       const char *reference, struct image *out, struct err *e)
{
	char own_path[4096];
	struct ref ref;
	struct err ignored;
	int rc = 0;

	if (ref_parse(reference, &ref, e) < 0)
		return -1;
	/* Without a home there is no own store. */
	if (c->user_images &&
	    image_user_store(caller_env, own_path, sizeof(own_path), &ignored) == 0)
		rc = look_into(c, p, true, own_path, &ref, out, e);
	if (rc == 0)
		rc = look_into(c, p, false, c->image_root, &ref, out, e);
	if (rc == 0)
		return err_set(
			e, ERR_NOTFOUND,
			c->user_images
				? "there is no image '%s' in the image stores: imgfetch pull it"
				: "there is no image '%s' in the system's image store: have root "
				  "imgfetch pull it (user_images = no in isolate.cf)",
			text_quote(reference).s);
	return rc < 0 ? -1 : 0;
}

int image_find_pinned(const struct config *c, const struct priv *p, bool own,
		      const char *store_path, const struct digest *digest, struct image *out,
		      struct err *e)
{
	struct image i = IMAGE_NONE;

	if (own && !c->user_images)
		return err_set(e, ERR_CONFIG,
			       "the box's image is in a user's store, which the configuration has "
			       "forbidden since: --init the box again");
	i.own = own;
	i.digest = *digest;
	if (open_store(c, p, own, own ? store_path : c->image_root, &i.store, e) < 0)
		return err_wrap(e, "image of the box");
	*out = i;
	return 0;
}

/* With the caller's rights, or root's for the system's store. */
static int open_layers(struct image *i, struct err *e)
{
	if (store_read_image(&i->store, &i->digest, &i->desc, &i->lock_fd, e) < 0)
		return -1;
	return layers_open(&i->store, &i->desc, &i->layers, e);
}

int image_open(struct image *i, const struct priv *p, struct err *e)
{
	int rc;

	if (rootfs_detach_store(&i->store, p, e) < 0)
		return -1;
	if (i->own)
		return open_layers(i, e);
	if (priv_as_root(p, e) < 0)
		return -1;
	rc = open_layers(i, e);
	if (rc < 0) {
		struct err worse;

		if (priv_as_caller(p, &worse) < 0)
			*e = worse;
		return -1;
	}
	return priv_as_caller(p, e);
}

void image_close(struct image *i)
{
	layers_close(&i->layers);
	imgdesc_fini(&i->desc);
	store_close(&i->store);
	cleanup_fd(&i->lock_fd);
	*i = IMAGE_NONE;
}
