/* SPDX-License-Identifier: MIT */
/* Mount points: where each rule's mount goes, and directories of our own where there is nothing to
 * mount onto. Nothing is ever created in an image or in a bound directory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "common/text.h"
#include "isolate/rootfs_impl.h"

/* As the kernel's own limit (path_resolution(7)). */
#define LINKS_MAX 40

/* No symbolic link at all, wherever the path goes. */
#define RESOLVE_PLAIN (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)

/* ---- resolving inside an image ------------------------------------------------------------ */

/* A path that grows to the right and loses components from there. */
struct walk {
	char *done;
	size_t size;
	char rest[2 * PATH_MAX];
	unsigned links;
	bool missing; /* from here on there is nothing in the image to look at */
};

static int too_long(const char *path, struct err *e)
{
	errno = ENAMETOOLONG;
	return err_sys(e, ERR_SYSTEM, "mount point '/%s'", text_quote(path).s);
}

static void walk_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	*(slash ? slash : w->done) = '\0';
	/* What lies above something missing is not known to be missing. */
	w->missing = false;
}

static int walk_down(struct walk *w, const char *name, struct err *e)
{
	size_t len = strlen(w->done);

	if (text_format(w->done + len, w->size - len, "%s%s", len ? "/" : "", name))
		return too_long(w->done, e);
	return 0;
}

/* The link at fd stands for the component just taken: its text goes in front of the rest. */
static int walk_link(struct walk *w, int fd, struct err *e)
{
	char target[PATH_MAX], rest[sizeof(w->rest)];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, ERR_SYSTEM, "read link in image");
	target[n] = '\0';
	if (++w->links > LINKS_MAX) {
		errno = ELOOP;
		return err_sys(e, ERR_SYSTEM, "mount point in image");
	}
	if (target[0] == '/')
		w->done[0] = '\0';
	if (text_format(rest, sizeof(rest), "%s/%s", target, w->rest))
		return too_long(target, e);
	memcpy(w->rest, rest, sizeof(rest));
	return 0;
}

/* One component that is not the last: step into it, or put what it links to in its place. */
static int walk_step(struct walk *w, int root_fd, const char *name, struct err *e)
{
	size_t before = strlen(w->done);
	auto_fd fd = -1;
	struct stat st;

	if (walk_down(w, name, e))
		return -1;
	if (w->missing)
		return 0;
	fd = sys_openat2(root_fd, w->done, O_PATH | O_NOFOLLOW, 0, RESOLVE_PLAIN);
	if (fd < 0 && errno == ENOENT) {
		w->missing = true;
		return 0;
	}
	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, ERR_SYSTEM, "look at '/%s' in the image", text_quote(w->done).s);
	if (S_ISLNK(st.st_mode)) {
		w->done[before] = '\0';
		return walk_link(w, fd, e);
	}
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return err_sys(e, ERR_SYSTEM, "mount point below '/%s' of the image",
			       text_quote(w->done).s);
	}
	return 0;
}

int skeleton_resolve(int root_fd, const char *path, char *out, size_t size, struct err *e)
{
	char done[PATH_MAX] = "", name[NAME_MAX + 1];
	struct walk w = {.done = done, .size = sizeof(done)};

	if (text_format(w.rest, sizeof(w.rest), "%s", path))
		return too_long(path, e);
	for (;;) {
		char *rest = w.rest + strspn(w.rest, "/");
		size_t len = strcspn(rest, "/");

		if (!len)
			break;
		if (len > NAME_MAX)
			return too_long(path, e);
		memcpy(name, rest, len);
		name[len] = '\0';
		rest += len;
		rest += strspn(rest, "/");
		memmove(w.rest, rest, strlen(rest) + 1);
		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, ".."))
			walk_up(&w);
		else if (!*w.rest ? walk_down(&w, name, e) : walk_step(&w, root_fd, name, e))
			return -1;
	}
	if (!*done)
		return err_set(e, ERR_SYSTEM, "mount point '/%s' is the image's root",
			       text_quote(path).s);
	if (text_format(out, size, "%s", done))
		return too_long(path, e);
	return 0;
}

/* ---- making mount points ------------------------------------------------------------------ */

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

/* The mount that `path` will be in when rule i is mounted: the last earlier rule above it. */
static int find_cover(const struct rootfs *r, size_t i, const char *path)
{
	for (size_t j = i; j-- > 0;)
		if (r->sources[j].kind != SOURCE_NONE && r->sources[j].target &&
		    is_below(path, r->sources[j].target))
			return (int)j;
	return -1;
}

/* Is rule i's mount point in a rule's mount even by its name, so that the image need not be asked?
 * Rules' mount points at the top are always directories of ours. */
static bool covered_by_name(const struct rootfs *r, size_t i)
{
	const struct dirrule *rules = r->spec.rules->rules;

	for (size_t j = 0; j < i; j++)
		if (r->sources[j].kind != SOURCE_NONE && !strchr(rules[j].in, '/') &&
		    is_below(rules[i].in, rules[j].in))
			return true;
	return false;
}

static bool is_deep(const struct rootfs *r, size_t i)
{
	return r->sources[i].kind != SOURCE_NONE && strchr(r->spec.rules->rules[i].in, '/') &&
	       !covered_by_name(r, i);
}

bool skeleton_needs_image(const struct rootfs *r)
{
	if (!r->spec.image)
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (is_deep(r, i))
			return true;
	return false;
}

/* What the image has at a path, without following links: its mode, or 0 for nothing. */
static mode_t mode_in_image(int image_fd, const char *path)
{
	auto_fd fd = -1;
	struct stat st;

	if (image_fd < 0)
		return 0;
	fd = sys_openat2(image_fd, path, O_PATH | O_NOFOLLOW, 0, RESOLVE_PLAIN);
	return fd < 0 || fstat(fd, &st) ? 0 : st.st_mode;
}

/* One directory of the skeleton. Where the image has one too the two are merged, and ours decides
 * about the mode: it keeps that of the image. */
static int make_dir(int dir_fd, const char *name, mode_t like, struct err *e)
{
	if (mkdirat(dir_fd, name, S_ISDIR(like) ? like & 01777 : 0755) && errno != EEXIST)
		return err_sys(e, ERR_SYSTEM, "make mount point '%s'", text_quote(name).s);
	return 0;
}

/* One that is there already was made for another rule; whether it is of the right type is seen at
 * the mount. */
static int make_leaf(int dir_fd, const char *name, bool file, struct err *e)
{
	int rc = file ? mknodat(dir_fd, name, S_IFREG | 0644, 0) : mkdirat(dir_fd, name, 0755);

	if (rc && errno != EEXIST)
		return err_sys(e, ERR_SYSTEM, "make mount point '%s'", text_quote(name).s);
	return 0;
}

/* `path` (canonical) below top_fd, with parents like those of the image. The tree below top_fd is
 * ours alone: its names mean what they say. */
static int make_point(int top_fd, int image_fd, const char *path, bool file, struct err *e)
{
	char part[PATH_MAX];
	const char *name = path, *slash;
	auto_fd dir = -1;

	for (; (slash = strchr(name, '/')); name = slash + 1) {
		int in_fd = dir < 0 ? top_fd : dir, next;
		const char *last;

		if (text_format(part, sizeof(part), "%.*s", (int)(slash - path), path))
			return too_long(path, e);
		last = part + (name - path);
		if (make_dir(in_fd, last, mode_in_image(image_fd, part), e))
			return -1;
		next = openat(in_fd, last, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return err_sys(e, ERR_SYSTEM, "open mount point '%s'", text_quote(part).s);
		cleanup_fd(&dir);
		dir = next;
	}
	return make_leaf(dir < 0 ? top_fd : dir, name, file, e);
}

/* Nothing is needed where the image has the right kind of thing. */
static bool in_image(int image_fd, const struct source *src)
{
	mode_t mode = mode_in_image(image_fd, src->target);

	return src->file ? S_ISREG(mode) : S_ISDIR(mode);
}

int skeleton_make(struct rootfs *r, int top_fd, int image_fd, struct err *e)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < r->count; i++) {
		struct source *src = &r->sources[i];
		const char *in = r->spec.rules->rules[i].in;

		if (src->kind == SOURCE_NONE)
			continue;
		if (image_fd >= 0 && is_deep(r, i)) {
			if (skeleton_resolve(image_fd, in, path, sizeof(path), e))
				return err_wrap(e, "--dir '%s'", text_quote(in).s);
			in = path;
		}
		src->target = strdup(in);
		if (!src->target)
			return err_sys(e, ERR_SYSTEM, "allocate mount point");
		src->cover = find_cover(r, i, src->target);
		if (src->cover >= 0)
			continue;
		/* At the top ours always wins over the image's. */
		if (image_fd >= 0 && strchr(src->target, '/') && in_image(image_fd, src))
			continue;
		if (make_point(top_fd, image_fd, src->target, src->file, e))
			return err_wrap(e, "--dir '%s'", text_quote(in).s);
	}
	return 0;
}

/* ---- finding them again ------------------------------------------------------------------- */

/* A tmpfs that this run made: nobody else can have put anything there. */
static bool is_ours(const struct dirrule *rule)
{
	return (rule->flags & DIR_TMP) || ((rule->flags & DIR_FS) && !strcmp(rule->out, "tmpfs"));
}

/* Mount point inside a fresh tmpfs of another rule. */
static int make_in_cover(const struct rootfs *r, const struct source *src, int root_fd,
			 struct err *e)
{
	const char *top = r->sources[src->cover].target;
	auto_fd fd = sys_openat2(root_fd, top, O_PATH | O_DIRECTORY, 0, RESOLVE_PLAIN);

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '/%s'", text_quote(top).s);
	return make_point(fd, -1, src->target + strlen(top) + 1, src->file, e);
}

int skeleton_open_target(const struct rootfs *r, size_t i, int root_fd, struct err *e)
{
	const struct source *src = &r->sources[i];
	uint64_t flags = O_PATH | O_NOFOLLOW | (src->file ? 0 : O_DIRECTORY);
	auto_fd fd = sys_openat2(root_fd, src->target, flags, 0, RESOLVE_PLAIN);
	struct stat st;

	if (fd < 0 && errno == ENOENT && src->cover >= 0 &&
	    is_ours(&r->spec.rules->rules[src->cover])) {
		if (make_in_cover(r, src, root_fd, e))
			return -1;
		fd = sys_openat2(root_fd, src->target, flags, 0, RESOLVE_PLAIN);
	}
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_SYSTEM,
			       "no mount point '/%s': it is not in what was bound at '/%s', and "
			       "nothing is created there",
			       text_quote(src->target).s,
			       src->cover >= 0 ? text_quote(r->sources[src->cover].target).s : "");
	if (fd < 0 || (src->file && fstat(fd, &st)))
		return err_sys(e, ERR_SYSTEM, "open mount point '/%s'", text_quote(src->target).s);
	if (src->file && (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode)))
		return err_set(e, ERR_SYSTEM, "mount point '/%s' is not a file",
			       text_quote(src->target).s);
	return take_fd(&fd);
}
