/* SPDX-License-Identifier: MIT */
/* Room by image: each layer is counted once, and belongs to all images that list it. */
#include "imgfetch/du.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/imgdesc.h"
#include "common/jsonout.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/needed.h"
#include "imgfetch/refs.h"
#include "imgfetch/sizetext.h"
#include "imgfetch/stored.h"
#include "imgfetch/usage.h"

struct layer_usage {
	struct digest diffid;
	struct usage_sum sum;
	size_t images; /* that have it */
};

struct image_usage {
	struct digest digest;
	struct usage_sum own, shared;
};

struct du {
	const struct store *st;
	struct refs refs;
	struct usage *seen;
	struct layer_usage *layers; /* sorted by name; owned */
	size_t layer_count;
	struct usage_sum total, temporary;
};

static void add_sum(struct usage_sum *to, const struct usage_sum *more)
{
	to->disk_bytes += more->disk_bytes;
	to->data_bytes += more->data_bytes;
	to->files += more->files;
}

/* --- layers -------------------------------------------------------------------------------- */

static int by_hex(const void *a, const void *b)
{
	return strcmp(((const struct layer_usage *)a)->diffid.hex,
		      ((const struct layer_usage *)b)->diffid.hex);
}

static struct layer_usage *find_layer(const struct du *u, const struct digest *diffid)
{
	struct layer_usage key = {.diffid = *diffid};

	return u->layer_count > 0 ? bsearch(&key, u->layers, u->layer_count, sizeof(key), by_hex)
				  : NULL;
}

/* A layer's directory with its notes, which have its name and a suffix. */
static int add_layer_entry(struct du *u, int dir, const char *name, struct err *e)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct layer_usage l = {0}, *longer;
	struct err ignored;

	if (text_format(text, sizeof(text), "sha256:%.*s", DIGEST_HEX_LEN, name) < 0 ||
	    digest_parse(text, &l.diffid, &ignored) < 0 ||
	    usage_add(u->seen, dir, name, &l.sum, e) < 0)
		return e->kind == ERR_NONE ? 0 : -1;
	longer = reallocarray(u->layers, u->layer_count + 1, sizeof(*longer));
	if (!longer)
		return err_sys(e, ERR_SYSTEM, "list the layers of the store");
	u->layers = longer;
	longer[u->layer_count++] = l;
	return 0;
}

static int read_layers(struct du *u, struct err *e)
{
	auto_fd fd = path_open_beneath(u->st->fd, "layers/sha256", O_RDONLY | O_DIRECTORY, 0);
	auto_dir d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *de;
	struct err why = {0};
	size_t kept = 0;

	if (!d)
		return err_sys(e, ERR_SYSTEM, "list the layers of the store");
	fd = -1; /* the stream's now */
	while (errno = 0, (de = readdir(d))) {
		if (add_layer_entry(u, dirfd(d), de->d_name, &why) < 0) {
			*e = why;
			return -1;
		}
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "list the layers of the store");
	if (u->layer_count > 0)
		qsort(u->layers, u->layer_count, sizeof(*u->layers), by_hex);
	for (size_t i = 0; i < u->layer_count; i++) {
		add_sum(&u->total, &u->layers[i].sum);
		if (kept > 0 && by_hex(&u->layers[kept - 1], &u->layers[i]) == 0)
			add_sum(&u->layers[kept - 1].sum, &u->layers[i].sum);
		else
			u->layers[kept++] = u->layers[i];
	}
	u->layer_count = kept;
	return 0;
}

/* --- images -------------------------------------------------------------------------------- */

/* Call fn for each layer that an image lists, each once. */
static int each_layer(struct du *u, const struct digest *image,
		      void (*fn)(struct layer_usage *l, struct image_usage *arg),
		      struct image_usage *arg, struct err *e)
{
	struct imgdesc d;

	if (needed_read_image(u->st, image, &d, e) < 0)
		/* Damaged, or gone: it has what its own directory has. */
		return e->kind == ERR_VERIFY || e->kind == ERR_NOTFOUND ? 0 : -1;
	for (size_t i = 0; i < d.layer_count; i++) {
		struct layer_usage *l = find_layer(u, &d.layers[i]);

		if (l)
			fn(l, arg);
	}
	imgdesc_fini(&d);
	return 0;
}

static void count_image(struct layer_usage *l, struct image_usage *arg UNUSED)
{
	l->images++;
}

static void add_layer(struct layer_usage *l, struct image_usage *arg)
{
	add_sum(l->images > 1 ? &arg->shared : &arg->own, &l->sum);
}

static int read_image(struct du *u, struct image_usage *i, struct err *e)
{
	char path[sizeof("images/sha256/") + DIGEST_HEX_MAX];
	struct err why;

	if (text_format(path, sizeof(path), "images/sha256/%s", i->digest.hex) < 0)
		return err_sys(e, ERR_BUG, "name an image");
	/* A merged tree in it is made of links to the layers' files, which are counted already. */
	if (usage_add(u->seen, u->st->fd, path, &i->own, e) < 0)
		return -1;
	add_sum(&u->total, &i->own);
	if (each_layer(u, &i->digest, add_layer, i, &why) < 0) {
		*e = why;
		return -1;
	}
	return 0;
}

static int read_images(struct du *u, struct image_usage **out, size_t *count, struct err *e)
{
	auto_free struct digest *digests = NULL;
	struct err why;

	if (refs_read_images(u->st, &digests, count, e) < 0)
		return -1;
	*out = calloc(*count + 1, sizeof(**out));
	if (!*out)
		return err_sys(e, ERR_SYSTEM, "list the images of the store");
	for (size_t i = 0; i < *count; i++) {
		(*out)[i].digest = digests[i];
		if (each_layer(u, &digests[i], count_image, NULL, &why) < 0) {
			*e = why;
			return -1;
		}
	}
	for (size_t i = 0; i < *count; i++)
		if (read_image(u, &(*out)[i], e) < 0)
			return -1;
	return 0;
}

/* --- telling ------------------------------------------------------------------------------- */

static const char *first_name(const struct du *u, const struct digest *image)
{
	for (size_t i = 0; i < u->refs.count; i++)
		if (digest_equal(&u->refs.entries[i].digest, image))
			return u->refs.entries[i].name;
	return NULL;
}

static void json_sum(struct jsonout *j, const char *prefix, const struct usage_sum *s)
{
	char key[64];

	if (text_format(key, sizeof(key), "%sdisk_bytes", prefix) == 0)
		jsonout_number(j, key, s->disk_bytes);
	if (text_format(key, sizeof(key), "%sdata_bytes", prefix) == 0)
		jsonout_number(j, key, s->data_bytes);
	if (text_format(key, sizeof(key), "%sfiles", prefix) == 0)
		jsonout_number(j, key, s->files);
}

static void tell_image(const struct du *u, const struct image_usage *i, struct jsonout *j,
		       FILE *out)
{
	const char *name = first_name(u, &i->digest);

	if (!j) {
		fprintf(out, "%9s  %9s  %.19s  %s\n", size_text(i->own.disk_bytes).s,
			size_text(i->shared.disk_bytes).s, digest_text(&i->digest).s,
			name ? name : "-");
		return;
	}
	jsonout_open(j, NULL, '{');
	jsonout_string(j, "reference", name);
	jsonout_string(j, "digest", digest_text(&i->digest).s);
	json_sum(j, "own_", &i->own);
	json_sum(j, "shared_", &i->shared);
	jsonout_close(j, '}');
}

static void tell_total(const struct du *u, struct jsonout *j, FILE *out)
{
	if (j) {
		json_sum(j, "", &u->total);
		json_sum(j, "temporary_", &u->temporary);
		return;
	}
	fprintf(out, "%9s  in the store, %s of it temporary\n", size_text(u->total.disk_bytes).s,
		size_text(u->temporary.disk_bytes).s);
}

/* Is it one of those that were named? */
static int is_wanted(const struct digest *named, size_t count, const struct digest *image)
{
	for (size_t i = 0; i < count; i++)
		if (digest_equal(&named[i], image))
			return true;
	return count == 0;
}

static int run(struct du *u, const struct digest *named, size_t named_count, struct jsonout *j,
	       FILE *out, struct err *e)
{
	auto_free struct image_usage *images = NULL;
	size_t count = 0;

	u->seen = usage_new(e);
	if (!u->seen || refs_read(u->st, &u->refs, e) < 0 || read_layers(u, e) < 0 ||
	    read_images(u, &images, &count, e) < 0 ||
	    usage_add(u->seen, u->st->fd, "refs", &u->total, e) < 0 ||
	    usage_add(u->seen, u->st->fd, "tmp", &u->temporary, e) < 0)
		return -1;
	add_sum(&u->total, &u->temporary);
	if (j) {
		jsonout_open(j, NULL, '{');
		jsonout_open(j, "images", '[');
	} else {
		fprintf(out, "%9s  %9s  %-19s  REFERENCE\n", "OWN", "SHARED", "DIGEST");
	}
	for (size_t i = 0; i < count; i++)
		if (is_wanted(named, named_count, &images[i].digest))
			tell_image(u, &images[i], j, out);
	if (j)
		jsonout_close(j, ']');
	tell_total(u, j, out);
	if (j)
		jsonout_close(j, '}');
	return 0;
}

int du_run(const struct store *st, char *const *words, size_t word_count, bool json, FILE *out,
	   struct err *e)
{
	struct du u = {.st = st};
	struct jsonout j = {.file = out};
	auto_free struct digest *named = calloc(word_count + 1, sizeof(*named));
	int r = named ? 0 : err_sys(e, ERR_SYSTEM, "list images");

	for (size_t i = 0; r == 0 && i < word_count; i++) {
		struct ref ref;

		r = ref_parse(words[i], &ref, e) < 0 || stored_resolve(st, &ref, &named[i], e) < 0
			    ? -1
			    : 0;
	}
	if (r == 0)
		r = run(&u, named, word_count, json ? &j : NULL, out, e);
	refs_fini(&u.refs);
	usage_free(u.seen);
	free(u.layers);
	return r;
}
