/* SPDX-License-Identifier: MIT */
/* Names of an image, what each of its layers has there, and what of it shows. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/fixup_impl.h"
#include "imgfetch/layerinfo.h"

#define OPAQUE_XATTR "user.overlay.opaque"
/* As the kernel's own limit (path_resolution(7)). */
#define LINKS_MAX 40

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return strcmp(x->path, y->path);
}

bool fixup_join(char *out, const char *dir, const char *name)
{
	return text_format(out, ENTRY_PATH_MAX, "%s%s%s", dir, *dir ? "/" : "", name) == 0;
}

const char *fixup_path(const struct node *n, const struct at_layer *en)
{
	return en->src_path ? en->src_path : n->path;
}

int fixup_spend(const struct fixup *f, uint64_t steps, struct err *e)
{
	*f->steps += steps;
	if (*f->steps <= FIXUP_STEPS_MAX)
		return 0;
	return err_set(e, ERR_VERIFY,
		       "its layers leave too much to each other: settling that "
		       "takes too many steps");
}

/* A name is to be kept. */
static int spend_name(struct fixup *f, const char *name, struct err *e)
{
	f->names_bytes += strlen(name) + 1;
	if (f->names_bytes <= FIXUP_NAMES_BYTES_MAX)
		return 0;
	return err_set(e, ERR_VERIFY,
		       "its layers leave too much to each other: it takes names of more than %zu "
		       "MiB to settle that",
		       FIXUP_NAMES_BYTES_MAX >> 20);
}

/* --- what layers have ---------------------------------------------------------------------- */

int fixup_is_opaque(struct fixup *f, size_t layer, const char *path, bool *opaque, struct err *e)
{
	struct fixup_layer *l = &f->layers[layer];
	struct layer_info info;
	char value[2];

	if (!l->knows_opaques) {
		if (layerinfo_read(f->st, &l->diffid, &info, e) < 0)
			return -1;
		l->has_opaques = info.unpack.opaques > 0;
		l->knows_opaques = true;
	}
	*opaque = false;
	if (!l->has_opaques)
		return 0;
	auto_fd fd = *path ? path_open_beneath(l->fd, path, O_RDONLY | O_DIRECTORY, 0)
			   : openat(l->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Nor can overlayfs ask one that its owner has closed to himself. */
	if (fd < 0 && (errno != EACCES || f->strict))
		return err_sys(e, ERR_SYSTEM, "open '%s' of layer sha256:%s", text_quote(path).s,
			       l->diffid.hex);
	*opaque = fd >= 0 && fgetxattr(fd, OPAQUE_XATTR, value, sizeof(value)) == 1 &&
		  value[0] == 'y';
	return 0;
}

static int add_entry(struct node *n, const struct at_layer *en, struct err *e)
{
	size_t at = n->entry_count;

	while (at > 0 && n->entries[at - 1].pos >= en->pos)
		at--;
	if (at < n->entry_count && n->entries[at].pos == en->pos) {
		free(n->entries[at].src_path);
		n->entries[at] = *en;
		return 0;
	}
	if (n->entry_count == n->entry_room) {
		size_t room = n->entry_room ? n->entry_room * 2 : 4;
		struct at_layer *more = reallocarray(n->entries, room, sizeof(*more));
		if (!more)
			return err_sys(e, ERR_SYSTEM, "remember a name of the image");
		n->entries = more;
		n->entry_room = room;
	}
	memmove(n->entries + at + 1, n->entries + at, (n->entry_count - at) * sizeof(*n->entries));
	n->entries[at] = *en;
	n->entry_count++;
	return 0;
}

int fixup_patch(struct fixup *f, struct node *n, size_t layer, enum what what, bool opaque,
		bool implied, size_t src_layer, const char *src_path, struct err *e)
{
	struct at_layer en = {.pos = PATCH_OF(layer),
			      .what = what,
			      .opaque = opaque,
			      .implied = implied,
			      .src_layer = src_layer};

	if (src_path && spend_name(f, src_path, e) < 0)
		return -1;
	en.src_path = src_path ? strdup(src_path) : NULL;
	if (src_path && !en.src_path)
		return err_sys(e, ERR_SYSTEM, "remember a name of the image");
	if (add_entry(n, &en, e) == 0)
		return 0;
	free(en.src_path);
	return -1;
}

const struct at_layer *fixup_own(const struct node *n, size_t layer)
{
	for (size_t i = 0; i < n->entry_count; i++) {
		if (n->entries[i].pos == 2 * layer)
			return &n->entries[i];
	}
	return NULL;
}

/* What one layer has at the node, if anything. */
static int look_into_layer(struct fixup *f, struct node *n, size_t layer, struct err *e)
{
	const struct fixup_layer *l = &f->layers[layer];
	struct at_layer en = {.pos = 2 * (unsigned)layer, .src_layer = layer, .what = WHAT_OTHER};
	struct stat sb = {.st_mode = S_IFDIR};

	if (fixup_spend(f, FIXUP_STEPS_ASK, e) < 0)
		return -1;
	if (n->parent) {
		auto_fd fd = path_open_beneath(l->fd, n->path, O_PATH | O_NOFOLLOW, 0);
		if (fd < 0 && (errno == ENOENT || errno == ENAMETOOLONG))
			return 0;
		if (fd < 0 || fstat(fd, &sb) < 0)
			return err_sys(e, ERR_SYSTEM, "look at '%s' of layer sha256:%s",
				       text_quote(n->path).s, l->diffid.hex);
	}
	if (S_ISDIR(sb.st_mode)) {
		en.what = WHAT_DIR;
		en.implied = facts_find(&l->facts, FACT_IMPLIED, n->path) != NULL;
		if (fixup_is_opaque(f, layer, n->path, &en.opaque, e) < 0)
			return -1;
	} else if (S_ISLNK(sb.st_mode)) {
		en.what = WHAT_SYMLINK;
	} else if (S_ISCHR(sb.st_mode) && sb.st_rdev == 0) {
		en.what = WHAT_WHITEOUT;
	}
	return add_entry(n, &en, e);
}

/* Only layers that have the directory can have something in it. */
static int fill(struct fixup *f, struct node *n, struct err *e)
{
	if (!n->parent) {
		for (size_t i = 0; i < f->layer_count; i++) {
			if (look_into_layer(f, n, i, e) < 0)
				return -1;
		}
		return 0;
	}
	for (size_t i = 0; i < n->parent->entry_count; i++) {
		const struct at_layer *en = &n->parent->entries[i];
		if (en->pos % 2 == 0 && en->what == WHAT_DIR &&
		    look_into_layer(f, n, en->pos / 2, e) < 0)
			return -1;
	}
	return 0;
}

struct node *fixup_find(const struct fixup *f, const char *path)
{
	const struct node key = {.path = (char *)path};
	struct node *const *found = tfind(&key, &f->index, compare_nodes);

	return found ? *found : NULL;
}

struct node *fixup_node(struct fixup *f, const char *path, struct err *e)
{
	struct node *found = fixup_find(f, path);
	const char *slash = strrchr(path, '/');
	struct node *parent = NULL;

	if (fixup_spend(f, 1, e) < 0)
		return NULL;
	if (found)
		return found;
	if (*path) {
		/* As deep as a path has components: ENTRY_DEPTH_MAX. */
		auto_free char *dir = strndup(path, slash ? (size_t)(slash - path) : 0);
		parent = dir ? fixup_node(f, dir, e) : NULL;
		if (!dir)
			(void)err_sys(e, ERR_SYSTEM, "remember a name of the image");
		if (!parent)
			return NULL;
	}
	if (f->node_count == FIXUP_NODES_MAX) {
		(void)err_set(e, ERR_VERIFY,
			      "its layers leave too much to each other: more than %d names",
			      FIXUP_NODES_MAX);
		return NULL;
	}
	if (spend_name(f, path, e) < 0)
		return NULL;
	struct node *n = calloc(1, sizeof(*n));
	if (n)
		n->path = strdup(path);
	if (!n || !n->path || !tsearch(n, &f->index, compare_nodes)) {
		if (n)
			free(n->path);
		free(n);
		(void)err_sys(e, ERR_SYSTEM, "remember a name of the image");
		return NULL;
	}
	f->node_count++;
	slash = strrchr(n->path, '/');
	n->name = slash ? slash + 1 : n->path;
	n->parent = parent;
	if (parent) {
		n->sibling = parent->children;
		parent->children = n;
	} else {
		f->root = n;
	}
	return fill(f, n, e) < 0 ? NULL : n;
}

/* --- what shows ---------------------------------------------------------------------------- */

static bool counts(const struct fixup *f, const struct at_layer *en, struct view v)
{
	if (en->pos > v.limit)
		return false;
	return !v.plain || (en->pos % 2 == 0 && f->layers[en->pos / 2].shown);
}

/* As overlayfs looks a name up (ovl_lookup), but that a directory which is only implied takes its
 * metadata from the one below it, also where it hides what is in that. */
struct state fixup_look(const struct fixup *f, const struct node *n, unsigned floor, struct view v)
{
	struct state s = {.floor = floor};
	bool open = true; /* directories below still add to the content */

	*f->steps += 1 + n->entry_count;
	for (size_t i = n->entry_count; i-- > 0;) {
		const struct at_layer *en = &n->entries[i];
		if (!counts(f, en, v))
			continue;
		if (en->pos < floor)
			break;
		if (!s.top && en->what == WHAT_WHITEOUT)
			break;
		if (en->what != WHAT_DIR) {
			if (!s.top)
				s.top = en;
			else if (open)
				s.floor = en->pos + 1;
			break;
		}
		if (!s.top)
			s.top = s.meta = en;
		else if (s.meta->implied && !v.plain)
			s.meta = en;
		if (open && en->opaque) {
			s.floor = en->pos;
			open = false;
		}
		if (!open && (v.plain || !s.meta->implied))
			break;
	}
	return s;
}

struct state fixup_state(const struct fixup *f, const struct node *n, struct view v)
{
	unsigned floor = 0;

	if (n->parent) {
		struct state above = fixup_state(f, n->parent, v);
		if (!above.top || above.top->what != WHAT_DIR)
			return (struct state){0};
		floor = above.floor;
	}
	return fixup_look(f, n, floor, v);
}

/* --- symbolic links ------------------------------------------------------------------------ */

struct walk {
	char *done; /* ENTRY_PATH_MAX */
	char rest[2 * ENTRY_PATH_MAX];
	unsigned links;
};

/* The link's text in front of the rest. 1, 0: too much of it, -1. */
static int put_link(struct fixup *f, struct walk *w, const struct node *n,
		    const struct at_layer *en, struct err *e)
{
	char target[ENTRY_PATH_MAX], rest[sizeof(w->rest)];
	auto_fd fd = path_open_beneath(f->layers[en->src_layer].fd, fixup_path(n, en),
				       O_PATH | O_NOFOLLOW, 0);
	ssize_t len = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);

	if (fixup_spend(f, FIXUP_STEPS_ASK, e) < 0)
		return -1;
	if (len < 0)
		return err_sys(e, ERR_SYSTEM, "read the link '%s'", text_quote(n->path).s);
	target[len] = '\0';
	if (++w->links > LINKS_MAX || text_format(rest, sizeof(rest), "%s/%s", target, w->rest) < 0)
		return 0;
	memcpy(w->rest, rest, sizeof(rest));
	if (target[0] == '/')
		*w->done = '\0';
	return 1;
}

/* One component; last: nothing comes behind it. */
static int step(struct fixup *f, struct walk *w, const char *part, bool last, bool whole,
		struct view v, struct err *e)
{
	char path[ENTRY_PATH_MAX];

	if (strcmp(part, ".") == 0)
		return 1;
	if (strcmp(part, "..") == 0) {
		char *slash = strrchr(w->done, '/');
		*(slash ? slash : w->done) = '\0';
		return 1;
	}
	if (!fixup_join(path, w->done, part))
		return 0;
	if (!last || whole) {
		const struct node *n = fixup_node(f, path, e);
		if (!n)
			return -1;
		struct state s = fixup_state(f, n, v);
		if (s.top && s.top->what == WHAT_SYMLINK)
			return put_link(f, w, n, s.top, e);
		if (s.top && s.top->what == WHAT_OTHER && !last)
			return 0;
	}
	memcpy(w->done, path, sizeof(path));
	return 1;
}

/* Take steps until there is nothing left. */
static int walk(struct fixup *f, struct walk *w, bool whole, struct view v, struct err *e)
{
	char part[NAME_MAX + 1];
	struct entry_name canonical;
	struct err ignored;

	for (;;) {
		const char *rest = w->rest + strspn(w->rest, "/");
		size_t len = strcspn(rest, "/");
		if (len == 0)
			break;
		if (len > NAME_MAX)
			return 0;
		memcpy(part, rest, len);
		part[len] = '\0';
		rest += len;
		bool last = rest[strspn(rest, "/")] == '\0';
		memmove(w->rest, rest, strlen(rest) + 1);
		int r = step(f, w, part, last, whole, v, e);
		if (r <= 0)
			return r;
	}
	/* Links may lead deeper than names may be. */
	return *w->done == '\0' || entry_name_parse(w->done, ENTRY_PATH_MAX, ENTRY_DEPTH_MAX,
						    &canonical, &ignored) == 0;
}

int fixup_resolve(struct fixup *f, const char *path, bool whole, struct view v, char *out,
		  struct err *e)
{
	auto_free struct walk *w = calloc(1, sizeof(*w));

	if (!w)
		return err_sys(e, ERR_SYSTEM, "follow symbolic links");
	*out = '\0';
	w->done = out;
	if (text_format(w->rest, sizeof(w->rest), "%s", path) < 0)
		return 0;
	return walk(f, w, whole, v, e);
}

int fixup_follow(struct fixup *f, const struct node *n, const struct at_layer *link, struct view v,
		 char *out, struct err *e)
{
	auto_free struct walk *w = calloc(1, sizeof(*w));

	if (!w)
		return err_sys(e, ERR_SYSTEM, "follow symbolic links");
	memcpy(out, n->parent->path, strlen(n->parent->path) + 1);
	w->done = out;
	int r = put_link(f, w, n, link, e);
	return r <= 0 ? r : walk(f, w, true, v, e);
}
