/* SPDX-License-Identifier: MIT */
/* Images and references enter the store: written in tmp/, on disk, renamed. */
#include "imgfetch/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/fixup.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/partial.h"
#include "imgfetch/tmpdir.h"

#define STORE_NAME_MAX 128 /* "images/sha256/" + hex and the like */

static bool has(const struct store *st, const char *kind, const struct digest *d)
{
	char rel[STORE_NAME_MAX];

	return text_format(rel, sizeof(rel), "%s/sha256/%s", kind, d->hex) == 0 &&
	       faccessat(st->fd, rel, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool commit_has_layer(const struct store *st, const struct digest *diffid)
{
	return has(st, "layers", diffid);
}

bool commit_has_image(const struct store *st, const struct digest *manifest)
{
	return has(st, "images", manifest);
}

int commit_sweep(const struct store *st, struct err *e)
{
	if (tmpdir_sweep(st, e) < 0)
		return -1;
	return partial_sweep(st, PARTIAL_KEEP_S, e) < 0 ? -1 : 0;
}

int commit_visible_layers(const struct store *st, struct digest *layers, size_t *count,
			  struct err *e)
{
	size_t from = 0, kept = 0;

	for (size_t i = *count; i-- > 0 && from == 0;) {
		struct layer_info info;
		if (layerinfo_read(st, &layers[i], &info, e) < 0)
			return -1;
		if (info.unpack.opaque_root)
			from = i;
	}
	for (size_t i = from; i < *count; i++) {
		bool again = false;
		for (size_t j = i + 1; j < *count && !again; j++)
			again = digest_equal(&layers[i], &layers[j]);
		if (!again)
			layers[kept++] = layers[i];
	}
	*count = kept;
	return 0;
}

static int disk_error(const struct store *st, const char *what, struct err *e)
{
	return err_sys(e, ERR_DISK, "%s in the store '%s'", what, text_quote(st->path).s);
}

static int write_file(const struct store *st, int dir, const char *name, const void *data,
		      size_t len, bool sync, struct err *e)
{
	auto_fd fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0 || fchmod(fd, 0644) < 0 || fdio_write_all(fd, data, len) < 0 ||
	    (sync && fsync(fd) < 0) || close(take_fd(&fd)) < 0) {
		disk_error(st, "write", e);
		return err_wrap(e, "'%s'", name);
	}
	return 0;
}

/* fsync of a directory of the store: its new names are on disk. */
static int sync_dir(const struct store *st, const char *rel, struct err *e)
{
	auto_fd fd = path_open_beneath(st->fd, rel, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0 || fsync(fd) < 0)
		return disk_error(st, "sync a directory", e);
	return 0;
}

/* What one image is made of. */
struct making {
	const struct store *st;
	const struct imgdesc *desc;
	const struct digest *all;
	size_t all_count;
	const struct commit_texts *texts;
	bool sync;
};

static int fill_image(const struct making *m, int dir, struct err *e)
{
	const struct commit_texts *t = m->texts;
	struct imgdesc d = *m->desc; /* borrows */
	auto_free char *text = NULL;
	size_t len;

	d.fixup = false;
	if (fixup_make(m->st, m->all, m->all_count, d.layers, d.layer_count, dir, &d.fixup, e) < 0)
		return -1;
	if (imgdesc_format(&d, &text, &len, e) < 0)
		return -1;
	if (write_file(m->st, dir, "descriptor", text, len, m->sync, e) < 0 ||
	    write_file(m->st, dir, "manifest.json", t->manifest, t->manifest_len, m->sync, e) < 0 ||
	    write_file(m->st, dir, "config.json", t->config, t->config_len, m->sync, e) < 0)
		return -1;
	/* A fix-up may have many directories and links: one call for all of them. */
	if (m->sync && (d.fixup ? syncfs(dir) : fsync(dir)) < 0)
		return disk_error(m->st, "sync an image", e);
	return 0;
}

static int make_image(const struct making *m, struct tmpdir *t, struct err *e)
{
	const struct store *st = m->st;
	char final[STORE_NAME_MAX];
	mode_t mode = st->owner == 0 ? 0755 : 0700;

	if (text_format(final, sizeof(final), "images/sha256/%s", m->desc->digest.hex) < 0)
		return err_sys(e, ERR_BUG, "name an image");
	if (mkdirat(t->fd, "image", 0700) < 0)
		return disk_error(st, "make an image", e);
	auto_fd dir = openat(t->fd, "image", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, mode) < 0)
		return disk_error(st, "make an image", e);
	if (fill_image(m, dir, e) < 0)
		return -1;
	/* The image's layers were renamed into place: those names first. */
	if (m->sync && sync_dir(st, "layers/sha256", e) < 0)
		return -1;
	if (renameat(t->fd, "image", st->fd, final) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return disk_error(st, "rename an image", e);
	return m->sync ? sync_dir(st, "images/sha256", e) : 0;
}

int commit_image(const struct store *st, const struct imgdesc *d, const struct digest *all,
		 size_t all_count, const struct commit_texts *texts, bool no_sync, struct err *e)
{
	const struct making m = {.st = st,
				 .desc = d,
				 .all = all,
				 .all_count = all_count,
				 .texts = texts,
				 .sync = !no_sync};
	struct tmpdir t = TMPDIR_NONE;
	struct err ignored = {0};

	if (commit_has_image(st, &d->digest))
		return 0;
	for (size_t i = 0; i < all_count; i++) {
		if (!commit_has_layer(st, &all[i]))
			return err_set(e, ERR_BUG, "layer %s is not in the store",
				       digest_text(&all[i]).s);
	}
	if (tmpdir_new(st, "image", &t, e) < 0)
		return -1;
	int r = make_image(&m, &t, e);
	/* What cannot be removed now is swept later. */
	tmpdir_remove(&t, &ignored);
	return r;
}

/* Make the directories of rel (below refs/) and open the last one. */
static int open_ref_dir(const struct store *st, const char *rel, struct err *e)
{
	mode_t mode = st->owner == 0 ? 0755 : 0700;
	char name[sizeof(((struct store_ref_path *)0)->s)];
	auto_fd dir = -1;

	for (const char *slash; (slash = strchr(rel, '/')); rel = slash + 1) {
		memcpy(name, rel, (size_t)(slash - rel));
		name[slash - rel] = '\0';
		int parent = dir < 0 ? st->fd : dir;
		/* The umask has no say in who may read a store. */
		if (mkdirat(parent, name, mode) == 0 && fchmodat(parent, name, mode, 0) < 0)
			return disk_error(st, "set the mode of a directory", e);
		int next = path_open_beneath(parent, name, O_PATH | O_DIRECTORY, 0);
		if (next < 0)
			return disk_error(st, "make the directory of a reference", e);
		cleanup_fd(&dir);
		dir = next;
	}
	return take_fd(&dir);
}

static int replace_ref(const struct store *st, struct tmpdir *t, const char *rel,
		       const struct digest *manifest, bool sync, struct err *e)
{
	const char *base = strrchr(rel, '/') + 1;
	char line[DIGEST_TEXT_LEN + 2];
	int r = -1;

	if (text_format(line, sizeof(line), "%s\n", digest_text(manifest).s) < 0)
		return err_sys(e, ERR_BUG, "format a digest");
	if (write_file(st, t->fd, "ref", line, strlen(line), sync, e) < 0)
		return -1;
	/* `imgfetch rm` takes empty directories away, perhaps just those that we made. */
	for (int tries = 0; tries < 8 && r < 0; tries++) {
		auto_fd dir = open_ref_dir(st, rel, e);
		if (dir < 0)
			return -1;
		r = renameat(t->fd, "ref", dir, base);
		if (r < 0 && errno != ENOENT)
			break;
		if (r == 0 && sync) {
			auto_fd readable = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (readable < 0 || fsync(readable) < 0)
				return disk_error(st, "sync a reference", e);
		}
	}
	return r < 0 ? disk_error(st, "rename a reference", e) : 0;
}

static int write_ref(const struct store *st, struct tmpdir *t, const struct ref *ref,
		     bool by_digest, const struct digest *manifest, bool sync, struct err *e)
{
	struct ref one = *ref;
	struct store_ref_path path;

	one.has_digest = by_digest;
	if (store_ref_path(&one, &path, e) < 0)
		return -1;
	return replace_ref(st, t, path.s, manifest, sync, e);
}

int commit_ref(const struct store *st, const struct ref *ref, const struct digest *manifest,
	       bool no_sync, struct err *e)
{
	struct tmpdir t = TMPDIR_NONE;
	struct err ignored = {0};
	bool tag = ref->tag[0] != '\0';
	/* An image's own digest finds it without a note; only a name must not be left without. */
	bool digest = ref->has_digest && (!tag || !digest_equal(&ref->digest, manifest));
	int r = 0;

	if (tmpdir_new(st, "ref", &t, e) < 0)
		return -1;
	if (tag)
		r = write_ref(st, &t, ref, false, manifest, !no_sync, e);
	if (r == 0 && digest)
		r = write_ref(st, &t, ref, true, manifest, !no_sync, e);
	tmpdir_remove(&t, &ignored); /* as above */
	return r;
}
