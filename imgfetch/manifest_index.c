/* SPDX-License-Identifier: MIT */
/* Indexes: which of their entries is the image that somebody wants. Pure. */
#include "imgfetch/manifest.h"

#include <stdio.h>
#include <string.h>

#include "common/ref.h"
#include "common/text.h"
#include "imgfetch/json.h"
#include "imgfetch/manifest_impl.h"

/* No real index comes near; the cap only bounds the work. */
#define INDEX_ENTRIES_MAX 1000

static int copy_name(const struct jv *obj, const char *key, char *out, size_t size, struct err *e)
{
	const char *s = NULL;

	if (jv_get_string(obj, key, JV_OPTIONAL, 256, &s, e) < 0)
		return -1;
	/* Longer than any name we could want: keep a head, which matches nothing either. */
	if (s)
		(void)snprintf(out, size, "%s", s);
	return 0;
}

struct entry {
	struct blob_desc blob;
	struct platform platform;
	bool has_platform;
	bool attestation, artifact;
	const char *ref_name;	/* borrowed, NULL when there is none */
	const char *image_name; /* the same, of io.containerd.image.name */
};

static int parse_entry(const struct jv *arr, size_t i, struct entry *out, struct err *e)
{
	const struct jv *obj = NULL, *platform = NULL, *notes = NULL;
	const char *type = NULL, *artifact = NULL;

	*out = (struct entry){0};
	if (jv_object_at(arr, i, &obj, e) < 0 ||
	    manifest_parse_descriptor(obj, &out->blob, e) < 0 ||
	    jv_get_object(obj, "platform", JV_OPTIONAL, &platform, e) < 0 ||
	    jv_get_object(obj, "annotations", JV_OPTIONAL, &notes, e) < 0 ||
	    jv_get_string(obj, "artifactType", JV_OPTIONAL, 4096, &artifact, e) < 0)
		return err_wrap(e, "entry %zu of the index", i + 1);
	if (platform) {
		out->has_platform = true;
		if (copy_name(platform, "os", out->platform.os, sizeof(out->platform.os), e) < 0 ||
		    copy_name(platform, "architecture", out->platform.arch,
			      sizeof(out->platform.arch), e) < 0 ||
		    copy_name(platform, "variant", out->platform.variant,
			      sizeof(out->platform.variant), e) < 0)
			return err_wrap(e, "entry %zu of the index", i + 1);
	}
	if (notes) {
		if (jv_get_string(notes, "vnd.docker.reference.type", JV_OPTIONAL, 4096, &type, e) <
			    0 ||
		    jv_get_string(notes, "org.opencontainers.image.ref.name", JV_OPTIONAL, 4096,
				  &out->ref_name, e) < 0 ||
		    jv_get_string(notes, "io.containerd.image.name", JV_OPTIONAL, 4096,
				  &out->image_name, e) < 0)
			return err_wrap(e, "entry %zu of the index", i + 1);
	}
	out->artifact = artifact && manifest_classify_type(artifact) != TYPE_CONFIG;
	/* BuildKit marks its attestations both ways; either is enough. */
	out->attestation = type || strcmp(out->platform.os, "unknown") == 0 ||
			   strcmp(out->platform.arch, "unknown") == 0;
	return 0;
}

/* An entry that names its platform goes by that. One that does not may be anything: it is taken
 * when nothing better is there, and the configuration is checked later. */
static unsigned rank_entry(const struct entry *en, const struct platform *want)
{
	enum type_class c = manifest_classify_type(en->blob.media_type);

	if (en->attestation || en->artifact || (c != TYPE_IMAGE && c != TYPE_INDEX))
		return 0;
	return en->has_platform ? platform_rank(want, &en->platform) : 1;
}

/* How well an entry's name is the one that is wanted. */
enum match { MATCH_NONE, MATCH_TAG, MATCH_NAME, MATCH_EXACT };

struct choice {
	enum match match; /* of those that were considered */
	unsigned rank;
	struct blob_desc blob;
	size_t rivals;	   /* other images that rank as high, where the order means nothing */
	bool one_of_many;  /* one of several indexes that name no platform */
	struct text have;  /* platforms there are, for the message */
	struct text names; /* of all entries */
};

/* What builders write is a tag, or a name of any form. */
static enum match match_name(const char *wanted, const char *name)
{
	struct ref ref;
	struct err ignored;

	if (!name)
		return MATCH_NONE;
	if (strcmp(wanted, name) == 0)
		return MATCH_EXACT;
	if (ref_parse(name, &ref, &ignored) < 0 || ref.kind != REF_REGISTRY || ref.has_digest)
		return MATCH_NONE;
	if (strcmp(wanted, ref_name(&ref).s) == 0)
		return MATCH_NAME;
	return ref.tag_given && strcmp(wanted, ref.tag) == 0 ? MATCH_TAG : MATCH_NONE;
}

static bool is_open_index(const struct entry *en)
{
	return !en->has_platform && manifest_classify_type(en->blob.media_type) == TYPE_INDEX;
}

static void consider(struct choice *c, const struct entry *en, const struct platform *want)
{
	unsigned rank = rank_entry(en, want);

	if (en->has_platform && !en->attestation && !en->artifact)
		text_addf(&c->have, "%s%s", c->have.len ? ", " : "",
			  text_quote(platform_text(&en->platform).s).s);
	if (rank > c->rank) {
		c->rank = rank;
		c->blob = en->blob;
		c->rivals = 0;
		c->one_of_many = is_open_index(en);
	} else if (rank > 0 && rank == c->rank && (!en->has_platform || en->ref_name) &&
		   !digest_equal(&c->blob.digest, &en->blob.digest)) {
		c->rivals++;
	}
}

static int explain_no_choice(const struct choice *c, const struct platform *want,
			     const char *wanted, struct err *e)
{
	if (wanted && c->match == MATCH_NONE)
		return err_set(e, ERR_NOTFOUND, "there is no %s '%s'%s%s%s",
			       strchr(wanted, '/') ? "image" : "tag", text_quote(wanted).s,
			       c->names.len ? "; there is: " : "", c->names.buf,
			       c->names.full ? "..." : "");
	if (c->have.len == 0)
		return err_set(e, ERR_PLATFORM, "the index lists no image");
	return err_set(e, ERR_PLATFORM, "no image for %s; there is: %s%s", platform_text(want).s,
		       c->have.buf, c->have.full ? "..." : "");
}

/* Entries that match worse than others do not exist. */
static void consider_named(struct choice *c, const struct entry *en, const struct platform *want,
			   const char *wanted)
{
	enum match m = match_name(wanted, en->ref_name);
	enum match n = match_name(wanted, en->image_name);
	const char *name = en->image_name ? en->image_name : en->ref_name;

	if (name)
		text_addf(&c->names, "%s%s", c->names.len ? ", " : "", text_quote(name).s);
	m = MAX(m, n);
	if (m == MATCH_NONE || m < c->match)
		return;
	if (m > c->match) {
		c->match = m;
		c->rank = 0;
		c->rivals = 0;
		c->have.len = 0;
		c->have.full = false;
		c->have.buf[0] = '\0';
	}
	consider(c, en, want);
}

/* All entries, of a document that is an index. */
static int open_index(const struct raw_manifest *raw, struct jv **doc, const struct jv **arr,
		      size_t *count, struct err *e)
{
	enum manifest_kind kind;

	if (manifest_open(raw, doc, &kind, e) < 0)
		return -1;
	if (kind != MANIFEST_INDEX)
		return err_set(e, ERR_VERIFY, "it is a manifest where an index was expected");
	return jv_get_array(*doc, "manifests", JV_REQUIRED, INDEX_ENTRIES_MAX, arr, count, e);
}

/* passed: how many open indexes are left out, and that others are no rivals; or NULL. *one_of_many:
 * such a one was chosen. */
static int select_entry(const struct raw_manifest *raw, const struct platform *want,
			const char *wanted, const size_t *passed, struct blob_desc *out,
			bool *one_of_many, struct err *e)
{
	auto_jv doc = NULL;
	const struct jv *arr = NULL;
	char have[400], names[400];
	struct choice choice = {.have = TEXT_OVER(have), .names = TEXT_OVER(names)};
	size_t count = 0, open = 0;

	if (open_index(raw, &doc, &arr, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct entry en;

		if (parse_entry(arr, i, &en, e) < 0)
			return -1;
		if (passed && is_open_index(&en) && rank_entry(&en, want) > 0 && open++ != *passed)
			continue;
		if (wanted)
			consider_named(&choice, &en, want, wanted);
		else
			consider(&choice, &en, want);
	}
	if (choice.rank == 0)
		return explain_no_choice(&choice, want, wanted, e);
	if (choice.rivals > 0)
		return err_set(e, ERR_NOTFOUND,
			       "%zu images to choose from and nothing that tells them apart: "
			       "name a tag or a digest",
			       choice.rivals + 1);
	*out = choice.blob;
	*one_of_many = choice.one_of_many;
	return 0;
}

int index_select(const struct raw_manifest *raw, const struct platform *want, const char *wanted,
		 struct blob_desc *out, struct err *e)
{
	bool ignored;

	return select_entry(raw, want, wanted, NULL, out, &ignored, e);
}

int index_select_next(const struct raw_manifest *raw, const struct platform *want, size_t passed,
		      struct blob_desc *out, struct err *e)
{
	bool one_of_many;

	if (select_entry(raw, want, NULL, &passed, out, &one_of_many, e) < 0)
		return -1;
	return one_of_many;
}

int index_find(const struct raw_manifest *raw, const struct digest *digest, struct blob_desc *out,
	       struct err *e)
{
	auto_jv doc = NULL;
	const struct jv *arr = NULL;
	size_t count = 0;

	if (open_index(raw, &doc, &arr, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct entry en;

		if (parse_entry(arr, i, &en, e) < 0)
			return -1;
		if (digest_equal(&en.blob.digest, digest)) {
			*out = en.blob;
			return 1;
		}
	}
	return 0;
}
