/* SPDX-License-Identifier: MIT */
/* The files of images on this machine: a directory, or a tar archive that is read where it lies. */
#ifndef IMGFETCH_BUNDLE_H
#define IMGFETCH_BUNDLE_H

#include "common/defs.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/limits.h"
#include "imgfetch/membuf.h"
#include "imgfetch/source.h"

struct bundle;

/* A regular file of it. */
struct bundle_file {
	int fd;
	bool borrowed; /* fd is the bundle's */
	uint64_t offset, size_bytes;
};

#define BUNDLE_FILE_NONE ((struct bundle_file){.fd = -1})

/* path is the user's word and may be reached through links; what is in it is opened beneath it
 * without following any. NULL: ERR_NOTFOUND, ERR_SYSTEM. */
struct bundle *bundle_open_dir(const char *path, struct err *e);

/* path is the user's word: a file, or a pipe. Only the archive's index is kept in memory. What
 * comes through a pipe, or is compressed with gzip or zstd, is first written to a nameless file in
 * the store's tmp/, inflated by a thread that can do nothing else: at most limits->image_bytes and
 * 64 MiB for what is around the files, and not more than limits->ratio times what came. Links in
 * the archive are followed within it. NULL: ERR_NOTFOUND, ERR_VERIFY, ERR_DISK, ERR_SYSTEM. */
struct bundle *bundle_open_archive(const struct store *st, const char *path,
				   const struct limits *limits, struct err *e);

/* The directory or file, quoted, for messages. */
const char *bundle_shown(const struct bundle *b);

/* ERR_NOTFOUND: there is none of this name; ERR_VERIFY: it is no regular file, or reached by a link
 * that it must not be reached by. bundle_file_close what came out. Thread-safe, as is reading. */
int bundle_open_file(const struct bundle *b, const char *name, struct bundle_file *out,
		     struct err *e) NODISCARD;
void bundle_file_close(struct bundle_file *f);

/* All of it to sink; ERR_VERIFY when it has become shorter. name: for messages. */
int bundle_read_file(const struct bundle *b, const struct bundle_file *f, const char *name,
		     blob_sink sink, void *arg, struct err *e) NODISCARD;

/* A whole file of at most out->len_max bytes; an empty one is ERR_VERIFY. */
int bundle_read_document(const struct bundle *b, const char *name, struct membuf *out,
			 struct err *e) NODISCARD;

/* One more owner, whose bundle_free does not count for the others. Not thread-safe. */
struct bundle *bundle_share(struct bundle *b);

/* NULL is fine. */
void bundle_free(struct bundle *b);

#define auto_bundle_file __attribute__((cleanup(bundle_file_close))) struct bundle_file

#endif
