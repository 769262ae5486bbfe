/* SPDX-License-Identifier: MIT */
/* One pull: from a reference to an image in the store.
 *
 *   present?   the source is asked what the reference means now (a HEAD request), unless the policy
 *              lets the store answer; if the store has that image, complete and for the right
 *              platform, only the name is written
 *   manifest   fetched, its digest checked; indexes followed, at most INDEX_DEPTH_MAX of them
 *   config     fetched into memory, digest and size checked: settings and DiffIDs
 *   layers     worker_fetch_layers
 *   commit     fix-up layer (fixup.h), descriptor, manifest and config by one rename; then the name
 */
#include "imgfetch/pull.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/claim.h"
#include "imgfetch/commit.h"
#include "imgfetch/imgconfig.h"
#include "imgfetch/manifest.h"
#include "imgfetch/membuf.h"
#include "imgfetch/sha256.h"
#include "imgfetch/stored.h"
#include "imgfetch/worker.h"

/* An index that lists indexes is legal and rare; deeper than that is an attack or a loop. */
#define INDEX_DEPTH_MAX 2
/* So many of the indexes in one that do not say what they are for are looked into. */
#define INDEX_TRIES_MAX 16

/* What is fetched may be larger than what it unpacks to, but not by so much: it could be made of
 * what unpacks to nothing (RFC 8878 3.1.2), and fill the disk. */
#define FETCH_FACTOR	 2
#define FETCH_BYTES_MORE (UINT64_C(1) << 20)

#define BUSY_RETRY_NS (20 * NSEC_PER_MSEC)
#define BUSY_TRIES    500 /* ten seconds */

struct pull {
	const struct store *st;
	struct source *src;
	const struct pull_opts *opts;
	struct ref ref; /* with the digest that it means at the source, once that is known */
	struct raw_manifest raw;
	struct manifest manifest;
	struct membuf config_text;
	struct imgconfig config;
	struct worker_stats fetched;
	struct claim claim; /* so that nobody removes layers which we have, but no image yet */
	int image_lock;	    /* of an image that was present: nobody removes it now */
};

static void pull_fini(struct pull *p)
{
	raw_manifest_fini(&p->raw);
	manifest_fini(&p->manifest);
	cleanup_membuf(&p->config_text);
	imgconfig_fini(&p->config);
	cleanup_fd(&p->image_lock);
	claim_drop(&p->claim);
}

/* --- present? ------------------------------------------------------------------------------ */

static int explain_damage(const struct digest *image, struct err *e)
{
	if (e->kind != ERR_VERIFY)
		return -1;
	return err_wrap(e, "the store's copy is damaged ('imgfetch rm %s' removes it)",
			digest_text(image).s);
}

/* 1 if the stored image is for the wanted platform, 0 (*why) if not. */
static int is_for_platform(const struct pull *p, const struct digest *image, struct err *why,
			   struct err *e)
{
	struct imgconfig config;
	int r;

	if (stored_load_config(p->st, image, &config, e) < 0)
		return explain_damage(image, e);
	r = imgconfig_check_platform(&config, &p->opts->platform, why) == 0;
	imgconfig_fini(&config);
	return r;
}

/* Whoever removes an image, or looks whether he may, locks it for moments: then it is there again,
 * or gone. */
static int read_image(struct pull *p, const struct digest *image, struct imgdesc *out,
		      struct err *e)
{
	const struct timespec pause = {.tv_nsec = BUSY_RETRY_NS};

	for (unsigned i = 0;; i++) {
		int r = store_read_image(p->st, image, out, &p->image_lock, e);

		if (r == 0 || e->kind != ERR_BUSY || i == BUSY_TRIES)
			return r;
		nanosleep(&pause, NULL);
	}
}

/* 1: the image is in the store, complete, and locked in p->image_lock; 0: it is not. */
static int is_complete(struct pull *p, const struct digest *image, struct err *e)
{
	struct imgdesc desc;
	bool all = true;

	cleanup_fd(&p->image_lock);
	if (!commit_has_image(p->st, image))
		return 0;
	if (read_image(p, image, &desc, e) < 0)
		/* Somebody removes it: then we make it anew under the same name. */
		return e->kind == ERR_NOTFOUND ? 0 : explain_damage(image, e);
	for (size_t i = 0; i < desc.layer_count; i++)
		all = all && commit_has_layer(p->st, &desc.layers[i]);
	imgdesc_fini(&desc);
	if (!all)
		cleanup_fd(&p->image_lock);
	return all;
}

static bool means(const struct pull *p, const struct ref *ref, const struct digest *image)
{
	struct digest now;
	struct err why;

	return store_resolve(p->st, ref, &now, &why) == 0 && digest_equal(&now, image);
}

/* Let the tag mean the image, and note what the index behind it meant, so that the next pull need
 * not ask. What is so already is not written again. */
static int name_image(const struct pull *p, const struct digest *image, bool fresh, struct err *e)
{
	struct ref tag = p->ref;

	tag.has_digest = false;
	/* Without a tag a fresh image would be found by its digest, but listed without a name. */
	if (tag.tag[0] ? means(p, &tag, image) && means(p, &p->ref, image)
		       : !fresh && means(p, &p->ref, image))
		return 0;
	return commit_ref(p->st, &p->ref, image, p->opts->no_sync, e);
}

/* 1: the reference means an image that is here (*out; named now), 0 (*why): it does not. */
static int try_stored(struct pull *p, struct digest *out, struct err *why, struct err *e)
{
	struct digest image;
	int r;

	/* A tag, a digest of ours, or of an index of which we know what it meant. */
	if (store_resolve(p->st, &p->ref, &image, why) < 0) {
		if (why->kind != ERR_NOTFOUND) {
			*e = *why;
			return -1;
		}
		/* Without its advice to pull, which is being done. */
		err_set(why, ERR_NOTFOUND, "image '%s' is not in the store '%s'",
			text_quote(ref_text(&p->ref).s).s, text_quote(p->st->path).s);
		return 0;
	}
	r = is_complete(p, &image, e);
	if (r == 0)
		err_set(why, ERR_NOTFOUND, "the store's copy is not complete");
	if (r > 0)
		r = is_for_platform(p, &image, why, e);
	if (r <= 0)
		return r;
	if (name_image(p, &image, false, e) < 0)
		return -1;
	*out = image;
	return 1;
}

/* The same, of what it means at the source. */
static int try_present(struct pull *p, struct digest *out, struct err *e)
{
	struct err why;

	if (!p->ref.has_digest) {
		int r = source_peek(p->src, &p->ref, &p->ref.digest, e);
		if (r <= 0)
			return r;
		p->ref.has_digest = true;
	}
	return try_stored(p, out, &why, e);
}

/* --- fetch --------------------------------------------------------------------------------- */

/* The kind must be what the document is, what its sender says, and what the index said. */
static int classify(struct raw_manifest *raw, const struct blob_desc *want,
		    enum manifest_kind *kind, struct err *e)
{
	if (manifest_classify(raw, kind, e) < 0)
		return -1;
	if (!want)
		return 0;
	memcpy(raw->media_type, want->media_type, sizeof(raw->media_type));
	return manifest_classify(raw, kind, e);
}

/* Says what was wrong with a document that came, since the documents' parsers do not. */
static int bad_manifest(struct err *e)
{
	return e->kind == ERR_VERIFY ? err_wrap(e, "manifest") : -1;
}

/* What was wanted, or with NULL what the reference means, into p->raw. */
static int fetch_document(struct pull *p, const struct blob_desc *want, enum manifest_kind *kind,
			  struct err *e)
{
	if (source_get_manifest(p->src, &p->ref, want, &p->raw, e) < 0)
		return -1;
	return classify(&p->raw, want, kind, e) < 0 ? bad_manifest(e) : 0;
}

static int descend(struct pull *p, unsigned depth, unsigned *tries, struct err *e);

/* From an index to the manifest of an image in p->raw, leaving out the first `passed` indexes in it
 * that do not say what they are for. *more: there may be one in those that come after these. */
static int follow(struct pull *p, const struct raw_manifest *index, size_t passed, unsigned depth,
		  unsigned *tries, bool *more, struct err *e)
{
	struct blob_desc want;
	enum manifest_kind kind;
	int r = index_select_next(index, &p->opts->platform, passed, &want, e);

	*more = r > 0;
	if (r < 0)
		return bad_manifest(e);
	if (r > 0 && (*tries)++ == INDEX_TRIES_MAX)
		return err_set(e, ERR_VERIFY, "more than %d indexes to look into", INDEX_TRIES_MAX);
	if (fetch_document(p, &want, &kind, e) < 0)
		return -1;
	return kind == MANIFEST_INDEX ? descend(p, depth + 1, tries, e) : 0;
}

/* From the index in p->raw to the manifest of an image, also there. */
static int descend(struct pull *p, unsigned depth, unsigned *tries, struct err *e)
{
	struct raw_manifest index = p->raw;
	struct err first, why;
	bool more = false;
	size_t passed = 0;
	int r;

	if (depth > INDEX_DEPTH_MAX)
		return err_set(e, ERR_VERIFY, "indexes are nested more than %d deep",
			       INDEX_DEPTH_MAX);
	p->raw = (struct raw_manifest){0};
	for (;;) {
		r = follow(p, &index, passed, depth, tries, &more, &why);
		if (r < 0 && passed == 0)
			first = why;
		if (r == 0 || !more || why.kind != ERR_PLATFORM)
			break;
		raw_manifest_fini(&p->raw);
		passed++;
	}
	raw_manifest_fini(&index);
	if (r < 0) /* that there is no other one is no news */
		*e = why.kind == ERR_PLATFORM ? first : why;
	return r;
}

/* Manifest of one image into p->raw. */
static int fetch_manifest(struct pull *p, struct err *e)
{
	enum manifest_kind kind;
	unsigned tries = 0;

	if (fetch_document(p, NULL, &kind, e) < 0)
		return -1;
	/* What the reference has, or what the source said of the tag, was compared. */
	if (!p->ref.has_digest) {
		p->ref.has_digest = true;
		p->ref.digest = p->raw.digest;
	}
	return kind == MANIFEST_INDEX ? descend(p, 1, &tries, e) : 0;
}

/* Between the source and the buffer: the digest of what passes. */
struct config_sink {
	struct membuf *text;
	struct sha256 *sha;
};

static int config_add(void *arg, const void *data, size_t len, struct err *e)
{
	struct config_sink *s = arg;

	if (len == 0)
		return 0;
	if (sha256_update(s->sha, data, len, e) < 0)
		return -1;
	return membuf_add(s->text, data, len, e);
}

static int fetch_config(struct pull *p, struct err *e)
{
	const struct blob_desc *blob = &p->manifest.config;
	auto_sha256 sha = sha256_new_like(&blob->digest, e);
	struct config_sink sink = {.text = &p->config_text, .sha = sha};
	struct digest got;

	if (!sha)
		return -1;
	p->config_text.len_max = CONFIG_BYTES_MAX;
	if (source_get_blob(p->src, blob, config_add, &sink, e) < 0 ||
	    sha256_final(sha, &got, e) < 0)
		return err_wrap(e, "image configuration");
	if (!digest_equal(&got, &blob->digest))
		return err_set(e, ERR_VERIFY,
			       "image configuration: wrong digest: %s was expected, %s came",
			       digest_text(&blob->digest).s, digest_text(&got).s);
	if (p->config_text.len == 0)
		return err_set(e, ERR_VERIFY, "image configuration: it is empty");
	if (imgconfig_parse(p->config_text.data, p->config_text.len, &p->config, e) < 0)
		return err_wrap(e, "image configuration");
	if (p->config.diffid_count != p->manifest.layer_count)
		return err_set(e, ERR_VERIFY,
			       "the manifest has %zu layers, but the configuration %zu diff_ids",
			       p->manifest.layer_count, p->config.diffid_count);
	return imgconfig_check_platform(&p->config, &p->opts->platform, e);
}

static int claim_all(struct pull *p, struct err *e)
{
	return claim_take(p->st, &p->raw.digest, p->config.diffids, p->config.diffid_count,
			  &p->claim, e);
}

static bool is_too_much(uint64_t fetch_bytes, uint64_t unpacked_max)
{
	return fetch_bytes > FETCH_BYTES_MORE &&
	       (fetch_bytes - FETCH_BYTES_MORE) / FETCH_FACTOR > unpacked_max;
}

/* By their declared sizes, which nothing may exceed. */
static int check_sizes(const struct manifest *m, const struct limits *l, struct err *e)
{
	uint64_t all = 0;

	for (size_t i = 0; i < m->layer_count; i++) {
		const struct blob_desc *blob = &m->layers[i];

		if (is_too_much(blob->size_bytes, l->layer_bytes))
			return err_set(e, ERR_VERIFY,
				       "layer %zu of %zu (%.19s): it is compressed to %llu bytes, "
				       "too many for at most %llu (max_layer_size)",
				       i + 1, m->layer_count, digest_text(&blob->digest).s,
				       (unsigned long long)blob->size_bytes,
				       (unsigned long long)l->layer_bytes);
		all += blob->size_bytes; /* 500 of at most 64 TiB */
	}
	if (is_too_much(all, l->image_bytes))
		return err_set(e, ERR_VERIFY,
			       "its layers are compressed to %llu bytes, too many for at most %llu "
			       "(max_image_size)",
			       (unsigned long long)all, (unsigned long long)l->image_bytes);
	return 0;
}

static int fetch_layers(struct pull *p, struct err *e)
{
	const struct limits *l = &p->opts->limits;
	size_t count = p->manifest.layer_count;
	auto_free struct layer_spec *specs = calloc(count, sizeof(*specs));
	struct worker_opts opts = {
		.downloads = p->opts->downloads,
		.limits =
			{
				.bytes = l->layer_bytes,
				.entries = l->entries,
				.ratio = (unsigned)l->ratio,
			},
		.image_bytes_max = l->image_bytes,
		.unpack_ns_max = l->unpack_s * NSEC_PER_SEC,
		.no_sync = p->opts->no_sync,
		.progress = p->opts->progress,
		.stats = &p->fetched,
	};

	if (check_sizes(&p->manifest, l, e) < 0)
		return -1;
	if (!specs)
		return err_sys(e, ERR_SYSTEM, "remember %zu layers", count);
	for (size_t i = 0; i < count; i++) {
		specs[i].blob = p->manifest.layers[i];
		specs[i].diffid = p->config.diffids[i];
	}
	return worker_fetch_layers(p->st, p->src, specs, count, &opts, e);
}

static int commit(const struct pull *p, struct err *e)
{
	size_t count = p->config.diffid_count;
	auto_free struct digest *layers = calloc(count, sizeof(*layers));
	struct imgdesc desc = {
		.digest = p->raw.digest,
		.layers = layers,
		.env_count = p->config.env_count,
		.env = p->config.env,
		.workdir = p->config.workdir,
		.user = p->config.user,
	};
	const struct commit_texts texts = {
		.manifest = p->raw.data,
		.manifest_len = p->raw.len,
		.config = p->config_text.data,
		.config_len = p->config_text.len,
	};

	if (!layers)
		return err_sys(e, ERR_SYSTEM, "remember %zu layers", count);
	memcpy(layers, p->config.diffids, count * sizeof(*layers));
	if (commit_visible_layers(p->st, layers, &count, e) < 0)
		return -1;
	desc.layer_count = count;
	return commit_image(p->st, &desc, p->config.diffids, p->config.diffid_count, &texts,
			    p->opts->no_sync, e);
}

/* 1: the image was there, under another name; 0: it is there now. */
static int fetch(struct pull *p, struct digest *out, struct err *e)
{
	struct err why;
	int present, was_there;

	if (fetch_manifest(p, e) < 0)
		return -1;
	/* Pulled before under another name, or through another index. */
	present = is_complete(p, &p->raw.digest, e);
	if (present > 0)
		present = is_for_platform(p, &p->raw.digest, &why, e);
	if (present < 0)
		return -1;
	was_there = present;
	if (!present && manifest_parse(&p->raw, &p->manifest, e) < 0)
		return bad_manifest(e);
	if (!present && (fetch_config(p, e) < 0 || claim_all(p, e) < 0 || fetch_layers(p, e) < 0 ||
			 commit(p, e) < 0))
		return -1;
	/* Held from here on, so that the name we write does not come to mean nothing. */
	if (!present)
		present = is_complete(p, &p->raw.digest, e);
	if (present == 0)
		return err_set(e, ERR_BUSY, "the image was removed as soon as it was there");
	if (present < 0 || name_image(p, &p->raw.digest, true, e) < 0)
		return -1;
	*out = p->raw.digest;
	return was_there;
}

/* --- by the policy ------------------------------------------------------------------------- */

/* 1: was there; 0: is there now. */
static int ask_and_fetch(struct pull *p, struct digest *out, struct err *e)
{
	int r = try_present(p, out, e);

	return r == 0 ? fetch(p, out, e) : r;
}

/* The source did not answer. 1 if the store can take its place, else -1 with *e as it was. */
static int do_without(struct pull *p, const struct ref *ref, struct digest *out, struct err *e)
{
	struct pull local = {
		.st = p->st, .opts = p->opts, .ref = *ref, .image_lock = -1, .claim = CLAIM_NONE};
	struct err why, ignored;
	int r = try_stored(&local, out, &why, &ignored);

	if (r > 0) {
		progress_warning(p->opts->progress, "%s; the image in the store is taken", e->text);
		cleanup_fd(&p->image_lock);
		p->image_lock = take_fd(&local.image_lock);
	}
	pull_fini(&local);
	return r > 0 ? 1 : -1;
}

static int pull_by_policy(struct pull *p, const struct ref *ref, struct digest *out, struct err *e)
{
	enum pull_policy policy = p->opts->policy;
	struct err why;
	int r;

	if (policy == PULL_MISSING || policy == PULL_NEVER) {
		r = try_stored(p, out, &why, e);
		if (r != 0)
			return r;
		if (policy == PULL_NEVER) {
			*e = why;
			return err_wrap(e, "nothing may be fetched");
		}
	}
	r = ask_and_fetch(p, out, e);
	if (r < 0 && policy == PULL_NEWER && e->kind == ERR_NETWORK)
		r = do_without(p, ref, out, e);
	return r;
}

int pull_image(const struct store *st, struct source *src, const struct ref *ref,
	       const struct pull_opts *opts, struct pull_result *out, struct err *e)
{
	struct pull p = {.st = st,
			 .src = src,
			 .opts = opts,
			 .ref = *ref,
			 .image_lock = -1,
			 .claim = CLAIM_NONE};
	struct digest digest;
	int r;

	if (opts->policy != PULL_NEVER && commit_sweep(st, e) < 0)
		return -1;
	r = pull_by_policy(&p, ref, &digest, e);
	if (r > 0)
		progress_message(opts->progress, "%s: present", ref_text(ref).s);
	if (r >= 0)
		*out = (struct pull_result){
			.digest = digest, .present = r > 0, .fetched = p.fetched};
	if (r < 0 && e->kind == ERR_DISK && (e->errnum == ENOSPC || e->errnum == EDQUOT))
		(void)err_wrap(e, "no room in the store '%s' (imgfetch gc and rm make some)",
			       text_quote(st->path).s); /* -1 comes below */
	pull_fini(&p);
	return r < 0 ? -1 : 0;
}
