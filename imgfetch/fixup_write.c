/* SPDX-License-Identifier: MIT */
/* What a fix-up layer has to have, and the making of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/alike.h"
#include "imgfetch/fixup_impl.h"
#include "imgfetch/layerdir.h"

static int fail(struct err *e, const char *verb, const char *path)
{
	return err_sys(e, layerdir_errno_kind(errno), "%s '%s' for the fix-up layer", verb,
		       text_quote(path).s);
}

/* Before anything is written. */
static int spend_bytes(const struct fixup *f, uint64_t bytes, struct err *e)
{
	if (bytes > FIXUP_COPY_BYTES_MAX - *f->copied_bytes)
		return err_set(e, ERR_VERIFY,
			       "its layers leave too much to each other: copies of more than "
			       "%llu MiB",
			       (unsigned long long)(FIXUP_COPY_BYTES_MAX >> 20));
	*f->copied_bytes += bytes;
	return 0;
}

/* --- user attributes ------------------------------------------------------------------------- */

static bool is_kept(const char *name)
{
	return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0;
}

/* Names of the attributes of an open file, NUL after each, into XATTR_LIST_MAX bytes. */
static ssize_t list_xattrs(int fd, char *names)
{
	ssize_t len = flistxattr(fd, names, XATTR_LIST_MAX);

	return len < 0 && errno == EOPNOTSUPP ? 0 : len;
}

static int copy_xattrs(const struct fixup *f, int from, int to, const char *path, struct err *e)
{
	char names[XATTR_LIST_MAX];
	ssize_t len = list_xattrs(from, names);
	auto_free char *value = len > 0 ? malloc(XATTR_SIZE_MAX) : NULL;

	if (len < 0 || (len > 0 && !value))
		return fail(e, "list attributes of", path);
	for (const char *n = names; n < names + len; n += strlen(n) + 1) {
		if (!is_kept(n))
			continue;
		ssize_t size = fgetxattr(from, n, value, XATTR_SIZE_MAX);
		if (size > 0 && spend_bytes(f, (uint64_t)size, e) < 0)
			return -1;
		if (size < 0 || fsetxattr(to, n, value, (size_t)size, 0) < 0)
			return fail(e, "copy an attribute of", path);
	}
	return 0;
}

/* --- comparing ------------------------------------------------------------------------------- */

static int open_dir(const struct fixup *f, size_t layer, const char *path)
{
	int fd = f->layers[layer].fd;

	return *path ? path_open_beneath(fd, path, O_RDONLY | O_DIRECTORY, 0)
		     : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int stat_dir(const struct fixup *f, size_t layer, const char *path, struct stat *sb)
{
	if (*path == '\0')
		return fstat(f->layers[layer].fd, sb);
	auto_fd fd = path_open_beneath(f->layers[layer].fd, path, O_PATH | O_DIRECTORY, 0);
	return fd < 0 ? -1 : fstat(fd, sb);
}

/* Do two directories say the same about themselves? 1, 0, -1. The time of the root alone is no
 * reason for a layer: few archives say anything about it. */
static int is_like(const struct fixup *f, const struct node *n, const struct at_layer *a,
		   const struct at_layer *b, struct err *e)
{
	const char *a_path = fixup_path(n, a), *b_path = fixup_path(n, b);
	struct stat x, y;

	if (a->src_layer == b->src_layer && strcmp(a_path, b_path) == 0)
		return 1;
	if (stat_dir(f, a->src_layer, a_path, &x) < 0 || stat_dir(f, b->src_layer, b_path, &y) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' of the image", text_quote(n->path).s);
	if (x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid)
		return 0;
	if (n->parent &&
	    (x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec))
		return 0;
	auto_fd a_fd = open_dir(f, a->src_layer, a_path);
	auto_fd b_fd = open_dir(f, b->src_layer, b_path);
	if ((a_fd < 0 || b_fd < 0) && f->strict)
		return err_sys(e, ERR_SYSTEM, "look at '%s' of the image", text_quote(n->path).s);
	/* Who cannot read them cannot read attributes either, nor can overlayfs for him. */
	return a_fd < 0 || b_fd < 0 || alike_xattrs(a_fd, b_fd, false);
}

static void set_plan(struct node *n, enum plan plan, const struct at_layer *source)
{
	n->plan = plan;
	n->source = *source;
	n->source.src_path = (char *)fixup_path(n, source);
}

/* Names in directories that overlayfs would merge in and that are not to show. */
static int add_unwanted(struct fixup *f, const struct node *n, unsigned from, unsigned to,
			struct err *e)
{
	char path[ENTRY_PATH_MAX];

	for (size_t i = 0; i < n->entry_count; i++) {
		const struct at_layer *en = &n->entries[i];
		if (en->pos % 2 || en->pos < from || en->pos >= to || en->what != WHAT_DIR)
			continue;
		int fd = open_dir(f, en->pos / 2, n->path);
		auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
		if (!dir) {
			cleanup_fd(&fd);
			return err_sys(e, ERR_SYSTEM, "list '%s' of the image",
				       text_quote(n->path).s);
		}
		const struct dirent *d;
		while ((errno = 0, d = readdir(dir))) {
			if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
			    fixup_join(path, n->path, d->d_name) && !fixup_node(f, path, e))
				return -1;
		}
		if (errno != 0)
			return err_sys(e, ERR_SYSTEM, "list '%s' of the image",
				       text_quote(n->path).s);
	}
	return 0;
}

/* Layers' own directories that are to show, but that overlayfs does not get to? */
static bool is_out_of_reach(const struct fixup *f, const struct node *n, const struct state *is,
			    unsigned floor)
{
	bool merged = is->top && is->top->what == WHAT_DIR;

	for (size_t i = 0; i < n->entry_count; i++) {
		const struct at_layer *en = &n->entries[i];
		if (en->pos % 2 == 0 && en->what == WHAT_DIR && f->layers[en->pos / 2].shown &&
		    en->pos >= floor && (!merged || en->pos < is->floor))
			return true;
	}
	return false;
}

static int plan(struct fixup *f, struct node *n, const struct state *above_should,
		const struct state *above_is, struct err *e);

static int plan_dir(struct fixup *f, struct node *n, const struct state *should,
		    const struct state *is, struct err *e)
{
	bool merged = is->top && is->top->what == WHAT_DIR;
	int like = merged ? is_like(f, n, should->meta, is->top, e) : 0;
	const struct state nothing = {0};

	if (like < 0)
		return -1;
	if (is_out_of_reach(f, n, is, should->floor))
		return err_set(e, ERR_BUG, "'%s' cannot be put together from its layers",
			       text_quote(n->path).s);
	if (merged && should->floor > is->floor &&
	    add_unwanted(f, n, is->floor, should->floor, e) < 0)
		return -1;
	bool needed = !like;
	for (struct node *c = n->children; c; c = c->sibling) {
		if (plan(f, c, should, merged ? is : &nothing, e) < 0)
			return -1;
		needed |= c->plan != PLAN_NOTHING;
	}
	if (needed)
		set_plan(n, PLAN_DIR, should->meta);
	return 0;
}

/* As deep as a path has components: ENTRY_DEPTH_MAX. */
static int plan(struct fixup *f, struct node *n, const struct state *above_should,
		const struct state *above_is, struct err *e)
{
	struct state should = fixup_look(f, n, above_should->floor, VIEW_ALL);
	struct state is = {0};

	if (above_is->top)
		is = fixup_look(f, n, above_is->floor, VIEW_PLAIN);
	if (!should.top) {
		if (is.top)
			set_plan(n, PLAN_WHITEOUT, is.top);
		return 0;
	}
	if (should.top->what == WHAT_DIR)
		return plan_dir(f, n, &should, &is, e);
	if (!is.top || is.top->what != should.top->what ||
	    is.top->src_layer != should.top->src_layer ||
	    strcmp(fixup_path(n, is.top), fixup_path(n, should.top)) != 0)
		set_plan(n, PLAN_LINK, should.top);
	return 0;
}

int fixup_plan(struct fixup *f, bool *any, struct err *e)
{
	struct state should = fixup_look(f, f->root, 0, VIEW_ALL);
	struct state is = fixup_look(f, f->root, 0, VIEW_PLAIN);

	if (plan_dir(f, f->root, &should, &is, e) < 0)
		return -1;
	*any = f->root->plan != PLAN_NOTHING;
	/* A tree that is made for another reason has a root, too. */
	set_plan(f->root, PLAN_DIR, should.meta);
	return 0;
}

/* --- making ---------------------------------------------------------------------------------- */

static int set_owner(int dirfd, const char *name, const struct stat *sb)
{
	if (geteuid() != 0)
		return 0;
	if (fchownat(dirfd, name, sb->st_uid, sb->st_gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0)
		return 0;
	return errno == EINVAL ? 0 : -1; /* not in this user namespace */
}

static int copy_data(int from, int to)
{
	char buf[64 * 1024];

	for (;;) {
		ssize_t n = fdio_read_full(from, buf, sizeof(buf));
		if (n <= 0)
			return (int)n;
		if (fdio_write_all(to, buf, (size_t)n) < 0)
			return -1;
	}
}

static int copy_file(const struct fixup *f, int src, const char *src_name, const struct stat *sb,
		     int dst, const struct node *n, struct err *e)
{
	/* Holes are filled. */
	if (spend_bytes(f, (uint64_t)sb->st_size, e) < 0)
		return -1;
	const struct timespec times[2] = {sb->st_atim, sb->st_mtim};
	auto_fd from = openat(src, src_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	auto_fd to = openat(dst, n->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (from < 0 || to < 0 || copy_data(from, to) < 0)
		return fail(e, "copy", n->path);
	if (copy_xattrs(f, from, to, n->path, e) < 0)
		return -1;
	if (set_owner(to, "", sb) < 0 || fchmod(to, sb->st_mode & 01777) < 0 ||
	    futimens(to, times) < 0 || close(take_fd(&to)) < 0)
		return fail(e, "copy", n->path);
	return 0;
}

/* For file systems and inodes that take no more links. */
static int copy_entry(const struct fixup *f, int src, const char *src_name, int dst,
		      const struct node *n, struct err *e)
{
	char target[PATH_MAX];
	struct stat sb;

	if (fstatat(src, src_name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, "look at", n->path);
	if (S_ISREG(sb.st_mode))
		return copy_file(f, src, src_name, &sb, dst, n, e);
	const struct timespec times[2] = {sb.st_atim, sb.st_mtim};
	if (S_ISLNK(sb.st_mode)) {
		ssize_t len = readlinkat(src, src_name, target, sizeof(target) - 1);
		target[MAX(len, 0)] = '\0';
		if (len < 0 || symlinkat(target, dst, n->name) < 0)
			return fail(e, "copy", n->path);
	} else if (mknodat(dst, n->name, S_IFIFO | (sb.st_mode & 01777), 0) < 0) {
		return fail(e, "copy", n->path);
	}
	if (set_owner(dst, n->name, &sb) < 0 ||
	    (!S_ISLNK(sb.st_mode) && fchmodat(dst, n->name, sb.st_mode & 01777, 0) < 0) ||
	    utimensat(dst, n->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, "copy", n->path);
	return 0;
}

static int make_link(const struct fixup *f, int dst, const struct node *n, struct err *e)
{
	const char *path = n->source.src_path, *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	auto_free char *dir = strndup(path, slash ? (size_t)(slash - path) : 0);

	if (!dir)
		return err_sys(e, ERR_SYSTEM, "link '%s'", text_quote(n->path).s);
	int layer = f->layers[n->source.src_layer].fd;
	auto_fd src = *dir ? path_open_beneath(layer, dir, O_PATH | O_DIRECTORY, 0)
			   : openat(layer, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (src < 0)
		return fail(e, "open the directory of", path);
	/* A layer that comes again gives new files, which only look like its old ones. */
	if (f->layers[n->source.src_layer].again)
		return copy_entry(f, src, base, dst, n, e);
	/* No AT_SYMLINK_FOLLOW: a symbolic link is linked itself. */
	if (linkat(src, base, dst, n->name, 0) == 0)
		return 0;
	if (errno != EMLINK && errno != EXDEV && errno != EPERM)
		return fail(e, "link", n->path);
	return copy_entry(f, src, base, dst, n, e);
}

static int finish_dir(const struct fixup *f, int fd, const struct node *n, struct err *e)
{
	const struct at_layer *s = &n->source;
	struct stat sb;
	auto_fd from = open_dir(f, s->src_layer, s->src_path);

	if (stat_dir(f, s->src_layer, s->src_path, &sb) < 0)
		return fail(e, "look at", n->path);
	if (from < 0 && f->strict)
		return fail(e, "open", n->path);
	if (from >= 0 && copy_xattrs(f, from, fd, n->path, e) < 0)
		return -1;
	const struct timespec times[2] = {sb.st_atim, sb.st_mtim};
	/* The root stays the owner's of the store, as a layer's does. */
	if ((n->parent && set_owner(fd, "", &sb) < 0) || fchmod(fd, sb.st_mode & 07777) < 0 ||
	    futimens(fd, times) < 0)
		return fail(e, "set the metadata of", n->path);
	return 0;
}

/* As deep as a path has components, as above. */
static int fill_dir(const struct fixup *f, int fd, const struct node *n, struct err *e)
{
	for (const struct node *c = n->children; c; c = c->sibling) {
		auto_fd sub = -1;
		switch (c->plan) {
		case PLAN_NOTHING:
			continue;
		case PLAN_WHITEOUT:
			if (mknodat(fd, c->name, S_IFCHR, 0) < 0)
				return fail(e, "hide", c->path);
			continue;
		case PLAN_LINK:
			if (make_link(f, fd, c, e) < 0)
				return -1;
			continue;
		case PLAN_DIR:
			break;
		}
		if (mkdirat(fd, c->name, 0700) < 0)
			return fail(e, "make", c->path);
		sub = openat(fd, c->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			return fail(e, "open", c->path);
		if (fill_dir(f, sub, c, e) < 0)
			return -1;
	}
	return finish_dir(f, fd, n, e);
}

int fixup_write(struct fixup *f, int fd, struct err *e)
{
	return fill_dir(f, fd, f->root, e);
}
