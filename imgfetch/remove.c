/* SPDX-License-Identifier: MIT */
/* imgfetch rm: a name, and the image behind it when that was its last.
 *
 * Order: names first, then the image, then layers that no other image has; each goes by rename into
 * tmp/ before its contents go, so that a crash leaves nothing half there under its name. */
#include "imgfetch/remove.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/grave.h"
#include "imgfetch/needed.h"
#include "imgfetch/refs.h"
#include "imgfetch/stored.h"
#include "imgfetch/users.h"

struct removal {
	const struct store *st;
	const struct ref *ref;
	struct digest digest;
	struct imgdesc image;
	struct refs refs;
	struct imgconfig config;
	bool has_config;
	int store_lock, image_lock; /* both exclusive */
	struct grave grave;
};

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

		if (!is_doomed(r, en, tag_path, with_image))
			continue;
		if (grave_remove_name(r->st, en->path, e) < 0)
			return -1;
		*count += !en->by_digest;
	}
	return 0;
}

/* --- layers -------------------------------------------------------------------------------- */

static bool stays(void *arg, const struct digest *image)
{
	const struct removal *r = arg;

	return !digest_equal(image, &r->digest);
}

/* Those of the list that nobody else needs. */
static int bury_list(struct removal *r, const struct needed *needed, const struct digest *list,
		     size_t count, struct removed *out, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		int there = needed_has_layer(needed, &list[i])
				    ? 0
				    : grave_bury_layer(&r->grave, &list[i], e);
		if (there < 0)
			return -1;
		out->layers += (size_t)there;
	}
	return 0;
}

/* Layers of the image: those it shows, and hidden ones that came with it. */
static int bury_layers(struct removal *r, struct removed *out, struct err *e)
{
	struct needed needed;
	int result = 0;

	if (needed_collect(r->st, stays, r, &needed, e) < 0)
		return -1;
	out->layers_unknown = needed.unknown;
	if (!needed.unknown)
		result = bury_list(r, &needed, r->image.layers, r->image.layer_count, out, e);
	if (!needed.unknown && result == 0 && r->has_config)
		result = bury_list(r, &needed, r->config.diffids, r->config.diffid_count, out, e);
	needed_fini(&needed);
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
	if (grave_open(r->st, &r->grave, e) < 0 ||
	    remove_names(r, tag_path, true, &out->names, e) < 0 ||
	    grave_bury(&r->grave, path, e) < 0)
		return -1;
	out->image = true;
	if (bury_layers(r, out, e) < 0)
		return -1;
	/* What takes its time others need not wait for. */
	cleanup_fd(&r->store_lock);
	return grave_close(&r->grave, e);
}

static int run(struct removal *r, const char *box_root, struct removed *out, struct err *e)
{
	struct store_ref_path tag = {{0}};
	struct err why;

	/* By digest the image is meant, with all its names; else the one name. */
	if (!r->ref->has_digest && store_ref_path(r->ref, &tag, e) < 0)
		return -1;
	if (stored_resolve(r->st, r->ref, &r->digest, e) < 0 || refs_read(r->st, &r->refs, e) < 0)
		return -1;
	if (!r->ref->has_digest && has_other_tag(r, tag.s))
		return remove_names(r, tag.s, false, &out->names, e);
	if (needed_read_image(r->st, &r->digest, &r->image, &why) < 0) {
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
	r->store_lock = grave_lock_store(r->st, e);
	if (r->store_lock < 0)
		return -1;
	/* A pull that has made it, and is about to give it a name. */
	int claimed = claim_has_image(r->st, &r->digest, e);
	if (claimed < 0)
		return -1;
	if (claimed)
		return err_set(e, ERR_BUSY, "image %s is in use by a pull",
			       digest_text(&r->digest).s);
	/* Names that came while nothing was locked yet: now nobody can give it one. */
	refs_fini(&r->refs);
	if (refs_read(r->st, &r->refs, e) < 0)
		return -1;
	if (!r->ref->has_digest && has_other_tag(r, tag.s))
		return remove_names(r, tag.s, false, &out->names, e);
	r->has_config = stored_load_config(r->st, &r->digest, &r->config, &why) == 0;
	return remove_all(r, tag.s, out, e);
}

int remove_image(const struct store *st, const struct ref *ref, const char *box_root,
		 struct removed *out, struct err *e)
{
	struct removal r = {
		.st = st, .ref = ref, .store_lock = -1, .image_lock = -1, .grave = GRAVE_NONE};
	struct removed done = {0};
	struct err ignored;
	int result = run(&r, box_root, &done, e);

	if (result < 0)
		(void)grave_close(&r.grave, &ignored); /* a later pull sweeps */
	cleanup_fd(&r.image_lock);
	cleanup_fd(&r.store_lock);
	if (r.has_config)
		imgconfig_fini(&r.config);
	imgdesc_fini(&r.image);
	refs_fini(&r.refs);
	done.digest = r.digest;
	if (result == 0)
		*out = done;
	return result;
}
