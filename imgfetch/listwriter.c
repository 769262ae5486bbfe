/* SPDX-License-Identifier: MIT */
/* A layer's list of files, compressed and hashed on its way to the disk. */
#include "imgfetch/listwriter.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "imgfetch/compress.h"
#include "imgfetch/filehash.h"
#include "imgfetch/sha256.h"

struct listwriter {
	int fd;
	bool owners;
	uint64_t lines;
	struct sha256 *sha;
	struct compress *zstd;
	char line[FILELIST_LINE_MAX + 1];
};

static int put(void *arg, const void *data, size_t len, struct err *e)
{
	struct listwriter *w = arg;

	if (fdio_write_all(w->fd, data, len) < 0)
		return err_sys(e, ERR_DISK, "write the list of a layer's files");
	return sha256_update(w->sha, data, len, e);
}

static int add_line(struct listwriter *w, const struct text *t, struct err *e)
{
	if (t->full)
		return err_set(e, ERR_BUG, "a line of a list of files does not fit");
	w->lines++;
	return compress_write(w->zstd, t->buf, t->len, e);
}

static int start(struct listwriter *w, struct err *e)
{
	struct text t = TEXT_OVER(w->line);

	w->sha = sha256_new(e);
	if (!w->sha)
		return -1;
	w->zstd = compress_new(put, w, e);
	if (!w->zstd)
		return -1;
	text_add(&t, FILELIST_FIRST_LINE "\n");
	return add_line(w, &t, e);
}

struct listwriter *listwriter_new(int fd, bool owners, struct err *e)
{
	struct listwriter *w = calloc(1, sizeof(*w));

	if (!w) {
		err_sys(e, ERR_SYSTEM, "start a list of files");
		return NULL;
	}
	w->fd = fd;
	w->owners = owners;
	if (start(w, e) < 0) {
		listwriter_free(w);
		return NULL;
	}
	return w;
}

int listwriter_add(struct listwriter *w, const struct file_entry *f, const struct stat *sb,
		   struct err *e)
{
	struct text t = TEXT_OVER(w->line);
	struct file_entry whole = *f;

	if (sb) {
		whole.mode = sb->st_mode & 07777;
		whole.has_owner = w->owners;
		whole.uid = sb->st_uid;
		whole.gid = sb->st_gid;
		whole.mtime_s = sb->st_mtim.tv_sec;
		whole.mtime_ns = (uint32_t)sb->st_mtim.tv_nsec;
		whole.size = (uint64_t)sb->st_size;
	}
	filelist_format(&whole, &t);
	return add_line(w, &t, e);
}

static int look_failed(const char *path, struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "look at '%s'", text_quote(path).s);
}

int listwriter_add_at(struct listwriter *w, int parent, const char *base,
		      const struct file_entry *f, struct err *e)
{
	struct stat sb;

	if (!w)
		return 0;
	if (fstatat(parent, base, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return look_failed(f->path, e);
	return listwriter_add(w, f, &sb, e);
}

int listwriter_hash_dir(struct listwriter *w, int fd, struct file_entry *f, struct err *e)
{
	int r = w ? filehash_xattrs(fd, &f->xattrs, e) : 0;

	if (r < 0)
		return err_wrap(e, "'%s'", text_quote(f->path).s);
	f->has_xattrs = r > 0;
	return 0;
}

int listwriter_add_dir(struct listwriter *w, int fd, const struct file_entry *f, struct err *e)
{
	struct stat sb;

	if (!w)
		return 0;
	if (fstat(fd, &sb) < 0)
		return look_failed(f->path, e);
	return listwriter_add(w, f, &sb, e);
}

int listwriter_add_name(struct listwriter *w, enum file_type type, const char *path,
			const char *target, struct err *e)
{
	const struct file_entry f = {.type = type, .path = path, .target = target};

	return w ? listwriter_add(w, &f, NULL, e) : 0;
}

int listwriter_finish(struct listwriter *w, struct digest *out, struct err *e)
{
	struct text t = TEXT_OVER(w->line);

	text_addf(&t, "end %" PRIu64 "\n", w->lines);
	if (add_line(w, &t, e) < 0 || compress_end(w->zstd, e) < 0)
		return -1;
	return sha256_final(w->sha, out, e);
}

void listwriter_free(struct listwriter *w)
{
	if (!w)
		return;
	compress_free(w->zstd);
	sha256_free(w->sha);
	free(w);
}
