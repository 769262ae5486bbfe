/* SPDX-License-Identifier: MIT */
/* What manifest.c and manifest_index.c share; nobody else includes this. Pure. */
#ifndef IMGFETCH_MANIFEST_IMPL_H
#define IMGFETCH_MANIFEST_IMPL_H

#include "imgfetch/json.h"
#include "imgfetch/manifest.h"

enum type_class {
	TYPE_UNKNOWN,
	TYPE_IMAGE,
	TYPE_INDEX,
	TYPE_SCHEMA1,
	TYPE_CONFIG,
	TYPE_LAYER,
	TYPE_FOREIGN,
};

/* Types compare without case and without parameters. */
enum type_class manifest_classify_type(const char *type);

/* Parse the document, which must be of one kind and say no other; *root is the caller's. */
int manifest_open(const struct raw_manifest *raw, struct jv **root, enum manifest_kind *kind,
		  struct err *e) NODISCARD;

int manifest_parse_descriptor(const struct jv *obj, struct blob_desc *out, struct err *e) NODISCARD;

#endif
