/* SPDX-License-Identifier: MIT */
/* Garbage: first, under the exclusive lock of the store, it is found and moved into tmp/ by
 * renames; then, unlocked, it is counted and deleted, with what else in tmp/ nobody holds.
 *
 * Nobody loses what he uses. Runs and boxes and mounts use images, which go only with --images and
 * by the same rules as with rm. Layers of an image stay while the image is there. Layers of a pull
 * that has no image yet are claimed (claim.h), as are notes that enter the store before their
 * layer. */
#include "imgfetch/gc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/grave.h"
#include "imgfetch/needed.h"
#include "imgfetch/partial.h"
#include "imgfetch/refs.h"
#include "imgfetch/users.h"

#define LAYER_PATH_MAX (sizeof("layers/sha256/.files") + DIGEST_HEX_LEN + 8)

struct gc {
	const struct store *st;
	const struct gc_opts *opts;
	struct gc_result r;
	struct refs refs;
	struct digest *doomed; /* images that go; owned */
	size_t doomed_count;
	int *image_locks; /* of these; owned */
	struct grave grave;
	struct usage *usage;
};

static int open_dir(const struct store *st, const char *path, DIR **out, struct err *e)
{
	auto_fd fd = path_open_beneath(st->fd, path, O_RDONLY | O_DIRECTORY, 0);

	*out = fd < 0 ? NULL : fdopendir(fd);
	if (!*out)
		return err_sys(e, ERR_SYSTEM, "list '%s' in the store", path);
	fd = -1; /* the stream's now */
	return 0;
}

/* --- what goes ----------------------------------------------------------------------------- */

/* Count it, and move it away unless this is only a rehearsal. 1 if it was there. */
static int take_away(struct gc *g, const char *path, struct err *e)
{
	if (faccessat(g->st->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (g->opts->dry_run)
		return usage_add(g->usage, g->st->fd, path, &g->r.freed, e) < 0 ? -1 : 1;
	return grave_bury(&g->grave, path, e);
}

static bool image_exists(const struct gc *g, const struct digest *image)
{
	char path[sizeof("images/sha256/") + DIGEST_HEX_MAX];

	return text_format(path, sizeof(path), "images/sha256/%s", image->hex) == 0 &&
	       faccessat(g->st->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Names that a removal which was killed has left, or a hand. */
static int collect_names(struct gc *g, struct err *e)
{
	for (size_t i = 0; i < g->refs.count; i++) {
		const struct ref_entry *en = &g->refs.entries[i];

		if (image_exists(g, &en->digest))
			continue;
		g->r.names++;
		if (!g->opts->dry_run && grave_remove_name(g->st, en->path, e) < 0)
			return -1;
	}
	return 0;
}

static bool has_name(const struct gc *g, const struct digest *image)
{
	for (size_t i = 0; i < g->refs.count; i++)
		if (digest_equal(&g->refs.entries[i].digest, image))
			return true;
	return false;
}

/* An image without a name: mark it if nobody uses it. */
static int doom_image(struct gc *g, const struct digest *image, struct err *e)
{
	struct imgdesc d = {0};
	struct err why;
	int lock;

	if (needed_read_image(g->st, image, &d, &why) < 0)
		d.digest = *image; /* damaged: one reason more */
	lock = users_exclude(g->st, &d, g->opts->box_root, &why);
	imgdesc_fini(&d);
	if (lock < 0 && why.kind == ERR_BUSY) {
		g->r.images_in_use++;
		return 0;
	}
	/* An image that has lost its descriptor cannot be locked, nor used. */
	if (lock < 0 && why.kind != ERR_NOTFOUND) {
		*e = why;
		return -1;
	}
	g->doomed[g->doomed_count] = *image;
	g->image_locks[g->doomed_count++] = lock;
	return 0;
}

static int doom_images(struct gc *g, struct err *e)
{
	auto_free struct digest *images = NULL;
	struct claimed claimed;
	size_t count = 0;
	int r = 0;

	if (refs_read_images(g->st, &images, &count, e) < 0 ||
	    claim_read_all(g->st, &claimed, e) < 0)
		return -1;
	const struct needed pulls = {.claimed = claimed};
	g->doomed = calloc(count + 1, sizeof(*g->doomed));
	g->image_locks = calloc(count + 1, sizeof(*g->image_locks));
	if (!g->doomed || !g->image_locks)
		r = err_sys(e, ERR_SYSTEM, "list the images of the store");
	for (size_t i = 0; r == 0 && i < count; i++)
		if (!has_name(g, &images[i]) && !needed_has_image(&pulls, &images[i]))
			r = doom_image(g, &images[i], e);
	claimed_fini(&claimed);
	return r;
}

static bool stays(void *arg, const struct digest *image)
{
	const struct gc *g = arg;

	for (size_t i = 0; i < g->doomed_count; i++)
		if (digest_equal(&g->doomed[i], image))
			return false;
	return true;
}

static int collect_images(struct gc *g, struct err *e)
{
	for (size_t i = 0; i < g->doomed_count; i++) {
		char path[sizeof("images/sha256/") + DIGEST_HEX_MAX];

		if (text_format(path, sizeof(path), "images/sha256/%s", g->doomed[i].hex) < 0)
			return err_sys(e, ERR_BUG, "name an image");
		int there = take_away(g, path, e);
		if (there < 0)
			return -1;
		g->r.images += (uint64_t)there;
	}
	return 0;
}

/* "<hex>" or "<hex>.info" and the like; what else there is, is none of ours. */
static bool parse_layer_name(const char *name, struct digest *layer, const char **note)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct err ignored;

	if (strlen(name) < DIGEST_HEX_LEN ||
	    text_format(text, sizeof(text), "sha256:%.*s", DIGEST_HEX_LEN, name) < 0 ||
	    digest_parse(text, layer, &ignored) < 0)
		return false;
	*note = name + DIGEST_HEX_LEN;
	if (**note == '\0')
		return true;
	for (const char *const *s = grave_notes; *s; s++)
		if (strcmp(*note, *s) == 0)
			return true;
	return false;
}

/* The layer first: one that has lost its notes would be in the way of pulls, notes are not. */
static int collect_layer(struct gc *g, const struct digest *layer, struct err *e)
{
	char path[LAYER_PATH_MAX];

	if (text_format(path, sizeof(path), "layers/sha256/%s", layer->hex) < 0)
		return err_sys(e, ERR_BUG, "name a layer");
	int there = take_away(g, path, e);
	if (there < 0)
		return -1;
	g->r.layers += (uint64_t)there;
	for (const char *const *s = grave_notes; *s; s++) {
		if (text_format(path, sizeof(path), "layers/sha256/%s%s", layer->hex, *s) < 0)
			return err_sys(e, ERR_BUG, "name a layer");
		if (take_away(g, path, e) < 0)
			return -1;
	}
	return 0;
}

static int collect_layer_entry(struct gc *g, const struct needed *needed, const char *name,
			       struct err *e)
{
	char path[LAYER_PATH_MAX];
	struct digest layer;
	const char *note;

	if (!parse_layer_name(name, &layer, &note) || needed_has_layer(needed, &layer))
		return 0;
	if (!*note)
		return collect_layer(g, &layer, e);
	/* Notes go with their layer, whose turn was or will be; those without one go now. */
	if (text_format(path, sizeof(path), "layers/sha256/%s", layer.hex) < 0)
		return err_sys(e, ERR_BUG, "name a layer");
	if (faccessat(g->st->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (text_format(path, sizeof(path), "layers/sha256/%s", name) < 0)
		return err_sys(e, ERR_BUG, "name a note");
	int there = take_away(g, path, e);
	if (there < 0)
		return -1;
	g->r.notes += (uint64_t)there;
	return 0;
}

static int collect_layers(struct gc *g, struct err *e)
{
	auto_dir dir = NULL;
	const struct dirent *d;
	struct needed needed;
	int r = 0;

	if (needed_collect(g->st, stays, g, &needed, e) < 0)
		return -1;
	g->r.layers_unknown = needed.unknown;
	g->r.unknown_image = needed.unknown_image;
	if (!needed.unknown)
		r = open_dir(g->st, "layers/sha256", &dir, e);
	while (r == 0 && dir && (errno = 0, d = readdir(dir)))
		r = collect_layer_entry(g, &needed, d->d_name, e);
	if (r == 0 && dir && errno != 0)
		r = err_sys(e, ERR_SYSTEM, "list 'layers/sha256' in the store");
	needed_fini(&needed);
	return r;
}

static int collect(struct gc *g, struct err *e)
{
	auto_fd lock = grave_lock_store(g->st, e);

	if (lock < 0 || refs_read(g->st, &g->refs, e) < 0 ||
	    (g->opts->images && doom_images(g, e) < 0))
		return -1;
	if (collect_names(g, e) < 0 || collect_layers(g, e) < 0 || collect_images(g, e) < 0)
		return -1;
	return 0;
}

/* --- what is moved away, and tmp/ ---------------------------------------------------------- */

static int count_grave(struct gc *g, struct err *e)
{
	int fd = openat(g->grave.dir.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		cleanup_fd(&fd);
		return err_sys(e, ERR_SYSTEM, "list what is removed");
	}
	while (errno = 0, (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
		    usage_add(g->usage, fd, d->d_name, &g->r.freed, e) < 0)
			return -1;
	}
	return errno == 0 ? 0 : err_sys(e, ERR_SYSTEM, "list what is removed");
}

/* What nobody holds; our own grave is held by us. */
static int collect_temporary(struct gc *g, struct err *e)
{
	auto_dir dir = NULL;
	const struct dirent *d;

	if (open_dir(g->st, "tmp", &dir, e) < 0)
		return -1;
	while (errno = 0, (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		int held = tmpdir_is_held(dirfd(dir), d->d_name, e);
		if (held < 0)
			return -1;
		if (held)
			continue;
		bool partial = partial_is_name(d->d_name);
		if (partial && !partial_is_old(dirfd(dir), d->d_name, PARTIAL_KEEP_GC_S))
			continue;
		*(partial ? &g->r.partial_blobs : &g->r.temporary) += 1;
		if (usage_add(g->usage, dirfd(dir), d->d_name, &g->r.freed, e) < 0)
			return -1;
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "list 'tmp' in the store");
	if (g->opts->dry_run)
		return 0;
	return tmpdir_sweep(g->st, e) < 0 || partial_sweep(g->st, PARTIAL_KEEP_GC_S, e) < 0 ? -1
											    : 0;
}

static int run(struct gc *g, struct err *e)
{
	g->usage = usage_new(e);
	if (!g->usage || (!g->opts->dry_run && grave_open(g->st, &g->grave, e) < 0) ||
	    collect(g, e) < 0)
		return -1;
	if (!g->opts->dry_run && count_grave(g, e) < 0)
		return -1;
	if (collect_temporary(g, e) < 0)
		return -1;
	g->r.freed.disk_bytes -= MIN(g->r.freed.disk_bytes, usage_held_elsewhere(g->usage));
	return grave_close(&g->grave, e);
}

int gc_run(const struct store *st, const struct gc_opts *opts, struct gc_result *out, struct err *e)
{
	struct gc g = {.st = st, .opts = opts, .grave = GRAVE_NONE};
	struct err ignored;
	int r = run(&g, e);

	if (r < 0)
		(void)grave_close(&g.grave, &ignored); /* a later sweep does */
	for (size_t i = 0; i < g.doomed_count; i++)
		cleanup_fd(&g.image_locks[i]);
	free(g.image_locks);
	free(g.doomed);
	refs_fini(&g.refs);
	usage_free(g.usage);
	if (r == 0)
		*out = g.r;
	return r;
}
