/* SPDX-License-Identifier: MIT */
/* An image in an archive that `docker save` wrote, as a source. */
#include "imgfetch/dockerarchive.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/imgconfig.h"
#include "imgfetch/inflate.h"
#include "imgfetch/membuf.h"
#include "imgfetch/sha256.h"

struct archive_layer {
	struct blob_desc blob;
	struct bundle_file file;
	char *name; /* owned */
};

struct dockerarchive {
	struct source source; /* first: this is a source */
	struct bundle *files; /* owned */
	struct membuf config_text;
	struct blob_desc config;
	size_t layer_count;
	struct archive_layer *layers; /* owned */
	char *manifest;		      /* owned */
	struct digest digest;
};

static struct dockerarchive *of(struct source *src)
{
	return (struct dockerarchive *)(void *)src;
}

static int get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e)
{
	const struct dockerarchive *d = of(src);

	if (digest_equal(&blob->digest, &d->config.digest))
		return sink(arg, d->config_text.data, d->config_text.len, e);
	for (size_t i = 0; i < d->layer_count; i++) {
		const struct archive_layer *l = &d->layers[i];

		if (digest_equal(&blob->digest, &l->blob.digest) &&
		    blob->size_bytes == l->blob.size_bytes)
			return bundle_read_file(d->files, &l->file, l->name, sink, arg, e);
	}
	return err_set(e, ERR_NOTFOUND, "there is no blob %s", digest_text(&blob->digest).s);
}

static int get_manifest(struct source *src, const struct ref *ref, const struct blob_desc *want,
			struct raw_manifest *out, struct err *e)
{
	const struct dockerarchive *d = of(src);

	(void)ref, (void)want; /* there is one; source.c compares digests */
	out->data = strdup(d->manifest);
	if (!out->data)
		return err_sys(e, ERR_SYSTEM, "remember a manifest");
	out->len = strlen(out->data);
	return 0;
}

static int peek(struct source *src, const struct ref *ref, struct digest *out, struct err *e)
{
	(void)ref, (void)e;
	*out = of(src)->digest;
	return 1;
}

static void dockerarchive_free(struct source *src)
{
	struct dockerarchive *d = of(src);

	for (size_t i = 0; d->layers && i < d->layer_count; i++) {
		bundle_file_close(&d->layers[i].file);
		free(d->layers[i].name);
	}
	free(d->layers);
	cleanup_membuf(&d->config_text);
	free(d->manifest);
	bundle_free(d->files);
	free(d);
}

static const struct source_ops dockerarchive_ops = {
	.get_blob = get_blob,
	.peek = peek,
	.get_manifest = get_manifest,
	.free = dockerarchive_free,
};

static int hash_sink(void *arg, const void *data, size_t len, struct err *e)
{
	return sha256_update(arg, data, len, e);
}

/* First bytes into a buffer; the error that ends the reading is its own. */
struct head {
	unsigned char bytes[INFLATE_HEAD_BYTES];
	size_t len;
};

static int head_sink(void *arg, const void *data, size_t len, struct err *e)
{
	struct head *h = arg;
	size_t n = MIN(len, sizeof(h->bytes) - h->len);

	(void)e;
	memcpy(h->bytes + h->len, data, n);
	h->len += n;
	return h->len == sizeof(h->bytes) ? -1 : 0;
}

static int describe_layer(const struct bundle *files, struct archive_layer *l,
			  const struct digest *diffid, struct err *e)
{
	struct head head = {.len = 0};
	struct err ignored = {0};

	if (bundle_open_file(files, l->name, &l->file, e) < 0)
		return -1;
	l->blob.size_bytes = l->file.size_bytes;
	if (bundle_read_file(files, &l->file, l->name, head_sink, &head, &ignored) < 0 &&
	    head.len < sizeof(head.bytes)) {
		*e = ignored;
		return -1;
	}
	if (!inflate_is_packed(head.bytes, head.len)) {
		l->blob.digest = *diffid;
		return 0;
	}
	auto_sha256 hash = sha256_new(e);
	if (!hash || bundle_read_file(files, &l->file, l->name, hash_sink, hash, e) < 0)
		return -1;
	return sha256_final(hash, &l->blob.digest, e);
}

static int describe_layers(struct dockerarchive *d, const struct dockersave *image,
			   const struct imgconfig *config, struct err *e)
{
	if (config->diffid_count != image->layer_count)
		return err_set(e, ERR_VERIFY,
			       "the archive names %zu layers, but the configuration %zu diff_ids",
			       image->layer_count, config->diffid_count);
	d->layers = calloc(image->layer_count, sizeof(*d->layers));
	if (!d->layers)
		return err_sys(e, ERR_SYSTEM, "remember %zu layers", image->layer_count);
	for (size_t i = 0; i < image->layer_count; i++) {
		struct archive_layer *l = &d->layers[i];

		l->file = BUNDLE_FILE_NONE;
		d->layer_count = i + 1;
		l->name = strdup(image->layers[i]);
		if (!l->name)
			return err_sys(e, ERR_SYSTEM, "remember a layer");
		if (describe_layer(d->files, l, &config->diffids[i], e) < 0)
			return err_wrap(e, "layer %zu", i + 1);
	}
	return 0;
}

static int make_manifest(struct dockerarchive *d, struct err *e)
{
	auto_free struct blob_desc *layers = calloc(d->layer_count, sizeof(*layers));

	if (!layers)
		return err_sys(e, ERR_SYSTEM, "make a manifest");
	for (size_t i = 0; i < d->layer_count; i++)
		layers[i] = d->layers[i].blob;
	d->manifest = dockersave_format(&d->config, layers, d->layer_count, e);
	return d->manifest ? sha256_buffer(d->manifest, strlen(d->manifest), &d->digest, e) : -1;
}

static int describe(struct dockerarchive *d, const struct dockersave *image, struct err *e)
{
	struct imgconfig config;
	int r;

	d->config_text.len_max = CONFIG_BYTES_MAX;
	if (bundle_read_document(d->files, image->config, &d->config_text, e) < 0 ||
	    sha256_buffer(d->config_text.data, d->config_text.len, &d->config.digest, e) < 0)
		return -1;
	d->config.size_bytes = d->config_text.len;
	if (imgconfig_parse(d->config_text.data, d->config_text.len, &config, e) < 0)
		return err_wrap(e, "image configuration '%s'", text_quote(image->config).s);
	r = describe_layers(d, image, &config, e);
	imgconfig_fini(&config);
	return r < 0 ? -1 : make_manifest(d, e);
}

struct source *dockerarchive_open(struct bundle *files, const struct dockersave *image,
				  struct err *e)
{
	struct dockerarchive *d = calloc(1, sizeof(*d));

	if (!d) {
		bundle_free(files);
		err_sys(e, ERR_SYSTEM, "open a docker archive");
		return NULL;
	}
	d->source.ops = &dockerarchive_ops;
	d->files = files;
	if (describe(d, image, e) == 0)
		return &d->source;
	dockerarchive_free(&d->source);
	return NULL;
}
