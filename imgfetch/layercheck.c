/* SPDX-License-Identifier: MIT */
/* The list is read into a tree, the tree is held against the disk. */
#include "imgfetch/layercheck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/filehash.h"
#include "imgfetch/filetree.h"
#include "imgfetch/inflate.h"
#include "imgfetch/layerinfo.h"
#include "imgfetch/sha256.h"
#include "imgfetch/treewalk.h"
#include "imgfetch/whiteout.h"

#define LIST_BYTES_MAX (UINT64_C(64) << 30)
#define BUFFER_BYTES   (256 << 10)

const char *const layercheck_change_names[CHANGE_COUNT] = {
	[CHANGE_TYPE] = "type",	    [CHANGE_CONTENTS] = "contents", [CHANGE_SIZE] = "size",
	[CHANGE_TARGET] = "target", [CHANGE_MODE] = "mode",	    [CHANGE_OWNER] = "owner",
	[CHANGE_MTIME] = "mtime",   [CHANGE_XATTRS] = "xattrs",	    [CHANGE_LINKS] = "links",
};

struct check {
	const struct store *st;
	const struct digest *diffid;
	layercheck_report report;
	void *arg;
	struct layercheck_result r;
	struct filetree *tree;
	struct filehash *hash;
	char *buffer; /* BUFFER_BYTES */
};

static int tell(struct check *c, const struct layercheck_problem *p, struct err *e)
{
	c->r.problems++;
	return c->report(c->arg, p, e);
}

/* The layer cannot be checked, and is not what it should be. */
static int tell_unusable(struct check *c, const struct err *why, struct err *e)
{
	const struct layercheck_problem p = {.what = "unusable", .details = why->text};

	return tell(c, &p, e);
}

/* --- the list ------------------------------------------------------------------------------ */

struct list_reader {
	int fd;
	struct sha256 *sha;
	char *buffer; /* of the file; BUFFER_BYTES */
	char *line;   /* FILELIST_LINE_MAX + 1 */
	size_t len;
	uint64_t lines;
	bool ended;
};

static ssize_t fill(void *arg, const void **data, struct err *e)
{
	struct list_reader *r = arg;
	ssize_t n;

	do {
		n = read(r->fd, r->buffer, BUFFER_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, ERR_VERIFY, "read the list of files");
	if (n > 0 && sha256_update(r->sha, r->buffer, (size_t)n, e) < 0)
		return -1;
	*data = r->buffer;
	return n;
}

static int take_line(struct list_reader *r, struct filetree *tree, struct err *e)
{
	char end[32];
	struct file_entry f;

	if (r->ended)
		return err_set(e, ERR_VERIFY, "lines after the end");
	if (text_format(end, sizeof(end), "end %llu", (unsigned long long)r->lines) < 0)
		return err_sys(e, ERR_BUG, "count lines");
	r->ended = strcmp(r->line, end) == 0;
	if (r->ended)
		return 0;
	if (r->lines++ == 0)
		return strcmp(r->line, FILELIST_FIRST_LINE) == 0
			       ? 0
			       : err_set(e, ERR_VERIFY, "not '" FILELIST_FIRST_LINE "'");
	if (filelist_parse(r->line, &f, e) < 0)
		return -1;
	return filetree_add(tree, &f, e);
}

static int take_text(struct list_reader *r, struct filetree *tree, const char *text, size_t len,
		     struct err *e)
{
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		if (n > FILELIST_LINE_MAX - r->len || memchr(text, '\0', n))
			return err_set(e, ERR_VERIFY, "a line that is too long, or has a NUL byte");
		memcpy(r->line + r->len, text, n);
		r->len += n;
		r->line[r->len] = '\0';
		if (!nl)
			return 0;
		if (take_line(r, tree, e) < 0)
			return err_wrap(e, "line %llu", (unsigned long long)r->lines + 1);
		r->len = 0;
		text += n + 1;
		len -= n + 1;
	}
	return 0;
}

static int read_lines(struct list_reader *r, struct filetree *tree, char *text, struct err *e)
{
	const struct inflate_limits limits = {
		.bytes = LIST_BYTES_MAX, .ratio = UINT64_MAX, .ratio_from_bytes = UINT64_MAX};
	auto_inflate in = inflate_new(fill, r, &limits, INFLATE_AUTO, e);
	ssize_t n;

	if (!in)
		return -1;
	while ((n = inflate_read(in, text, BUFFER_BYTES, e)) > 0)
		if (take_text(r, tree, text, (size_t)n, e) < 0)
			return -1;
	if (n < 0)
		return -1;
	if (!r->ended || r->len > 0)
		return err_set(e, ERR_VERIFY, "it is cut off");
	return filetree_end(tree, e);
}

/* Is it the list that the notes name? Read to its end, whatever was wrong before. */
static int check_digest(struct list_reader *r, const struct digest *want, struct err *e)
{
	struct digest got;
	const void *data;
	ssize_t n;

	while ((n = fill(r, &data, e)) > 0)
		;
	if (n < 0 || sha256_final(r->sha, &got, e) < 0)
		return -1;
	return digest_equal(&got, want)
		       ? 0
		       : err_set(e, ERR_VERIFY, "it is not the one that was written: %s",
				 digest_text(&got).s);
}

/* ERR_VERIFY: the list is damaged. */
static int read_list(struct check *c, const struct digest *want, struct err *e)
{
	char path[sizeof("layers/sha256/.files") + DIGEST_HEX_MAX];
	auto_free char *file = malloc(BUFFER_BYTES);
	auto_free char *line = malloc(FILELIST_LINE_MAX + 1);
	auto_sha256 sha = sha256_new(e);
	struct err why = {0};
	int r;

	if (!sha)
		return -1;
	if (!file || !line)
		return err_sys(e, ERR_SYSTEM, "read the list of files");
	if (text_format(path, sizeof(path), "layers/sha256/%s.files", c->diffid->hex) < 0)
		return err_sys(e, ERR_BUG, "name a list of files");
	auto_fd fd = path_open_beneath(c->st->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(e, ERR_VERIFY, "open the list of files");
	struct list_reader reader = {.fd = fd, .sha = sha, .buffer = file, .line = line};
	r = read_lines(&reader, c->tree, c->buffer, &why);
	if (r < 0 && why.kind != ERR_VERIFY) {
		*e = why;
		return -1;
	}
	/* A wrong digest explains everything else. */
	if (check_digest(&reader, want, e) == 0 && r == 0)
		return 0;
	if (e->kind == ERR_NONE)
		*e = why;
	return err_wrap(e, "list of files");
}

/* --- one file ------------------------------------------------------------------------------ */

static enum file_type type_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return FILE_REGULAR;
	case S_IFDIR:
		return FILE_DIR;
	case S_IFLNK:
		return FILE_SYMLINK;
	case S_IFIFO:
		return FILE_FIFO;
	case S_IFCHR:
		return st->st_rdev == 0 ? FILE_WHITEOUT : FILE_LINK;
	default:
		return FILE_LINK; /* which nothing on a disk is */
	}
}

/* What stat(2) tells. */
static unsigned compare_stat(const struct file_entry *want, const struct stat *st)
{
	unsigned changes = 0;

	if (want->type != type_of(st))
		return 1U << CHANGE_TYPE;
	if (want->type == FILE_WHITEOUT)
		return 0;
	if (want->type != FILE_SYMLINK && (st->st_mode & 07777) != want->mode)
		changes |= 1U << CHANGE_MODE;
	if (want->has_owner && (st->st_uid != want->uid || st->st_gid != want->gid))
		changes |= 1U << CHANGE_OWNER;
	if (st->st_mtim.tv_sec != want->mtime_s || (uint32_t)st->st_mtim.tv_nsec != want->mtime_ns)
		changes |= 1U << CHANGE_MTIME;
	if (want->type == FILE_REGULAR && (uint64_t)st->st_size != want->size)
		changes |= 1U << CHANGE_SIZE | 1U << CHANGE_CONTENTS;
	return changes;
}

static unsigned compare_target(const struct file_entry *want, int parent, const char *name)
{
	char target[ENTRY_PATH_MAX];
	ssize_t n = readlinkat(parent, name, target, sizeof(target));
	bool same = n >= 0 && (size_t)n < sizeof(target) && (size_t)n == strlen(want->target) &&
		    memcmp(target, want->target, (size_t)n) == 0;

	return same ? 0 : 1U << CHANGE_TARGET;
}

/* -1 with *e: it cannot be hashed. errno of a failed read in *bad. */
static int hash_range(struct check *c, int fd, off_t from, off_t to, int *bad, struct err *e)
{
	while (from < to && *bad == 0) {
		size_t want = (size_t)MIN((uint64_t)(to - from), (uint64_t)BUFFER_BYTES);
		ssize_t n = pread(fd, c->buffer, want, from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*bad = n < 0 ? errno : EIO; /* somebody cuts it just now */
			break;
		}
		if (filehash_data(c->hash, c->buffer, (size_t)n, e) < 0)
			return -1;
		from += n;
		c->r.bytes += (uint64_t)n;
	}
	return 0;
}

static int hash_file(struct check *c, int fd, off_t size, struct digest *out, int *bad,
		     struct err *e)
{
	off_t at = 0;

	*bad = 0;
	if (filehash_restart(c->hash, e) < 0)
		return -1;
	while (at < size && *bad == 0) {
		off_t data = lseek(fd, at, SEEK_DATA);
		off_t end = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);

		if (data < 0 && errno == ENXIO)
			data = end = size;
		else if (data < 0 || end < 0)
			data = at, end = size; /* a file system that does not tell */
		data = MIN(data, size);
		end = MIN(end, size);
		if (filehash_hole(c->hash, (uint64_t)(data - at), e) < 0 ||
		    hash_range(c, fd, data, end, bad, e) < 0)
			return -1;
		at = end;
	}
	return filehash_end(c->hash, out, e);
}

/* Without a mark on the file where that is allowed: atimes of layers are nobody's business. */
static int open_quietly(int parent, const char *name, int flags)
{
	flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(parent, name, flags | O_NOATIME);

	return fd < 0 && errno == EPERM ? openat(parent, name, flags) : fd;
}

/* What has to be opened for: attributes and contents. *details: why it could not be read. */
static int compare_inside(struct check *c, const struct file_entry *want, int parent,
			  const char *name, const struct stat *st, unsigned *changes,
			  const char **details, struct err *e)
{
	struct digest got;
	auto_fd fd = open_quietly(parent, name, want->type == FILE_DIR ? O_DIRECTORY : 0);
	int bad = 0, any;

	if (fd < 0 && errno == EACCES) {
		c->r.unreadable += want->type != FILE_DIR; /* directories are told by the walk */
		return 0;
	}
	if (fd < 0) {
		*changes |= 1U << CHANGE_CONTENTS;
		*details = err_strerror(errno);
		return 0;
	}
	any = filehash_xattrs(fd, &got, e);
	if (any < 0)
		return -1;
	if ((any > 0) != want->has_xattrs || (any > 0 && !digest_equal(&got, &want->xattrs)))
		*changes |= 1U << CHANGE_XATTRS;
	if (want->type == FILE_DIR || (*changes & (1U << CHANGE_SIZE)))
		return 0;
	if (hash_file(c, fd, st->st_size, &got, &bad, e) < 0)
		return -1;
	if (bad != 0 || !digest_equal(&got, &want->content))
		*changes |= 1U << CHANGE_CONTENTS;
	*details = bad != 0 ? err_strerror(bad) : NULL;
	return 0;
}

/* path: what is there, *st. 1: go on below it. */
static int compare(struct check *c, const char *path, int parent, const char *name,
		   const struct stat *st, struct err *e)
{
	struct filetree_file *f = filetree_look(c->tree, path);
	struct layercheck_problem p = {.path = path, .what = "changed"};

	c->r.entries++;
	if (!f) {
		p.what = "added";
		return tell(c, &p, e);
	}
	if (f->met) {
		if (f->dev == st->st_dev && f->ino == st->st_ino)
			return 0;
		p.changes = 1U << CHANGE_LINKS;
		return tell(c, &p, e);
	}
	f->met = true;
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	p.changes = compare_stat(&f->want, st);
	if (!(p.changes & (1U << CHANGE_TYPE))) {
		if (f->want.type == FILE_SYMLINK)
			p.changes |= compare_target(&f->want, parent, name);
		else if ((f->want.type == FILE_REGULAR || f->want.type == FILE_DIR) &&
			 compare_inside(c, &f->want, parent, name, st, &p.changes, &p.details, e) <
				 0)
			return -1;
	}
	if (p.changes && tell(c, &p, e) < 0)
		return -1;
	return !(p.changes & (1U << CHANGE_TYPE));
}

/* --- the whole ----------------------------------------------------------------------------- */

static int on_entry(void *arg, const struct treewalk_entry *w, struct err *e)
{
	return compare(arg, w->path, w->parent, w->name, &w->st, e);
}

static int on_closed(void *arg, const char *path, struct err *e UNUSED)
{
	struct check *c = arg;

	filetree_close_dir(c->tree, path);
	c->r.unreadable++;
	return 0;
}

static int on_missing(void *arg, const char *path, struct err *e)
{
	const struct layercheck_problem p = {.path = path, .what = "missing"};

	return tell(arg, &p, e);
}

static int check_tree(struct check *c, struct err *e)
{
	static const struct treewalk_ops ops = {on_entry, on_closed};
	auto_fd dir = store_open_layer_dir(c->st, e);
	struct err why = {0};
	struct stat st;

	if (dir < 0)
		return -1;
	auto_fd fd = store_open_layer(c->st, dir, c->diffid, &why);
	if (fd < 0)
		return tell_unusable(c, &why, e);
	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at layer %s", digest_text(c->diffid).s);
	if (compare(c, "", fd, ".", &st, e) < 0 || treewalk(fd, &ops, c, e) < 0)
		return -1;
	return filetree_missing(c->tree, on_missing, c, e);
}

static int run(struct check *c, struct err *e)
{
	struct layer_info info;
	struct err why = {0};

	c->buffer = malloc(BUFFER_BYTES);
	if (!c->buffer)
		return err_sys(e, ERR_SYSTEM, "check a layer");
	c->tree = filetree_new(e);
	c->hash = c->tree ? filehash_new(e) : NULL;
	if (!c->hash)
		return -1;
	if (layerinfo_read(c->st, c->diffid, &info, &why) < 0)
		return why.kind == ERR_VERIFY || why.kind == ERR_NOTFOUND
			       ? tell_unusable(c, &why, e)
			       : (*e = why, -1);
	if (!info.has_files)
		return 0;
	if (read_list(c, &info.files, &why) < 0)
		return why.kind == ERR_VERIFY ? tell_unusable(c, &why, e) : (*e = why, -1);
	c->r.listed = true;
	return check_tree(c, e);
}

int layercheck_run(const struct store *st, const struct digest *diffid, layercheck_report report,
		   void *arg, struct layercheck_result *out, struct err *e)
{
	struct check c = {.st = st, .diffid = diffid, .report = report, .arg = arg};
	int r = run(&c, e);

	filetree_free(c.tree);
	filehash_free(c.hash);
	free(c.buffer);
	if (r == 0)
		*out = c.r;
	return r < 0 ? -1 : 0;
}
