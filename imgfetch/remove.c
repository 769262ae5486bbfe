/* SPDX-License-Identifier: MIT */
/* imgfetch rm: a name, and the image behind it when that was its last.
 *
 * Order: names first, then the image, then layers that no other image has; each goes by rename into
 * tmp/ before its contents go, so that a crash leaves nothing half there under its name. */
#include "imgfetch/remove.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/refs.h"
#include "imgfetch/stored.h"
#include "imgfetch/tmpdir.h"
#include "imgfetch/users.h"

struct removal {
	const struct store *st;
	const struct ref *ref;
	struct digest digest;
	struct imgdesc image;
	struct refs refs;
	struct stored stored;
	bool has_stored;
	int store_lock; /* exclusive: layers may go; -1: a pull or run is going on */
	int image_lock;
	struct tmpdir grave;
};

/* kind ERR_DISK where the caller may not write. */
static int fail(const char *what, const char *name, struct err *e)
{
	bool access = errno == EACCES || errno == EPERM || errno == EROFS || errno == ENOSPC;

	return err_sys(e, access ? ERR_DISK : ERR_SYSTEM, "%s '%s' in the store", what,
		       text_quote(name).s);
}

/* The folder of a path below the store; links in the way are refused. *name is the last part. */
static int open_parent(const struct store *st, const char *path, const char **name)
{
	char folder[1024];
	const char *slash = strrchr(path, '/');

	if (text_format(folder, sizeof(folder), "%.*s", (int)(slash - path), path) < 0)
		return -1;
	*name = slash + 1;
	return path_open_beneath(st->fd, folder, O_PATH | O_DIRECTORY, 0);
}

/* Does this removal take the name away? Notes about indexes (by_digest) go with their image. */
static bool is_doomed(const struct removal *r, const struct ref_entry *en, const char *tag_path,
		      bool with_image)
{
	if (!digest_equal(&en->digest, &r->digest))
		return false;
	return with_image || strcmp(en->path, tag_path) == 0;
}

static int remove_names(const struct removal *r, const char *tag_path, bool with_image,
			size_t *count, struct err *e)
{
	for (size_t i = 0; i < r->refs.count; i++) {
		const struct ref_entry *en = &r->refs.entries[i];
		const char *name;

		if (!is_doomed(r, en, tag_path, with_image))
			continue;
		auto_fd dir = open_parent(r->st, en->path, &name);
		if (dir < 0 || (unlinkat(dir, name, 0) < 0 && errno != ENOENT))
			return fail("remove", en->path, e);
		*count += !en->by_digest;
	}
	return 0;
}

/* Move a file or tree of the store into the grave. Missing is fine. */
static int bury(struct removal *r, const char *path, struct err *e)
{
	const char *name;
	auto_fd dir = open_parent(r->st, path, &name);

	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0 || (renameat(dir, name, r->grave.fd, name) < 0 && errno != ENOENT))
		return fail("remove", path, e);
	return 0;
}

/* --- layers -------------------------------------------------------------------------------- */

struct layer_set {
	struct digest *list; /* owned */
	size_t count;
};

static int add_layers(struct layer_set *set, const struct digest *list, size_t count, struct err *e)
{
	struct digest *longer = reallocarray(set->list, set->count + count + 1, sizeof(*longer));

	if (!longer)
		return err_sys(e, ERR_SYSTEM, "list the layers of the store");
	set->list = longer;
	if (count > 0)
		memcpy(longer + set->count, list, count * sizeof(*longer));
	set->count += count;
	return 0;
}

static int by_hex(const void *a, const void *b)
{
	return strcmp(((const struct digest *)a)->hex, ((const struct digest *)b)->hex);
}

/* The layers of an image: by its descriptor, or where that is damaged by its configuration, which
 * lists those and perhaps hidden ones. ERR_VERIFY or ERR_NOTFOUND where nothing tells. */
static int read_layers(const struct removal *r, const struct digest *image, struct imgdesc *out,
		       struct err *e)
{
	struct stored s;
	struct err why;

	if (store_read_image(r->st, image, out, NULL, e) == 0)
		return 0;
	if (e->kind != ERR_VERIFY || stored_load(r->st, image, &s, &why) < 0)
		return -1;
	*out = (struct imgdesc){
		.digest = *image,
		.layers = s.config.diffids,
		.layer_count = s.config.diffid_count,
	};
	s.config.diffids = NULL; /* the descriptor's now */
	stored_fini(&s);
	return 0;
}

/* What the images that stay are made of. 1; 0: one of them is damaged, and might need any layer. */
static int collect_needed(const struct removal *r, struct layer_set *out, struct err *e)
{
	auto_free struct digest *images = NULL;
	size_t count = 0;

	if (refs_read_images(r->st, &images, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct imgdesc d;
		int added;

		if (digest_equal(&images[i], &r->digest))
			continue;
		if (read_layers(r, &images[i], &d, e) < 0)
			return e->kind == ERR_VERIFY || e->kind == ERR_NOTFOUND ? 0 : -1;
		added = add_layers(out, d.layers, d.layer_count, e);
		imgdesc_fini(&d);
		if (added < 0)
			return -1;
	}
	if (out->count > 0)
		qsort(out->list, out->count, sizeof(*out->list), by_hex);
	return 1;
}

/* Layers of the image: those it shows, and hidden ones that came with it. */
static int collect_own(const struct removal *r, struct layer_set *out, struct err *e)
{
	if (add_layers(out, r->image.layers, r->image.layer_count, e) < 0)
		return -1;
	if (!r->has_stored)
		return 0;
	return add_layers(out, r->stored.config.diffids, r->stored.config.diffid_count, e);
}

static int bury_layer(struct removal *r, const struct digest *diffid, size_t *count, struct err *e)
{
	char path[sizeof("layers/sha256/.info") + DIGEST_HEX_LEN];
	bool there;

	if (text_format(path, sizeof(path), "layers/sha256/%s", diffid->hex) < 0)
		return err_sys(e, ERR_BUG, "name a layer");
	there = faccessat(r->st->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (bury(r, path, e) < 0)
		return -1;
	if (text_format(path, sizeof(path), "layers/sha256/%s.info", diffid->hex) < 0)
		return err_sys(e, ERR_BUG, "name a layer");
	*count += there;
	return bury(r, path, e);
}

static int bury_layers(struct removal *r, struct removed *out, struct err *e)
{
	struct layer_set own = {0}, needed = {0};
	struct err why;
	int known, result = -1;

	if (collect_own(r, &own, e) == 0) {
		known = collect_needed(r, &needed, &why);
		if (known < 0)
			*e = why;
		else
			result = 0;
		out->layers_unknown = known == 0;
		for (size_t i = 0; known > 0 && result == 0 && i < own.count; i++)
			if (needed.count == 0 || !bsearch(&own.list[i], needed.list, needed.count,
							  sizeof(*needed.list), by_hex))
				result = bury_layer(r, &own.list[i], &out->layers, e);
	}
	free(own.list);
	free(needed.list);
	return result;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Is there a tag besides the one that goes? */
static bool has_other_tag(const struct removal *r, const char *tag_path)
{
	for (size_t i = 0; i < r->refs.count; i++) {
		const struct ref_entry *en = &r->refs.entries[i];

		if (!en->by_digest && digest_equal(&en->digest, &r->digest) &&
		    strcmp(en->path, tag_path) != 0)
			return true;
	}
	return false;
}

static int remove_all(struct removal *r, const char *tag_path, struct removed *out, struct err *e)
{
	char path[sizeof("images/sha256/") + DIGEST_HEX_LEN];

	if (text_format(path, sizeof(path), "images/sha256/%s", r->digest.hex) < 0)
		return err_sys(e, ERR_BUG, "name an image");
	if (tmpdir_new(r->st, "rm", &r->grave, e) < 0 ||
	    remove_names(r, tag_path, true, &out->names, e) < 0 || bury(r, path, e) < 0)
		return -1;
	out->image = true;
	out->layers_kept = r->store_lock < 0;
	if (r->store_lock >= 0 && bury_layers(r, out, e) < 0)
		return -1;
	return tmpdir_remove(&r->grave, e);
}

static int run(struct removal *r, const char *box_root, struct removed *out, struct err *e)
{
	struct store_ref_path tag = {{0}};
	struct err why;

	/* By digest the image is meant, with all its names; else the one name. */
	if (!r->ref->has_digest && store_ref_path(r->ref, &tag, e) < 0)
		return -1;
	if (store_resolve(r->st, r->ref, &r->digest, e) < 0 || refs_read(r->st, &r->refs, e) < 0)
		return -1;
	if (!r->ref->has_digest && has_other_tag(r, tag.s))
		return remove_names(r, tag.s, false, &out->names, e);
	if (read_layers(r, &r->digest, &r->image, &why) < 0) {
		/* A name without an image: somebody was interrupted. */
		if (why.kind == ERR_NOTFOUND)
			return remove_names(r, tag.s, r->ref->has_digest, &out->names, e);
		if (why.kind != ERR_VERIFY) {
			*e = why;
			return -1;
		}
		/* Damaged beyond reading: that it can be removed is all the more important. */
		r->image = (struct imgdesc){.digest = r->digest};
	}
	r->image_lock = users_exclude(r->st, &r->image, box_root, e);
	if (r->image_lock < 0)
		return -1;
	r->store_lock = store_lock(r->st, true, true, &why);
	if (r->store_lock < 0 && why.kind != ERR_BUSY) {
		*e = why;
		return -1;
	}
	/* Names that came while nothing was locked yet: now nobody can give it one. */
	refs_fini(&r->refs);
	if (refs_read(r->st, &r->refs, e) < 0)
		return -1;
	if (!r->ref->has_digest && has_other_tag(r, tag.s))
		return remove_names(r, tag.s, false, &out->names, e);
	r->has_stored = stored_load(r->st, &r->digest, &r->stored, &why) == 0;
	return remove_all(r, tag.s, out, e);
}

int remove_image(const struct store *st, const struct ref *ref, const char *box_root,
		 struct removed *out, struct err *e)
{
	struct removal r = {
		.st = st, .ref = ref, .store_lock = -1, .image_lock = -1, .grave = TMPDIR_NONE};
	struct removed done = {0};
	struct err ignored;
	int result = run(&r, box_root, &done, e);

	if (result < 0 && r.grave.fd >= 0)
		(void)tmpdir_remove(&r.grave, &ignored); /* a later pull sweeps */
	cleanup_fd(&r.image_lock);
	cleanup_fd(&r.store_lock);
	if (r.has_stored)
		stored_fini(&r.stored);
	imgdesc_fini(&r.image);
	refs_fini(&r.refs);
	if (result == 0)
		*out = done;
	return result;
}
