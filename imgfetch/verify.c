/* SPDX-License-Identifier: MIT */
/* Each image is locked while it is looked at, as by a run, so that nobody removes it meanwhile;
 * pulls and runs go on. verify_mend.c takes away what is damaged. */
#include "imgfetch/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/jsonout.h"
#include "common/text.h"
#include "imgfetch/commit.h"
#include "imgfetch/layercheck.h"
#include "imgfetch/refs.h"
#include "imgfetch/sha256.h"
#include "imgfetch/sizetext.h"
#include "imgfetch/stored.h"
#include "imgfetch/verify_impl.h"

/* --- telling ------------------------------------------------------------------------------- */

static void begin_problem(struct verify *v, const char *what)
{
	v->image_problems++;
	if (v->opts->json) {
		jsonout_open(&v->json, NULL, '{');
		jsonout_string(&v->json, "what", what);
	}
}

void verify_tell_image(struct verify *v, const char *file, const char *error)
{
	begin_problem(v, "damaged");
	if (v->opts->json) {
		jsonout_string(&v->json, "path", file);
		jsonout_string(&v->json, "error", error);
		jsonout_close(&v->json, '}');
		return;
	}
	fprintf(v->out, "image %s: %s: %s\n", digest_text(v->image).s, file, text_quote(error).s);
}

static void json_file_problem(struct verify *v, const char *tree,
			      const struct layercheck_problem *p)
{
	auto_free char *path = NULL;

	if (p->path && asprintf(&path, "%s%s%s", tree, *tree && *p->path ? "/" : "", p->path) < 0)
		path = NULL;
	jsonout_string(&v->json, "path", path);
	jsonout_open(&v->json, "changed", '[');
	for (unsigned i = 0; i < CHANGE_COUNT; i++)
		if (p->changes & (1U << i))
			jsonout_string(&v->json, NULL, layercheck_change_names[i]);
	jsonout_close(&v->json, ']');
	jsonout_string(&v->json, "error", p->details);
	jsonout_close(&v->json, '}');
}

void verify_tell_file(struct verify *v, const char *tree, const struct layercheck_problem *p)
{
	const char *sep = " ";

	begin_problem(v, p->what);
	if (v->opts->json) {
		json_file_problem(v, tree, p);
		return;
	}
	fprintf(v->out, "%s %s: ", *tree ? "image" : "layer",
		digest_text(*tree ? v->image : v->layer).s);
	if (p->path)
		fprintf(v->out, "%s/%s: ", tree, text_quote(p->path).s);
	fputs(p->what, v->out);
	for (unsigned i = 0; i < CHANGE_COUNT; i++) {
		if (!(p->changes & (1U << i)))
			continue;
		fprintf(v->out, "%s%s", sep, layercheck_change_names[i]);
		sep = ", ";
	}
	if (p->details)
		fprintf(v->out, ": %s", text_quote(p->details).s);
	putc('\n', v->out);
}

static int tell_layer(void *arg, const struct layercheck_problem *p, struct err *e UNUSED)
{
	verify_tell_file(arg, "", p);
	return 0;
}

/* --- layers -------------------------------------------------------------------------------- */

static const struct verified_layer *find_layer(const struct verify *v, const struct digest *diffid)
{
	for (size_t i = 0; i < v->layer_count; i++)
		if (digest_equal(&v->layers[i].diffid, diffid))
			return &v->layers[i];
	return NULL;
}

static const struct verified_layer *check_layer(struct verify *v, const struct digest *diffid,
						struct err *e)
{
	struct verified_layer l = {.diffid = *diffid};
	struct verified_layer *longer;

	v->layer = diffid;
	if (layercheck_run(v->st, diffid, tell_layer, v, &l.result, e) < 0)
		return NULL;
	longer = reallocarray(v->layers, v->layer_count + 1, sizeof(*longer));
	if (!longer) {
		err_sys(e, ERR_SYSTEM, "list the layers of the store");
		return NULL;
	}
	v->layers = longer;
	longer[v->layer_count] = l;
	return &longer[v->layer_count++];
}

static const char *layer_status(const struct layercheck_result *r)
{
	if (r->problems > 0)
		return "damaged";
	return r->listed ? "ok" : "unchecked";
}

static int check_one_layer(struct verify *v, const struct digest *diffid, struct err *e)
{
	const struct verified_layer *l = find_layer(v, diffid);
	bool again = l != NULL;

	if (v->opts->json) {
		jsonout_open(&v->json, NULL, '{');
		jsonout_string(&v->json, "diff_id", digest_text(diffid).s);
		jsonout_open(&v->json, "problems", '[');
	}
	if (!again && !(l = check_layer(v, diffid, e)))
		return -1;
	if (v->opts->json) {
		jsonout_close(&v->json, ']');
		jsonout_bool(&v->json, "checked_before", again);
		jsonout_string(&v->json, "status", layer_status(&l->result));
		jsonout_number(&v->json, "problem_count", l->result.problems);
		jsonout_number(&v->json, "files", l->result.entries);
		jsonout_number(&v->json, "read_bytes", l->result.bytes);
		jsonout_number(&v->json, "unreadable", l->result.unreadable);
		jsonout_close(&v->json, '}');
	} else if (!again && !l->result.listed && l->result.problems == 0 && !v->opts->quiet) {
		fprintf(v->out, "layer %s: not checked: it came without a list of files\n",
			digest_text(diffid).s);
	}
	if (again)
		v->image_problems += l->result.problems;
	if (l->result.problems > 0 && !again)
		return verify_damage_add(&v->damage.layers, &v->damage.layer_count, diffid, e);
	return 0;
}

/* --- an image's own files ------------------------------------------------------------------ */

/* 1: the file is right; 0: it was told that it is not; -1. *text: malloc'd. */
static int check_file(struct verify *v, const char *name, const struct digest *want, char **text,
		      size_t *len, struct err *e)
{
	struct digest got;
	struct err why;

	*text = stored_read(v->st, v->image, name, len, &why);
	if (!*text) {
		verify_tell_image(v, name, why.text);
		return 0;
	}
	if (sha256_buffer_like(want, *text, *len, &got, e) < 0)
		return -1;
	if (digest_equal(&got, want))
		return 1;
	if (err_set(&why, ERR_VERIFY, "changed: its digest is %s, not %s", digest_text(&got).s,
		    digest_text(want).s) < 0)
		verify_tell_image(v, name, why.text);
	return 0;
}

/* What follows from manifest and configuration is what the descriptor says. */
static int check_descriptor(struct verify *v, const struct imgdesc *d, struct err *e)
{
	struct imgconfig config;
	struct err why;
	auto_free struct digest *layers = NULL;
	auto_free char *want = NULL, *got = NULL;
	size_t count, want_len, got_len;
	int r;

	if (stored_load_config(v->st, v->image, &config, &why) < 0) {
		verify_tell_image(v, "config.json", why.text);
		return 0;
	}
	count = config.diffid_count;
	layers = calloc(count + 1, sizeof(*layers));
	if (!layers) {
		imgconfig_fini(&config);
		return err_sys(e, ERR_SYSTEM, "check a descriptor");
	}
	memcpy(layers, config.diffids, count * sizeof(*layers));
	/* A layer without its notes is told of when its turn comes. */
	r = commit_visible_layers(v->st, layers, &count, &why);
	const struct imgdesc expected = {
		.digest = *v->image,
		.layer_count = count,
		.layers = layers,
		.fixup = d->fixup,
		.env_count = config.env_count,
		.env = config.env,
		.workdir = config.workdir,
		.user = config.user,
	};
	if (r == 0 && (imgdesc_format(&expected, &want, &want_len, &why) < 0 ||
		       imgdesc_format(d, &got, &got_len, &why) < 0 || want_len != got_len ||
		       memcmp(want, got, want_len) != 0))
		verify_tell_image(v, "descriptor", "not what the configuration says");
	imgconfig_fini(&config);
	return 0;
}

static int check_documents(struct verify *v, struct err *e)
{
	auto_free char *manifest = NULL, *config = NULL;
	struct raw_manifest raw = {.digest = *v->image};
	struct manifest parsed;
	struct err why;
	int r = check_file(v, "manifest.json", v->image, &manifest, &raw.len, e);

	if (r <= 0)
		return r;
	raw.data = manifest; /* borrowed */
	if (manifest_parse(&raw, &parsed, &why) < 0) {
		verify_tell_image(v, "manifest.json", why.text);
		return 0;
	}
	size_t len;
	r = check_file(v, "config.json", &parsed.config.digest, &config, &len, e);
	manifest_fini(&parsed);
	return r < 0 ? -1 : 0;
}

static int check_layers(struct verify *v, const struct imgdesc *d, struct err *e)
{
	if (v->opts->json)
		jsonout_open(&v->json, "layers", '[');
	for (size_t i = 0; i < d->layer_count; i++)
		if (check_one_layer(v, &d->layers[i], e) < 0)
			return -1;
	if (v->opts->json)
		jsonout_close(&v->json, ']');
	return 0;
}

/* d: what is known of it; wrong: why that is not all. */
static int check_image_parts(struct verify *v, const struct imgdesc *d, const struct err *wrong,
			     struct err *e)
{
	if (v->opts->json)
		jsonout_open(&v->json, "problems", '[');
	if (wrong)
		verify_tell_image(v, "descriptor", wrong->text);
	if (check_documents(v, e) < 0)
		return -1;
	if (!wrong && v->image_problems == 0 && check_descriptor(v, d, e) < 0)
		return -1;
	if (v->opts->json)
		jsonout_close(&v->json, ']');
	if (v->image_problems > 0 &&
	    verify_damage_add(&v->damage.images, &v->damage.image_count, v->image, e) < 0)
		return -1;
	if (check_layers(v, d, e) < 0)
		return -1;
	/* What is made of something wrong cannot be right. */
	return verify_check_trees(v, v->image_problems == 0 ? d : NULL, e);
}

static void json_names(struct verify *v)
{
	jsonout_open(&v->json, "references", '[');
	for (size_t i = 0; i < v->refs.count; i++)
		if (digest_equal(&v->refs.entries[i].digest, v->image))
			jsonout_string(&v->json, NULL, v->refs.entries[i].name);
	jsonout_close(&v->json, ']');
}

static const char *first_name(const struct verify *v)
{
	for (size_t i = 0; i < v->refs.count; i++)
		if (digest_equal(&v->refs.entries[i].digest, v->image))
			return v->refs.entries[i].name;
	return "-";
}

/* 1 checked, 0 it is not there any more. */
static int check_image(struct verify *v, const struct digest *image, struct err *e)
{
	struct imgdesc d = {0};
	struct err why = {0};
	auto_fd lock = -1;
	int r = store_read_image(v->st, image, &d, &lock, &why);

	if (r < 0 && (why.kind == ERR_NOTFOUND || why.kind == ERR_BUSY))
		return 0;
	if (r < 0 && why.kind != ERR_VERIFY && why.kind != ERR_CONFIG) {
		*e = why;
		return -1;
	}
	v->image = image;
	v->image_problems = 0;
	if (v->opts->json) {
		jsonout_open(&v->json, NULL, '{');
		jsonout_string(&v->json, "digest", digest_text(image).s);
		json_names(v);
	}
	r = check_image_parts(v, &d, r < 0 ? &why : NULL, e);
	imgdesc_fini(&d);
	if (r < 0)
		return -1;
	v->damage.bad_images += v->image_problems > 0;
	if (v->opts->json) {
		jsonout_string(&v->json, "status", v->image_problems ? "damaged" : "ok");
		jsonout_close(&v->json, '}');
	} else if (!v->opts->quiet) {
		fprintf(v->out, "%s %s: %s\n", digest_text(image).s, first_name(v),
			v->image_problems ? "damaged" : "ok");
	}
	return 1;
}

/* --- the whole ----------------------------------------------------------------------------- */

static int resolve_images(struct verify *v, struct err *e)
{
	if (v->opts->word_count == 0)
		return refs_read_images(v->st, &v->images, &v->image_count, e);
	v->images = calloc(v->opts->word_count, sizeof(*v->images));
	if (!v->images)
		return err_sys(e, ERR_SYSTEM, "list images");
	for (size_t i = 0; i < v->opts->word_count; i++) {
		struct ref ref;

		if (ref_parse(v->opts->words[i], &ref, e) < 0 ||
		    stored_resolve(v->st, &ref, &v->images[i], e) < 0)
			return -1;
		v->image_count++;
	}
	return 0;
}

/* What was not computed again, so that nobody takes the answer for more than it is. */
static const char *const not_checked[] = {
	"digests of the layers' archives, which are not kept",
};

static void print_sum(struct verify *v, size_t images)
{
	uint64_t files = v->trees.entries, bytes = v->trees.bytes;
	uint64_t unreadable = v->trees.unreadable;

	for (size_t i = 0; i < v->layer_count; i++) {
		files += v->layers[i].result.entries;
		bytes += v->layers[i].result.bytes;
		unreadable += v->layers[i].result.unreadable;
	}
	if (v->opts->json) {
		jsonout_number(&v->json, "files", files);
		jsonout_number(&v->json, "read_bytes", bytes);
		jsonout_number(&v->json, "unreadable", unreadable);
		jsonout_open(&v->json, "not_checked", '[');
		for (size_t i = 0; i < ARRAY_LEN(not_checked); i++)
			jsonout_string(&v->json, NULL, not_checked[i]);
		jsonout_close(&v->json, ']');
		return;
	}
	if (v->opts->quiet)
		return;
	fprintf(v->out,
		"%zu image%s, %zu layer%s, %" PRIu64 " files of %s looked at; not checked: %s",
		images, images == 1 ? "" : "s", v->layer_count, v->layer_count == 1 ? "" : "s",
		files, size_text(bytes).s, not_checked[0]);
	if (unreadable > 0)
		fprintf(v->out, "; contents of %" PRIu64 " that you may not read", unreadable);
	putc('\n', v->out);
}

static int run(struct verify *v, struct err *e)
{
	size_t images = 0;

	if (refs_read(v->st, &v->refs, e) < 0 || resolve_images(v, e) < 0)
		return -1;
	if (v->opts->json) {
		jsonout_open(&v->json, NULL, '{');
		jsonout_open(&v->json, "images", '[');
	}
	for (size_t i = 0; i < v->image_count; i++) {
		int r = check_image(v, &v->images[i], e);

		if (r < 0)
			return -1;
		images += (size_t)r;
	}
	if (v->opts->json)
		jsonout_close(&v->json, ']');
	print_sum(v, images);
	if (v->opts->json)
		jsonout_close(&v->json, '}');
	if (v->damage.bad_images == 0)
		return 0;
	if (v->opts->remove_damaged)
		return verify_mend(v->st, &v->damage, v->opts->box_root, e);
	return err_set(e, ERR_VERIFY,
		       "%zu of %zu images damaged (imgfetch verify --remove-damaged takes away "
		       "what is, and a pull brings it back)",
		       v->damage.bad_images, images);
}

int verify_run(const struct store *st, const struct verify_opts *opts, FILE *out, struct err *e)
{
	struct verify v = {.st = st, .opts = opts, .out = out, .json = {.file = out}};
	int r = run(&v, e);

	refs_fini(&v.refs);
	free(v.images);
	free(v.layers);
	free(v.damage.images);
	free(v.damage.layers);
	free(v.damage.flats);
	return r;
}
