/* SPDX-License-Identifier: MIT */
/* What an image has besides its layers: the fix-up layer, and the merged tree. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/commit.h"
#include "imgfetch/fixup.h"
#include "imgfetch/flatcheck.h"
#include "imgfetch/stored.h"
#include "imgfetch/verify_impl.h"

#define FIXUP_TREE "fixup/tree"
#define FLAT_TREE  "flat/tree"

static int tell_fixup(void *arg, const struct layercheck_problem *p, struct err *e UNUSED)
{
	verify_tell_file(arg, FIXUP_TREE, p);
	return 0;
}

static int tell_flat(void *arg, const struct layercheck_problem *p, struct err *e UNUSED)
{
	verify_tell_file(arg, FLAT_TREE, p);
	return 0;
}

static void add_figures(struct verify *v, const struct layercheck_result *r)
{
	v->trees.entries += r->entries;
	v->trees.bytes += r->bytes;
	v->trees.unreadable += r->unreadable;
}

/* The directory above a tree keeps others out. 1 there, 0 not there, -1. */
static int check_above(struct verify *v, const char *name, struct err *e)
{
	char path[sizeof("images/sha256//fixup") + DIGEST_HEX_LEN];
	struct stat st;

	if (text_format(path, sizeof(path), "images/sha256/%s/%s", v->image->hex, name) < 0)
		return err_sys(e, ERR_BUG, "name a tree");
	if (fstatat(v->st->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, ERR_SYSTEM, "look at '%s'", path);
	if (!S_ISDIR(st.st_mode) || (st.st_mode & 07777) != 0700)
		verify_tell_image(v, name, "changed: it is not closed to others");
	return 1;
}

static int compare_fixup(struct verify *v, const struct imgconfig *config, const struct imgdesc *d,
			 int tree, bool there, struct err *e)
{
	struct layercheck_result r = {0};
	struct err why = {0};
	bool needed;

	if (fixup_check(v->st, config->diffids, config->diffid_count, d->layers, d->layer_count,
			tree, &needed, tell_fixup, v, &r, &why) < 0) {
		if (why.kind != ERR_VERIFY) {
			*e = why;
			return -1;
		}
		verify_tell_image(v, "fixup", why.text);
		return 0;
	}
	add_figures(v, &r);
	if (needed && !d->fixup)
		verify_tell_image(v, "descriptor", "says nothing of the fix-up layer it needs");
	else if (!needed && (d->fixup || there))
		verify_tell_image(v, "fixup", "added: its layers need none");
	return 0;
}

static int check_fixup(struct verify *v, const struct imgdesc *d, struct err *e)
{
	struct imgconfig config;
	struct err why;
	int there = check_above(v, "fixup", e);
	auto_fd tree = -1;

	if (there < 0 || stored_load_config(v->st, v->image, &config, e) < 0)
		return -1;
	if (d->fixup) {
		tree = store_open_fixup(v->st, v->image, &why);
		if (tree < 0)
			verify_tell_image(v, FIXUP_TREE, why.text);
	}
	int r = compare_fixup(v, &config, d, tree, there > 0, e);
	imgconfig_fini(&config);
	return r;
}

static int check_flat(struct verify *v, const struct imgdesc *d, struct err *e)
{
	struct layercheck_result r = {0};
	struct err why;
	int there = check_above(v, "flat", e);

	if (there <= 0)
		return there;
	auto_fd tree = store_open_flat(v->st, v->image, &why);
	if (tree < 0) {
		verify_tell_image(v, FLAT_TREE, why.text);
		return 0;
	}
	if (flatcheck_run(v->st, d, tree, tell_flat, v, &r, e) < 0)
		return -1;
	add_figures(v, &r);
	return 0;
}

int verify_check_trees(struct verify *v, const struct imgdesc *d, struct err *e)
{
	uint64_t before = v->image_problems;

	if (v->opts->json)
		jsonout_open(&v->json, "tree_problems", '[');
	if (d && check_fixup(v, d, e) < 0)
		return -1;
	if (v->image_problems > before &&
	    verify_damage_add(&v->damage.images, &v->damage.image_count, v->image, e) < 0)
		return -1;
	before = v->image_problems;
	/* A wrong fix-up layer is what the tree would be held against. */
	if (d && before == 0 && check_flat(v, d, e) < 0)
		return -1;
	if (v->image_problems > before &&
	    verify_damage_add(&v->damage.flats, &v->damage.flat_count, v->image, e) < 0)
		return -1;
	if (v->opts->json)
		jsonout_close(&v->json, ']');
	return 0;
}
