/* SPDX-License-Identifier: MIT */
/* An OCI image layout, in a directory or an archive, as a source. */
#include "imgfetch/layout.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/json.h"
#include "imgfetch/manifest.h"
#include "imgfetch/membuf.h"

struct layout {
	struct source source; /* first: this is a source */
	struct bundle *files; /* owned */
	struct platform want;
	char *wanted; /* the name or tag in the layout's index; owned; NULL: any that is alone */
	bool or_any;  /* nobody named that: if it is not there, take what is alone */
};

static struct layout *of(struct source *src)
{
	return (struct layout *)(void *)src;
}

struct blob_name {
	char s[sizeof("blobs/sha512/") + DIGEST_HEX_MAX];
};

static struct blob_name blob_name(const struct digest *d)
{
	struct blob_name n;
	struct text t = TEXT_OVER(n.s);

	text_addf(&t, "blobs/%s/%s", digest_is_sha512(d) ? "sha512" : "sha256", d->hex);
	return n;
}

static int get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e)
{
	const struct bundle *files = of(src)->files;
	struct blob_name name = blob_name(&blob->digest);
	auto_bundle_file f = BUNDLE_FILE_NONE;

	if (bundle_open_file(files, name.s, &f, e) < 0)
		return -1;
	if (f.size_bytes != blob->size_bytes)
		return err_set(e, ERR_VERIFY, "'%s' in '%s' has %llu bytes, but %llu are declared",
			       name.s, bundle_shown(files), (unsigned long long)f.size_bytes,
			       (unsigned long long)blob->size_bytes);
	return bundle_read_file(files, &f, name.s, sink, arg, e);
}

static int read_document(const struct layout *l, const char *name, struct membuf *out,
			 struct err *e)
{
	out->len_max = MANIFEST_BYTES_MAX;
	return bundle_read_document(l->files, name, out, e);
}

/* The manifest (or index) that is meant by the name in index.json, or by the digest of ref. */
static int find_manifest(const struct layout *l, const struct ref *ref, struct blob_desc *out,
			 struct err *e)
{
	auto_membuf doc = {0};
	struct raw_manifest index = {0};
	struct err why;
	int r;

	if (read_document(l, "index.json", &doc, e) < 0)
		return -1;
	index.data = doc.data;
	index.len = doc.len;
	if (ref->has_digest) {
		r = index_find(&index, &ref->digest, out, &why);
		if (r > 0)
			return 0;
		if (r == 0) {
			/* Deeper in: its name says what it has to be, and nothing its type. */
			*out = (struct blob_desc){.digest = ref->digest};
			return 0;
		}
	} else {
		if (index_select(&index, &l->want, l->wanted, out, &why) == 0)
			return 0;
		/* No tag was given, and there is no "latest": the only image, whatever its name. */
		if (l->or_any && why.kind == ERR_NOTFOUND &&
		    index_select(&index, &l->want, NULL, out, &why) == 0)
			return 0;
	}
	*e = why;
	return err_wrap(e, "image layout '%s'", bundle_shown(l->files));
}

static int get_manifest(struct source *src, const struct ref *ref, const struct blob_desc *want,
			struct raw_manifest *out, struct err *e)
{
	struct layout *l = of(src);
	struct blob_desc found = {0};
	auto_membuf doc = {0};

	if (want)
		found = *want;
	else if (find_manifest(l, ref, &found, e) < 0)
		return -1;
	if (read_document(l, blob_name(&found.digest).s, &doc, e) < 0)
		return -1;
	if (!want && found.media_type[0] && doc.len != found.size_bytes)
		return err_set(
			e, ERR_VERIFY, "manifest in '%s' has %zu bytes, but %llu are declared",
			bundle_shown(l->files), doc.len, (unsigned long long)found.size_bytes);
	out->data = take_ptr(doc.data);
	out->len = doc.len;
	out->digest = found.digest;
	memcpy(out->media_type, found.media_type, sizeof(out->media_type));
	return 0;
}

static int peek(struct source *src, const struct ref *ref, struct digest *out, struct err *e)
{
	struct blob_desc found;

	if (find_manifest(of(src), ref, &found, e) < 0)
		return -1;
	*out = found.digest;
	return 1;
}

static void layout_free(struct source *src)
{
	struct layout *l = of(src);

	bundle_free(l->files);
	free(l->wanted);
	free(l);
}

static const struct source_ops layout_ops = {
	.get_blob = get_blob,
	.peek = peek,
	.get_manifest = get_manifest,
	.free = layout_free,
};

static int check_version(const struct layout *l, struct err *e)
{
	auto_membuf doc = {0};
	auto_jv root = NULL;
	const char *version = NULL, *shown = bundle_shown(l->files);

	if (read_document(l, "oci-layout", &doc, e) < 0)
		return -1;
	if (jv_parse(doc.data, doc.len, &root, e) < 0)
		return err_wrap(e, "'oci-layout' in '%s'", shown);
	if (!jv_is_object(root) ||
	    jv_get_string(root, "imageLayoutVersion", JV_REQUIRED, 64, &version, e) < 0 ||
	    strncmp(version, "1.", 2) != 0)
		return err_set(e, ERR_VERIFY, "'%s' is not an image layout of version 1", shown);
	return 0;
}

struct source *layout_open(struct bundle *files, const char *wanted, bool or_any,
			   const struct platform *want, struct err *e)
{
	struct layout *l = calloc(1, sizeof(*l));

	if (!l) {
		bundle_free(files);
		err_sys(e, ERR_SYSTEM, "open image layout");
		return NULL;
	}
	l->source.ops = &layout_ops;
	l->files = files;
	l->want = *want;
	l->or_any = or_any;
	if (wanted && !(l->wanted = strdup(wanted)))
		err_sys(e, ERR_SYSTEM, "open image layout");
	else if (check_version(l, e) == 0)
		return &l->source;
	layout_free(&l->source);
	return NULL;
}
