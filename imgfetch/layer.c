/* SPDX-License-Identifier: MIT */
/* One layer: the pipeline from a source's blob to a directory.
 *
 *   download    source -> sha256 of the blob ---- compressed ---> inflate
 *   inflate     gzip, zstd or plain -> sha256 (DiffID) -- tar --> unpack
 *   unpack      libarchive -> directory, confined to it
 *
 * Whoever fails keeps its own error and stops its neighbours, who then fail without one. If the
 * data were bad, the download goes on by itself to its end: when the blob's digest is wrong then
 * that, and not what the parser stumbled over, is the news. */
#include "imgfetch/layer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "common/cleanup.h"
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
	struct source *src;
	const struct layer_spec *spec;
	int dir_fd;
	struct unpack_limits limits;
	struct progress_item *progress;
	const atomic_bool *stop;

	struct ring *compressed, *tar;
	atomic_bool bad_data; /* unpack or inflate found the data wrong: drain for the digest */
	struct stage download, inflate, unpack;
	struct unpack_info info;

	/* The download's own. */
	struct sha256 *blob_hash;
	uint64_t blob_bytes;
	uint64_t drained_bytes;
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

	if (atomic_load_explicit(p->stop, memory_order_relaxed))
		return stage_stopped(&p->download, e);
	if (len == 0)
		return 0;
	p->blob_bytes += len;
	if (p->blob_bytes > p->spec->blob.size_bytes)
		return err_set(e, ERR_VERIFY, "the blob is larger than the %llu bytes declared",
			       (unsigned long long)p->spec->blob.size_bytes);
	if (atomic_load_explicit(&p->bad_data, memory_order_relaxed)) {
		p->drained_bytes += len;
		if (p->drained_bytes > DRAIN_BYTES_MAX)
			return stage_stopped(&p->download, e);
	}
	if (sha256_update(p->blob_hash, data, len, e) < 0)
		return -1;
	if (ring_write(p->compressed, data, len) < 0)
		return stage_stopped(&p->download, e);
	progress_advance(p->progress, len);
	return 0;
}

static int download(struct pipeline *p, struct err *e)
{
	struct digest got;

	if (source_get_blob(p->src, &p->spec->blob, take_blob, p, e) < 0)
		return -1;
	if (p->blob_bytes != p->spec->blob.size_bytes)
		return err_set(e, ERR_VERIFY, "the blob ends after %llu of %llu bytes",
			       (unsigned long long)p->blob_bytes,
			       (unsigned long long)p->spec->blob.size_bytes);
	if (sha256_final(p->blob_hash, &got, e) < 0)
		return -1;
	if (!digest_equal(&got, &p->spec->blob.digest))
		return err_set(e, ERR_VERIFY, "digest mismatch: the blob %s came as %s",
			       digest_text(&p->spec->blob.digest).s, digest_text(&got).s);
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
	if (!digest_equal(&got, &p->spec->diffid))
		return err_set(e, ERR_VERIFY,
			       "digest mismatch: uncompressed it is %s, the image's config says %s",
			       digest_text(&got).s, digest_text(&p->spec->diffid).s);
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
	ssize_t n = ring_read(p->tar, data);

	return n < 0 ? stage_stopped(&p->unpack, e) : n;
}

static int unpack_stage(struct pipeline *p, struct err *e)
{
	/* A umask of its own. Docker's filter forbids unshare(2) altogether; then it is that of all
	 * threads, none of which relies on it: whatever they make they give a mode of its own. */
	if (unshare(CLONE_FS) < 0 && errno != EPERM && errno != ENOSYS)
		return err_sys(e, ERR_SYSTEM, "unshare the umask");
	if (confine_thread(p->dir_fd, e) < 0)
		return -1;
	return unpack_tar(p->dir_fd, take_tar, p, &p->limits, &p->info, e);
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

int layer_fetch(struct source *src, const struct layer_spec *spec, int dir_fd,
		const struct unpack_limits *limits, struct progress_item *progress,
		const atomic_bool *stop, struct layer_info *info, struct err *e)
{
	struct pipeline p = {
		.src = src,
		.spec = spec,
		.dir_fd = dir_fd,
		.limits = unpack_limits_default(limits),
		.progress = progress,
		.stop = stop,
	};
	int r = -1;

	p.compressed = ring_new(COMPRESSED_SLOT_BYTES, SLOTS, e);
	p.tar = ring_new(TAR_SLOT_BYTES, SLOTS, e);
	p.blob_hash = sha256_new(e);
	if (p.compressed && p.tar && p.blob_hash && run_threads(&p, e) == 0)
		r = report(&p, e);
	if (r == 0)
		*info = (struct layer_info){
			.diffid = spec->diffid,
			.blob = spec->blob.digest,
			.blob_bytes = spec->blob.size_bytes,
			.unpack = p.info,
		};
	sha256_free(p.blob_hash);
	ring_free(p.tar);
	ring_free(p.compressed);
	return r;
}
