/* SPDX-License-Identifier: MIT */
/* After the last entry of a layer: whiteouts that nobody needs, metadata of directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "imgfetch/layerdir_impl.h"

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool below_opaque(const struct layerdir *ld, char *path)
{
	const struct path_list *l = &ld->opaques;
	const char *root = "";

	if (bsearch(&root, l->v, l->count, sizeof(*l->v), compare_paths))
		return true;
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool found = bsearch(&path, l->v, l->count, sizeof(*l->v), compare_paths) != NULL;
		*slash = '/';
		if (found)
			return true;
	}
	return false;
}

/* Where nothing shines through, overlayfs lists directories as they are: a whiteout there would be
 * seen as a name that cannot be looked at (umoci issue 572). */
static int drop_needless_whiteouts(struct layerdir *ld, uint64_t *left, struct err *e)
{
	*left = 0;
	if (ld->opaques.count > 0)
		qsort(ld->opaques.v, ld->opaques.count, sizeof(*ld->opaques.v), compare_paths);
	for (size_t i = 0; i < ld->whiteouts.count; i++) {
		char *path = ld->whiteouts.v[i];
		struct stat sb;
		const char *slash = strrchr(path, '/');
		size_t base = slash ? (size_t)(slash + 1 - path) : 0;
		/* It may have given way to something since. */
		int parent = layerdir_use_dir(ld, path, base > 0 ? base - 1 : 0, NULL, e);
		bool there = parent >= 0 &&
			     fstatat(parent, path + base, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
			     layerdir_is_whiteout(&sb);
		if (ld->opaques.count > 0 && below_opaque(ld, path)) {
			if (there && unlinkat(parent, path + base, 0) < 0)
				return layerdir_fail(e, "remove the whiteout", path);
			continue;
		}
		if (there && listwriter_add_name(ld->list, FILE_WHITEOUT, path, NULL, e) < 0)
			return -1;
		(*left)++;
	}
	return 0;
}

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
	/* Always: a chown may have cleared bits, a second entry may have changed its mind. */
	if (fchmod(fd, n->mode) < 0)
		return layerdir_fail(e, "set the mode of", n->path);
	if (futimens(fd, times) < 0)
		return layerdir_fail(e, "set the time of", n->path);
	/* The root comes last, with or without an entry of its own. */
	return *n->path == '\0' ? 0 : listwriter_add_dir(ld->list, fd, n->path, e);
}

int layerdir_finish(struct layerdir *ld, struct layerdir_counts *counts, struct err *e)
{
	struct layerdir_counts c = {0};
	const char *root = "";

	if (drop_needless_whiteouts(ld, &c.whiteouts, e) < 0)
		return -1;
	c.owners_lost = ld->owners_lost;
	c.opaques = ld->opaques.count;
	c.opaque_root = c.opaques > 0 && bsearch(&root, ld->opaques.v, ld->opaques.count,
						 sizeof(*ld->opaques.v), compare_paths);
	layerdir_clear_cache(ld);
	if (ld->note_count > 0)
		qsort(ld->notes, ld->note_count, sizeof(*ld->notes), compare_notes);
	for (size_t i = 0; i < ld->note_count; i++) {
		if (i > 0 && strcmp(ld->notes[i - 1].path, ld->notes[i].path) == 0)
			continue;
		if (apply_note(ld, &ld->notes[i], e) < 0)
			return -1;
	}
	if (listwriter_add_dir(ld->list, ld->fd, "", e) < 0)
		return -1;
	*counts = c;
	return 0;
}
