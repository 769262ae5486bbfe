/* SPDX-License-Identifier: MIT */
/* Hard links of a layer: to its own files, and noted for the image, to those of layers below. */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/layerdir_impl.h"

void layerdir_free_link(void *p)
{
	struct lower_link *l = p;

	free(l->path);
	free(l->target);
	free(l);
}

static int compare_links(const void *a, const void *b)
{
	const struct lower_link *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Is the directory that has the target hidden by this layer, which has not the target? */
static int is_hidden(const struct layerdir *ld, const struct entry_name *target, bool *hidden,
		     struct err *e)
{
	char path[ENTRY_PATH_MAX] = "";
	char value[2];

	/* From the root down to the parent. */
	for (size_t at = 0;; at++) {
		auto_fd fd = *path ? path_open_beneath(ld->fd, path, O_RDONLY | O_DIRECTORY, 0)
				   : openat(ld->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			break;
		if (fd < 0)
			return layerdir_fail(e, "open", path);
		*hidden = fgetxattr(fd, LAYERDIR_OPAQUE_XATTR, value, sizeof(value)) == 1;
		const char *slash = *hidden ? NULL : strchr(target->path + at, '/');
		if (!slash)
			break;
		at = (size_t)(slash - target->path);
		memcpy(path, target->path, at);
		path[at] = '\0';
	}
	return 0;
}

/* What a hard link may point to: 1, and *sb describes it; 0: it is not in this layer; -1. */
static int check_link_target(const struct layerdir *ld, int dir, const struct entry_name *target,
			     struct stat *sb, struct err *e)
{
	bool hidden = false;

	if (dir < 0 || fstatat(dir, target->path + target->base, sb, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOTDIR)
			hidden = true;
		else if (errno != ENOENT)
			return layerdir_fail(e, "look at", target->path);
		else if (is_hidden(ld, target, &hidden, e) < 0)
			return -1;
		return hidden ? err_set(e, ERR_VERIFY,
					"a hard link to '%s', which is deleted in this layer",
					text_quote(target->path).s)
			      : 0;
	}
	if (S_ISREG(sb->st_mode) || S_ISLNK(sb->st_mode) || S_ISFIFO(sb->st_mode) ||
	    layerdir_is_placeholder(sb))
		return 1;
	return err_set(e, ERR_VERIFY, "a hard link to '%s', which is %s",
		       text_quote(target->path).s,
		       S_ISDIR(sb->st_mode)	  ? "a directory"
		       : layerdir_is_whiteout(sb) ? "deleted in this layer"
						  : "no file");
}

/* Note the link for the image, and put something in its place that hides what is below. */
static int make_lower_link(struct layerdir *ld, const struct entry_name *name,
			   const struct entry_name *target, const struct entry_meta *m,
			   struct err *e)
{
	const char *base = name->path + name->base;
	int parent = layerdir_use_parent(ld, name, m, e);
	struct lower_link *l = parent < 0 ? NULL : calloc(1, sizeof(*l));

	if (parent < 0)
		return -1;
	if (!l)
		return err_sys(e, ERR_SYSTEM, "remember a hard link");
	l->path = layerdir_keep_path(ld, name->path, name->len, e);
	l->target = l->path ? layerdir_keep_path(ld, target->path, target->len, e) : NULL;
	if (!l->target) {
		layerdir_free_link(l);
		return -1;
	}
	struct lower_link **found = tsearch(l, &ld->links, compare_links);
	if (!found) {
		layerdir_free_link(l);
		return err_sys(e, ERR_SYSTEM, "remember a hard link");
	}
	if (*found != l) {
		char *old = (*found)->target;
		(*found)->target = take_ptr(l->target);
		l->target = old;
		layerdir_free_link(l);
	}
	if (mknodat(parent, base, S_IFCHR | LAYERDIR_PLACEHOLDER_MODE, 0) == 0)
		return 0;
	if (errno == EPERM)
		return layerdir_no_whiteouts(name, e);
	if (layerdir_make_way(ld, parent, name, e) < 0)
		return -1;
	if (mknodat(parent, base, S_IFCHR | LAYERDIR_PLACEHOLDER_MODE, 0) < 0)
		return layerdir_fail(e, "create", name->path);
	return 0;
}

/* A link to a link that the image will make: to the same. */
static int link_to_placeholder(struct layerdir *ld, const struct entry_name *name,
			       const struct entry_name *target, const struct entry_meta *m,
			       struct err *e)
{
	struct lower_link key = {.path = (char *)target->path};
	struct lower_link *const *found = tfind(&key, &ld->links, compare_links);
	struct entry_name real = {0};

	if (!found)
		return err_set(e, ERR_BUG, "a placeholder without a link at '%s'",
			       text_quote(target->path).s);
	real.len = strlen((*found)->target);
	memcpy(real.path, (*found)->target, real.len + 1);
	return make_lower_link(ld, name, &real, m, e);
}

/* linkat(2) failed. ext4 takes 65000 names of a file. */
static int link_failed(const struct entry_name *name, const struct entry_name *target,
		       const struct stat *from, struct err *e)
{
	if (errno != EMLINK)
		return layerdir_fail(e, "create", name->path);
	return err_set(e, ERR_DISK,
		       "link '%s': the store's file system takes no more than the %llu hard links "
		       "that '%s' has; put the store on another one, such as xfs",
		       text_quote(name->path).s, (unsigned long long)from->st_nlink,
		       text_quote(target->path).s);
}

int layerdir_make_link(struct layerdir *ld, const struct entry_name *name,
		       const struct entry_name *target, const struct entry_meta *m, struct err *e)
{
	const char *base = name->path + name->base;
	struct stat from, to;

	if (name->len == 0 || target->len == 0)
		return err_set(e, ERR_VERIFY, "a hard link to the root, which is a directory");
	/* A descriptor of our own: using the link's parent may push the target's out of the cache.
	 */
	int cached = layerdir_use_parent(ld, target, NULL, e);
	auto_fd dir = cached < 0 ? -1 : fcntl(cached, F_DUPFD_CLOEXEC, 0);
	int r = check_link_target(ld, dir, target, &from, e);
	if (r < 0)
		return -1;
	if (r == 0)
		return make_lower_link(ld, name, target, m, e);
	if (layerdir_is_placeholder(&from))
		return link_to_placeholder(ld, name, target, m, e);
	int parent = layerdir_use_parent(ld, name, m, e);
	if (parent < 0)
		return -1;
	/* No AT_SYMLINK_FOLLOW: a link to a symbolic link is a link to the link. */
	if (linkat(dir, target->path + target->base, parent, base, 0) == 0)
		return listwriter_add_name(ld->list, FILE_LINK, name->path, target->path, e);
	if (errno == EEXIST && fstatat(parent, base, &to, AT_SYMLINK_NOFOLLOW) == 0 &&
	    to.st_ino == from.st_ino && to.st_dev == from.st_dev)
		return 0;
	if (errno == EMLINK)
		return link_failed(name, target, &from, e);
	if (layerdir_make_way(ld, parent, name, e) < 0)
		return -1;
	/* What made way may have held the target. */
	r = check_link_target(ld, dir, target, &from, e);
	if (r <= 0)
		return r < 0 ? -1
			     : err_set(e, ERR_VERIFY, "a hard link that takes the place of '%s'",
				       text_quote(target->path).s);
	if (linkat(dir, target->path + target->base, parent, base, 0) < 0)
		return link_failed(name, target, &from, e);
	return listwriter_add_name(ld->list, FILE_LINK, name->path, target->path, e);
}
