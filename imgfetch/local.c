/* SPDX-License-Identifier: MIT */
/* Images on this machine as sources: oci:, oci-archive:, docker-archive:. */
#include "imgfetch/local.h"

#include <string.h>

#include "imgfetch/bundle.h"
#include "imgfetch/dockerarchive.h"
#include "imgfetch/dockersave.h"
#include "imgfetch/layout.h"
#include "imgfetch/membuf.h"

static bool has_file(const struct bundle *files, const char *name)
{
	auto_bundle_file f = BUNDLE_FILE_NONE;
	struct err ignored;

	return bundle_open_file(files, name, &f, &ignored) == 0;
}

static int read_list(const struct bundle *files, const struct ref *ref, struct dockersave *out,
		     struct err *e)
{
	auto_membuf doc = {.len_max = MANIFEST_BYTES_MAX};
	struct ref_name wanted = ref_name(ref);

	if (bundle_read_document(files, "manifest.json", &doc, e) < 0) {
		if (e->kind == ERR_NOTFOUND && has_file(files, "repositories"))
			return err_set(e, ERR_VERIFY,
				       "'%s' was written by a docker before 1.10: save it again",
				       bundle_shown(files));
		return -1;
	}
	if (dockersave_select(doc.data, doc.len, ref->named ? wanted.s : NULL,
			      ref->has_place ? &ref->place : NULL, out, e) < 0)
		return err_wrap(e, "'manifest.json' in '%s'", bundle_shown(files));
	return 0;
}

/* The image that was chosen brings its name along. */
static int take_name(struct ref *ref, const struct dockersave *image, struct err *e)
{
	struct ref named;

	if (ref->named || !image->name.s[0])
		return 0;
	if (ref_parse(image->name.s, &named, e) < 0)
		return -1;
	memcpy(ref->host, named.host, sizeof(ref->host));
	memcpy(ref->repo, named.repo, sizeof(ref->repo));
	memcpy(ref->tag, named.tag, sizeof(ref->tag));
	ref->tag_given = ref->named = true;
	return 0;
}

/* Docker 25 and later write an OCI layout as well, which is to be preferred: it has the manifest as
 * it was pulled. NULL without an error if it has nothing of this name, or the name is not enough to
 * find the image by, as the place in the archive is. */
static int try_layout(struct bundle *files, const struct ref *ref, const struct dockersave *image,
		      const struct platform *want, struct source **out, struct err *e)
{
	struct digest ignored;
	struct source *src;

	if (!image->alone || !has_file(files, "oci-layout") || !has_file(files, "index.json"))
		return 0;
	src = layout_open(bundle_share(files), image->name.s[0] ? image->name.s : NULL, false, want,
			  e);
	if (!src)
		return -1;
	if (source_peek(src, ref, &ignored, e) < 0) {
		source_free(src);
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	}
	*out = src;
	return 0;
}

static struct source *open_docker_archive(struct bundle *files, struct ref *ref,
					  const struct platform *want, struct err *e)
{
	struct dockersave image = {0};
	struct source *src = NULL;
	struct err why;

	if (read_list(files, ref, &image, e) == 0 && take_name(ref, &image, e) == 0) {
		if (try_layout(files, ref, &image, want, &src, &why) < 0)
			*e = why;
		else if (!src)
			src = dockerarchive_open(bundle_share(files), &image, e);
	}
	dockersave_fini(&image);
	bundle_free(files);
	return src;
}

struct source *local_open(const struct store *st, struct ref *ref, const struct platform *want,
			  const struct limits *limits, struct err *e)
{
	struct ref_name name = ref_name(ref);
	struct bundle *files = ref->kind == REF_OCI ? bundle_open_dir(ref->dir, e)
						    : bundle_open_archive(st, ref->dir, limits, e);

	if (!files)
		return NULL;
	if (ref->kind == REF_DOCKER_ARCHIVE)
		return open_docker_archive(files, ref, want, e);
	return layout_open(files, ref->named ? name.s : ref->tag, !ref->tag_given && !ref->named,
			   want, e);
}
