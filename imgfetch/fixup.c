/* SPDX-License-Identifier: MIT */
/* The fix-up layer of an image.
 *
 * A layer is unpacked once, whatever lies below it in which image. What its archive means can
 * depend on that all the same; the layer's facts (facts.h) say where. Here, layer by layer from the
 * bottom, each fact is held against what the layers below have at that name, and where the layer's
 * directory does not say the same, the difference is noted as a patch of that layer: an entry half
 * a step above it. Then, for every name that was looked at, what should show (with the patches) is
 * compared with what overlayfs would show (without), and what differs is made: directories with the
 * metadata of the lower one, hard links into layers, whiteouts. So nothing is there that a later
 * layer makes moot.
 *
 * A directory that a layer only implies, over a symbolic link of a lower one, is no directory: its
 * content belongs to where the link leads. */
#include "imgfetch/fixup.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/fixup_impl.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/tmpdir.h"

static void free_node(void *p)
{
	struct node *n = p;

	for (size_t i = 0; i < n->entry_count; i++)
		free(n->entries[i].src_path);
	free(n->entries);
	free(n->path);
	free(n);
}

static void fini(struct fixup *f)
{
	for (size_t i = 0; i < f->layer_count; i++) {
		cleanup_fd(&f->layers[i].fd);
		facts_fini(&f->layers[i].facts);
	}
	free(f->layers);
	tdestroy(f->index, free_node);
}

/* *any: is there something to settle? */
static int read_facts(struct fixup *f, const struct digest *layers, size_t count, bool *any,
		      struct err *e)
{
	size_t bytes = 0;

	f->layers = calloc(count, sizeof(*f->layers));
	if (!f->layers)
		return err_sys(e, ERR_SYSTEM, "remember %zu layers", count);
	for (size_t i = 0; i < count; i++) {
		struct fixup_layer *l = &f->layers[f->layer_count];
		l->diffid = layers[i];
		l->fd = -1;
		if (facts_read(f->st, &layers[i], &l->facts, e) < 0)
			return -1;
		f->layer_count++;
		bytes += l->facts.bytes;
		if (bytes > FIXUP_FACTS_BYTES_MAX)
			return err_set(e, ERR_VERIFY,
				       "its layers leave too much to each other: names of more "
				       "than %zu MiB",
				       FIXUP_FACTS_BYTES_MAX >> 20);
		*any |= l->facts.count > 0;
	}
	return 0;
}

static void find_shown(struct fixup *f, const struct digest *shown, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* Of two copies the upper one is stacked. */
		for (size_t k = f->layer_count; k-- > 0;) {
			if (digest_equal(&f->layers[k].diffid, &shown[i])) {
				f->layers[k].shown = true;
				break;
			}
		}
	}
	for (size_t i = 0; i < f->layer_count; i++) {
		for (size_t k = i + 1; k < f->layer_count; k++)
			f->layers[i].again |=
				digest_equal(&f->layers[i].diffid, &f->layers[k].diffid);
	}
	f->shown_count = count;
}

static int open_layers(struct fixup *f, struct err *e)
{
	char rel[sizeof("layers/sha256/") + DIGEST_HEX_LEN];

	for (size_t i = 0; i < f->layer_count; i++) {
		struct fixup_layer *l = &f->layers[i];
		if (text_format(rel, sizeof(rel), "layers/sha256/%s", l->diffid.hex) < 0)
			return err_sys(e, ERR_BUG, "name a layer");
		l->fd = path_open_beneath(f->st->fd, rel, O_PATH | O_DIRECTORY, 0);
		if (l->fd < 0)
			return err_sys(e, ERR_SYSTEM, "open '%s' in the store '%s'", rel,
				       text_quote(f->st->path).s);
	}
	return 0;
}

/* A layer alone would be mounted as it is, and its whiteouts be seen. */
static int is_lone_with_whiteouts(const struct fixup *f, const struct digest *shown, bool *lone,
				  struct err *e)
{
	struct layer_info info;

	*lone = false;
	if (f->shown_count > 1)
		return 0;
	if (layerinfo_read(f->st, &shown[0], &info, e) < 0)
		return -1;
	*lone = info.unpack.whiteouts > 0;
	return 0;
}

/* Work out what is to be in the fix-up layer; *needed: it has to be there. */
static int prepare(struct fixup *f, const struct digest *layers, size_t count,
		   const struct digest *shown, size_t shown_count, bool *needed, struct err *e)
{
	bool facts = false, any = false, lone;

	*needed = false;
	if (read_facts(f, layers, count, &facts, e) < 0)
		return -1;
	find_shown(f, shown, shown_count);
	if (is_lone_with_whiteouts(f, shown, &lone, e) < 0)
		return -1;
	if (!facts && !lone)
		return 0;
	if (open_layers(f, e) < 0 || !fixup_node(f, "", e))
		return -1;
	for (size_t i = 0; i < f->layer_count; i++) {
		if (fixup_settle_layer(f, i, e) < 0)
			return -1;
	}
	if (fixup_plan(f, &any, e) < 0)
		return -1;
	*needed = any || lone;
	return 0;
}

static int make(struct fixup *f, int image_fd, struct err *e)
{
	if (mkdirat(image_fd, "fixup", 0700) < 0)
		return err_sys(e, ERR_DISK, "make a directory in the store '%s'",
			       text_quote(f->st->path).s);
	auto_fd dir = path_open_beneath(image_fd, "fixup", O_RDONLY | O_DIRECTORY, 0);
	auto_fd tree = dir < 0 ? -1 : tmpdir_make_root(dir, "tree", f->st, e);
	if (dir < 0 || fchmod(dir, 0700) < 0)
		return err_sys(e, ERR_DISK, "make a directory in the store '%s'",
			       text_quote(f->st->path).s);
	return tree < 0 ? -1 : fixup_write(f, tree, e);
}

int fixup_settle(const struct store *st, const struct digest *layers, size_t count,
		 const struct digest *shown, size_t shown_count, int image_fd, bool strict,
		 bool *made, struct err *e)
{
	uint64_t steps = 0, copied_bytes = 0;
	struct fixup f = {
		.st = st, .steps = &steps, .copied_bytes = &copied_bytes, .strict = strict};
	bool needed;
	int r = prepare(&f, layers, count, shown, shown_count, &needed, e);

	if (r == 0 && needed)
		r = make(&f, image_fd, e);
	fini(&f);
	if (r == 0)
		*made = needed;
	return r;
}

int fixup_check(const struct store *st, const struct digest *layers, size_t count,
		const struct digest *shown, size_t shown_count, int tree_fd, bool *needed,
		layercheck_report report, void *arg, struct layercheck_result *out, struct err *e)
{
	uint64_t steps = 0;
	struct fixup f = {.st = st, .steps = &steps, .strict = geteuid() != 0};
	struct layercheck_result result = {0};
	struct err why = {0};
	bool wanted = false;
	int r = prepare(&f, layers, count, shown, shown_count, &wanted, &why);

	if (r == 0 && wanted && tree_fd >= 0)
		r = fixup_compare(&f, tree_fd, report, arg, &result, &why);
	fini(&f);
	if (r < 0 && f.strict && why.errnum == EACCES) {
		/* fixup_make had a child that may look into it. */
		result = (struct layercheck_result){.unreadable = 1};
		wanted = tree_fd >= 0;
		r = 0;
	}
	if (r < 0) {
		*e = why;
		return -1;
	}
	*needed = wanted;
	*out = result;
	return 0;
}
