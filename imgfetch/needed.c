/* SPDX-License-Identifier: MIT */
/* The set of layers that somebody needs, sorted by name. */
#include "imgfetch/needed.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "imgfetch/refs.h"
#include "imgfetch/stored.h"

int needed_read_image(const struct store *st, const struct digest *image, struct imgdesc *out,
		      struct err *e)
{
	struct imgconfig config;
	struct err why;

	if (store_read_image(st, image, out, NULL, e) == 0)
		return 0;
	if (e->kind != ERR_VERIFY || stored_load_config(st, image, &config, &why) < 0)
		return -1;
	*out = (struct imgdesc){
		.digest = *image,
		.layers = config.diffids,
		.layer_count = config.diffid_count,
	};
	config.diffids = NULL; /* the descriptor's now */
	imgconfig_fini(&config);
	return 0;
}

static int add_layers(struct needed *n, const struct digest *list, size_t count, struct err *e)
{
	struct digest *longer;

	if (count == 0)
		return 0;
	longer = reallocarray(n->layers, n->layer_count + count, sizeof(*longer));
	if (!longer)
		return err_sys(e, ERR_SYSTEM, "list the layers of the store");
	n->layers = longer;
	memcpy(longer + n->layer_count, list, count * sizeof(*longer));
	n->layer_count += count;
	return 0;
}

static int add_image(struct needed *n, const struct store *st, const struct digest *image,
		     struct err *e)
{
	struct imgconfig config;
	struct imgdesc d;
	struct err why;
	int r;

	if (needed_read_image(st, image, &d, &why) < 0) {
		/* Gone this moment, with all it had. */
		if (why.kind == ERR_NOTFOUND)
			return 0;
		if (why.kind != ERR_VERIFY) {
			*e = why;
			return -1;
		}
		n->unknown = true;
		n->unknown_image = *image;
		return 0;
	}
	r = add_layers(n, d.layers, d.layer_count, e);
	imgdesc_fini(&d);
	/* And those that it hides: they came with it, and inspect shows them. */
	if (r == 0 && stored_load_config(st, image, &config, &why) == 0) {
		r = add_layers(n, config.diffids, config.diffid_count, e);
		imgconfig_fini(&config);
	}
	return r;
}

static int by_hex(const void *a, const void *b)
{
	return strcmp(((const struct digest *)a)->hex, ((const struct digest *)b)->hex);
}

static int collect(struct needed *n, const struct store *st, needed_keeps keeps, void *arg,
		   struct err *e)
{
	auto_free struct digest *images = NULL;
	size_t count = 0;

	if (claim_read_all(st, &n->claimed, e) < 0 || refs_read_images(st, &images, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (keeps(arg, &images[i]) && add_image(n, st, &images[i], e) < 0)
			return -1;
	}
	return add_layers(n, n->claimed.layers, n->claimed.layer_count, e);
}

int needed_collect(const struct store *st, needed_keeps keeps, void *arg, struct needed *out,
		   struct err *e)
{
	struct needed n = {0};

	if (collect(&n, st, keeps, arg, e) < 0) {
		needed_fini(&n);
		return -1;
	}
	if (n.layer_count > 0)
		qsort(n.layers, n.layer_count, sizeof(*n.layers), by_hex);
	*out = n;
	return 0;
}

bool needed_has_layer(const struct needed *n, const struct digest *layer)
{
	return n->layer_count > 0 &&
	       bsearch(layer, n->layers, n->layer_count, sizeof(*n->layers), by_hex);
}

bool needed_has_image(const struct needed *n, const struct digest *image)
{
	for (size_t i = 0; i < n->claimed.image_count; i++)
		if (digest_equal(&n->claimed.images[i], image))
			return true;
	return false;
}

void needed_fini(struct needed *n)
{
	claimed_fini(&n->claimed);
	free(n->layers);
	*n = (struct needed){0};
}
