/* SPDX-License-Identifier: MIT */
/* An OCI image layout (a directory) as a source. */
#include "imgfetch/layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/json.h"
#include "imgfetch/manifest.h"
#include "imgfetch/membuf.h"

#define CHUNK_BYTES ((size_t)128 * 1024)

struct layout {
	struct source source; /* first: this is a source */
	int dirfd;
	struct platform want;
	char shown[264]; /* the directory, for messages */
};

static struct layout *of(struct source *src)
{
	return (struct layout *)(void *)src;
}

/* Open a regular file beneath the layout: no link, fifo or device can stand in for it. */
static int open_file(const struct layout *l, const char *name, uint64_t *size_bytes, struct err *e)
{
	struct stat st;
	auto_fd fd = path_open_beneath(l->dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0 && (errno == ELOOP || errno == EXDEV))
		return err_set(e, ERR_VERIFY, "'%s' in the image layout '%s' is a link: refused",
			       name, l->shown);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM,
			       "open '%s' in the image layout '%s'", name, l->shown);
	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' in '%s'", name, l->shown);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_VERIFY, "'%s' in the image layout '%s' is no regular file",
			       name, l->shown);
	*size_bytes = (uint64_t)st.st_size;
	return take_fd(&fd);
}

static int read_into(int fd, const char *name, blob_sink sink, void *arg, uint64_t *total,
		     struct err *e)
{
	auto_free char *buf = malloc(CHUNK_BYTES);

	if (!buf)
		return err_sys(e, ERR_SYSTEM, "read '%s'", name);
	for (;;) {
		ssize_t n = read(fd, buf, CHUNK_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, ERR_SYSTEM, "read '%s' in the image layout", name);
		if (n == 0)
			return 0;
		*total += (uint64_t)n;
		if (sink(arg, buf, (size_t)n, e) < 0)
			return -1;
	}
}

static int read_document(const struct layout *l, const char *name, struct membuf *out,
			 struct err *e)
{
	uint64_t size = 0, total = 0;
	auto_fd fd = open_file(l, name, &size, e);

	if (fd < 0)
		return -1;
	out->len_max = MANIFEST_BYTES_MAX;
	if (read_into(fd, name, membuf_add, out, &total, e) < 0)
		return err_wrap(e, "'%s' in the image layout '%s'", name, l->shown);
	if (out->len == 0)
		return err_set(e, ERR_VERIFY, "'%s' in the image layout '%s' is empty", name,
			       l->shown);
	return 0;
}

struct blob_name {
	char s[sizeof("blobs/sha512/") + DIGEST_HEX_MAX];
};

static struct blob_name blob_name(const struct digest *d)
{
	struct blob_name n;
	struct text t = TEXT_OVER(n.s);

	text_addf(&t, "blobs/%s/%s", digest_is_sha512(d) ? "sha512" : "sha256", d->hex);
	return n;
}

static int get_blob(struct source *src, const struct blob_desc *blob, blob_sink sink, void *arg,
		    struct err *e)
{
	struct blob_name name = blob_name(&blob->digest);
	uint64_t size = 0, total = 0;
	auto_fd fd = open_file(of(src), name.s, &size, e);

	if (fd < 0)
		return -1;
	if (size != blob->size_bytes)
		return err_set(e, ERR_VERIFY, "'%s' in '%s' has %llu bytes, but %llu are declared",
			       name.s, of(src)->shown, (unsigned long long)size,
			       (unsigned long long)blob->size_bytes);
	/* Sizes may change under us; the sink's digest would find it, a cut file would not end. */
	if (read_into(fd, name.s, sink, arg, &total, e) < 0)
		return -1;
	if (total != blob->size_bytes)
		return err_set(e, ERR_VERIFY, "'%s' in '%s' changed while it was read", name.s,
			       of(src)->shown);
	return 0;
}

/* The manifest (or index) that the tag names in index.json. */
static int find_tag(const struct layout *l, const struct ref *ref, struct blob_desc *out,
		    struct err *e)
{
	auto_membuf doc = {0};
	struct raw_manifest index = {0};
	struct err why;

	if (read_document(l, "index.json", &doc, e) < 0)
		return -1;
	index.data = doc.data;
	index.len = doc.len;
	if (index_select(&index, &l->want, ref->tag, out, &why) == 0)
		return 0;
	/* No tag was given, and there is no "latest": take the only image, whatever its name. */
	if (!ref->tag_given && why.kind == ERR_NOTFOUND &&
	    index_select(&index, &l->want, NULL, out, &why) == 0)
		return 0;
	*e = why;
	return err_wrap(e, "image layout '%s'", l->shown);
}

static int get_manifest(struct source *src, const struct ref *ref, const struct blob_desc *want,
			struct raw_manifest *out, struct err *e)
{
	struct layout *l = of(src);
	struct blob_desc found = {0};
	auto_membuf doc = {0};

	if (want)
		found = *want;
	else if (find_tag(l, ref, &found, e) < 0)
		return -1;
	if (read_document(l, blob_name(&found.digest).s, &doc, e) < 0)
		return -1;
	if (!want && doc.len != found.size_bytes)
		return err_set(e, ERR_VERIFY,
			       "manifest in '%s' has %zu bytes, but %llu are declared", l->shown,
			       doc.len, (unsigned long long)found.size_bytes);
	out->data = take_ptr(doc.data);
	out->len = doc.len;
	out->digest = found.digest;
	memcpy(out->media_type, found.media_type, sizeof(out->media_type));
	return 0;
}

static int peek(struct source *src, const struct ref *ref, struct digest *out, struct err *e)
{
	struct blob_desc found;

	if (find_tag(of(src), ref, &found, e) < 0)
		return -1;
	*out = found.digest;
	return 1;
}

static void layout_free(struct source *src)
{
	struct layout *l = of(src);

	cleanup_fd(&l->dirfd);
	free(l);
}

static const struct source_ops layout_ops = {
	.get_blob = get_blob,
	.peek = peek,
	.get_manifest = get_manifest,
	.free = layout_free,
};

static int check_version(const struct layout *l, struct err *e)
{
	auto_membuf doc = {0};
	auto_jv root = NULL;
	const char *version = NULL;

	if (read_document(l, "oci-layout", &doc, e) < 0)
		return -1;
	if (jv_parse(doc.data, doc.len, &root, e) < 0)
		return err_wrap(e, "'oci-layout' in '%s'", l->shown);
	if (!jv_is_object(root) ||
	    jv_get_string(root, "imageLayoutVersion", JV_REQUIRED, 64, &version, e) < 0 ||
	    strncmp(version, "1.", 2) != 0)
		return err_set(e, ERR_VERIFY, "'%s' is not an image layout of version 1", l->shown);
	return 0;
}

struct source *layout_open(const struct ref *ref, const struct platform *want, struct err *e)
{
	auto_free struct layout *l = calloc(1, sizeof(*l));

	if (!l) {
		err_sys(e, ERR_SYSTEM, "open image layout");
		return NULL;
	}
	l->source.ops = &layout_ops;
	l->want = *want;
	memcpy(l->shown, text_quote(ref->dir).s, sizeof(l->shown));
	l->dirfd = open(ref->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dirfd < 0) {
		err_sys(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_SYSTEM,
			"open image layout '%s'", l->shown);
		return NULL;
	}
	if (check_version(l, e) < 0) {
		cleanup_fd(&l->dirfd);
		return NULL;
	}
	return &take_ptr(l)->source;
}
