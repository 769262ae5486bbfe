/* SPDX-License-Identifier: MIT */
/* Where an image comes from: the calls that all sources have in common. */
#include "imgfetch/source.h"

#include <stdlib.h>

#include "common/text.h"
#include "imgfetch/sha256.h"

int source_get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e)
{
	return src->ops->get_blob(src, blob, sink, arg, e);
}

int source_resume_blob(struct source *src, const struct blob_desc *blob, uint64_t from_bytes,
		       blob_sink sink, void *arg, struct err *e)
{
	if (from_bytes == blob->size_bytes)
		return 0;
	return src->ops->resume_blob(src, blob, from_bytes, sink, arg, e);
}

bool source_can_resume(const struct source *src)
{
	return src->ops->resume_blob != NULL;
}

int source_peek(struct source *src, const struct ref *ref, struct digest *out, struct err *e)
{
	return src->ops->peek(src, ref, out, e);
}

/* What was asked for by digest must be that, and what the source says it is sending. */
static int check_manifest(const struct raw_manifest *m, const struct digest *said,
			  const struct ref *ref, const struct blob_desc *want, struct err *e)
{
	const struct digest *expected = want		  ? &want->digest
					: ref->has_digest ? &ref->digest
					: said->hex[0]	  ? said
							  : NULL;
	struct digest got;

	if (want && want->size_bytes != m->len)
		return err_set(e, ERR_VERIFY, "manifest %s has %zu bytes, but the index says %llu",
			       digest_text(expected).s, m->len,
			       (unsigned long long)want->size_bytes);
	if (!expected)
		return 0;
	if (sha256_buffer_like(expected, m->data, m->len, &got, e) < 0)
		return -1;
	if (!digest_equal(expected, &got))
		return err_set(e, ERR_VERIFY, "wrong digest: manifest %s was expected, %s came",
			       digest_text(expected).s, digest_text(&got).s);
	return 0;
}

int source_get_manifest(struct source *src, const struct ref *ref, const struct blob_desc *want,
			struct raw_manifest *out, struct err *e)
{
	struct raw_manifest m = {0};
	struct digest said;

	if (src->ops->get_manifest(src, ref, want, &m, e) < 0)
		return -1;
	said = m.digest;
	if (sha256_buffer(m.data, m.len, &m.digest, e) < 0 ||
	    check_manifest(&m, &said, ref, want, e) < 0) {
		raw_manifest_fini(&m);
		return -1;
	}
	*out = m;
	return 0;
}

void source_free(struct source *src)
{
	if (src)
		src->ops->free(src);
}

void raw_manifest_fini(struct raw_manifest *m)
{
	free(m->data);
	*m = (struct raw_manifest){0};
}
