/* SPDX-License-Identifier: MIT */
/* Where an image comes from: a registry, an OCI layout or an archive, behind one small table of
 * functions. */
#ifndef IMGFETCH_SOURCE_H
#define IMGFETCH_SOURCE_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/ref.h"

#define MEDIA_TYPE_MAX 128

/* A manifest is the only thing that is read into memory before anything about it is known. The
 * distribution spec asks registries to take 4 MiB; nothing larger is worth having. */
#define MANIFEST_BYTES_MAX (UINT64_C(4) << 20)
#define CONFIG_BYTES_MAX   (UINT64_C(8) << 20)

/* Something that a manifest points to. */
struct blob_desc {
	struct digest digest;		 /* of the bytes as they are stored (compressed) */
	uint64_t size_bytes;		 /* as declared; exactly so many will arrive */
	char media_type[MEDIA_TYPE_MAX]; /* as declared, not trusted */
};

/* A manifest or index as it came, with what the source said of it. */
struct raw_manifest {
	char *data; /* owned, NUL-terminated; free() it */
	size_t len;
	struct digest digest;		 /* computed from data */
	char media_type[MEDIA_TYPE_MAX]; /* Content-Type or the descriptor's mediaType; may be "" */
};

/* Takes the next bytes of a blob, in order. -1 (with *e) aborts the transfer; that error comes out
 * of source_get_blob unchanged and is never retried. */
typedef int (*blob_sink)(void *arg, const void *data, size_t len, struct err *e);

struct source;

struct source_ops {
	int (*get_blob)(struct source *, const struct blob_desc *, blob_sink, void *arg,
			struct err *e);
	/* NULL where it would save nothing: the source is on this machine. */
	int (*resume_blob)(struct source *, const struct blob_desc *, uint64_t from_bytes,
			   blob_sink, void *arg, struct err *e);
	int (*peek)(struct source *, const struct ref *, struct digest *out, struct err *e);
	/* The digest only if the source itself says one; source_get_manifest computes it. */
	int (*get_manifest)(struct source *, const struct ref *, const struct blob_desc *want,
			    struct raw_manifest *out, struct err *e);
	void (*free)(struct source *);
};

/* Implementations embed this as their first member. */
struct source {
	const struct source_ops *ops;
};

/* Stream the blob to sink. May be called from several threads at once. Exactly blob->size_bytes
 * bytes reach the sink or the call fails (ERR_VERIFY when the source has more or fewer). A broken
 * connection is taken up again where it broke, a bounded number of times, without the sink seeing
 * it. The digest is checked by the caller (through its sink): nothing is trusted before that.
 * ERR_NETWORK, ERR_NOTFOUND, ERR_AUTH, ERR_VERIFY, or what the sink said. */
int source_get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e) NODISCARD;

/* The same without the first from_bytes (at most all of them), which the caller has from an earlier
 * time: the sink sees only what follows. For a source that source_can_resume. */
int source_resume_blob(struct source *src, const struct blob_desc *blob, uint64_t from_bytes,
		       blob_sink sink, void *arg, struct err *e) NODISCARD;
bool source_can_resume(const struct source *src);

/* What does ref's tag mean at the source now? 1 and *out, 0 when it cannot tell without sending the
 * manifest, -1. The answer is a hint that says which local image to look for; nothing is verified.
 */
int source_peek(struct source *src, const struct ref *ref, struct digest *out,
		struct err *e) NODISCARD;

/* Fetch a manifest or index: the one `want` describes (size checked when it is not 0, digest
 * always) or, with want NULL, the one ref names. If ref has a digest it is checked. *out is owned
 * by the caller, raw_manifest_fini it. */
int source_get_manifest(struct source *src, const struct ref *ref, const struct blob_desc *want,
			struct raw_manifest *out, struct err *e) NODISCARD;

/* NULL is fine. */
void source_free(struct source *src);

void raw_manifest_fini(struct raw_manifest *m);

#endif
