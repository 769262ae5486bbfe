/* SPDX-License-Identifier: MIT */
/* What a layer's facts mean over the layers below it, as patches of that layer. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/fixup_impl.h"

/* --- through a symbolic link of a lower layer ------------------------------------------------ */

/* Directories of the layer whose content goes elsewhere. */
struct moves {
	struct move {
		char *from, *to; /* owned */
	} * list;		 /* owned */
	size_t count, room;
};

static void moves_fini(struct moves *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->list[i].from);
		free(m->list[i].to);
	}
	free(m->list);
}

static int moves_add(struct moves *m, const char *from, const char *to, struct err *e)
{
	if (m->count == m->room) {
		size_t room = m->room ? m->room * 2 : 16;
		struct move *list = reallocarray(m->list, room, sizeof(*list));
		if (!list)
			return err_sys(e, ERR_SYSTEM, "remember a name of the image");
		m->list = list;
		m->room = room;
	}
	auto_free char *a = strdup(from);
	auto_free char *b = strdup(to);
	if (!a || !b)
		return err_sys(e, ERR_SYSTEM, "remember a name of the image");
	m->list[m->count++] = (struct move){take_ptr(a), take_ptr(b)};
	return 0;
}

/* May the directory be made or used, as seen with the layer? 1, 0, -1. */
static int is_usable_dir(struct fixup *f, const char *path, size_t layer, struct err *e)
{
	const struct node *n = fixup_node(f, path, e);

	if (!n)
		return -1;
	struct state s = fixup_state(f, n, VIEW_WITH(layer));
	if (s.top)
		return s.top->what == WHAT_DIR;
	/* Nothing: then it depends on what is above it. */
	return n->parent ? is_usable_dir(f, n->parent->path, layer, e) : 1;
}

/* Make the directory and those above it where they are missing, with what the layer's directory
 * `like` has for metadata. */
static int need_dir(struct fixup *f, const char *path, size_t layer, const char *like,
		    struct err *e)
{
	struct node *n = fixup_node(f, path, e);

	if (!n)
		return -1;
	if (fixup_state(f, n, VIEW_WITH(layer)).top)
		return 0;
	if (n->parent && need_dir(f, n->parent->path, layer, like, e) < 0)
		return -1;
	return fixup_patch(f, n, layer, WHAT_DIR, false, true, layer, like, e);
}

/* Where the implied directory at n really is, if it is a link in the view: 1, out; 0; -1. The way
 * from there on is as the layer itself makes it. */
static int find_place(struct fixup *f, const struct node *n, struct view v, size_t layer, char *out,
		      struct err *e)
{
	struct state s = fixup_state(f, n, v);
	size_t len = strlen(n->path);

	if (!s.top || s.top->what != WHAT_SYMLINK)
		return 0;
	int r = fixup_follow(f, n, s.top, VIEW_WITH(layer), out, e);
	if (r <= 0)
		return r;
	if (strncmp(out, n->path, len) == 0 && (out[len] == '/' || out[len] == '\0'))
		return 0;
	return is_usable_dir(f, out, layer, e);
}

/* Is a directory of the layer there only for what it hides in those below? 1, 0, -1. As deep as a
 * path has components: ENTRY_DEPTH_MAX. */
static int only_hides(const struct fixup *f, size_t layer, const char *path, struct err *e)
{
	const struct fixup_layer *l = &f->layers[layer];
	char sub[ENTRY_PATH_MAX];
	struct stat sb;
	int result = 1;

	if (!facts_find(&l->facts, FACT_IMPLIED, path) ||
	    facts_has_below(&l->facts, FACT_GONE, path))
		return 0;
	int fd = path_open_beneath(l->fd, path, O_RDONLY | O_DIRECTORY, 0);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)err_sys(e, ERR_SYSTEM, "list '%s' of layer sha256:%s", text_quote(path).s,
			      l->diffid.hex);
		cleanup_fd(&fd);
		return -1;
	}
	while (result > 0) {
		errno = 0;
		const struct dirent *d = readdir(dir);
		if (!d && errno == 0)
			break;
		if (d && (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0))
			continue;
		if (fixup_spend(f, FIXUP_STEPS_ASK, e) < 0)
			return -1;
		if (!d || !fixup_join(sub, path, d->d_name) ||
		    fstatat(fd, d->d_name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, ERR_SYSTEM, "list '%s' of layer sha256:%s",
				       text_quote(path).s, l->diffid.hex);
		if (S_ISDIR(sb.st_mode))
			result = only_hides(f, layer, sub, e);
		else
			result = S_ISCHR(sb.st_mode) && !facts_find(&l->facts, FACT_LINK, sub);
	}
	return result;
}

static int both_ways(size_t layer, const struct fixup *f, const char *path, struct err *e)
{
	return err_set(e, ERR_VERIFY,
		       "layer sha256:%s hides '%s' through a symbolic link, and gives it",
		       f->layers[layer].diffid.hex, text_quote(path).s);
}

static bool is_dir_now(const struct fixup *f, const struct node *n, size_t layer)
{
	struct state s = fixup_state(f, n, VIEW_WITH(layer));

	return s.top && s.top->what == WHAT_DIR;
}

static int move_dir(struct fixup *f, struct moves *m, size_t layer, const char *from,
		    struct node *to, struct err *e)
{
	bool implied = facts_find(&f->layers[layer].facts, FACT_IMPLIED, from) != NULL;
	char place[ENTRY_PATH_MAX];
	bool opaque;

	if (implied) {
		int r = find_place(f, to, VIEW_WITH(layer), layer, place, e);
		if (r < 0)
			return -1;
		if (r == 0 && !is_dir_now(f, to, layer)) {
			r = only_hides(f, layer, from, e);
			if (r != 0)
				return r < 0 ? -1 : 0;
		}
		if (r > 0)
			return need_dir(f, place, layer, from, e) < 0
				       ? -1
				       : moves_add(m, from, place, e);
	}
	if (fixup_is_opaque(f, layer, from, &opaque, e) < 0)
		return -1;
	if (opaque && fixup_own(to, layer))
		return both_ways(layer, f, to->path, e);
	if (fixup_patch(f, to, layer, WHAT_DIR, opaque, implied, layer, from, e) < 0)
		return -1;
	return moves_add(m, from, to->path, e);
}

static int move_entry(struct fixup *f, struct moves *m, size_t layer, const char *from,
		      const char *to_path, mode_t type, struct err *e)
{
	struct node *to = fixup_node(f, to_path, e);
	const struct at_layer *own = to ? fixup_own(to, layer) : NULL;

	/* The old name is to be looked at, too: a later layer may make a directory of its parent.
	 */
	if (!to || !fixup_node(f, from, e))
		return -1;
	if (type == S_IFDIR)
		return move_dir(f, m, layer, from, to, e);
	if (type != S_IFCHR)
		return fixup_patch(f, to, layer, type == S_IFLNK ? WHAT_SYMLINK : WHAT_OTHER, false,
				   false, layer, from, e);
	/* The place of a link, which follows; or a whiteout, which never hides its own layer's. */
	if (facts_find(&f->layers[layer].facts, FACT_LINK, from))
		return 0;
	if (own && own->what == WHAT_DIR)
		return both_ways(layer, f, to_path, e);
	return own ? 0 : fixup_patch(f, to, layer, WHAT_WHITEOUT, false, false, layer, NULL, e);
}

/* Everything in the layer's directory. */
static int move_content(struct fixup *f, struct moves *m, size_t layer, const char *from,
			const char *to, struct err *e)
{
	const struct fixup_layer *l = &f->layers[layer];
	char from_path[ENTRY_PATH_MAX], to_path[ENTRY_PATH_MAX];
	int fd = path_open_beneath(l->fd, from, O_RDONLY | O_DIRECTORY, 0);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	struct stat sb;

	if (!dir) {
		(void)err_sys(e, ERR_SYSTEM, "list '%s' of layer sha256:%s", text_quote(from).s,
			      l->diffid.hex);
		cleanup_fd(&fd);
		return -1;
	}
	for (;;) {
		errno = 0;
		const struct dirent *d = readdir(dir);
		if (!d)
			break;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (fixup_spend(f, FIXUP_STEPS_ASK, e) < 0)
			return -1;
		if (!fixup_join(from_path, from, d->d_name) || !fixup_join(to_path, to, d->d_name))
			return err_set(e, ERR_VERIFY,
				       "layer sha256:%s: '%s/%s' leads to too long a name",
				       l->diffid.hex, text_quote(from).s, text_quote(d->d_name).s);
		if (fstatat(fd, d->d_name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, ERR_SYSTEM, "look at '%s' of layer sha256:%s",
				       text_quote(from_path).s, l->diffid.hex);
		if (move_entry(f, m, layer, from_path, to_path, sb.st_mode & S_IFMT, e) < 0)
			return -1;
	}
	return errno == 0 ? 0
			  : err_sys(e, ERR_SYSTEM, "list '%s' of layer sha256:%s",
				    text_quote(from).s, l->diffid.hex);
}

/* The implied directory is a link that leads to `place`. */
static int go_through(struct fixup *f, size_t layer, struct node *n, const char *place,
		      struct err *e)
{
	const struct at_layer *link = fixup_state(f, n, VIEW_BELOW(layer)).top;
	size_t src_layer = link->src_layer;
	auto_free char *src_path = strdup(fixup_path(n, link));
	struct moves m = {0};
	struct node *to = fixup_node(f, place, e);
	bool opaque;

	if (!src_path)
		return err_sys(e, ERR_SYSTEM, "remember a name of the image");
	if (!to || need_dir(f, place, layer, n->path, e) < 0 ||
	    fixup_is_opaque(f, layer, n->path, &opaque, e) < 0)
		return -1;
	if (opaque && fixup_own(to, layer))
		return both_ways(layer, f, place, e);
	if (opaque && fixup_patch(f, to, layer, WHAT_DIR, true, true, layer, n->path, e) < 0)
		return -1;
	int r = moves_add(&m, n->path, place, e);
	for (size_t i = 0; r == 0 && i < m.count; i++)
		r = move_content(f, &m, layer, m.list[i].from, m.list[i].to, e);
	moves_fini(&m);
	if (r < 0)
		return -1;
	return fixup_patch(f, n, layer, WHAT_SYMLINK, false, false, src_layer, src_path, e);
}

/* --- one fact -------------------------------------------------------------------------------- */

/* What the layer finds at a node, if it lets anything through: it may have an opaque directory
 * above that. */
static struct state state_below(const struct fixup *f, const struct node *n, size_t layer)
{
	if (layer == 0)
		return (struct state){0};
	for (const struct node *up = n->parent; up; up = up->parent) {
		const struct at_layer *own = fixup_own(up, layer);
		if (own && own->what == WHAT_DIR && own->opaque)
			return (struct state){0};
	}
	return fixup_state(f, n, VIEW_BELOW(layer));
}

/* There is no directory below in which the layer could hide something: then it says nothing. */
static int stay_as_below(struct fixup *f, size_t layer, struct node *n, struct err *e)
{
	struct state below = state_below(f, n, layer);

	if (!below.top)
		return fixup_patch(f, n, layer, WHAT_WHITEOUT, false, false, layer, NULL, e);
	auto_free char *src_path = strdup(fixup_path(n, below.top));
	if (!src_path)
		return err_sys(e, ERR_SYSTEM, "remember a name of the image");
	return fixup_patch(f, n, layer, below.top->what, false, false, below.top->src_layer,
			   src_path, e);
}

/* Is the node the layer's own directory, in the place where it is in the layer, and is there none
 * below? */
static bool is_new_dir(const struct fixup *f, const struct node *n, size_t layer)
{
	const struct at_layer *own = fixup_own(n, layer);
	struct state now = fixup_state(f, n, VIEW_WITH(layer));

	if (!own || own->what != WHAT_DIR || !now.top || now.top->what != WHAT_DIR ||
	    now.floor > own->pos)
		return false;
	struct state below = state_below(f, n, layer);
	return !below.top || below.top->what != WHAT_DIR;
}

/* Before all other facts: these may need a directory that this one does not make. */
static int settle_hiding(struct fixup *f, size_t layer, const struct fact *fact, struct err *e)
{
	char place[ENTRY_PATH_MAX];
	struct node *n = fixup_node(f, fact->path, e);

	if (!n)
		return -1;
	if (!n->parent || !is_new_dir(f, n, layer))
		return 0;
	int r = state_below(f, n, layer).top ? find_place(f, n, VIEW_BELOW(layer), layer, place, e)
					     : 0;
	if (r > 0) {
		const struct node *to = fixup_node(f, place, e);
		if (!to)
			return -1;
		if (fixup_state(f, to, VIEW_BELOW(layer)).top)
			return 0; /* there it does hide something */
	}
	if (r >= 0)
		r = only_hides(f, layer, n->path, e);
	return r > 0 ? stay_as_below(f, layer, n, e) : r;
}

static int settle_implied(struct fixup *f, size_t layer, const struct fact *fact, struct err *e)
{
	char place[ENTRY_PATH_MAX];
	struct node *n = fixup_node(f, fact->path, e);

	if (!n)
		return -1;
	if (!n->parent || !is_new_dir(f, n, layer) || !state_below(f, n, layer).top)
		return 0;
	int r = find_place(f, n, VIEW_BELOW(layer), layer, place, e);
	/* Where a link leads to no directory, the new one takes its place. */
	return r > 0 ? go_through(f, layer, n, place, e) : r;
}

static int settle_gone(struct fixup *f, size_t layer, const struct fact *fact, struct err *e)
{
	char path[ENTRY_PATH_MAX];

	if (layer == 0)
		return 0;
	int r = fixup_resolve(f, fact->path, false, VIEW_WITH(layer), path, e);
	if (r <= 0)
		return r;
	struct node *n = fixup_node(f, path, e);
	if (!n)
		return -1;
	struct state s = fixup_state(f, n, VIEW_WITH(layer));
	if (!s.top || s.top->pos >= 2 * layer)
		return 0;
	return fixup_patch(f, n, layer, WHAT_WHITEOUT, false, false, layer, NULL, e);
}

static int bad_link(const struct fixup *f, size_t layer, const struct fact *fact, const char *why,
		    struct err *e)
{
	return err_set(e, ERR_VERIFY, "layer sha256:%s: '%s' is a hard link to '%s', %s",
		       f->layers[layer].diffid.hex, text_quote(fact->path).s,
		       text_quote(fact->target).s, why);
}

static int settle_link(struct fixup *f, size_t layer, const struct fact *fact, struct err *e)
{
	static const char missing[] = "which is in no layer below";
	char path[ENTRY_PATH_MAX];

	if (layer == 0)
		return bad_link(f, layer, fact, missing, e);
	int r = fixup_resolve(f, fact->target, false, VIEW_BELOW(layer), path, e);
	struct node *n = r > 0 ? fixup_node(f, path, e) : NULL;
	if (r < 0 || (r > 0 && !n))
		return -1;
	struct state s = n ? fixup_state(f, n, VIEW_BELOW(layer)) : (struct state){0};
	if (!s.top)
		return bad_link(f, layer, fact, missing, e);
	if (s.top->what == WHAT_DIR)
		return bad_link(f, layer, fact, "which is a directory", e);
	enum what what = s.top->what;
	size_t src_layer = s.top->src_layer;
	auto_free char *src_path = strdup(fixup_path(n, s.top));
	if (!src_path)
		return err_sys(e, ERR_SYSTEM, "remember a name of the image");

	r = fixup_resolve(f, fact->path, false, VIEW_WITH(layer), path, e);
	n = r > 0 ? fixup_node(f, path, e) : NULL;
	if (r < 0 || (r > 0 && !n))
		return -1;
	r = n ? is_usable_dir(f, n->parent->path, layer, e) : 0;
	if (r < 0)
		return -1;
	if (r == 0)
		return bad_link(f, layer, fact, "and is itself below what is no directory", e);
	return fixup_patch(f, n, layer, what, false, false, src_layer, src_path, e);
}

int fixup_settle_layer(struct fixup *f, size_t layer, struct err *e)
{
	static int (*const settle[])(struct fixup * f, size_t layer, const struct fact *fact,
				     struct err *e) = {
		[FACT_IMPLIED] = settle_implied,
		[FACT_GONE] = settle_gone,
		[FACT_LINK] = settle_link,
	};
	const struct facts *facts = &f->layers[layer].facts;

	for (size_t i = 0; i < facts->count && facts->list[i].kind == FACT_IMPLIED; i++) {
		if (settle_hiding(f, layer, &facts->list[i], e) < 0)
			return -1;
	}
	/* In their order: links and gone names may lead through what was implied. */
	for (size_t i = 0; i < facts->count; i++) {
		if (settle[facts->list[i].kind](f, layer, &facts->list[i], e) < 0)
			return -1;
	}
	return 0;
}
