/* SPDX-License-Identifier: MIT */
/* Manifests and indexes: JSON to structs, with every rule checked. Pure. */
#include "imgfetch/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/json.h"
#include "imgfetch/manifest_impl.h"

#define BLOB_BYTES_MAX (UINT64_C(1) << 46)

static const struct {
	const char *name;
	enum type_class class;
} media_types[] = {
	{"application/vnd.oci.image.manifest.v1+json", TYPE_IMAGE},
	{"application/vnd.docker.distribution.manifest.v2+json", TYPE_IMAGE},
	{"application/vnd.oci.image.index.v1+json", TYPE_INDEX},
	{"application/vnd.docker.distribution.manifest.list.v2+json", TYPE_INDEX},
	{"application/vnd.docker.distribution.manifest.v1+json", TYPE_SCHEMA1},
	{"application/vnd.docker.distribution.manifest.v1+prettyjws", TYPE_SCHEMA1},
	{"application/vnd.oci.image.config.v1+json", TYPE_CONFIG},
	{"application/vnd.docker.container.image.v1+json", TYPE_CONFIG},
	{"application/vnd.oci.image.layer.v1.tar", TYPE_LAYER},
	{"application/vnd.oci.image.layer.v1.tar+gzip", TYPE_LAYER},
	{"application/vnd.oci.image.layer.v1.tar+zstd", TYPE_LAYER},
	{"application/vnd.docker.image.rootfs.diff.tar", TYPE_LAYER},
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", TYPE_LAYER},
	{"application/vnd.docker.image.rootfs.diff.tar.zstd", TYPE_LAYER},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar", TYPE_FOREIGN},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", TYPE_FOREIGN},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar", TYPE_FOREIGN},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", TYPE_FOREIGN},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", TYPE_FOREIGN},
};

/* Types compare without case and without parameters ("; charset=utf-8"). */
enum type_class manifest_classify_type(const char *type)
{
	size_t len = strcspn(type, "; \t");

	for (size_t i = 0; i < ARRAY_LEN(media_types); i++)
		if (strlen(media_types[i].name) == len &&
		    strncasecmp(media_types[i].name, type, len) == 0)
			return media_types[i].class;
	return TYPE_UNKNOWN;
}

static int refuse_schema1(struct err *e)
{
	return err_set(e, ERR_VERIFY,
		       "it is a manifest of the old schema 1, which cannot be verified: "
		       "push the image again with a current tool");
}

static enum type_class kind_class(enum manifest_kind kind)
{
	return kind == MANIFEST_INDEX ? TYPE_INDEX : TYPE_IMAGE;
}

/* `type` (from `where`) must not name another kind of document than the content is. */
static int check_type(const char *type, const char *where, enum manifest_kind kind, struct err *e)
{
	enum type_class c = manifest_classify_type(type);

	if (!type[0] || c == kind_class(kind))
		return 0;
	if (c == TYPE_SCHEMA1)
		return refuse_schema1(e);
	if (c == TYPE_UNKNOWN)
		return 0; /* text/plain, application/json: somebody who does not say */
	return err_set(e, ERR_VERIFY, "%s says '%s', but the document is an image %s", where,
		       text_quote(type).s, kind == MANIFEST_INDEX ? "index" : "manifest");
}

int manifest_open(const struct raw_manifest *raw, struct jv **root, enum manifest_kind *kind,
		  struct err *e)
{
	auto_jv doc = NULL;
	const char *type = NULL;
	uint64_t version = 0;
	bool image, index;

	if (raw->len > MANIFEST_BYTES_MAX)
		return err_set(e, ERR_VERIFY, "manifest is larger than 4 MiB");
	if (jv_parse(raw->data, raw->len, &doc, e) < 0)
		return -1;
	if (!jv_is_object(doc))
		return err_set(e, ERR_VERIFY, "not a manifest: no JSON object");
	if (jv_get_u64(doc, "schemaVersion", JV_REQUIRED, 1000, &version, e) < 0 ||
	    jv_get_string(doc, "mediaType", JV_OPTIONAL, MEDIA_TYPE_MAX - 1, &type, e) < 0)
		return -1;
	if (version == 1)
		return refuse_schema1(e);
	if (version != 2)
		return err_set(e, ERR_VERIFY, "unknown schemaVersion %llu",
			       (unsigned long long)version);
	image = jv_has(doc, "layers") || jv_has(doc, "config") || jv_has(doc, "fsLayers");
	index = jv_has(doc, "manifests");
	if (image && index)
		return err_set(e, ERR_VERIFY,
			       "ambiguous document: both an image manifest and an index");
	if (!image && !index)
		return err_set(e, ERR_VERIFY, "neither an image manifest nor an index%s%s%s",
			       type ? " (mediaType '" : "", type ? text_quote(type).s : "",
			       type ? "')" : "");
	*kind = index ? MANIFEST_INDEX : MANIFEST_IMAGE;
	if (type && manifest_classify_type(type) == TYPE_UNKNOWN)
		return err_set(e, ERR_VERIFY, "unknown mediaType '%s'", text_quote(type).s);
	if (type && check_type(type, "its mediaType", *kind, e) < 0)
		return -1;
	if (check_type(raw->media_type, "its sender", *kind, e) < 0)
		return -1;
	*root = take_ptr(doc);
	return 0;
}

int manifest_classify(const struct raw_manifest *raw, enum manifest_kind *out, struct err *e)
{
	auto_jv doc = NULL;

	return manifest_open(raw, &doc, out, e);
}

int manifest_parse_descriptor(const struct jv *obj, struct blob_desc *out, struct err *e)
{
	struct blob_desc b = {0};
	const char *digest = NULL, *type = NULL;

	if (jv_get_string(obj, "mediaType", JV_REQUIRED, MEDIA_TYPE_MAX - 1, &type, e) < 0 ||
	    jv_get_string(obj, "digest", JV_REQUIRED, 256, &digest, e) < 0 ||
	    jv_get_u64(obj, "size", JV_REQUIRED, BLOB_BYTES_MAX, &b.size_bytes, e) < 0)
		return -1;
	if (digest_parse_any(digest, &b.digest, e) < 0) {
		e->kind = ERR_VERIFY; /* not what the user typed */
		return -1;
	}
	memcpy(b.media_type, type, strlen(type) + 1);
	*out = b;
	return 0;
}

/* Blobs that are to be fetched from elsewhere than the registry (CVE-2020-15157). */
static int refuse_urls(const struct jv *obj, struct err *e)
{
	const struct jv *urls = NULL;
	size_t n = 0;

	if (jv_get_array(obj, "urls", JV_OPTIONAL, 1000, &urls, &n, e) < 0)
		return -1;
	if (n > 0)
		return err_set(e, ERR_VERIFY, "it is to be fetched from a foreign URL: refused");
	return 0;
}

static int parse_config_descriptor(const struct jv *doc, struct blob_desc *out, struct err *e)
{
	const struct jv *obj = NULL;
	const char *artifact = NULL;

	if (jv_get_object(doc, "config", JV_REQUIRED, &obj, e) < 0 ||
	    jv_get_string(doc, "artifactType", JV_OPTIONAL, 256, &artifact, e) < 0)
		return -1;
	if (manifest_parse_descriptor(obj, out, e) < 0 || refuse_urls(obj, e) < 0)
		return err_wrap(e, "config of the manifest");
	if (manifest_classify_type(out->media_type) != TYPE_CONFIG)
		return err_set(e, ERR_VERIFY, "it is an artifact of type '%s', not an image",
			       text_quote(artifact ? artifact : out->media_type).s);
	if (out->size_bytes > CONFIG_BYTES_MAX)
		return err_set(e, ERR_VERIFY, "its config is larger than %llu MiB",
			       (unsigned long long)(CONFIG_BYTES_MAX >> 20));
	return 0;
}

static int parse_layer(const struct jv *layers, size_t i, struct blob_desc *out, struct err *e)
{
	const struct jv *obj = NULL;

	if (jv_object_at(layers, i, &obj, e) < 0 || manifest_parse_descriptor(obj, out, e) < 0)
		return err_wrap(e, "layer %zu of the manifest", i + 1);
	switch (manifest_classify_type(out->media_type)) {
	case TYPE_LAYER:
		break;
	case TYPE_FOREIGN:
		return err_set(e, ERR_VERIFY,
			       "layer %zu is a foreign layer (%s), not kept by the registry: "
			       "refused",
			       i + 1, text_quote(out->media_type).s);
	default:
		return err_set(e, ERR_VERIFY, "layer %zu is of unknown type '%s'", i + 1,
			       text_quote(out->media_type).s);
	}
	if (refuse_urls(obj, e) < 0)
		return err_wrap(e, "layer %zu of the manifest", i + 1);
	return 0;
}

int manifest_parse(const struct raw_manifest *raw, struct manifest *out, struct err *e)
{
	auto_jv doc = NULL;
	auto_free struct blob_desc *layers = NULL;
	const struct jv *arr = NULL;
	struct blob_desc config;
	enum manifest_kind kind;
	size_t count = 0;

	if (manifest_open(raw, &doc, &kind, e) < 0)
		return -1;
	if (kind != MANIFEST_IMAGE)
		return err_set(e, ERR_VERIFY, "it is an index where a manifest was expected");
	if (parse_config_descriptor(doc, &config, e) < 0 ||
	    jv_get_array(doc, "layers", JV_OPTIONAL, LAYERS_MAX, &arr, &count, e) < 0)
		return -1;
	if (count == 0)
		return err_set(e, ERR_VERIFY,
			       "the image has no layers, so there is nothing to run");
	layers = calloc(count, sizeof(*layers));
	if (!layers)
		return err_sys(e, ERR_SYSTEM, "remember %zu layers", count);
	for (size_t i = 0; i < count; i++)
		if (parse_layer(arr, i, &layers[i], e) < 0)
			return -1;
	out->config = config;
	out->layer_count = count;
	out->layers = take_ptr(layers);
	return 0;
}

void manifest_fini(struct manifest *m)
{
	free(m->layers);
	m->layers = NULL;
	m->layer_count = 0;
}
