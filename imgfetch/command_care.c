/* SPDX-License-Identifier: MIT */
/* imgfetch tag, rm, gc, verify, du: those who look after a store. */
#include <inttypes.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/jsonout.h"
#include "common/storepath.h"
#include "common/text.h"
#include "imgfetch/command.h"
#include "imgfetch/commit.h"
#include "imgfetch/du.h"
#include "imgfetch/gc.h"
#include "imgfetch/remove.h"
#include "imgfetch/sizetext.h"
#include "imgfetch/stored.h"
#include "imgfetch/verify.h"

#define BOX_ROOT_DEFAULT "/var/lib/isolate/boxes"

/* The store as it is: nothing here makes one. */
static int open_store(const char *path, struct store *out, struct err *e)
{
	if (storepath_open(path, out, e) == 0)
		return 0;
	if (e->kind == ERR_NOTFOUND)
		return err_set(e, ERR_NOTFOUND, "there is no image store '%s'", text_quote(path).s);
	return command_store_fault(e);
}

static int read_box_root(char *out, size_t size, struct err *e)
{
	if (text_format(out, size, "%s", BOX_ROOT_DEFAULT) < 0)
		return err_sys(e, ERR_BUG, "name the place of boxes");
	return storepath_config(CONFIG_FILE, "box_root", out, size, e) < 0 ? -1 : 0;
}

/* --- tag ----------------------------------------------------------------------------------- */

static int tag(const struct store *st, const struct ref *from, const struct ref *to, struct err *e)
{
	struct digest image;
	struct imgdesc d;
	auto_fd lock = -1;

	/* Held until the name is there, so that it does not come to mean nothing. */
	if (stored_resolve(st, from, &image, e) < 0 ||
	    store_read_image(st, &image, &d, &lock, e) < 0)
		return -1;
	imgdesc_fini(&d);
	return commit_ref(st, to, &image, false, e);
}

int command_tag(const struct opts *o, const char *path, struct err *e)
{
	struct ref to;
	struct store st;
	int r;

	if (ref_parse(o->words[1], &to, e) < 0)
		return -1;
	if (to.kind != REF_REGISTRY || to.has_digest)
		return err_set(e, ERR_USAGE, "'%s' is no name to give: [HOST/]REPOSITORY[:TAG]",
			       text_quote(o->words[1]).s);
	if (open_store(path, &st, e) < 0)
		return -1;
	r = tag(&st, &o->ref, &to, e);
	store_close(&st);
	return r < 0 ? err_wrap(e, "tag '%s'", text_quote(ref_text(&o->ref).s).s) : 0;
}

/* --- rm ------------------------------------------------------------------------------------ */

static void print_removed(const struct removed *done)
{
	if (!done->image)
		printf("removed a name; the image has others\n");
	else
		printf("removed the image and %zu of its layers%s\n", done->layers,
		       done->layers_unknown
			       ? " (they stay: another image is damaged and may need them)"
			       : "");
}

static void json_removed(struct jsonout *j, const char *reference, const struct removed *done)
{
	jsonout_open(j, NULL, '{');
	jsonout_string(j, "reference", reference);
	jsonout_string(j, "digest", digest_text(&done->digest).s);
	jsonout_number(j, "removed_names", done->names);
	jsonout_bool(j, "removed_image", done->image);
	jsonout_number(j, "removed_layers", done->layers);
	jsonout_close(j, '}');
}

/* One after the other, up to the first that cannot be removed. */
static int remove_all(const struct opts *o, const struct store *st, const char *box_root,
		      struct jsonout *j, struct err *e)
{
	for (size_t i = 0; i < o->word_count; i++) {
		struct removed done;
		struct ref ref;

		if (ref_parse(o->words[i], &ref, e) < 0)
			return -1;
		if (remove_image(st, &ref, box_root, &done, e) < 0)
			return err_wrap(e, "remove '%s'", text_quote(ref_text(&ref).s).s);
		if (j)
			json_removed(j, ref_text(&ref).s, &done);
		else if (!o->quiet)
			print_removed(&done);
	}
	return 0;
}

int command_rm(const struct opts *o, const char *path, struct err *e)
{
	struct jsonout j = {.file = stdout};
	char box_root[4096];
	struct store st;
	int r;

	if (read_box_root(box_root, sizeof(box_root), e) < 0 || open_store(path, &st, e) < 0)
		return -1;
	if (o->json)
		jsonout_open(&j, NULL, '[');
	r = remove_all(o, &st, box_root, o->json ? &j : NULL, e);
	if (o->json)
		jsonout_close(&j, ']');
	store_close(&st);
	return r;
}

/* --- gc ------------------------------------------------------------------------------------ */

/* What is counted, in the order of its telling. */
static const struct {
	const char *key, *one, *many;
	size_t offset;
} gc_counts[] = {
	{"names", "name of no image", "names of no image", offsetof(struct gc_result, names)},
	{"images", "image without a name", "images without a name",
	 offsetof(struct gc_result, images)},
	{"layers", "layer of no image", "layers of no image", offsetof(struct gc_result, layers)},
	{"notes", "note of no layer", "notes of no layer", offsetof(struct gc_result, notes)},
	{"partial_blobs", "part of a download", "parts of downloads",
	 offsetof(struct gc_result, partial_blobs)},
	{"temporary", "leftover of a killed command", "leftovers of killed commands",
	 offsetof(struct gc_result, temporary)},
};

static uint64_t gc_count(const struct gc_result *r, size_t i)
{
	return *(const uint64_t *)((const char *)r + gc_counts[i].offset);
}

static void print_gc(const struct gc_result *r, bool dry_run)
{
	const char *sep = "";

	printf("%s ", dry_run ? "would remove" : "removed");
	for (size_t i = 0; i < ARRAY_LEN(gc_counts); i++) {
		uint64_t n = gc_count(r, i);

		if (n == 0)
			continue;
		printf("%s%" PRIu64 " %s", sep, n, n == 1 ? gc_counts[i].one : gc_counts[i].many);
		sep = ", ";
	}
	printf("%s: %s%s\n", *sep ? "" : "nothing", size_text(r->freed.disk_bytes).s,
	       dry_run ? " would be free" : " are free");
	if (r->images_in_use > 0)
		printf("kept %" PRIu64 " without a name, in use\n", r->images_in_use);
	if (r->layers_unknown)
		printf("kept all layers: image %s is damaged and may need them\n",
		       digest_text(&r->unknown_image).s);
}

static void json_gc(const struct gc_result *r, bool dry_run)
{
	struct jsonout j = {.file = stdout};

	jsonout_open(&j, NULL, '{');
	jsonout_bool(&j, "dry_run", dry_run);
	for (size_t i = 0; i < ARRAY_LEN(gc_counts); i++)
		jsonout_number(&j, gc_counts[i].key, gc_count(r, i));
	jsonout_number(&j, "images_in_use", r->images_in_use);
	jsonout_string(&j, "damaged_image",
		       r->layers_unknown ? digest_text(&r->unknown_image).s : NULL);
	jsonout_number(&j, "files", r->freed.files);
	jsonout_number(&j, "disk_bytes", r->freed.disk_bytes);
	jsonout_close(&j, '}');
}

int command_gc(const struct opts *o, const char *path, struct err *e)
{
	char box_root[4096];
	struct gc_opts go = {.dry_run = o->dry_run, .images = o->images, .box_root = box_root};
	struct gc_result done;
	struct store st;
	int r;

	if (read_box_root(box_root, sizeof(box_root), e) < 0 || open_store(path, &st, e) < 0)
		return -1;
	r = gc_run(&st, &go, &done, e);
	store_close(&st);
	if (r < 0)
		return err_wrap(e, "collect garbage");
	if (o->json)
		json_gc(&done, o->dry_run);
	else if (!o->quiet)
		print_gc(&done, o->dry_run);
	return 0;
}

/* --- verify, du ---------------------------------------------------------------------------- */

int command_verify(const struct opts *o, const char *path, struct err *e)
{
	char box_root[4096];
	const struct verify_opts vo = {
		.words = o->words,
		.word_count = o->word_count,
		.json = o->json,
		.quiet = o->quiet,
		.remove_damaged = o->remove_damaged,
		.box_root = box_root,
	};
	struct store st;
	int r;

	if (read_box_root(box_root, sizeof(box_root), e) < 0 || open_store(path, &st, e) < 0)
		return -1;
	r = verify_run(&st, &vo, stdout, e);
	store_close(&st);
	return r < 0 ? err_wrap(e, "verify") : 0;
}

int command_du(const struct opts *o, const char *path, struct err *e)
{
	struct store st;
	int r;

	if (open_store(path, &st, e) < 0)
		return -1;
	r = du_run(&st, o->words, o->word_count, o->json, stdout, e);
	store_close(&st);
	return r < 0 ? err_wrap(e, "count bytes") : 0;
}
