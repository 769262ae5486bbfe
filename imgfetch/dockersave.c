/* SPDX-License-Identifier: MIT */
/* manifest.json of the archives that `docker save` writes, and the manifest they lack. Pure. */
#include "imgfetch/dockersave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/json.h"

#define IMAGES_MAX     1000
#define TAGS_MAX       1000
#define NAME_BYTES_MAX 4095

void dockersave_fini(struct dockersave *d)
{
	for (size_t i = 0; d->layers && i < d->layer_count; i++)
		free(d->layers[i]);
	free(d->layers);
	free(d->config);
	*d = (struct dockersave){0};
}

/* The i-th name of an image, made canonical; false if it is none. */
static int tag_at(const struct jv *tags, size_t i, struct ref_name *out, bool *good, struct err *e)
{
	const char *s = NULL;
	struct err ignored;
	struct ref ref;

	if (jv_string_at(tags, i, NAME_BYTES_MAX, &s, e) < 0)
		return err_wrap(e, "'RepoTags'");
	*good = ref_parse(s, &ref, &ignored) == 0 && ref.kind == REF_REGISTRY && !ref.has_digest;
	if (*good)
		*out = ref_name(&ref);
	return 0;
}

/* 1: the image is the one that is wanted, *name is what it is called. */
static int match(const struct jv *image, const char *wanted, struct ref_name *name,
		 struct text *names, struct err *e)
{
	const struct jv *tags = NULL;
	size_t count = 0;

	name->s[0] = '\0';
	if (jv_get_array(image, "RepoTags", JV_OPTIONAL, TAGS_MAX, &tags, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct ref_name tag;
		bool good = false;

		if (tag_at(tags, i, &tag, &good, e) < 0)
			return -1;
		if (!good)
			continue;
		text_addf(names, "%s%s", names->len ? ", " : "", text_quote(tag.s).s);
		if (!name->s[0] || (wanted && strcmp(tag.s, wanted) == 0))
			*name = tag;
	}
	return !wanted || strcmp(name->s, wanted) == 0;
}

static int copy_name(const char *s, char **out, struct err *e)
{
	*out = strdup(s);
	return *out ? 0 : err_sys(e, ERR_SYSTEM, "remember the files of an image");
}

/* What was copied so far stays in *out for the caller's fini. */
static int take_image(const struct jv *image, struct dockersave *out, struct err *e)
{
	const struct jv *layers = NULL;
	const char *s = NULL;
	size_t count = 0;

	if (jv_get_string(image, "Config", JV_REQUIRED, NAME_BYTES_MAX, &s, e) < 0 ||
	    copy_name(s, &out->config, e) < 0 ||
	    jv_get_array(image, "Layers", JV_OPTIONAL, LAYERS_MAX, &layers, &count, e) < 0)
		return -1;
	if (count == 0)
		return err_set(e, ERR_VERIFY,
			       "the image has no layers, so there is nothing to run");
	out->layers = calloc(count, sizeof(*out->layers));
	if (!out->layers)
		return err_sys(e, ERR_SYSTEM, "remember the files of an image");
	for (size_t i = 0; i < count; i++) {
		if (jv_string_at(layers, i, NAME_BYTES_MAX, &s, e) < 0)
			return err_wrap(e, "'Layers'");
		if (copy_name(s, &out->layers[i], e) < 0)
			return -1;
		out->layer_count = i + 1;
	}
	return 0;
}

struct hit {
	const struct jv *image; /* the first */
	struct ref_name name;
	size_t count;
};

/* The images of that name or, without one, at that place or, without both, all. */
static int find(const struct jv *doc, size_t count, const char *wanted, const uint32_t *place,
		struct hit *hit, struct text *names, struct err *e)
{
	hit->count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct jv *image = NULL;
		struct ref_name name;

		if (jv_object_at(doc, i, &image, e) < 0)
			return -1;
		int r = match(image, wanted, &name, names, e);
		if (r < 0)
			return -1;
		if (r == 0 || (!wanted && place && *place != i))
			continue;
		if (hit->count++ == 0) {
			hit->image = image;
			hit->name = name;
		}
	}
	return 0;
}

static int refuse(size_t matches, size_t count, const char *wanted, const uint32_t *place,
		  const struct text *names, struct err *e)
{
	char what[sizeof(struct ref_name) + 64];
	struct text t = TEXT_OVER(what);

	if (matches > 0)
		text_add(&t, "it has several images: name one");
	else
		text_add(&t, "there is no image");
	if (matches == 0 && wanted)
		text_addf(&t, " %s", text_quote(wanted).s);
	else if (matches == 0 && place)
		text_addf(&t, " @%u of %zu (the first is @0)", *place, count);
	if (names->len)
		text_add(&t, "; there is: ");
	else if (matches > 0)
		text_add(&t, " (none has a name: write @0 for the first)");
	else
		text_add(&t, " (none has a name)");
	return err_set(e, ERR_NOTFOUND, "%s%s%s", what, names->buf, names->full ? "..." : "");
}

int dockersave_select(const char *json, size_t len, const char *wanted, const uint32_t *place,
		      struct dockersave *out, struct err *e)
{
	auto_jv doc = NULL;
	char names_text[400];
	struct text names = TEXT_OVER(names_text);
	struct dockersave d = {0};
	struct hit hit, same;
	size_t count = 0;

	if (jv_parse(json, len, &doc, e) < 0)
		return -1;
	if (!jv_is_array(doc, &count) || count > IMAGES_MAX)
		return err_set(e, ERR_VERIFY, "not a list of at most %d images", IMAGES_MAX);
	if (find(doc, count, wanted, place, &hit, &names, e) < 0)
		return -1;
	if (hit.count != 1)
		return refuse(hit.count, count, wanted, place, &names, e);
	d.name = hit.name;
	if (find(doc, count, d.name.s[0] ? d.name.s : NULL, NULL, &same, &names, e) < 0)
		return -1;
	d.alone = same.count == 1;
	if (take_image(hit.image, &d, e) < 0) {
		dockersave_fini(&d);
		return -1;
	}
	*out = d;
	return 0;
}

static void write_blob(FILE *f, const char *type, const struct blob_desc *b)
{
	fprintf(f, "{\"mediaType\":\"application/vnd.docker.%s\",\"size\":%llu,\"digest\":\"%s\"}",
		type, (unsigned long long)b->size_bytes, digest_text(&b->digest).s);
}

char *dockersave_format(const struct blob_desc *config, const struct blob_desc *layers,
			size_t count, struct err *e)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f) {
		fputs("{\"schemaVersion\":2,\"mediaType\":"
		      "\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":",
		      f);
		write_blob(f, "container.image.v1+json", config);
		fputs(",\"layers\":[", f);
		for (size_t i = 0; i < count; i++) {
			fputs(i ? "," : "", f);
			write_blob(f, "image.rootfs.diff.tar.gzip", &layers[i]);
		}
		fputs("]}", f);
		if (ferror(f) | (fclose(f) != 0)) {
			free(text);
			text = NULL;
		}
	}
	if (!text)
		err_sys(e, ERR_SYSTEM, "make a manifest");
	return text;
}
