/* SPDX-License-Identifier: MIT */
/* Manifests and indexes: JSON to structs, with every rule checked. Pure. */
#ifndef IMGFETCH_MANIFEST_H
#define IMGFETCH_MANIFEST_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/platform.h"
#include "imgfetch/source.h"

/* Accept header of a manifest request: what manifest_parse and index_select understand. */
#define MANIFEST_ACCEPT                                                                            \
	"application/vnd.oci.image.index.v1+json, "                                                \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                              \
	"application/vnd.oci.image.manifest.v1+json, "                                             \
	"application/vnd.docker.distribution.manifest.v2+json"

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

/* What is it? Decided by content; a mediaType inside, or given by the source, that says otherwise
 * is refused (CVE-2021-41190), as is anything that has both manifests and layers. Schema 1 and
 * unknown types are refused by name. ERR_VERIFY. */
int manifest_classify(const struct raw_manifest *raw, enum manifest_kind *out,
		      struct err *e) NODISCARD;

struct manifest {
	struct blob_desc config;
	size_t layer_count;	  /* 1 to LAYERS_MAX */
	struct blob_desc *layers; /* bottom first; owned */
};

/* An image manifest (MANIFEST_IMAGE). Artifacts that are no images, foreign layers and layers of
 * unknown type are refused by name. ERR_VERIFY. manifest_fini what came out. */
int manifest_parse(const struct raw_manifest *raw, struct manifest *out, struct err *e) NODISCARD;
void manifest_fini(struct manifest *m);

/* Choose from an index (MANIFEST_INDEX) what to fetch for `want`; with `wanted`, a tag or a whole
 * name in canonical form, only among entries annotated with that name (OCI layouts): best with
 * exactly these bytes, else with an image's name that means the same, else with one that has this
 * tag. Attestations and artifacts are never chosen. The result may be an index again. ERR_PLATFORM
 * (the text lists what there is), ERR_NOTFOUND (no such name; the text lists those there are),
 * ERR_VERIFY. */
int index_select(const struct raw_manifest *raw, const struct platform *want, const char *wanted,
		 struct blob_desc *out, struct err *e) NODISCARD;

/* The same of an index in a registry, where indexes in it that name no platform stand for one image
 * all together: the first `passed` of them are left out. 1: *out is such an index, and if it has
 * nothing for `want` (ERR_PLATFORM) the next one may. 0: it is what was wanted. */
int index_select_next(const struct raw_manifest *raw, const struct platform *want, size_t passed,
		      struct blob_desc *out, struct err *e) NODISCARD;

/* The entry with this digest, for the media type and size that the index says. 1; 0: none; -1:
 * ERR_VERIFY. */
int index_find(const struct raw_manifest *raw, const struct digest *digest, struct blob_desc *out,
	       struct err *e) NODISCARD;

#endif
