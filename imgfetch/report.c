/* SPDX-License-Identifier: MIT */
/* What the store holds, for people and as JSON: imgfetch list and imgfetch inspect. */
#include "imgfetch/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/jsonout.h"
#include "common/text.h"
#include "imgfetch/flatten.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/refs.h"
#include "imgfetch/sizetext.h"
#include "imgfetch/stored.h"

/* --- list ---------------------------------------------------------------------------------- */

/* One row. An image that cannot be read is shown as such: a list must not fail for one bad entry.
 */
static void list_row(const struct store *st, const char *name, const struct digest *image,
		     int width, struct jsonout *json, FILE *out)
{
	struct stored s = {0};
	struct err why;
	bool ok = stored_load(st, image, &s, &why) == 0;

	if (json) {
		jsonout_open(json, NULL, '{');
		jsonout_string(json, "reference", name);
		jsonout_string(json, "digest", digest_text(image).s);
		if (ok) {
			jsonout_string(json, "platform", platform_text(&s.config.platform).s);
			jsonout_number(json, "layers", s.manifest.layer_count);
			jsonout_number(json, "compressed_bytes", stored_compressed_bytes(&s));
		} else {
			jsonout_string(json, "error", why.text);
		}
		jsonout_close(json, '}');
	} else if (ok) {
		fprintf(out, "%-*s  %s  %6zu  %s\n", width, name ? name : "-", digest_text(image).s,
			s.manifest.layer_count, size_text(stored_compressed_bytes(&s)).s);
	} else {
		fprintf(out, "%-*s  %s  damaged: %s\n", width, name ? name : "-",
			digest_text(image).s, text_quote(why.text).s);
	}
	if (ok)
		stored_fini(&s);
}

static bool is_named(const struct refs *refs, const struct digest *image)
{
	for (size_t i = 0; i < refs->count; i++)
		if (digest_equal(&refs->entries[i].digest, image))
			return true;
	return false;
}

/* Notes of what an index meant are shown only where no tag says the same. */
static bool is_shown(const struct refs *refs, size_t i)
{
	if (!refs->entries[i].by_digest)
		return true;
	for (size_t j = 0; j < refs->count; j++)
		if (!refs->entries[j].by_digest &&
		    digest_equal(&refs->entries[j].digest, &refs->entries[i].digest))
			return false;
	return true;
}

int report_list(const struct store *st, bool json, FILE *out, struct err *e)
{
	struct jsonout j = {.file = out};
	struct refs refs = {0};
	auto_free struct digest *images = NULL;
	size_t count = 0, width = strlen("REFERENCE");

	if (st && refs_read(st, &refs, e) < 0)
		return -1;
	if (st && refs_read_images(st, &images, &count, e) < 0) {
		refs_fini(&refs);
		return -1;
	}
	for (size_t i = 0; i < refs.count; i++)
		if (is_shown(&refs, i))
			width = MAX(width, strlen(refs.entries[i].name));
	if (json)
		jsonout_open(&j, NULL, '[');
	else
		fprintf(out, "%-*s  %-71s  LAYERS  DOWNLOAD\n", (int)width, "REFERENCE", "DIGEST");
	for (size_t i = 0; i < refs.count; i++)
		if (is_shown(&refs, i))
			list_row(st, refs.entries[i].name, &refs.entries[i].digest, (int)width,
				 json ? &j : NULL, out);
	for (size_t i = 0; i < count; i++)
		if (!is_named(&refs, &images[i]))
			list_row(st, NULL, &images[i], (int)width, json ? &j : NULL, out);
	if (json)
		jsonout_close(&j, ']');
	refs_fini(&refs);
	return 0;
}

/* --- inspect ------------------------------------------------------------------------------- */

/* What a layer's unpacking left out, as counted in its note. */
static const struct {
	const char *key, *words;
	size_t offset;
} dropped[] = {
	{"dropped_setid", "setuid or setgid bits", offsetof(struct unpack_info, dropped_setid)},
	{"dropped_devices", "device nodes", offsetof(struct unpack_info, dropped_devices)},
	{"dropped_sockets", "sockets", offsetof(struct unpack_info, dropped_sockets)},
	{"dropped_xattrs", "extended attributes", offsetof(struct unpack_info, dropped_xattrs)},
};

static uint64_t dropped_count(const struct unpack_info *info, size_t i)
{
	uint64_t n;

	memcpy(&n, (const char *)info + dropped[i].offset, sizeof(n));
	return n;
}

struct image_view {
	const struct store *st;
	const char *reference;
	const struct digest *digest;
	const struct stored *stored;
	const struct imgdesc *desc;
};

/* Is the layer part of the root file system, or hidden by what lies above it? */
static bool is_used(const struct imgdesc *desc, const struct digest *diffid)
{
	for (size_t i = 0; i < desc->layer_count; i++)
		if (digest_equal(&desc->layers[i], diffid))
			return true;
	return false;
}

static void json_layer(struct jsonout *j, const struct image_view *v, size_t i)
{
	const struct blob_desc *blob = &v->stored->manifest.layers[i];
	const struct digest *diffid = &v->stored->config.diffids[i];
	struct layer_info info;
	struct err why;

	jsonout_open(j, NULL, '{');
	jsonout_string(j, "diff_id", digest_text(diffid).s);
	jsonout_string(j, "digest", digest_text(&blob->digest).s);
	jsonout_string(j, "media_type", blob->media_type);
	jsonout_number(j, "compressed_bytes", blob->size_bytes);
	jsonout_bool(j, "used", is_used(v->desc, diffid));
	if (layerinfo_read(v->st, diffid, &info, &why) == 0) {
		jsonout_number(j, "entries", info.unpack.entries);
		jsonout_number(j, "files", info.unpack.files);
		jsonout_number(j, "bytes", info.unpack.bytes);
		for (size_t k = 0; k < ARRAY_LEN(dropped); k++)
			jsonout_number(j, dropped[k].key, dropped_count(&info.unpack, k));
		jsonout_bool(j, "owners_kept", info.unpack.owners_kept);
	}
	jsonout_close(j, '}');
}

static void json_image(const struct image_view *v, FILE *out)
{
	struct jsonout j = {.file = out};
	const struct imgconfig *c = &v->stored->config;

	jsonout_open(&j, NULL, '{');
	jsonout_string(&j, "reference", v->reference);
	jsonout_string(&j, "digest", digest_text(v->digest).s);
	jsonout_string(&j, "store", v->st->path);
	jsonout_bool(&j, "fixup", v->desc->fixup);
	jsonout_bool(&j, "flat", flatten_is_there(v->st, v->digest));
	jsonout_string(&j, "platform", platform_text(&c->platform).s);
	jsonout_number(&j, "compressed_bytes", stored_compressed_bytes(v->stored));
	jsonout_strings(&j, "env", c->env, c->env_count);
	jsonout_string(&j, "workdir", c->workdir);
	jsonout_string(&j, "user", c->user);
	jsonout_strings(&j, "entrypoint", c->entrypoint, c->entrypoint_count);
	jsonout_strings(&j, "cmd", c->cmd, c->cmd_count);
	jsonout_open(&j, "layers", '[');
	for (size_t i = 0; i < v->stored->manifest.layer_count; i++)
		json_layer(&j, v, i);
	jsonout_close(&j, ']');
	jsonout_close(&j, '}');
}

static void print_words(FILE *out, const char *label, char *const *list, size_t count)
{
	if (count == 0)
		return;
	fprintf(out, "%s", label);
	for (size_t i = 0; i < count; i++)
		fprintf(out, " '%s'", text_quote(list[i]).s);
	putc('\n', out);
}

static void print_layer(const struct image_view *v, size_t i, FILE *out)
{
	const struct blob_desc *blob = &v->stored->manifest.layers[i];
	const struct digest *diffid = &v->stored->config.diffids[i];
	struct layer_info info;
	struct err why;
	const char *sep = "  left out: ";

	fprintf(out, "layer %zu: %s, %s as %s%s\n", i + 1, digest_text(diffid).s,
		size_text(blob->size_bytes).s, digest_text(&blob->digest).s,
		is_used(v->desc, diffid) ? "" : ", hidden by layers above it");
	if (layerinfo_read(v->st, diffid, &info, &why) < 0)
		return;
	for (size_t k = 0; k < ARRAY_LEN(dropped); k++) {
		uint64_t n = dropped_count(&info.unpack, k);

		if (n == 0)
			continue;
		fprintf(out, "%s%llu %s", sep, (unsigned long long)n, dropped[k].words);
		sep = ", ";
	}
	if (!info.unpack.owners_kept) {
		fprintf(out, "%sowners", sep);
		sep = ", ";
	}
	if (sep[0] == ',')
		putc('\n', out);
}

static void print_image(const struct image_view *v, FILE *out)
{
	const struct imgconfig *c = &v->stored->config;

	fprintf(out, "reference: %s\ndigest: %s\nstore: %s\nplatform: %s\ndownload: %s\n",
		v->reference, digest_text(v->digest).s, text_quote(v->st->path).s,
		text_quote(platform_text(&c->platform).s).s,
		size_text(stored_compressed_bytes(v->stored)).s);
	for (size_t i = 0; i < c->env_count; i++)
		fprintf(out, "env: %s\n", text_quote(c->env[i]).s);
	if (c->workdir)
		fprintf(out, "workdir: %s\n", text_quote(c->workdir).s);
	if (c->user)
		fprintf(out, "user: %s\n", text_quote(c->user).s);
	print_words(out, "entrypoint:", c->entrypoint, c->entrypoint_count);
	print_words(out, "cmd:", c->cmd, c->cmd_count);
	for (size_t i = 0; i < v->stored->manifest.layer_count; i++)
		print_layer(v, i, out);
	if (v->desc->fixup)
		fprintf(out, "fix-up layer: on top of these\n");
	if (flatten_is_there(v->st, v->digest))
		fprintf(out, "merged tree: in place of these\n");
}

int report_inspect(const struct store *st, const struct ref *ref, bool json, FILE *out,
		   struct err *e)
{
	struct ref_text name = ref_text(ref);
	struct digest digest;
	struct imgdesc desc;
	struct stored stored;

	if (store_resolve(st, ref, &digest, e) < 0 ||
	    store_read_image(st, &digest, &desc, NULL, e) < 0)
		return -1;
	if (stored_load(st, &digest, &stored, e) < 0) {
		imgdesc_fini(&desc);
		return -1;
	}
	struct image_view v = {st, name.s, &digest, &stored, &desc};
	if (stored.manifest.layer_count != stored.config.diffid_count) {
		err_set(e, ERR_VERIFY,
			"image %s in the store: layers and diff_ids differ in number",
			digest_text(&digest).s);
	} else if (json) {
		json_image(&v, out);
	} else {
		print_image(&v, out);
	}
	imgdesc_fini(&desc);
	int r = stored.manifest.layer_count == stored.config.diffid_count ? 0 : -1;
	stored_fini(&stored);
	return r;
}

/* --- pull ---------------------------------------------------------------------------------- */

/* The same layer twice in an image is one layer of the store. */
static size_t distinct_layers(const struct imgconfig *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->diffid_count; i++) {
		bool again = false;
		for (size_t j = 0; j < i && !again; j++)
			again = digest_equal(&c->diffids[i], &c->diffids[j]);
		n += !again;
	}
	return n;
}

int report_pull(const struct store *st, const struct ref *ref, const struct pull_result *result,
		uint64_t wall_ns, FILE *out, struct err *e)
{
	struct jsonout j = {.file = out};
	struct stored s;
	size_t layers;

	if (stored_load(st, &result->digest, &s, e) < 0)
		return -1;
	layers = distinct_layers(&s.config);
	jsonout_open(&j, NULL, '{');
	jsonout_string(&j, "reference", ref_text(ref).s);
	jsonout_string(&j, "digest", digest_text(&result->digest).s);
	jsonout_string(&j, "store", st->path);
	jsonout_string(&j, "platform", platform_text(&s.config.platform).s);
	jsonout_bool(&j, "present", result->present);
	jsonout_number(&j, "layers", layers);
	jsonout_number(&j, "layers_fetched", result->fetched.layers);
	jsonout_number(&j, "layers_present", layers - result->fetched.layers);
	jsonout_number(&j, "compressed_bytes", stored_compressed_bytes(&s));
	jsonout_number(&j, "fetched_bytes", result->fetched.fetched_bytes);
	jsonout_number(&j, "resumed_bytes", result->fetched.resumed_bytes);
	jsonout_number(&j, "wall_ns", wall_ns);
	jsonout_close(&j, '}');
	stored_fini(&s);
	return 0;
}
