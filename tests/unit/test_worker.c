/* SPDX-License-Identifier: MIT */
/* Layers from a source in memory into a store: what may go wrong between, and what is left then. */
#include "imgfetch/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "imgfetch/commit.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/sha256.h"
#include "tests/unit/tap.h"
#include "tests/unit/tarmake.h"

#define BLOBS_MAX 160

/* --- what is synced ----------------------------------------------------------------------------
 */

/* Descriptors of a store's tmp/ that were open when the first bytes of a layer were asked for. */
static atomic_bool open_before[1024];
static atomic_uint syncs, blind_syncs;

static void note_open_tmp(void)
{
	char name[32], to[PATH_MAX];

	for (int fd = 0; fd < 1024; fd++) {
		(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		ssize_t len = readlink(name, to, sizeof(to));
		open_before[fd] = len > 4 && memcmp(to + len - 4, "/tmp", 4) == 0 &&
				  !(fcntl(fd, F_GETFL) & O_PATH);
	}
}

/* In place of libc's: it can only tell of failures since its descriptor was opened. */
int syncfs(int fd)
{
	atomic_fetch_add(&syncs, 1);
	if (fd < 0 || fd >= 1024 || !open_before[fd])
		atomic_fetch_add(&blind_syncs, 1);
	return (int)syscall(SYS_syncfs, fd);
}

/* --- a source in memory ------------------------------------------------------------------------
 */

struct blob {
	struct layer_spec spec;
	unsigned char *data;
	size_t len;
};

struct memory_source {
	struct source base;
	struct blob blobs[BLOBS_MAX];
	size_t count;
	atomic_uint gets;
	int fail_at; /* index of a blob whose transfer breaks after half of it; -1: none */
	pthread_barrier_t *meet; /* not NULL: the first transfer waits here for another pull's */
	int hang_until_fd;	 /* not -1: the first transfer waits until this pipe is closed */
};

static int get_blob(struct source *src, const struct blob_desc *want, blob_sink sink, void *arg,
		    struct err *e)
{
	struct memory_source *m = (struct memory_source *)src;
	char c;
	bool first = atomic_fetch_add(&m->gets, 1) == 0;

	if (first)
		note_open_tmp();
	if (first && m->meet)
		pthread_barrier_wait(m->meet);
	if (m->hang_until_fd >= 0 && read(m->hang_until_fd, &c, 1) < 0)
		abort();
	for (size_t i = 0; i < m->count; i++) {
		const struct blob *b = &m->blobs[i];
		if (!digest_equal(&b->spec.blob.digest, &want->digest))
			continue;
		for (size_t at = 0; at < b->len;) {
			size_t n = MIN(MIN((size_t)10000, b->len / 4 + 1), b->len - at);
			if (m->fail_at == (int)i && at >= b->len / 2)
				return err_set(e, ERR_NETWORK, "the line broke");
			if (sink(arg, b->data + at, n, e) < 0)
				return -1;
			at += n;
		}
		return 0;
	}
	return err_set(e, ERR_NOTFOUND, "no such blob");
}

static const struct source_ops ops = {.get_blob = get_blob};

/* The real one is with registries and layouts, which this test does without. */
int source_get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e)
{
	return src->ops->get_blob(src, blob, sink, arg, e);
}

int source_resume_blob(struct source *src, const struct blob_desc *blob, uint64_t from_bytes,
		       blob_sink sink, void *arg, struct err *e)
{
	return src->ops->resume_blob(src, blob, from_bytes, sink, arg, e);
}

bool source_can_resume(const struct source *src)
{
	return src->ops->resume_blob != NULL;
}

static void source_init(struct memory_source *m)
{
	*m = (struct memory_source){.base.ops = &ops, .fail_at = -1, .hang_until_fd = -1};
}

static void source_fini(struct memory_source *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->blobs[i].data);
}

static void digest_of(const void *data, size_t len, struct digest *out)
{
	struct err e;

	if (sha256_buffer(data, len, out, &e) < 0)
		abort();
}

/* Take a finished tar in, compressed; the tar is emptied. */
static struct blob *add_blob(struct memory_source *m, struct tarmake *t)
{
	struct blob *b = &m->blobs[m->count++];
	uLong room = compressBound(t->len) + 64;
	z_stream z = {0};

	tarmake_end(t);
	digest_of(t->data, t->len, &b->spec.diffid);
	b->data = malloc(room);
	if (!b->data || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = t->data;
	z.avail_in = (uInt)t->len;
	z.next_out = b->data;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	b->len = room - z.avail_out;
	deflateEnd(&z);
	digest_of(b->data, b->len, &b->spec.blob.digest);
	b->spec.blob.size_bytes = b->len;
	tarmake_free(t);
	return b;
}

/* A layer with `files` files of file_bytes each, different from every other number's. */
static struct blob *add_layer(struct memory_source *m, unsigned number, unsigned files,
			      size_t file_bytes)
{
	struct tarmake t = {0};
	char *data = malloc(file_bytes + 1);

	if (!data)
		abort();
	for (size_t i = 0; i < file_bytes; i++)
		data[i] = (char)((i * 2654435761U + number) >> 13);
	for (unsigned i = 0; i < files; i++) {
		char name[64];
		snprintf(name, sizeof(name), "l%u/d%u/f%u", number, i / 100, i);
		struct tarent f = {.type = '0', .name = name};
		tarmake_add(&t, &f, data, file_bytes);
	}
	free(data);
	return add_blob(m, &t);
}

/* --- a store -----------------------------------------------------------------------------------
 */

static char base[256];

static void make_store(struct store *st)
{
	static unsigned number;
	char path[PATH_MAX];
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/store%u", base, number++);
	if (store_create(path, st, &e) < 0) {
		tap_note("%s", e.text);
		abort();
	}
}

static unsigned count_entries(const struct store *st, const char *rel)
{
	auto_fd fd = path_open_beneath(st->fd, rel, O_RDONLY | O_DIRECTORY, 0);
	auto_dir d = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0;

	if (!d)
		abort();
	fd = -1;
	while (readdir(d))
		n++;
	return n - 2;
}

static int fetch(const struct store *st, struct memory_source *m, const struct worker_opts *opts,
		 struct err *e)
{
	/* A sync waits for everything that the machine has to write. */
	static const struct worker_opts defaults = {.no_sync = true};
	struct layer_spec specs[BLOBS_MAX];

	*e = (struct err){0};
	for (size_t i = 0; i < m->count; i++)
		specs[i] = m->blobs[i].spec;
	return worker_fetch_layers(st, &m->base, specs, m->count, opts ? opts : &defaults, e);
}

/* Every layer of m is in the store (or, with none, no layer is), nothing is in tmp/. */
static void expect_store(struct tap *t, const struct store *st, const struct memory_source *m,
			 bool none)
{
	unsigned have = 0;

	for (size_t i = 0; i < m->count; i++)
		have += commit_has_layer(st, &m->blobs[i].spec.diffid);
	tap_u64(t, have, none ? 0 : m->count,
		none ? "... no layer is there" : "... all layers are there");
	tap_u64(t, count_entries(st, "tmp"), 0, "... nothing is left in tmp/");
}

static void expect_refused(struct tap *t, const char *name, struct memory_source *m,
			   const struct worker_opts *opts, enum err_kind kind, const char *fragment)
{
	char layer[64];
	struct store st;
	struct err e;

	make_store(&st);
	tap_int(t, fetch(&st, m, opts, &e), -1, "%s is refused", name);
	tap_int(t, e.kind, kind, "... as what it is");
	tap_has(t, e.text, fragment, "... saying why");
	(void)snprintf(layer, sizeof(layer), "layer 1 of %zu (%.19s): ", m->count,
		       digest_text(&m->blobs[0].spec.blob.digest).s);
	tap_has(t, e.text, layer, "... and of which layer");
	expect_store(t, &st, m, true);
	tap_u64(t, count_entries(&st, "layers/sha256"), 0, "... no notes either");
	store_close(&st);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_good(struct tap *t)
{
	struct memory_source m;
	struct store st;
	struct layer_info info;
	struct err e;

	source_init(&m);
	for (unsigned i = 0; i < 130; i++)
		add_layer(&m, i, 1 + i % 7, i * 100);
	add_layer(&m, 1000, 2000, 5000);
	m.blobs[m.count] = m.blobs[3]; /* the same layer again */
	m.blobs[m.count].data = NULL;
	m.count++;
	make_store(&st);
	if (!tap_int(t, fetch(&st, &m, NULL, &e), 0, "132 layers, one of them twice"))
		tap_note("%s", e.text);
	expect_store(t, &st, &m, false);
	tap_u64(t, atomic_load(&m.gets), m.count - 1, "... each was fetched once");
	tap_u64(t, count_entries(&st, "layers/sha256"), 4 * (m.count - 1),
		"... and has a list and a note");
	tap_int(t, layerinfo_read(&st, &m.blobs[130].spec.diffid, &info, &e), 0,
		"... which can be read");
	tap_u64(t, info.unpack.files, 2000, "... with the number of files");
	tap_u64(t, info.unpack.bytes, 10000000, "... and bytes");
	tap_ok(t, digest_equal(&info.blob, &m.blobs[130].spec.blob.digest), "... and the blob");
	tap_int(t, fetch(&st, &m, NULL, &e), 0, "all of it again");
	tap_u64(t, atomic_load(&m.gets), m.count - 1, "... fetches nothing");
	store_close(&st);
	source_fini(&m);
}

/* Names in pax records that are no ASCII: what libarchive loads for them must not need files that
 * the confined thread cannot open. */
static void test_confined_names(struct tap *t)
{
	struct memory_source m;
	struct store st;
	struct tarmake tar = {0};
	struct tarrecords r = {.len = 0};
	struct tarent f = {.type = '0', .name = "f"};
	struct err e;
	char rel[256];

	source_init(&m);
	tarmake_record(&r, "path", "F\xc5\x91tan\xfas", 9);
	tarmake_pax(&tar, 'x', r.data, r.len);
	tarmake_add(&tar, &f, "x", 1);
	struct blob *b = add_blob(&m, &tar);
	make_store(&st);
	if (!tap_int(t, fetch(&st, &m, NULL, &e), 0, "a pax name that is no ASCII"))
		tap_note("%s", e.text);
	snprintf(rel, sizeof(rel), "layers/sha256/%s/F\xc5\x91tan\xfas", b->spec.diffid.hex);
	tap_int(t, faccessat(st.fd, rel, F_OK, 0), 0, "... is there as it was");
	store_close(&st);
	source_fini(&m);
}

static void test_bad(struct tap *t)
{
	struct memory_source m;
	struct blob *b;

	source_init(&m);
	b = add_layer(&m, 1, 50, 5000);
	struct digest right = b->spec.diffid;
	b->spec.diffid.hex[0] ^= 1;
	expect_refused(t, "a wrong DiffID", &m, NULL, ERR_VERIFY, "digest mismatch: uncompressed");
	b->spec.diffid = right;

	right = b->spec.blob.digest;
	b->data[b->len / 2] ^= 0x20;
	expect_refused(t, "a flipped bit", &m, NULL, ERR_VERIFY, "digest mismatch: the blob");
	digest_of(b->data, b->len, &b->spec.blob.digest);
	expect_refused(t, "broken gzip data of the right digest", &m, NULL, ERR_VERIFY,
		       "broken gzip");
	b->data[b->len / 2] ^= 0x20;
	b->spec.blob.digest = right;

	b->len -= 20;
	b->spec.blob.size_bytes -= 20;
	digest_of(b->data, b->len, &b->spec.blob.digest);
	expect_refused(t, "cut gzip data of the right digest", &m, NULL, ERR_VERIFY, "cut short");
	b->spec.blob.size_bytes += 20;
	expect_refused(t, "a blob that ends early", &m, NULL, ERR_VERIFY, "ends after");
	b->spec.blob.size_bytes -= 50;
	expect_refused(t, "a blob that goes on", &m, NULL, ERR_VERIFY, "larger than");
	b->spec.blob.size_bytes += 30;
	m.fail_at = 0;
	expect_refused(t, "a broken line", &m, NULL, ERR_NETWORK, "the line broke");
	source_fini(&m);

	source_init(&m);
	struct tarmake tar = {0};
	struct tarent up = {.type = '0', .name = "../up"};
	tarmake_add(&tar, &up, "x", 1);
	add_blob(&m, &tar);
	expect_refused(t, "a hostile name", &m, NULL, ERR_VERIFY, "'..'");
	source_fini(&m);

	source_init(&m);
	add_layer(&m, 1, 50, 5000);
	struct worker_opts o = {.no_sync = true, .limits = {.entries = 49}};
	expect_refused(t, "too many entries", &m, &o, ERR_VERIFY, "more than 49 entries");
	o.limits = (struct unpack_limits){.bytes = 200000};
	expect_refused(t, "too many bytes", &m, &o, ERR_VERIFY, "larger than 200000 bytes");
	o.limits = (struct unpack_limits){0};
	o.image_bytes_max = 200000;
	expect_refused(t, "too large an image", &m, &o, ERR_VERIFY,
		       "makes the image larger than 200000 bytes");
	o.image_bytes_max = 0;
	o.unpack_ns_max = 1;
	expect_refused(t, "what takes too long", &m, &o, ERR_VERIFY, "(max_unpack_time)");
	o.unpack_ns_max = 0;
	source_fini(&m);

	/* 300 MiB of zeros in 300 kB. */
	source_init(&m);
	struct tarent zeros = {.type = '0', .name = "zeros"};
	char *nothing = calloc(1, 300 << 20);
	if (!nothing)
		abort();
	tarmake_add(&tar, &zeros, nothing, 300 << 20);
	free(nothing);
	add_blob(&m, &tar);
	o.limits = (struct unpack_limits){.ratio = 100};
	expect_refused(t, "a bomb", &m, &o, ERR_VERIFY, "100 : 1");
	source_fini(&m);
}

/* One of many fails: what was complete stays, the next try fetches the rest. */
static void test_one_of_many(struct tap *t)
{
	static const struct worker_opts synced;
	struct memory_source m;
	struct store st;
	struct err e;
	unsigned have = 0;

	source_init(&m);
	for (unsigned i = 0; i < 20; i++)
		add_layer(&m, i, 20, 10000 - i * 100);
	m.fail_at = 10;
	make_store(&st);
	tap_int(t, fetch(&st, &m, NULL, &e), -1, "the eleventh of twenty fails");
	tap_int(t, e.kind, ERR_NETWORK, "... its error is the one");
	tap_has(t, e.text, "layer 11 of 20 (sha256:", "... with its name");
	for (size_t i = 0; i < m.count; i++)
		have += commit_has_layer(&st, &m.blobs[i].spec.diffid);
	/* The larger ones came first, and three others were on their way. */
	unsigned larger = 0;
	for (size_t i = 0; i < m.count; i++)
		larger += m.blobs[i].len > m.blobs[10].len;
	tap_ok(t, have + 3 >= larger && have < 20, "... those that were complete stay (%u of %u)",
	       have, larger);
	tap_u64(t, count_entries(&st, "layers/sha256"), 4 * have, "... with their lists and notes");
	tap_u64(t, count_entries(&st, "tmp"), 0, "... nothing is left in tmp/");
	m.fail_at = -1;
	atomic_store(&m.gets, 0);
	tap_int(t, fetch(&st, &m, &synced, &e), 0, "the next try, with a sync");
	tap_u64(t, atomic_load(&m.gets), 20 - have, "... fetches what is missing");
	tap_ok(t, atomic_load(&syncs) > 0, "... and syncs");
	tap_u64(t, atomic_load(&blind_syncs), 0, "... told of all that was written before");
	expect_store(t, &st, &m, false);
	store_close(&st);
	source_fini(&m);
}

struct puller {
	const struct store *st;
	struct memory_source *m;
	const struct worker_opts *opts;
	int rc;
	struct err err;
};

static void *pull_main(void *arg)
{
	struct puller *p = arg;

	p->rc = fetch(p->st, p->m, p->opts, &p->err);
	return NULL;
}

/* Several pulls of the same layers at once, which is several processes to flock(2). */
static void test_together(struct tap *t)
{
	struct memory_source m;
	struct store st;
	struct puller pullers[4];
	pthread_t threads[ARRAY_LEN(pullers)];

	source_init(&m);
	for (unsigned i = 0; i < 30; i++)
		add_layer(&m, i, 30, 3000);
	make_store(&st);
	for (size_t i = 0; i < ARRAY_LEN(pullers); i++) {
		pullers[i] = (struct puller){.st = &st, .m = &m};
		if (pthread_create(&threads[i], NULL, pull_main, &pullers[i]) != 0)
			abort();
	}
	for (size_t i = 0; i < ARRAY_LEN(pullers); i++) {
		pthread_join(threads[i], NULL);
		if (!tap_int(t, pullers[i].rc, 0, "pull %zu of 4 at once", i))
			tap_note("%s", pullers[i].err.text);
	}
	tap_u64(t, atomic_load(&m.gets), m.count, "... each layer was fetched once");
	expect_store(t, &st, &m, false);
	store_close(&st);
	source_fini(&m);
}

/* Two pulls of the same two layers in opposite orders: each has finished the one that the other
 * waits for. */
static void test_crosswise(struct tap *t)
{
	static const struct worker_opts one_by_one = {.downloads = 1, .no_sync = true};
	struct memory_source m[2];
	struct store st;
	struct puller pullers[2];
	pthread_t threads[2];
	pthread_barrier_t meet;

	pthread_barrier_init(&meet, NULL, 2);
	make_store(&st);
	for (unsigned i = 0; i < 2; i++) {
		source_init(&m[i]);
		m[i].meet = &meet;
		add_layer(&m[i], 1 + i, 1, 0);
		add_layer(&m[i], 2 - i, 1, 0);
		/* Of one size they are fetched in this order. */
		tap_u64(t, m[i].blobs[0].len, m[i].blobs[1].len, "layers of one size");
		pullers[i] = (struct puller){.st = &st, .m = &m[i], .opts = &one_by_one};
	}
	for (unsigned i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, pull_main, &pullers[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		tap_int(t, pullers[i].rc, 0, "pull %u of 2 crosswise", i);
		tap_u64(t, atomic_load(&m[i].gets), 1, "... fetched one layer");
	}
	expect_store(t, &st, &m[0], false);
	pthread_barrier_destroy(&meet);
	store_close(&st);
	source_fini(&m[0]);
	source_fini(&m[1]);
}

/* A pull that is killed in the middle; the next one sweeps, but not what a living one holds. */
static void test_killed(struct tap *t)
{
	struct memory_source m;
	struct store st;
	struct err e = {0};
	int pipe_fds[2];

	source_init(&m);
	add_layer(&m, 1, 10, 1000);
	make_store(&st);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		abort();
	fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		close(pipe_fds[1]);
		m.hang_until_fd = pipe_fds[0];
		_exit(fetch(&st, &m, NULL, &e) == 0 ? 0 : 1);
	}
	while (count_entries(&st, "tmp") == 0)
		sched_yield();
	char rel[128];
	snprintf(rel, sizeof(rel), "tmp/layer-%.64s/root", m.blobs[0].spec.diffid.hex);
	while (faccessat(st.fd, rel, F_OK, 0) < 0)
		sched_yield();
	tap_int(t, commit_sweep(&st, &e), 0, "a sweep during a pull");
	tap_u64(t, count_entries(&st, "tmp"), 1, "... leaves its work alone");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	tap_u64(t, count_entries(&st, "tmp"), 1, "a killed pull leaves its work");
	tap_int(t, commit_sweep(&st, &e), 0, "a sweep after it");
	tap_u64(t, count_entries(&st, "tmp"), 0, "... removes it");
	if (mkdirat(st.fd, "tmp/image-1", 0) < 0 || symlinkat("/etc", st.fd, "tmp/link") < 0)
		abort();
	tap_int(t, commit_sweep(&st, &e), 0, "a sweep of other things");
	tap_u64(t, count_entries(&st, "tmp"), 0, "... removes them");
	tap_int(t, fetch(&st, &m, NULL, &e), 0, "the layer can be fetched then");
	expect_store(t, &st, &m, false);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	store_close(&st);
	source_fini(&m);
}

/* A store on a file system that is too small. */
static void test_disk_full(struct tap *t)
{
	struct memory_source m;
	struct store st;
	struct err e = {0};
	char path[PATH_MAX];

	if (geteuid() != 0) {
		tap_skip(t, "a full disk needs root to mount one");
		return;
	}
	snprintf(path, sizeof(path), "%s/small", base);
	if (mkdir(path, 0755) < 0 || mount("tmpfs", path, "tmpfs", 0, "size=2m,mode=755") < 0)
		abort();
	snprintf(path, sizeof(path), "%s/small/store", base);
	if (store_create(path, &st, &e) < 0)
		abort();
	source_init(&m);
	add_layer(&m, 1, 40, 100000);
	if (!tap_int(t, fetch(&st, &m, NULL, &e), -1, "a disk that is full in the middle") ||
	    !tap_int(t, e.kind, ERR_DISK, "... is reported as that"))
		tap_note("%s", e.text);
	tap_has(t, e.text, "no space left on device", "... saying so");
	expect_store(t, &st, &m, true);
	store_close(&st);
	source_fini(&m);
	snprintf(path, sizeof(path), "%s/small", base);
	if (umount2(path, MNT_DETACH) < 0)
		abort();
}

static void test_commit(struct tap *t)
{
	struct memory_source m;
	struct store st;
	struct err e = {0};
	struct tarmake tar = {0};
	struct tarent opaque = {.type = '0', .name = ".wh..wh..opq"};
	struct imgdesc d = {0};
	struct imgdesc back;
	struct digest found;

	source_init(&m);
	for (unsigned i = 0; i < 3; i++)
		add_layer(&m, i, 1, 10);
	tarmake_add(&tar, &opaque, NULL, 0);
	add_blob(&m, &tar);
	make_store(&st);
	tap_int(t, fetch(&st, &m, NULL, &e), 0, "four layers, the last with an opaque root");
	struct digest l[6];
	const int orders[][6] = {{0, 1, 2, -1}, {0, 1, 0, 2, -1}, {0, 3, 1, 2, -1},
				 {0, 1, 3, -1}, {3, 0, 1, -1},	  {3, 0, 3, 1, 1, -1}};
	const char *const want[] = {"012", "102", "312", "3", "301", "31"};
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		size_t n = 0;
		char got[8] = "";
		for (; orders[i][n] >= 0; n++)
			l[n] = m.blobs[orders[i][n]].spec.diffid;
		tap_int(t, commit_visible_layers(&st, l, &n, &e), 0, "layers that can be seen");
		for (size_t k = 0; k < n; k++) {
			for (int b = 0; b < 4; b++) {
				if (digest_equal(&l[k], &m.blobs[b].spec.diffid))
					got[k] = (char)('0' + b);
			}
		}
		tap_str(t, got, want[i], "... are these");
	}

	digest_of("manifest", 8, &d.digest);
	d.layer_count = 1;
	d.layers = &m.blobs[0].spec.diffid;
	tap_ok(t, !commit_has_image(&st, &d.digest), "an image that is not there");
	const struct commit_texts texts = {"manifest", "config", 8, 6};
	if (!tap_int(t, commit_image(&st, &d, d.layers, 1, &texts, false, &e), 0, "... is made"))
		tap_note("%s", e.text);
	tap_ok(t, commit_has_image(&st, &d.digest), "... and there");
	tap_int(t, commit_image(&st, &d, d.layers, 1, &texts, false, &e), 0, "... and made again");
	tap_u64(t, count_entries(&st, "tmp"), 0, "... nothing is left in tmp/");
	if (tap_int(t, store_read_image(&st, &d.digest, &back, NULL, &e), 0, "... and can be read"))
		imgdesc_fini(&back);
	struct digest missing;
	digest_of("missing", 7, &missing);
	d.layers = &missing;
	digest_of("other", 5, &d.digest);
	tap_int(t, commit_image(&st, &d, d.layers, 1, &texts, false, &e), -1,
		"an image without its layer");

	struct ref ref;
	static const char *const names[] = {"a/b:c", "a:b", "a:c", "example.org:5000/x/y/z"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char text[16];
		struct digest to;
		digest_of(text, (size_t)snprintf(text, sizeof(text), "%zu", i), &to);
		if (ref_parse(names[i], &ref, &e) < 0)
			abort();
		if (!tap_int(t, commit_ref(&st, &ref, &to, false, &e), 0, "name '%s'", names[i]))
			tap_note("%s", e.text);
		tap_int(t, commit_ref(&st, &ref, &to, true, &e), 0, "... again");
		tap_ok(t, store_resolve(&st, &ref, &found, &e) == 0 && digest_equal(&found, &to),
		       "... it can be found");
	}
	tap_u64(t, count_entries(&st, "tmp"), 0, "... nothing is left in tmp/");
	store_close(&st);
	source_fini(&m);
}

static void test_note(struct tap *t)
{
	struct layer_info info = {.blob_bytes = UINT64_MAX,
				  .unpack = {.files = 7, .opaque_root = true}};
	struct layer_info back;
	struct err e = {0};
	char text[LAYERINFO_BYTES_MAX], copy[LAYERINFO_BYTES_MAX];
	unsigned refused = 0, tried = 0;

	digest_of("a", 1, &info.diffid);
	digest_of("b", 1, &info.blob);
	ssize_t len = layerinfo_format(&info, text, sizeof(text), &e);
	tap_ok(t, len > 0, "a note can be written");
	if (len <= 0)
		return;
	memcpy(copy, text, sizeof(copy));
	tap_int(t, layerinfo_parse("note", copy, (size_t)len, &back, &e), 0, "... and read");
	tap_ok(t,
	       back.blob_bytes == UINT64_MAX && back.unpack.files == 7 && back.unpack.opaque_root &&
		       !back.unpack.owners_kept && digest_equal(&back.blob, &info.blob),
	       "... and is the same");
	for (ssize_t i = 0; i < len; i++) {
		memcpy(copy, text, sizeof(copy));
		copy[i] = '\0';
		tried += 2;
		refused += layerinfo_parse("note", copy, (size_t)i, &back, &e) < 0;
		memcpy(copy, text, sizeof(copy));
		copy[i] = copy[i] == '\n' ? ' ' : '\n';
		refused += layerinfo_parse("note", copy, (size_t)len, &back, &e) < 0;
	}
	tap_u64(t, refused, tried, "a note cut or broken anywhere is refused");
	tap_int(t, e.kind, ERR_VERIFY, "... as bad data");
}

int main(void)
{
	struct tap t = {0};
	const char *tmp = getenv("TMPDIR");
	struct err e = {0};

	/* Below a directory that root alone can change, as store_create asks of root. */
	snprintf(base, sizeof(base), "%s/test_worker.XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
	if (!mkdtemp(base))
		abort();
	test_good(&t);
	test_confined_names(&t);
	test_bad(&t);
	test_one_of_many(&t);
	test_together(&t);
	test_crosswise(&t);
	test_killed(&t);
	test_disk_full(&t);
	test_commit(&t);
	test_note(&t);

	char *slash = strrchr(base, '/');
	*slash = '\0';
	auto_fd fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || path_remove_tree(fd, slash + 1, &e) < 0)
		tap_note("left behind: %s/%s: %s", base, slash + 1, e.text);
	return tap_done(&t);
}
