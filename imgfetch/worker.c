/* SPDX-License-Identifier: MIT */
/* Layers in parallel: who fetches which, who waits for whom, and when they enter the store.
 *
 * A layer is made in tmp/layer-<diffid>/root, under the lock of tmp/layer-<diffid>: whoever else
 * wants it waits for the lock and then finds it in its place. Entering the store is a rename, after
 * one syncfs(2) for all layers that are ready by then: a sync for each would cost more than the
 * rest of a small layer. */
#include "imgfetch/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/clock.h"
#include "imgfetch/commit.h"
#include "imgfetch/facts.h"
#include "imgfetch/layer.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/partial.h"
#include "imgfetch/tmpdir.h"

#define DOWNLOADS_DEFAULT 4
#define DOWNLOADS_MAX	  32
/* Layers that are ready enter the store when so much time has passed since the last ones did, or so
 * many are waiting (each keeps a descriptor open). A pull that is killed loses no more than that.
 */
#define COMMIT_EVERY_NS	 (5 * NSEC_PER_SEC)
#define COMMIT_COUNT_MAX 64
/* How often a held lock is tried again: flock(2) can neither be polled nor given a deadline. */
#define LOCK_RETRY_NS (20 * NSEC_PER_MSEC)
#define ROOM_WAIT_NS  (3 * NSEC_PER_SEC)

struct ready_layer {
	struct tmpdir tmp;
	struct partial partial;
	struct digest diffid;
};

struct worker {
	const struct store *store;
	struct source *src;
	const struct worker_opts *opts;
	atomic_bool stop;
	atomic_bool kept_some;	   /* parts of blobs take room, or did */
	atomic_ullong image_bytes; /* sizes of the files of all layers, as far as known */
	atomic_uint kept_now;	   /* so many are in use */
	atomic_bool keep_nothing;  /* there is no room for them */
	/* Open since before the first byte was written: syncfs(2) tells of writes that failed since
	 * the descriptor was opened, and of no earlier ones (Linux 5.8). -1: no syncs */
	int sync_fd;

	pthread_mutex_t mutex;	/* of all below */
	pthread_cond_t stopped; /* stop became true */
	const struct layer_spec *specs;
	size_t count;
	const struct layer_spec **todo;
	size_t todo_count, next;
	struct ready_layer ready[COMMIT_COUNT_MAX];
	size_t ready_count;
	struct worker_stats stats;
	uint64_t committed_mono_ns;
	struct err err; /* the first one */

	pthread_mutex_t commit_mutex; /* one commit at a time; taken before the other */
};

static void fail_all(struct worker *w, const struct err *e)
{
	pthread_mutex_lock(&w->mutex);
	if (!atomic_load(&w->stop)) {
		w->err = *e;
		atomic_store(&w->stop, true);
		pthread_cond_broadcast(&w->stopped);
	}
	pthread_mutex_unlock(&w->mutex);
}

/* --- into the store -------------------------------------------------------------------------- */

static int disk_error(const struct worker *w, const char *what, struct err *e)
{
	return err_sys(e, ERR_DISK, "%s in the store '%s'", what, text_quote(w->store->path).s);
}

/* Lists and note first: a layer is there when its directory is. */
static int rename_layer(struct worker *w, struct ready_layer *l, struct err *e)
{
	char dir[128], note[128], files[128], facts[128];

	if (text_format(dir, sizeof(dir), "layers/sha256/%s", l->diffid.hex) < 0 ||
	    text_format(note, sizeof(note), "layers/sha256/%s.info", l->diffid.hex) < 0 ||
	    text_format(files, sizeof(files), "layers/sha256/%s.files", l->diffid.hex) < 0 ||
	    text_format(facts, sizeof(facts), "layers/sha256/%s.facts", l->diffid.hex) < 0)
		return err_sys(e, ERR_BUG, "name a layer");
	/* Without facts there must be none of an earlier pull either. */
	if (renameat(l->tmp.fd, "facts", w->store->fd, facts) < 0 &&
	    (errno != ENOENT || (unlinkat(w->store->fd, facts, 0) < 0 && errno != ENOENT)))
		return disk_error(w, "rename a layer", e);
	if (renameat(l->tmp.fd, "files", w->store->fd, files) < 0 ||
	    renameat(l->tmp.fd, "info", w->store->fd, note) < 0 ||
	    renameat(l->tmp.fd, "root", w->store->fd, dir) < 0)
		return disk_error(w, "rename a layer", e);
	return 0;
}

/* All layers that are ready enter the store, or none does. */
static int commit_ready(struct worker *w, struct err *e)
{
	struct ready_layer batch[COMMIT_COUNT_MAX];
	struct err ignored = {0};

	pthread_mutex_lock(&w->mutex);
	size_t count = w->ready_count;
	if (count == 0) {
		pthread_mutex_unlock(&w->mutex);
		return 0;
	}
	memcpy(batch, w->ready, count * sizeof(*batch));
	w->ready_count = 0;
	pthread_mutex_unlock(&w->mutex);

	/* Before the sync, which would write them to the disk. */
	for (size_t i = 0; i < count; i++)
		partial_drop(&batch[i].partial);
	int r = w->sync_fd >= 0 && syncfs(w->sync_fd) < 0 ? disk_error(w, "sync", e) : 0;
	for (size_t i = 0; i < count; i++) {
		if (r == 0)
			r = rename_layer(w, &batch[i], e);
		/* What cannot be removed now is swept later. */
		tmpdir_remove(&batch[i].tmp, &ignored);
	}
	pthread_mutex_lock(&w->mutex);
	w->committed_mono_ns = clock_mono_ns();
	pthread_mutex_unlock(&w->mutex);
	return r;
}

static int commit_now(struct worker *w, struct err *e)
{
	pthread_mutex_lock(&w->commit_mutex);
	int r = commit_ready(w, e);
	pthread_mutex_unlock(&w->commit_mutex);
	return r;
}

/* Hand a complete layer over; takes *l if it succeeds. */
static int add_ready(struct worker *w, struct ready_layer *l, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&w->mutex);
	while (w->ready_count == COMMIT_COUNT_MAX) {
		pthread_mutex_unlock(&w->mutex);
		if (commit_now(w, e) < 0)
			return -1;
		pthread_mutex_lock(&w->mutex);
	}
	w->ready[w->ready_count++] = *l;
	l->tmp = TMPDIR_NONE;
	l->partial = PARTIAL_NONE;
	bool due = clock_mono_ns() - w->committed_mono_ns >= COMMIT_EVERY_NS;
	pthread_mutex_unlock(&w->mutex);
	/* If somebody is at it this layer goes with the next commit: there is other work to do. */
	if (due && pthread_mutex_trylock(&w->commit_mutex) == 0) {
		r = commit_ready(w, e);
		pthread_mutex_unlock(&w->commit_mutex);
	}
	return r;
}

/* --- one layer ------------------------------------------------------------------------------- */

/* For LOCK_RETRY_NS, or until all stops. */
static void wait_a_moment(struct worker *w)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until); /* as pthread_cond_timedwait takes it */
	until.tv_nsec += LOCK_RETRY_NS;
	if (until.tv_nsec >= (long)NSEC_PER_SEC) {
		until.tv_sec++;
		until.tv_nsec -= NSEC_PER_SEC;
	}
	pthread_mutex_lock(&w->mutex);
	if (!atomic_load(&w->stop))
		pthread_cond_timedwait(&w->stopped, &w->mutex, &until);
	pthread_mutex_unlock(&w->mutex);
}

/* The lock of a layer's working directory, waiting for whoever has it. 1: ours; 0: stopped, or the
 * layer is there by now; -1. */
static int take_layer(struct worker *w, const struct digest *diffid, struct tmpdir *t,
		      struct err *e)
{
	char name[sizeof(t->name)];
	bool told = false;

	if (text_format(name, sizeof(name), "layer-%s", diffid->hex) < 0)
		return err_sys(e, ERR_BUG, "name a directory");
	while (!atomic_load(&w->stop)) {
		int r = tmpdir_take(w->store, name, t, e);
		if (r != 0)
			return r;
		if (!told)
			progress_message(w->opts->progress,
					 "layer %.12s: waiting for another pull of it",
					 diffid->hex);
		told = true;
		/* A waiting pull must not sit on a layer that the other one may be waiting for:
		 * also not on one that came in since the last turn. */
		if (commit_now(w, e) < 0)
			return -1;
		wait_a_moment(w);
	}
	return 0;
}

static int write_note(struct worker *w, const struct tmpdir *t, const char *name, const char *text,
		      size_t len, struct err *e)
{
	auto_fd fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || fdio_write_all(fd, text, len) < 0 || close(take_fd(&fd)) < 0)
		return disk_error(w, "write a note of a layer", e);
	return 0;
}

static int write_notes(struct worker *w, const struct tmpdir *t, const struct layer_info *info,
		       const struct facts *facts, struct err *e)
{
	char text[LAYERINFO_BYTES_MAX];
	auto_free char *list = NULL;
	size_t list_len;
	ssize_t len = layerinfo_format(info, text, sizeof(text), e);

	if (len < 0 || write_note(w, t, "info", text, (size_t)len, e) < 0)
		return -1;
	if (facts->count == 0)
		return 0;
	if (facts_format(facts, &list, &list_len, e) < 0)
		return -1;
	return write_note(w, t, "facts", list, list_len, e);
}

static int make_layer(struct worker *w, const struct layer_spec *spec, struct ready_layer *l,
		      struct layer_job *job, struct err *e)
{
	struct layer_info info;
	struct facts facts;
	auto_fd root = tmpdir_make_root(l->tmp.fd, "root", w->store, e);

	if (root < 0)
		return -1;
	auto_fd list = openat(l->tmp.fd, "files", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (list < 0)
		return disk_error(w, "make the list of a layer's files", e);
	job->src = w->src;
	job->spec = spec;
	job->dir_fd = root;
	job->list_fd = list;
	job->owners = store_caller_is_root();
	job->limits = w->opts->limits;
	if (w->opts->image_bytes_max > 0) {
		job->limits.image_bytes = &w->image_bytes;
		job->limits.image_bytes_max = w->opts->image_bytes_max;
	}
	job->unpack_ns_max = w->opts->unpack_ns_max;
	job->stop = &w->stop;
	job->partial = &l->partial;
	job->keep_nothing = &w->keep_nothing;
	if (layer_fetch(job, &info, &facts, e) < 0)
		return -1;
	int r = write_notes(w, &l->tmp, &info, &facts, e);
	facts_fini(&facts);
	return r;
}

static bool is_for_want_of_room(const struct err *e)
{
	return e->kind == ERR_DISK && (e->errnum == ENOSPC || e->errnum == EDQUOT);
}

/* Parts of blobs are a convenience: layers get the room first. Only the first to come says so. True
 * when that makes room, at once or as soon as other layers have seen it. */
static bool keep_nothing_more(struct worker *w, int why)
{
	struct err ignored = {0};

	if (!atomic_exchange(&w->keep_nothing, true)) {
		if (partial_sweep(w->store, 0, &ignored) > 0)
			atomic_store(&w->kept_some, true);
		if (atomic_load(&w->kept_some))
			progress_warning(w->opts->progress,
					 "no part of a layer can be kept, so that a pull that "
					 "breaks off starts again: %s",
					 err_strerror(why));
	}
	return atomic_load(&w->kept_some);
}

/* Until the other layers have let go of what they keep: those that are ready now, the others with
 * the next bytes, or within a second. One that hangs is not waited for. */
static int wait_for_room(struct worker *w, struct err *e)
{
	uint64_t end_ns = clock_mono_ns() + ROOM_WAIT_NS;

	if (commit_now(w, e) < 0)
		return -1;
	while (atomic_load(&w->kept_now) > 0 && !atomic_load(&w->stop) && clock_mono_ns() < end_ns)
		wait_a_moment(w);
	return 0;
}

/* After a failure: is it worth another try, without what an earlier pull has left, or with the room
 * that parts of blobs take? */
static bool is_worth_again(struct worker *w, const struct layer_job *job, struct ready_layer *l,
			   bool resumed, bool kept, const struct err *e)
{
	if (atomic_load(&w->stop))
		return false;
	if (resumed && e->kind == ERR_VERIFY && !job->blob_right) {
		progress_message(w->opts->progress,
				 "layer %.12s: what an earlier pull left of it is wrong",
				 l->diffid.hex);
		partial_restart(&l->partial);
		return true;
	}
	/* kept: while this layer was tried there was room taken by what is kept. */
	if (!is_for_want_of_room(e) || !kept)
		return false;
	partial_drop(&l->partial);
	return keep_nothing_more(w, e->errnum);
}

static int try_layer(struct worker *w, const struct layer_spec *spec, struct ready_layer *l,
		     struct progress_item *item, struct err *e)
{
	struct layer_job job = {.progress = item};
	struct err first;
	bool resumed;

	bool kept = !atomic_load(&w->keep_nothing);
	l->partial.count = &w->kept_now;
	if (kept && source_can_resume(w->src) && spec->blob.size_bytes >= PARTIAL_BLOB_BYTES_MIN)
		partial_take(w->store, &spec->blob.digest, spec->blob.size_bytes, &l->partial);
	if (l->partial.fd >= 0)
		atomic_store(&w->kept_some, true);
	resumed = l->partial.have_bytes > 0;
	if (make_layer(w, spec, l, &job, &first) < 0) {
		if (!is_worth_again(w, &job, l, resumed, kept, &first)) {
			*e = first;
			return -1;
		}
		progress_restart(item);
		if (path_remove_contents(l->tmp.fd, ".", e) < 0 ||
		    (is_for_want_of_room(&first) && wait_for_room(w, e) < 0) ||
		    make_layer(w, spec, l, &job, e) < 0)
			return -1;
	}
	pthread_mutex_lock(&w->mutex);
	w->stats.layers++;
	w->stats.fetched_bytes += job.fetched_bytes;
	w->stats.resumed_bytes += spec->blob.size_bytes - job.fetched_bytes;
	pthread_mutex_unlock(&w->mutex);
	if (l->partial.why != 0)
		(void)keep_nothing_more(w, l->partial.why); /* nobody waits for the room */
	return 0;
}

/* What is right, but has not come to its end, is for the next pull. */
static void leave_partial(struct partial *p, const struct err *e)
{
	if (e->kind == ERR_VERIFY || e->kind == ERR_DISK)
		partial_drop(p);
	else
		partial_keep(p);
}

/* A layer that is there is part of the image all the same. */
static int count_present(struct worker *w, const struct layer_spec *spec, struct err *e)
{
	uint64_t max = w->opts->image_bytes_max;
	struct layer_info info;

	if (max == 0)
		return 0;
	if (layerinfo_read(w->store, &spec->diffid, &info, e) < 0)
		return -1;
	if (atomic_fetch_add(&w->image_bytes, info.unpack.bytes) + info.unpack.bytes > max)
		return err_set(e, ERR_VERIFY,
			       "it makes the image larger than %llu bytes (max_image_size)",
			       (unsigned long long)max);
	return 0;
}

static int fetch_layer(struct worker *w, const struct layer_spec *spec, struct err *e)
{
	struct ready_layer l = {
		.tmp = TMPDIR_NONE, .partial = PARTIAL_NONE, .diffid = spec->diffid};
	struct err ignored = {0};
	char label[32];

	if (commit_has_layer(w->store, &spec->diffid))
		return count_present(w, spec, e);
	int r = take_layer(w, &spec->diffid, &l.tmp, e);
	if (r <= 0)
		return r;
	/* Whoever had the lock before may have been through with it. */
	if (commit_has_layer(w->store, &spec->diffid)) {
		tmpdir_remove(&l.tmp, &ignored);
		progress_brought(w->opts->progress, spec->blob.size_bytes);
		return count_present(w, spec, e);
	}
	if (text_format(label, sizeof(label), "layer %.12s", spec->diffid.hex) < 0)
		label[0] = '\0';
	struct progress_item *item =
		progress_start(w->opts->progress, label, spec->blob.size_bytes);
	r = try_layer(w, spec, &l, item, e);
	progress_finish(item, r == 0 ? "done" : NULL);
	if (r == 0)
		r = add_ready(w, &l, e);
	if (r < 0) {
		leave_partial(&l.partial, e);
		tmpdir_remove(&l.tmp, &ignored);
	}
	return r;
}

/* By its place in the manifest, and as much of its digest as people compare. */
static void name_layer(const struct worker *w, const struct layer_spec *spec, struct err *e)
{
	err_wrap(e, "layer %zu of %zu (%.19s)", (size_t)(spec - w->specs) + 1, w->count,
		 digest_text(&spec->blob.digest).s);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct err e;

	for (;;) {
		pthread_mutex_lock(&w->mutex);
		const struct layer_spec *spec = NULL;
		if (w->next < w->todo_count && !atomic_load(&w->stop))
			spec = w->todo[w->next++];
		pthread_mutex_unlock(&w->mutex);
		if (!spec)
			return NULL;
		e = (struct err){0};
		if (fetch_layer(w, spec, &e) < 0) {
			name_layer(w, spec, &e);
			fail_all(w, &e);
		}
	}
}

/* --- all of them ----------------------------------------------------------------------------- */

static int compare_sizes(const void *a, const void *b)
{
	const struct layer_spec *x = *(const struct layer_spec *const *)a;
	const struct layer_spec *y = *(const struct layer_spec *const *)b;

	return (x->blob.size_bytes < y->blob.size_bytes) -
	       (x->blob.size_bytes > y->blob.size_bytes);
}

/* What is not there yet, once each, the largest first: it takes longest, the others fit beside it.
 */
static int fill_todo(struct worker *w, struct err *e)
{
	const struct layer_spec *specs = w->specs;

	for (size_t i = 0; i < w->count; i++) {
		bool again = false;
		for (size_t j = 0; j < w->todo_count && !again; j++)
			again = digest_equal(&w->todo[j]->diffid, &specs[i].diffid);
		if (!again)
			w->todo[w->todo_count++] = &specs[i];
	}
	size_t missing = 0;
	for (size_t i = 0; i < w->todo_count; i++) {
		if (!commit_has_layer(w->store, &w->todo[i]->diffid)) {
			w->todo[missing++] = w->todo[i];
		} else if (count_present(w, w->todo[i], e) < 0) {
			name_layer(w, w->todo[i], e);
			return -1;
		}
	}
	w->todo_count = missing;
	uint64_t bytes = 0;
	for (size_t i = 0; i < missing; i++)
		bytes += w->todo[i]->blob.size_bytes;
	progress_expect(w->opts->progress, (unsigned)missing, bytes);
	qsort(w->todo, w->todo_count, sizeof(*w->todo), compare_sizes);
	return 0;
}

static void run_threads(struct worker *w)
{
	pthread_t threads[DOWNLOADS_MAX];
	unsigned want = w->opts->downloads ? w->opts->downloads : DOWNLOADS_DEFAULT;
	unsigned started = 0;
	struct err e = {0};

	want = (unsigned)MIN(MIN(want, DOWNLOADS_MAX), w->todo_count);
	for (; started < want; started++) {
		int r = pthread_create(&threads[started], NULL, worker_main, w);
		if (r == 0)
			continue;
		/* Fewer will do; none will not. */
		if (started > 0)
			break;
		errno = r;
		err_sys(&e, ERR_SYSTEM, "start a thread");
		fail_all(w, &e);
		return;
	}
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

int worker_fetch_layers(const struct store *st, struct source *src, const struct layer_spec *specs,
			size_t count, const struct worker_opts *opts, struct err *e)
{
	struct worker w = {
		.store = st,
		.src = src,
		.opts = opts,
		.sync_fd = -1,
		.specs = specs,
		.count = count,
	};
	struct err commit_err = {0};

	auto_free const struct layer_spec **todo = calloc(count + 1, sizeof(*todo));
	if (!todo)
		return err_sys(e, ERR_SYSTEM, "list %zu layers", count);
	w.todo = todo;
	if (fill_todo(&w, e) < 0)
		return -1;
	if (w.todo_count == 0)
		return 0;
	auto_fd sync_fd = -1;
	if (!opts->no_sync) {
		sync_fd = openat(st->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sync_fd < 0)
			return disk_error(&w, "open 'tmp'", e);
		w.sync_fd = sync_fd;
	}
	w.committed_mono_ns = clock_mono_ns();
	/* None of these can fail on Linux with default attributes. */
	pthread_mutex_init(&w.mutex, NULL);
	pthread_mutex_init(&w.commit_mutex, NULL);
	pthread_cond_init(&w.stopped, NULL);
	run_threads(&w);
	/* Also after a failure: these are whole, and the next pull need not fetch them again. */
	if (commit_now(&w, &commit_err) < 0)
		fail_all(&w, &commit_err);
	pthread_cond_destroy(&w.stopped);
	pthread_mutex_destroy(&w.commit_mutex);
	pthread_mutex_destroy(&w.mutex);
	if (atomic_load(&w.stop)) {
		*e = w.err;
		return -1;
	}
	if (opts->stats)
		*opts->stats = w.stats;
	return 0;
}
