/* SPDX-License-Identifier: MIT */
/* The files of images on this machine: a directory, or a tar archive that is read where it lies. */
#include "imgfetch/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/confine.h"
#include "imgfetch/inflate.h"
#include "imgfetch/tarindex.h"
#include "imgfetch/tmpdir.h"

#define CHUNK_BYTES ((size_t)128 * 1024)
/* What an archive may be larger than the files of its image: headers of tar, and documents. */
#define SPOOL_BYTES_MORE (UINT64_C(64) << 20)
/* As for a layer. */
#define SPOOL_RATIO_FROM (UINT64_C(256) << 20)

struct bundle {
	int fd;			/* of the directory (O_PATH), or of the tar file */
	struct tarindex *index; /* NULL: a directory */
	unsigned owners;
	char shown[264];
};

static struct bundle *new_bundle(const char *path, struct err *e)
{
	struct bundle *b = calloc(1, sizeof(*b));

	if (!b) {
		err_sys(e, ERR_SYSTEM, "open '%s'", text_quote(path).s);
		return NULL;
	}
	b->fd = -1;
	b->owners = 1;
	memcpy(b->shown, text_quote(path).s, sizeof(b->shown));
	return b;
}

void bundle_free(struct bundle *b)
{
	if (!b || --b->owners > 0)
		return;
	tarindex_free(b->index);
	cleanup_fd(&b->fd);
	free(b);
}

struct bundle *bundle_share(struct bundle *b)
{
	b->owners++;
	return b;
}

const char *bundle_shown(const struct bundle *b)
{
	return b->shown;
}

struct bundle *bundle_open_dir(const char *path, struct err *e)
{
	struct bundle *b = new_bundle(path, e);

	if (!b)
		return NULL;
	b->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->fd < 0) {
		err_sys(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_SYSTEM,
			"open image layout '%s'", b->shown);
		bundle_free(b);
		return NULL;
	}
	return b;
}

/* --- archives ------------------------------------------------------------------------------ */

static ssize_t read_some(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Inflating what a stranger has compressed, in a thread of its own. */
struct spool {
	int from, to;
	const struct limits *limits;
	unsigned char in[CHUNK_BYTES], out[CHUNK_BYTES];
	int rc;
	struct err err;
};

static ssize_t fill(void *arg, const void **data, struct err *e)
{
	struct spool *s = arg;
	ssize_t n = read_some(s->from, s->in, sizeof(s->in));

	if (n < 0)
		return err_sys(e, ERR_SYSTEM, "read it");
	*data = s->in;
	return n;
}

static int spool_all(struct spool *s, struct err *e)
{
	const uint64_t bytes_max = s->limits->image_bytes;
	const struct inflate_limits limits = {
		.bytes = UINT64_MAX, /* looked after here, under its own name */
		.ratio = s->limits->ratio,
		.ratio_from_bytes = SPOOL_RATIO_FROM,
	};
	uint64_t bytes = 0;

	if (confine_thread(-1, e) < 0)
		return -1;
	auto_inflate in = inflate_new(fill, s, &limits, INFLATE_AUTO, e);
	if (!in)
		return -1;
	for (;;) {
		ssize_t n = inflate_read(in, s->out, sizeof(s->out), e);

		if (n <= 0)
			return (int)n;
		bytes += (uint64_t)n;
		if (bytes > bytes_max && bytes - bytes_max > SPOOL_BYTES_MORE)
			return err_set(e, ERR_VERIFY,
				       "larger when uncompressed than an image of %llu bytes "
				       "(max_image_size)",
				       (unsigned long long)bytes_max);
		if (fdio_write_all(s->to, s->out, (size_t)n) < 0)
			return err_sys(e, ERR_DISK, "write it to the store, uncompressed");
	}
}

static void *spool_main(void *arg)
{
	struct spool *s = arg;

	s->rc = spool_all(s, &s->err);
	return NULL;
}

/* A file without a name, which no kill and no crash leaves behind. */
static int open_nameless(const struct store *st, struct err *e)
{
	struct tmpdir t = TMPDIR_NONE;
	struct err ignored;

	if (tmpdir_new(st, "archive", &t, e) < 0)
		return -1;
	auto_fd fd = openat(t.fd, "tar", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		err_sys(e, ERR_DISK, "make a file in the store '%s'", text_quote(st->path).s);
	(void)tmpdir_remove(&t, &ignored); /* what cannot be removed now is swept later */
	return take_fd(&fd);
}

/* Replace *fd by a file that has its contents, uncompressed. */
static int spool_to_store(const struct store *st, const struct limits *limits, int *fd,
			  struct err *e)
{
	auto_free struct spool *s = calloc(1, sizeof(*s));
	auto_fd to = open_nameless(st, e);
	pthread_t thread;
	int r;

	if (to < 0)
		return -1;
	if (!s)
		return err_sys(e, ERR_SYSTEM, "uncompress it");
	s->from = *fd;
	s->to = to;
	s->limits = limits;
	r = pthread_create(&thread, NULL, spool_main, s);
	if (r != 0) {
		errno = r;
		return err_sys(e, ERR_SYSTEM, "start a thread");
	}
	pthread_join(thread, NULL);
	if (s->rc < 0) {
		*e = s->err;
		return -1;
	}
	cleanup_fd(fd);
	*fd = take_fd(&to);
	return 0;
}

static bool is_compressed(int fd)
{
	unsigned char head[INFLATE_HEAD_BYTES];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	return n > 0 && inflate_is_packed(head, (size_t)n);
}

static int read_at(int fd, uint64_t offset, void *buf, size_t len)
{
	char *p = buf;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = 0;
			return -1;
		}
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_header(void *arg, uint64_t offset, void *buf, size_t len, struct err *e)
{
	const struct bundle *b = arg;

	if (read_at(b->fd, offset, buf, len) == 0)
		return 0;
	return errno ? err_sys(e, ERR_SYSTEM, "read it")
		     : err_set(e, ERR_VERIFY, "it became shorter while it was read");
}

static int open_archive(const struct store *st, const char *path, const struct limits *limits,
			struct bundle *b, struct err *e)
{
	struct stat sb;

	b->fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (b->fd < 0)
		return err_sys(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_SYSTEM,
			       "open it");
	if (fstat(b->fd, &sb) < 0)
		return err_sys(e, ERR_SYSTEM, "look at it");
	if (S_ISDIR(sb.st_mode))
		return err_set(e, ERR_VERIFY, "it is a directory: 'oci:' is for those");
	if (!S_ISREG(sb.st_mode) && !S_ISFIFO(sb.st_mode))
		return err_set(e, ERR_VERIFY, "it is no file");
	if ((S_ISFIFO(sb.st_mode) || is_compressed(b->fd)) &&
	    spool_to_store(st, limits, &b->fd, e) < 0)
		return -1;
	if (fstat(b->fd, &sb) < 0)
		return err_sys(e, ERR_SYSTEM, "look at it");
	b->index = tarindex_new(read_header, b, (uint64_t)sb.st_size, e);
	return b->index ? 0 : -1;
}

struct bundle *bundle_open_archive(const struct store *st, const char *path,
				   const struct limits *limits, struct err *e)
{
	struct bundle *b = new_bundle(path, e);

	if (b && open_archive(st, path, limits, b, e) < 0) {
		err_wrap(e, "archive '%s'", b->shown);
		bundle_free(b);
		return NULL;
	}
	return b;
}

/* --- files --------------------------------------------------------------------------------- */

static int open_in_dir(const struct bundle *b, const char *name, struct bundle_file *out,
		       struct err *e)
{
	struct stat st;
	auto_fd fd = path_open_beneath(b->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0 && (errno == ELOOP || errno == EXDEV))
		return err_set(e, ERR_VERIFY, "'%s' in the image layout '%s' is a link: refused",
			       text_quote(name).s, b->shown);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM,
			       "open '%s' in the image layout '%s'", text_quote(name).s, b->shown);
	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' in '%s'", text_quote(name).s, b->shown);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_VERIFY, "'%s' in the image layout '%s' is no regular file",
			       text_quote(name).s, b->shown);
	*out = (struct bundle_file){.fd = take_fd(&fd), .size_bytes = (uint64_t)st.st_size};
	return 0;
}

int bundle_open_file(const struct bundle *b, const char *name, struct bundle_file *out,
		     struct err *e)
{
	struct bundle_file f = {.fd = b->fd, .borrowed = true};
	int r;

	if (!b->index)
		return open_in_dir(b, name, out, e);
	r = tarindex_find(b->index, name, &f.offset, &f.size_bytes, e);
	if (r < 0)
		return err_wrap(e, "archive '%s'", b->shown);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "there is no '%s' in the archive '%s'",
			       text_quote(name).s, b->shown);
	*out = f;
	return 0;
}

void bundle_file_close(struct bundle_file *f)
{
	if (!f->borrowed)
		cleanup_fd(&f->fd);
	*f = BUNDLE_FILE_NONE;
}

int bundle_read_file(const struct bundle *b, const struct bundle_file *f, const char *name,
		     blob_sink sink, void *arg, struct err *e)
{
	auto_free char *buf = malloc(CHUNK_BYTES);
	uint64_t done = 0;

	if (!buf)
		return err_sys(e, ERR_SYSTEM, "read '%s'", text_quote(name).s);
	while (done < f->size_bytes) {
		size_t n = (size_t)MIN(CHUNK_BYTES, f->size_bytes - done);

		if (read_at(f->fd, f->offset + done, buf, n) < 0)
			return errno ? err_sys(e, ERR_SYSTEM, "read '%s' in '%s'",
					       text_quote(name).s, b->shown)
				     : err_set(e, ERR_VERIFY, "'%s' in '%s' became shorter",
					       text_quote(name).s, b->shown);
		if (sink(arg, buf, n, e) < 0)
			return -1;
		done += n;
	}
	return 0;
}

int bundle_read_document(const struct bundle *b, const char *name, struct membuf *out,
			 struct err *e)
{
	auto_bundle_file f = BUNDLE_FILE_NONE;

	if (bundle_open_file(b, name, &f, e) < 0)
		return -1;
	if (bundle_read_file(b, &f, name, membuf_add, out, e) < 0)
		return err_wrap(e, "'%s' in '%s'", text_quote(name).s, b->shown);
	if (out->len == 0)
		return err_set(e, ERR_VERIFY, "'%s' in '%s' is empty", text_quote(name).s,
			       b->shown);
	return 0;
}
