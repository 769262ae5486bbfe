/* SPDX-License-Identifier: MIT */
/* One layer: the pipeline from a source's blob to a directory.
 *
 *   download    (what an earlier pull left, then) source -> sha256 of the blob ---- compressed --->
 * inflate inflate     gzip, zstd or plain -> sha256 (DiffID) -- tar --> unpack unpack libarchive ->
 * directory, confined to it
 *
 * Whoever fails keeps its own error and stops its neighbours, who then fail without one. If the
 * data were bad, the download goes on by itself to its end: when the blob's digest is wrong then
 * that, and not what the parser stumbled over, is the news. */
#include "imgfetch/layer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "imgfetch/clock.h"
#include "imgfetch/confine.h"
#include "imgfetch/inflate.h"
#include "imgfetch/ring.h"
#include "imgfetch/sha256.h"

/* Large enough that threads seldom wait for each other, small enough for the second level cache. */
#define COMPRESSED_SLOT_BYTES (size_t)(64 << 10)
#define TAR_SLOT_BYTES	      (size_t)(128 << 10)
#define SLOTS		      4

#define RATIO_FROM_BYTES (UINT64_C(256) << 20)
/* After bad data, how much more is downloaded to see whether the digest is wrong. */
#define DRAIN_BYTES_MAX (UINT64_C(64) << 20)

/* What became of one thread. */
struct stage {
	int rc;
	bool stopped; /* rc is -1 because of others: err says nothing */
	struct err err;
};

struct pipeline {
	struct layer_job *job;
	struct unpack_limits limits;

	struct ring *compressed, *tar;
	atomic_bool bad_data; /* unpack or inflate found the data wrong: drain for the digest */
	struct stage download, inflate, unpack;
	struct unpack_info info;
	struct facts facts;
	struct listwriter *list;
	struct digest list_digest;

	uint64_t unpack_ns,
		unpack_from_ns; /* the unpacker's own: at work until it last waited; since */

	/* The download's own. */
	struct sha256 *blob_hash;
	uint64_t blob_bytes;
	uint64_t drained_bytes;
	bool resumed; /* the first bytes are of an earlier pull */
};

/* --- download -------------------------------------------------------------------------------- */

static int stage_stopped(struct stage *s, struct err *e)
{
	s->stopped = true;
	return err_set(e, ERR_SYSTEM, "stopped");
}

static int take_blob(void *arg, const void *data, size_t len, struct err *e)
{
	struct pipeline *p = arg;

	if (atomic_load_explicit(p->job->stop, memory_order_relaxed))
		return stage_stopped(&p->download, e);
	if (len == 0) {
		progress_advance(p->job->progress, 0);
		return 0;
	}
	p->blob_bytes += len;
	if (p->blob_bytes > p->job->spec->blob.size_bytes)
		return err_set(e, ERR_VERIFY, "the blob is larger than the %llu bytes declared",
			       (unsigned long long)p->job->spec->blob.size_bytes);
	if (atomic_load_explicit(&p->bad_data, memory_order_relaxed)) {
		p->drained_bytes += len;
		/* A blob whose beginning is old is fetched anew in any case. */
		if (p->resumed || p->drained_bytes > DRAIN_BYTES_MAX)
			return stage_stopped(&p->download, e);
	}
	if (sha256_update(p->blob_hash, data, len, e) < 0)
		return -1;
	if (ring_write(p->compressed, data, len) < 0)
		return stage_stopped(&p->download, e);
	return 0;
}

/* From the source. */
static int take_fresh(void *arg, const void *data, size_t len, struct err *e)
{
	struct pipeline *p = arg;
	struct partial *partial = p->job->partial;

	if (partial->fd >= 0 && atomic_load_explicit(p->job->keep_nothing, memory_order_relaxed))
		partial_drop(partial);
	/* A blob that turned out bad is not worth the room. */
	if (len > 0 && partial->fd >= 0 && partial->have_bytes == p->blob_bytes &&
	    !atomic_load_explicit(&p->bad_data, memory_order_relaxed))
		partial_add(partial, data, len);
	if (take_blob(p, data, len, e) < 0)
		return -1;
	p->job->fetched_bytes += len;
	progress_advance(p->job->progress, len);
	return 0;
}

/* What an earlier pull has left. */
static int take_kept(struct pipeline *p, struct err *e)
{
	struct partial *partial = p->job->partial;
	auto_free char *buf = malloc(COMPRESSED_SLOT_BYTES);

	if (!buf)
		return err_sys(e, ERR_SYSTEM, "read a part of a blob");
	p->resumed = partial->have_bytes > 0;
	while (p->blob_bytes < partial->have_bytes) {
		size_t want = MIN(COMPRESSED_SLOT_BYTES, partial->have_bytes - p->blob_bytes);
		ssize_t n = partial_read(partial, p->blob_bytes, buf, want);

		/* Shorter than it was, or a disk that fails: what follows comes from the source. */
		if (n <= 0) {
			partial_drop(partial);
			return 0;
		}
		if (take_blob(p, buf, (size_t)n, e) < 0)
			return -1;
		progress_advance_kept(p->job->progress, (uint64_t)n);
	}
	return 0;
}

static int get_blob(struct pipeline *p, struct err *e)
{
	const struct blob_desc *blob = &p->job->spec->blob;

	if (!source_can_resume(p->job->src))
		return source_get_blob(p->job->src, blob, take_fresh, p, e);
	if (p->job->partial->fd >= 0 && take_kept(p, e) < 0)
		return -1;
	return source_resume_blob(p->job->src, blob, p->blob_bytes, take_fresh, p, e);
}

static int download(struct pipeline *p, struct err *e)
{
	struct digest got;

	if (get_blob(p, e) < 0)
		return -1;
	if (p->blob_bytes != p->job->spec->blob.size_bytes)
		return err_set(e, ERR_VERIFY, "the blob ends after %llu of %llu bytes",
			       (unsigned long long)p->blob_bytes,
			       (unsigned long long)p->job->spec->blob.size_bytes);
	if (sha256_final(p->blob_hash, &got, e) < 0)
		return -1;
	if (!digest_equal(&got, &p->job->spec->blob.digest))
		return err_set(e, ERR_VERIFY, "digest mismatch: the blob %s came as %s",
			       digest_text(&p->job->spec->blob.digest).s, digest_text(&got).s);
	p->job->blob_right = true;
	if (ring_write_end(p->compressed) < 0)
		return stage_stopped(&p->download, e);
	return 0;
}

static void *download_main(void *arg)
{
	struct pipeline *p = arg;

	p->download.rc = download(p, &p->download.err);
	if (p->download.rc < 0)
		ring_stop(p->compressed);
	return NULL;
}

/* --- inflate --------------------------------------------------------------------------------- */

static ssize_t take_compressed(void *arg, const void **data, struct err *e)
{
	struct pipeline *p = arg;
	ssize_t n = ring_read(p->compressed, data);

	return n < 0 ? stage_stopped(&p->inflate, e) : n;
}

static int inflate_all(struct pipeline *p, struct inflate *in, struct sha256 *hash, struct err *e)
{
	for (;;) {
		void *slot = ring_reserve(p->tar);
		if (!slot)
			return stage_stopped(&p->inflate, e);
		ssize_t n = inflate_read(in, slot, TAR_SLOT_BYTES, e);
		if (n < 0)
			return -1;
		if (n > 0 && sha256_update(hash, slot, (size_t)n, e) < 0)
			return -1;
		if (n == 0)
			return 0;
		ring_commit(p->tar, (size_t)n);
	}
}

static int inflate_stage(struct pipeline *p, struct err *e)
{
	const struct inflate_limits limits = {
		.bytes = p->limits.bytes,
		.ratio = p->limits.ratio,
		.ratio_from_bytes = RATIO_FROM_BYTES,
	};
	struct digest got;

	if (confine_thread(-1, e) < 0)
		return -1;
	auto_inflate in = inflate_new(take_compressed, p, &limits, INFLATE_AUTO, e);
	auto_sha256 hash = sha256_new(e);
	if (!in || !hash || inflate_all(p, in, hash, e) < 0 || sha256_final(hash, &got, e) < 0)
		return -1;
	if (!digest_equal(&got, &p->job->spec->diffid))
		return err_set(e, ERR_VERIFY,
			       "digest mismatch: uncompressed it is %s, the image's config says %s",
			       digest_text(&got).s, digest_text(&p->job->spec->diffid).s);
	/* The end, too, only when all before it was right. */
	if (!ring_reserve(p->tar))
		return stage_stopped(&p->inflate, e);
	ring_commit(p->tar, 0);
	return 0;
}

static void *inflate_main(void *arg)
{
	struct pipeline *p = arg;
	struct stage *s = &p->inflate;

	s->rc = inflate_stage(p, &s->err);
	if (s->rc < 0) {
		if (!s->stopped && s->err.kind == ERR_VERIFY)
			atomic_store(&p->bad_data, true);
		ring_stop(p->tar);
		if (atomic_load(&p->bad_data))
			ring_discard(p->compressed);
		else
			ring_stop(p->compressed);
	}
	return NULL;
}

/* --- unpack ---------------------------------------------------------------------------------- */

static ssize_t take_tar(void *arg, const void **data, struct err *e)
{
	struct pipeline *p = arg;
	uint64_t max_ns = p->job->unpack_ns_max;

	/* A small archive can make much work: names in deep directories, holes, links. */
	p->unpack_ns += clock_mono_ns() - p->unpack_from_ns;
	if (max_ns > 0 && p->unpack_ns > max_ns)
		return err_set(e, ERR_VERIFY, "unpacking takes more than %llu s (max_unpack_time)",
			       (unsigned long long)(max_ns / NSEC_PER_SEC));
	ssize_t n = ring_read(p->tar, data);
	p->unpack_from_ns = clock_mono_ns();
	return n < 0 ? stage_stopped(&p->unpack, e) : n;
}

static int unpack_stage(struct pipeline *p, struct err *e)
{
	/* A umask of its own. Docker's filter forbids unshare(2) altogether; then it is that of all
	 * threads, none of which relies on it: whatever they make they give a mode of its own. */
	if (unshare(CLONE_FS) < 0 && errno != EPERM && errno != ENOSYS)
		return err_sys(e, ERR_SYSTEM, "unshare the umask");
	if (confine_thread(p->job->dir_fd, e) < 0)
		return -1;
	p->unpack_from_ns = clock_mono_ns();
	if (unpack_tar(p->job->dir_fd, take_tar, p, &p->limits, p->list, &p->info, &p->facts, e) <
	    0)
		return -1;
	return listwriter_finish(p->list, &p->list_digest, e);
}

static void *unpack_main(void *arg)
{
	struct pipeline *p = arg;
	struct stage *s = &p->unpack;

	s->rc = unpack_stage(p, &s->err);
	if (s->rc == 0) {
		/* What follows the end of the archive only matters to the digest. */
		ring_discard(p->tar);
		return NULL;
	}
	if (!s->stopped && s->err.kind == ERR_VERIFY)
		atomic_store(&p->bad_data, true);
	ring_stop(p->tar);
	return NULL;
}

/* --- all of it ------------------------------------------------------------------------------- */

/* The three threads, the last started first, so that whoever writes has a reader. */
static int run_threads(struct pipeline *p, struct err *e)
{
	void *(*const mains[])(void *) = {unpack_main, inflate_main, download_main};
	pthread_t threads[ARRAY_LEN(mains)];
	size_t started = 0;

	for (; started < ARRAY_LEN(mains); started++) {
		int r = pthread_create(&threads[started], NULL, mains[started], p);
		if (r != 0) {
			errno = r;
			err_sys(e, ERR_SYSTEM, "start a thread");
			ring_stop(p->tar);
			ring_stop(p->compressed);
			break;
		}
	}
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return started == ARRAY_LEN(mains) ? 0 : -1;
}

static int report(const struct pipeline *p, struct err *e)
{
	/* In the order of the stream: an earlier fault explains the later ones. */
	const struct stage *const stages[] = {&p->download, &p->inflate, &p->unpack};

	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		if (stages[i]->rc < 0 && !stages[i]->stopped) {
			*e = stages[i]->err;
			return -1;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		if (stages[i]->rc < 0)
			return err_set(e, ERR_SYSTEM, "stopped");
	}
	return 0;
}

int layer_fetch(struct layer_job *job, struct layer_info *info, struct facts *facts, struct err *e)
{
	struct pipeline p = {.job = job, .limits = unpack_limits_default(&job->limits)};
	int r = -1;

	job->blob_right = false;
	job->fetched_bytes = 0;
	p.compressed = ring_new(COMPRESSED_SLOT_BYTES, SLOTS, e);
	p.tar = ring_new(TAR_SLOT_BYTES, SLOTS, e);
	p.blob_hash = sha256_new_like(&job->spec->blob.digest, e);
	p.list = listwriter_new(job->list_fd, job->owners, e);
	if (p.compressed && p.tar && p.blob_hash && p.list && run_threads(&p, e) == 0)
		r = report(&p, e);
	if (r == 0) {
		*info = (struct layer_info){
			.diffid = job->spec->diffid,
			.blob = job->spec->blob.digest,
			.blob_bytes = job->spec->blob.size_bytes,
			.has_files = true,
			.files = p.list_digest,
			.unpack = p.info,
		};
		*facts = p.facts;
	} else {
		facts_fini(&p.facts);
	}
	listwriter_free(p.list);
	sha256_free(p.blob_hash);
	ring_free(p.tar);
	ring_free(p.compressed);
	return r;
}
