/* SPDX-License-Identifier: MIT */
/* A registry and its mirrors as one source: the first that has what is wanted. */
#include "imgfetch/mirrors.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/registry.h"

struct mirrors {
	struct source source; /* first: this is a source */
	struct progress *progress;
	size_t count;
	struct source *sources[ENDPOINTS_MAX];
	atomic_bool gone[ENDPOINTS_MAX];	     /* of no use; never the last one */
	char names[ENDPOINTS_MAX][REF_HOST_MAX + 1]; /* hosts, for messages */
};

static struct mirrors *of(struct source *src)
{
	return (struct mirrors *)(void *)src;
}

/* Is there another one after i to ask, and is the error one that another may not have? Says so.
 * for_good: nobody need try i again. */
static bool go_on(struct mirrors *m, size_t i, bool for_good, const struct err *e)
{
	if (i + 1 >= m->count ||
	    (e->kind != ERR_NETWORK && e->kind != ERR_NOTFOUND && e->kind != ERR_AUTH))
		return false;
	/* Said once, by the thread that was first. */
	if (!for_good || !atomic_exchange(&m->gone[i], true))
		progress_message(m->progress, "mirror '%s' is passed over: %s", m->names[i],
				 e->text);
	return true;
}

/* The first one from i on that is worth asking; the last one always is. */
static size_t next(struct mirrors *m, size_t i)
{
	while (i + 1 < m->count && atomic_load(&m->gone[i]))
		i++;
	return i;
}

/* --- what sources do ----------------------------------------------------------------------- */

/* HEAD was not understood: then GET is asked the same place. */
static bool knows_no_head(long status)
{
	return (status >= 200 && status < 300) || status == 405 || status == 501;
}

static int peek(struct source *src, const struct ref *ref, struct digest *out, struct err *e)
{
	struct mirrors *m = of(src);

	for (size_t i = next(m, 0);; i = next(m, i + 1)) {
		struct err why;
		long status = 0;
		int r = registry_peek(m->sources[i], ref, out, &status, &why);

		if (r > 0 || (r == 0 && (knows_no_head(status) || i + 1 == m->count)))
			return r;
		if (r == 0)
			err_set(&why, status == 404 ? ERR_NOTFOUND : ERR_NETWORK, "HTTP %ld",
				status);
		if (!go_on(m, i, true, &why)) {
			*e = why;
			return -1;
		}
	}
}

static int get_manifest(struct source *src, const struct ref *ref, const struct blob_desc *want,
			struct raw_manifest *out, struct err *e)
{
	struct mirrors *m = of(src);

	for (size_t i = next(m, 0);; i = next(m, i + 1)) {
		struct err why;

		if (m->sources[i]->ops->get_manifest(m->sources[i], ref, want, out, &why) == 0)
			return 0;
		if (!go_on(m, i, true, &why)) {
			*e = why;
			return -1;
		}
	}
}

/* Counts what the sink has had, so that another mirror goes on from there. */
struct counter {
	blob_sink sink;
	void *arg;
	uint64_t bytes;
	bool failed;
};

static int count(void *arg, const void *data, size_t len, struct err *e)
{
	struct counter *c = arg;

	if (c->sink(c->arg, data, len, e) < 0) {
		c->failed = true;
		return -1;
	}
	c->bytes += len;
	return 0;
}

static int fetch(struct source *src, const struct blob_desc *blob, struct counter *c, struct err *e)
{
	if (c->bytes == 0)
		return source_get_blob(src, blob, count, c, e);
	return source_resume_blob(src, blob, c->bytes, count, c, e);
}

static int resume_blob(struct source *src, const struct blob_desc *blob, uint64_t from_bytes,
		       blob_sink sink, void *arg, struct err *e)
{
	struct mirrors *m = of(src);
	struct counter c = {.sink = sink, .arg = arg, .bytes = from_bytes};

	for (size_t i = next(m, 0);; i = next(m, i + 1)) {
		struct err why;

		/* The digest, which the caller checks, is over what all of them sent. */
		if (fetch(m->sources[i], blob, &c, &why) == 0)
			return 0;
		if (c.failed || !go_on(m, i, why.kind != ERR_NOTFOUND, &why)) {
			*e = why;
			return -1;
		}
	}
}

static int get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e)
{
	return resume_blob(src, blob, 0, sink, arg, e);
}

/* --- open and close ------------------------------------------------------------------------ */

static void mirrors_free(struct source *src)
{
	struct mirrors *m = of(src);

	for (size_t i = 0; i < m->count; i++)
		source_free(m->sources[i]);
	free(m);
}

static const struct source_ops mirrors_ops = {
	.get_blob = get_blob,
	.resume_blob = resume_blob,
	.peek = peek,
	.get_manifest = get_manifest,
	.free = mirrors_free,
};

static struct source *open_one(struct http *http, const struct credential_paths *paths,
			       const struct ref *ref, const struct endpoint *p, struct err *e)
{
	struct ref there = *ref;

	if (p->plain && http_allow_plain(http, p->host, e) < 0)
		return NULL;
	strcpy(there.host, p->host); /* the arrays are of one size */
	strcpy(there.repo, p->repo);
	return registry_open(http, paths, &there, e);
}

struct source *mirrors_open(struct http *http, const struct credential_paths *paths,
			    const struct ref *ref, const struct endpoint *endpoints, size_t count,
			    struct progress *progress, struct err *e)
{
	auto_free struct mirrors *m = NULL;

	if (count == 1)
		return open_one(http, paths, ref, &endpoints[0], e);
	m = calloc(1, sizeof(*m));
	if (!m) {
		err_sys(e, ERR_SYSTEM, "prepare %zu mirrors", count - 1);
		return NULL;
	}
	m->source.ops = &mirrors_ops;
	m->progress = progress;
	for (; m->count < count; m->count++) {
		strcpy(m->names[m->count], endpoints[m->count].host);
		m->sources[m->count] = open_one(http, paths, ref, &endpoints[m->count], e);
		if (!m->sources[m->count]) {
			mirrors_free(&take_ptr(m)->source);
			return NULL;
		}
	}
	return &take_ptr(m)->source;
}
