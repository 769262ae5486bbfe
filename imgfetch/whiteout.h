/* SPDX-License-Identifier: MIT */
/* Names in a layer's tar: made canonical, and what the .wh. names among them mean. Pure. */
#ifndef IMGFETCH_WHITEOUT_H
#define IMGFETCH_WHITEOUT_H

#include "common/defs.h"
#include "common/err.h"

#define ENTRY_PATH_MAX	4096 /* with the NUL */
#define ENTRY_DEPTH_MAX 256

/* A name relative to the image's root: no leading, trailing or double slash, no "." or "..". */
struct entry_name {
	char path[ENTRY_PATH_MAX]; /* "" is the root itself */
	size_t len;
	size_t base; /* offset of the last component */
};

/* Canonical form of raw (any bytes): "./a//b/", "/a/b" and "a/b" are all a/b. ERR_VERIFY: empty,
 * a ".." component, a component over 255 bytes, path_max bytes or more, over depth_max components.
 * *out is garbage then. */
int entry_name_parse(const char *raw, size_t path_max, unsigned depth_max, struct entry_name *out,
		     struct err *e) NODISCARD;

/* "Filesystem layers" of the OCI image spec, and what AUFS left in old images. */
enum whiteout_kind {
	WHITEOUT_NONE,	 /* an ordinary entry */
	WHITEOUT_HIDE,	 /* .wh.NAME: NAME of the lower layers is gone */
	WHITEOUT_OPAQUE, /* .wh..wh..opq: all of the lower layers' entries in this directory are */
	WHITEOUT_IGNORE, /* .wh..wh.*: private to AUFS, as is all below */
};

/* What name means. HIDE: name becomes that of the hidden entry. OPAQUE: name becomes that of the
 * directory. ERR_VERIFY: the marker hides nothing that has a name (".wh.", ".wh..", ".wh..."), or
 * is used as a directory. */
int whiteout_decode(struct entry_name *name, enum whiteout_kind *kind, struct err *e) NODISCARD;

#endif
