/* SPDX-License-Identifier: MIT */
/* After the last entry of a layer: whiteouts that nobody needs, what is left to the layers below,
 * metadata of directories. */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "imgfetch/layerdir_impl.h"

/* A directory in which overlayfs looks for whiteouts, also when it has nothing to merge it with
 * (ovl_get_inode; empty: "was once copied, from where is not known"). */
#define ORIGIN_XATTR "user.overlay.origin"

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_sort(struct path_list *l)
{
	if (l->count > 0)
		qsort(l->v, l->count, sizeof(*l->v), compare_paths);
}

static bool list_has(const struct path_list *l, const char *path)
{
	return l->count > 0 && bsearch(&path, l->v, l->count, sizeof(*l->v), compare_paths);
}

/* Cut up on the way, and put together again. */
static bool below_opaque(const struct layerdir *ld, char *path)
{
	if (*path && list_has(&ld->opaques, ""))
		return true;
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool found = list_has(&ld->opaques, path);
		*slash = '/';
		if (found)
			return true;
	}
	return false;
}

/* What the layer has at path now: 1, 0 nothing. *parent stays the cache's. */
static int look(struct layerdir *ld, const char *path, int *parent, const char **base,
		struct stat *sb, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*base = slash ? slash + 1 : path;
	*parent = layerdir_use_dir(ld, path, len, NULL, e);
	if (*parent >= 0 && fstatat(*parent, *base, sb, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
		       ? 0
		       : layerdir_fail(e, "look at", path);
}

/* overlayfs lists a directory that it need not merge as it is: whiteouts would be names that cannot
 * be looked at (umoci issue 572). Where the file system has no such attributes they are. */
static int expect_whiteouts(int parent, const char *path, struct err *e)
{
	auto_fd fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return layerdir_fail(e, "open the directory of", path);
	if (fsetxattr(fd, ORIGIN_XATTR, "", 0, 0) < 0 && errno != EOPNOTSUPP)
		return layerdir_fail(e, "mark the directory of", path);
	return 0;
}

/* Length of a path up to its last component. */
static size_t dir_bytes(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash + 1 - path) : 0;
}

static int settle_whiteouts(struct layerdir *ld, uint64_t *left, struct err *e)
{
	const char *marked = NULL; /* a whiteout whose directory is marked */

	*left = 0;
	for (size_t i = 0; i < ld->whiteouts.count; i++) {
		char *path = ld->whiteouts.v[i];
		const char *base;
		struct stat sb;
		int parent;
		int there = look(ld, path, &parent, &base, &sb, e);
		if (there < 0)
			return -1;
		/* An entry of this layer may have come since, or a mark for what is not made. */
		if (!there || !layerdir_is_whiteout(&sb) || layerdir_is_placeholder(&sb) ||
		    (sb.st_mode & LAYERDIR_GONE_MODE))
			continue;
		if (below_opaque(ld, path)) {
			if (unlinkat(parent, base, 0) < 0)
				return layerdir_fail(e, "remove the whiteout", path);
			continue;
		}
		(*left)++;
		if (listwriter_add_name(ld->list, FILE_WHITEOUT, path, NULL, e) < 0)
			return -1;
		if (marked && (size_t)(base - path) == dir_bytes(marked) &&
		    memcmp(marked, path, (size_t)(base - path)) == 0)
			continue;
		if (expect_whiteouts(parent, path, e) < 0)
			return -1;
		marked = path;
	}
	return 0;
}

/* --- what is left to the layers below -------------------------------------------------------- */

struct link_walk {
	struct layerdir *ld;
	struct facts *facts;
	struct err *e;
	int rc;
};

static void add_link(const void *node, VISIT visit, void *arg)
{
	const struct lower_link *l = *(struct lower_link *const *)node;
	struct link_walk *w = arg;
	const char *base;
	struct stat sb;
	int parent;

	if ((visit != postorder && visit != leaf) || w->rc < 0)
		return;
	int there = look(w->ld, l->path, &parent, &base, &sb, w->e);
	/* Another entry may have taken its place. */
	if (there > 0 && layerdir_is_placeholder(&sb)) {
		w->rc = expect_whiteouts(parent, l->path, w->e);
		if (w->rc == 0)
			w->rc = listwriter_add_name(w->ld->list, FILE_WHITEOUT, l->path, NULL,
						    w->e);
		if (w->rc == 0)
			w->rc = facts_add(w->facts, FACT_LINK, l->path, l->target, w->e);
	} else if (there < 0) {
		w->rc = -1;
	}
}

static int add_gone(struct layerdir *ld, struct facts *facts, struct err *e)
{
	for (size_t i = 0; i < ld->gone.count; i++) {
		char *path = ld->gone.v[i];
		const char *base;
		struct stat sb;
		int parent;
		int there = look(ld, path, &parent, &base, &sb, e);
		if (there > 0 && layerdir_is_whiteout(&sb) && (sb.st_mode & LAYERDIR_GONE_MODE)) {
			if (unlinkat(parent, base, 0) < 0)
				return layerdir_fail(e, "remove the mark", path);
			there = 0;
		}
		if (there < 0 || (there == 0 && !below_opaque(ld, path) &&
				  facts_add(facts, FACT_GONE, path, NULL, e) < 0))
			return -1;
	}
	return 0;
}

static int add_facts(struct layerdir *ld, struct facts *facts, struct err *e)
{
	struct link_walk w = {.ld = ld, .facts = facts, .e = e};
	bool root_given = false;

	twalk_r(ld->links, add_link, &w);
	if (w.rc < 0 || add_gone(ld, facts, e) < 0)
		return -1;
	for (size_t i = 0; i < ld->note_count; i++) {
		const struct dir_note *n = &ld->notes[i];
		if (i > 0 && strcmp(n[-1].path, n->path) == 0)
			continue;
		root_given |= *n->path == '\0';
		if (!n->implied || list_has(&ld->renewed, n->path))
			continue;
		auto_fd fd = path_open_beneath(ld->fd, n->path, O_PATH | O_DIRECTORY, 0);
		/* Else replaced by something else since. */
		if (fd >= 0 && facts_add(facts, FACT_IMPLIED, n->path, NULL, e) < 0)
			return -1;
	}
	if (!root_given && facts_add(facts, FACT_IMPLIED, "", NULL, e) < 0)
		return -1;
	facts_sort(facts);
	return 0;
}

/* --- metadata of directories ----------------------------------------------------------------- */

static int compare_notes(const void *a, const void *b)
{
	const struct dir_note *x = a, *y = b;
	int c = strcmp(y->path, x->path);

	/* Children sort before their parents, the last note of a path before the others. */
	if (c != 0)
		return c;
	return x->seq < y->seq ? 1 : -1;
}

static int apply_note(struct layerdir *ld, const struct dir_note *n, struct err *e)
{
	const struct timespec times[2] = {n->mtime, n->mtime};
	auto_fd fd = -1;

	if (*n->path == '\0') {
		fd = openat(ld->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else {
		fd = path_open_beneath(ld->fd, n->path, O_RDONLY | O_DIRECTORY, 0);
		/* Replaced by something else since. */
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			return 0;
	}
	if (fd < 0)
		return layerdir_fail(e, "open", n->path);
	struct file_entry f = {.type = FILE_DIR, .path = n->path};
	if (*n->path != '\0' && listwriter_hash_dir(ld->list, fd, &f, e) < 0)
		return -1;
	/* Always: a chown may have cleared bits, a second entry may have changed its mind. */
	if (fchmod(fd, n->mode) < 0)
		return layerdir_fail(e, "set the mode of", n->path);
	if (futimens(fd, times) < 0)
		return layerdir_fail(e, "set the time of", n->path);
	/* The root comes last, with or without an entry of its own. */
	return *n->path == '\0' ? 0 : listwriter_add_dir(ld->list, fd, &f, e);
}

int layerdir_finish(struct layerdir *ld, struct layerdir_counts *counts, struct facts *facts,
		    struct err *e)
{
	struct layerdir_counts c = {.owners_lost = ld->owners_lost, .opaques = ld->opaques.count};

	list_sort(&ld->opaques);
	list_sort(&ld->renewed);
	if (ld->note_count > 0)
		qsort(ld->notes, ld->note_count, sizeof(*ld->notes), compare_notes);
	c.opaque_root = list_has(&ld->opaques, "");
	if (settle_whiteouts(ld, &c.whiteouts, e) < 0 || add_facts(ld, facts, e) < 0)
		return -1;
	layerdir_clear_cache(ld);
	for (size_t i = 0; i < ld->note_count; i++) {
		if (i > 0 && strcmp(ld->notes[i - 1].path, ld->notes[i].path) == 0)
			continue;
		if (apply_note(ld, &ld->notes[i], e) < 0)
			return -1;
	}
	struct file_entry root = {.type = FILE_DIR, .path = ""};
	if (listwriter_hash_dir(ld->list, ld->fd, &root, e) < 0 ||
	    listwriter_add_dir(ld->list, ld->fd, &root, e) < 0)
		return -1;
	*counts = c;
	return 0;
}
