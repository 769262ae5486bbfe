/* SPDX-License-Identifier: MIT */
/* imgfetch verify --remove-damaged. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/grave.h"
#include "imgfetch/needed.h"
#include "imgfetch/refs.h"
#include "imgfetch/users.h"
#include "imgfetch/verify_impl.h"

struct mend {
	const struct store *st;
	const struct verify_damage *damage;
	const char *box_root;
	struct digest *images; /* that go; owned */
	size_t image_count;
	size_t flat_count; /* merged trees that go without their images */
	int *locks;	   /* of these; -1 where nobody could lock it either; owned */
	size_t lock_count;
	struct grave grave;
};

int verify_damage_add(struct digest **list, size_t *count, const struct digest *d, struct err *e)
{
	struct digest *longer = reallocarray(*list, *count + 1, sizeof(*longer));

	if (!longer)
		return err_sys(e, ERR_SYSTEM, "list what is damaged");
	longer[(*count)++] = *d;
	*list = longer;
	return 0;
}

static bool is_in(const struct digest *list, size_t count, const struct digest *d)
{
	for (size_t i = 0; i < count; i++)
		if (digest_equal(&list[i], d))
			return true;
	return false;
}

/* Is it damaged, or has it such a layer? d: what can be read of it. */
static bool goes(const struct mend *m, const struct imgdesc *d)
{
	if (is_in(m->damage->images, m->damage->image_count, &d->digest))
		return true;
	for (size_t i = 0; i < d->layer_count; i++)
		if (is_in(m->damage->layers, m->damage->layer_count, &d->layers[i]))
			return true;
	return false;
}

/* Lock it against runs, boxes and mounts; only its merged tree goes: against those that run. */
static int take_image(struct mend *m, const struct imgdesc *d, bool only_flat, struct err *e)
{
	int *longer;
	int lock = only_flat ? users_exclude_running(m->st, d, e)
			     : users_exclude(m->st, d, m->box_root, e);

	if (lock < 0 && e->kind != ERR_NOTFOUND)
		return -1;
	longer = reallocarray(m->locks, m->lock_count + 1, sizeof(*longer));
	if (!longer) {
		cleanup_fd(&lock);
		return err_sys(e, ERR_SYSTEM, "list what is damaged");
	}
	m->locks = longer;
	longer[m->lock_count++] = lock;
	if (only_flat) {
		m->flat_count++;
		return 0;
	}
	return verify_damage_add(&m->images, &m->image_count, &d->digest, e);
}

static int take_images(struct mend *m, struct err *e)
{
	auto_free struct digest *images = NULL;
	size_t count = 0;

	if (refs_read_images(m->st, &images, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct imgdesc d = {0};
		struct err why;
		int r;

		if (needed_read_image(m->st, &images[i], &d, &why) < 0)
			d.digest = images[i];
		bool whole = goes(m, &d);
		bool flat = is_in(m->damage->flats, m->damage->flat_count, &images[i]);
		r = whole || flat ? take_image(m, &d, !whole, e) : 0;
		imgdesc_fini(&d);
		if (r < 0)
			return -1;
	}
	return 0;
}

static int check_claims(const struct mend *m, struct err *e)
{
	struct claimed c;
	int r = 0;

	if (claim_read_all(m->st, &c, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < m->damage->layer_count; i++)
		if (is_in(c.layers, c.layer_count, &m->damage->layers[i]))
			r = err_set(e, ERR_BUSY, "the damaged layer %s is in use by a pull",
				    digest_text(&m->damage->layers[i]).s);
	for (size_t i = 0; r == 0 && i < m->image_count; i++)
		if (is_in(c.images, c.image_count, &m->images[i]))
			r = err_set(e, ERR_BUSY, "the damaged image %s is in use by a pull",
				    digest_text(&m->images[i]).s);
	claimed_fini(&c);
	return r;
}

/* Images first: one without its layers would be found by runs. */
static int bury_all(struct mend *m, struct err *e)
{
	char path[sizeof("images/sha256//flat") + DIGEST_HEX_MAX];

	for (size_t i = 0; i < m->image_count; i++) {
		if (text_format(path, sizeof(path), "images/sha256/%s", m->images[i].hex) < 0)
			return err_sys(e, ERR_BUG, "name an image");
		if (grave_bury(&m->grave, path, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < m->damage->flat_count; i++) {
		const struct digest *image = &m->damage->flats[i];
		if (text_format(path, sizeof(path), "images/sha256/%s/flat", image->hex) < 0)
			return err_sys(e, ERR_BUG, "name a merged tree");
		if (!is_in(m->images, m->image_count, image) && grave_bury(&m->grave, path, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < m->damage->layer_count; i++)
		if (grave_bury_layer(&m->grave, &m->damage->layers[i], e) < 0)
			return -1;
	return 0;
}

static int run(struct mend *m, struct err *e)
{
	auto_fd lock = grave_lock_store(m->st, e);

	if (lock < 0 || take_images(m, e) < 0 || check_claims(m, e) < 0 ||
	    grave_open(m->st, &m->grave, e) < 0 || bury_all(m, e) < 0)
		return -1;
	cleanup_fd(&lock);
	return grave_close(&m->grave, e);
}

static void say_removed(const struct mend *m, struct err *e)
{
	struct err trees = {0};
	size_t layers = m->damage->layer_count;

	if (m->flat_count > 0)
		(void)err_set(&trees, ERR_VERIFY, "%zu merged tree%s: 'imgfetch flatten' makes %s",
			      m->flat_count, m->flat_count == 1 ? "" : "s",
			      m->flat_count == 1 ? "it" : "them");
	if (m->image_count == 0)
		(void)err_set(e, ERR_VERIFY, "removed %s", trees.text);
	else
		(void)err_set(e, ERR_VERIFY,
			      "removed %zu damaged layer%s and %zu image%s: pull %s again%s%s",
			      layers, layers == 1 ? "" : "s", m->image_count,
			      m->image_count == 1 ? "" : "s", m->image_count == 1 ? "it" : "them",
			      m->flat_count > 0 ? "; and " : "", trees.text);
}

int verify_mend(const struct store *st, const struct verify_damage *damage, const char *box_root,
		struct err *e)
{
	struct mend m = {.st = st, .damage = damage, .box_root = box_root, .grave = GRAVE_NONE};
	struct err ignored;
	int r = run(&m, e);

	if (r < 0)
		(void)grave_close(&m.grave, &ignored); /* a later sweep does */
	for (size_t i = 0; i < m.lock_count; i++)
		cleanup_fd(&m.locks[i]);
	free(m.locks);
	if (r < 0)
		(void)err_wrap(e, "remove what is damaged");
	else
		say_removed(&m, e);
	free(m.images);
	return -1;
}
