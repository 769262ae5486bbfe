/* SPDX-License-Identifier: MIT */
/* Merge layers into one directory: the lowest first, each applied over what is there. */
#include "mount/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "mount/copy.h"

/* Directories are visited from a list of paths, so that neither descriptors nor the stack grow with
 * the depth of the tree. While the work goes on they are open to us only; when a layer is done its
 * directories get their metadata, children before their parents, as making an entry changes the
 * times of the directory. The topmost directory gets its own at the very end: until then nobody
 * else can get in, whatever the modes below it say. */
struct unpacker {
	const struct unpack_opts *opts;
	bool link;     /* still to be tried: cleared when it turns out to be impossible */
	int target_fd; /* the merged tree */
	int layer_fd;  /* the layer that is applied now */
	bool first;    /* it is the lowest: nothing is in the way */
	char **dirs;   /* of this layer, in the order found: relative paths, "." the first */
	size_t dir_count;
	size_t dir_space;
	void *linked; /* tsearch(3) tree of struct linked: files with several names, of any layer */
	/* A directory in the merged tree, until it is complete: further names of what is in linked.
	 * Layers above may replace those in the tree, and a new file may even get the old one's
	 * inode; from here there is a way to it all the same. */
	int held_fd; /* -1: not needed so far */
	char held[32];
	uint64_t held_count;
};

/* A file that was copied, and its name in held_fd. */
struct linked {
	dev_t dev;
	ino_t ino;
	char name[24];
};

static int compare_linked(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

static void forget_layer(struct unpacker *u)
{
	for (size_t i = 0; i < u->dir_count; i++)
		free(u->dirs[i]);
	free(u->dirs);
	u->dirs = NULL;
	u->dir_count = u->dir_space = 0;
}

/* dir/name on the heap; the topmost directory "." is not named. */
static char *join(const char *dir, const char *name)
{
	char *path;

	if (strcmp(dir, ".") == 0)
		return strdup(name);
	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Remember a directory of the layer, dir/name. */
static int add_dir(struct unpacker *u, const char *dir, const char *name, struct err *e)
{
	char *rel;

	if (u->dir_count == u->dir_space) {
		size_t space = u->dir_space ? u->dir_space * 2 : 256;
		char **more = reallocarray(u->dirs, space, sizeof(*more));
		if (!more)
			return err_sys(e, ERR_SYSTEM, "unpack");
		u->dirs = more;
		u->dir_space = space;
	}
	rel = join(dir, name);
	if (!rel)
		return err_sys(e, ERR_SYSTEM, "unpack");
	u->dirs[u->dir_count++] = rel;
	return 0;
}

/* --- one entry --- */

/* Where an entry is: both directories, the path for messages, and what it is. */
struct place {
	int src, dst;
	const char *rel; /* of the directory */
	const char *name;
	const char *what; /* rel/name */
	struct stat st;	  /* in the layer */
};

/* The second name of a file that was copied already. 1 done, 0 not known, -1. */
static int link_again(struct unpacker *u, const struct place *p, struct err *e)
{
	const struct linked key = {.dev = p->st.st_dev, .ino = p->st.st_ino};
	struct linked *const *found = tfind(&key, &u->linked, compare_linked);

	if (!found)
		return 0;
	if (linkat(u->held_fd, (*found)->name, p->dst, p->name, 0) == 0)
		return 1;
	return errno == EMLINK ? 0 : copy_fault("link", p->what, e);
}

static int make_held(struct unpacker *u, struct err *e)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_sys(e, ERR_SYSTEM, "getrandom");
	if (text_format(u->held, sizeof(u->held), ".imgmount-%016" PRIx64, random) < 0)
		return err_sys(e, ERR_BUG, "name a directory");
	if (mkdirat(u->target_fd, u->held, 0700) < 0)
		return copy_fault("create", u->held, e);
	u->held_fd = path_open_beneath(u->target_fd, u->held, O_PATH | O_DIRECTORY, 0);
	return u->held_fd < 0 ? copy_fault("open", u->held, e) : 0;
}

/* Nothing that was copied is to get further names. */
static int forget_copies(struct unpacker *u, struct err *e)
{
	tdestroy(u->linked, free);
	u->linked = NULL;
	if (u->held_fd < 0)
		return 0;
	cleanup_fd(&u->held_fd);
	return path_remove_tree(u->target_fd, u->held, e);
}

static int remember_link(struct unpacker *u, const struct place *p, struct err *e)
{
	struct linked **found;

	if (u->held_fd < 0 && make_held(u, e) < 0)
		return -1;
	struct linked *l = malloc(sizeof(*l));
	if (!l)
		return err_sys(e, ERR_SYSTEM, "unpack");
	*l = (struct linked){.dev = p->st.st_dev, .ino = p->st.st_ino};
	if (text_format(l->name, sizeof(l->name), "%" PRIu64, u->held_count++) < 0 ||
	    linkat(p->dst, p->name, u->held_fd, l->name, 0) < 0) {
		/* There are file systems without hard links. */
		int ret =
			errno == EPERM || errno == EOPNOTSUPP ? 0 : copy_fault("link", p->what, e);
		free(l);
		return ret;
	}
	found = tsearch(l, &u->linked, compare_linked);
	if (!found) {
		free(l);
		return err_sys(e, ERR_SYSTEM, "unpack");
	}
	if (*found != l) {
		/* The first copy takes no more names. */
		free(*found);
		*found = l;
	}
	return 0;
}

/* May somebody else write to the file? The store is closed to others; the tree need not be, and a
 * link there would let them change the image. A set-id bit, which imgfetch leaves out, must not get
 * out of the store either. Symbolic links have neither. */
static bool needs_copy(const struct stat *st)
{
	return !S_ISLNK(st->st_mode) &&
	       (st->st_uid != geteuid() || (st->st_mode & (S_IWGRP | S_IWOTH | S_ISUID | S_ISGID)));
}

/* A hard link into the layer. 1 done, 0 copy it instead, -1. */
static int link_layer(struct unpacker *u, const struct place *p, struct err *e)
{
	if (u->opts->by == UNPACK_ANYHOW && needs_copy(&p->st))
		return 0;
	if (linkat(p->src, p->name, p->dst, p->name, 0) == 0)
		return 1;
	if (u->opts->by == UNPACK_LINK)
		return copy_fault("make a hard link to", p->what, e);
	switch (errno) {
	case EXDEV:
	case EOPNOTSUPP:
		u->link = false;
		return 0;
	case EPERM:  /* fs.protected_hardlinks: not our file */
	case EMLINK: /* this one has too many */
		return 0;
	default:
		return copy_fault("link", p->what, e);
	}
}

static int place_file(struct unpacker *u, const struct place *p, struct err *e)
{
	const struct copy_opts copy = {.share = u->opts->by == UNPACK_REFLINK,
				       .stop = u->opts->stop};
	bool several = p->st.st_nlink > 1;
	/* Fifos are made anew; sockets and devices are refused (copy_special). */
	bool linkable = S_ISREG(p->st.st_mode) || S_ISLNK(p->st.st_mode);
	int done = u->link && linkable ? link_layer(u, p, e) : 0;

	if (done == 0 && several)
		done = link_again(u, p, e);
	if (done != 0)
		return done < 0 ? -1 : 0;
	done = S_ISREG(p->st.st_mode)
		       ? copy_regular(p->src, p->dst, p->name, &p->st, &copy, p->what, e)
		       : copy_special(p->src, p->dst, p->name, &p->st, p->what, e);
	if (done < 0)
		return -1;
	return several ? remember_link(u, p, e) : 0;
}

static bool is_opaque(int dir_fd)
{
	char value[2];

	return fgetxattr(dir_fd, "user.overlay.opaque", value, sizeof(value)) == 1 &&
	       value[0] == 'y';
}

/* Make or find the directory in the target; an opaque one starts empty. */
static int place_dir(struct unpacker *u, const struct place *p, struct err *e)
{
	struct stat st;

	if (!u->first) {
		auto_fd src = path_open_beneath(p->src, p->name, O_RDONLY | O_DIRECTORY, 0);
		if (src < 0)
			return copy_fault("open", p->what, e);
		bool there = fstatat(p->dst, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (there && S_ISDIR(st.st_mode) && !is_opaque(src)) {
			/* An earlier layer may have closed it to its owner, too. */
			if ((st.st_mode & 0700) != 0700 && geteuid() != 0 &&
			    fchmodat(p->dst, p->name, 0700, 0) < 0)
				return copy_fault("open up", p->what, e);
			return add_dir(u, p->rel, p->name, e);
		}
		if (there && path_remove_tree(p->dst, p->name, e) < 0)
			return -1;
	}
	if (mkdirat(p->dst, p->name, 0700) < 0)
		return copy_fault("create", p->what, e);
	return add_dir(u, p->rel, p->name, e);
}

static int place_entry(struct unpacker *u, struct place *p, struct err *e)
{
	if (fstatat(p->src, p->name, &p->st, AT_SYMLINK_NOFOLLOW) < 0)
		return copy_fault("look at", p->what, e);
	if (S_ISDIR(p->st.st_mode))
		return place_dir(u, p, e);
	if (!u->first && path_remove_tree(p->dst, p->name, e) < 0)
		return -1;
	if (S_ISCHR(p->st.st_mode) && p->st.st_rdev == 0)
		return 0; /* a whiteout: what it hides is gone now */
	return place_file(u, p, e);
}

/* --- one directory, one layer --- */

static int apply_dir(struct unpacker *u, const char *rel, struct err *e)
{
	auto_fd src = path_open_beneath(u->layer_fd, rel, O_RDONLY | O_DIRECTORY, 0);
	auto_fd dst = path_open_beneath(u->target_fd, rel, O_RDONLY | O_DIRECTORY, 0);

	if (src < 0 || dst < 0)
		return copy_fault("open", rel, e);
	auto_fd listed = openat(src, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = listed < 0 ? NULL : fdopendir(listed);
	if (!dir)
		return copy_fault("open", rel, e);
	listed = -1; /* it is dir's now */
	for (;;) {
		errno = 0;
		const struct dirent *d = readdir(dir);
		if (!d)
			break;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (u->opts->stop && *u->opts->stop)
			return err_set(e, ERR_SYSTEM, "interrupted");
		auto_free char *what = join(rel, d->d_name);
		if (!what)
			return err_sys(e, ERR_SYSTEM, "unpack");
		struct place p = {
			.src = src, .dst = dst, .rel = rel, .name = d->d_name, .what = what};
		if (place_entry(u, &p, e) < 0)
			return -1;
	}
	return errno == 0 ? 0 : copy_fault("list", rel, e);
}

/* What layers below have set on a directory that this one gives again: copy_meta only adds. */
static int clear_xattrs(int fd, const char *what, struct err *e)
{
	char names[XATTR_LIST_MAX];
	ssize_t len = flistxattr(fd, names, sizeof(names));

	if (len < 0)
		return errno == ENOTSUP ? 0 : copy_fault("list attributes of", what, e);
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		if (strncmp(name, "user.", 5) == 0 && fremovexattr(fd, name) < 0)
			return copy_fault("remove an attribute of", what, e);
	}
	return 0;
}

static int finish_dir(const struct unpacker *u, const char *rel, struct err *e)
{
	struct stat st;
	auto_fd src = path_open_beneath(u->layer_fd, rel, O_RDONLY | O_DIRECTORY, 0);
	auto_fd dst = path_open_beneath(u->target_fd, rel, O_RDONLY | O_DIRECTORY, 0);

	if (src < 0 || dst < 0 || fstat(src, &st) < 0)
		return copy_fault("open", rel, e);
	if (!u->first && strcmp(rel, ".") != 0 && clear_xattrs(dst, rel, e) < 0)
		return -1;
	return copy_meta(src, dst, &st, rel, e);
}

/* The whole layer but for the metadata of its topmost directory. */
static int apply_layer(struct unpacker *u, struct err *e)
{
	if (!u->first && is_opaque(u->layer_fd) &&
	    (forget_copies(u, e) < 0 || path_remove_contents(u->target_fd, ".", e) < 0))
		return -1;
	if (add_dir(u, ".", ".", e) < 0)
		return -1;
	for (size_t i = 0; i < u->dir_count; i++) {
		/* add_dir moves the list, never the strings. */
		if (apply_dir(u, u->dirs[i], e) < 0)
			return -1;
	}
	for (size_t i = u->dir_count; i-- > 1;) {
		if (finish_dir(u, u->dirs[i], e) < 0)
			return -1;
	}
	return 0;
}

/* All layers into the empty directory target_fd. */
static int merge(const struct layers *l, int target_fd, const struct unpack_opts *o, struct err *e)
{
	bool links = o->by == UNPACK_ANYHOW || o->by == UNPACK_WITHIN || o->by == UNPACK_LINK;
	struct unpacker u = {
		.opts = o, .link = links, .target_fd = target_fd, .held_fd = -1, .first = true};
	int ret = 0;

	if (fchmod(target_fd, 0700) < 0)
		return copy_fault("set the mode of", "the target directory", e);
	for (size_t i = l->count; ret == 0 && i-- > 0;) {
		/* The layers are O_PATH descriptors, which is_opaque cannot ask. */
		auto_fd layer = openat(l->fds[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		u.layer_fd = layer;
		ret = layer < 0 ? copy_fault("open", "a layer", e) : apply_layer(&u, e);
		if (ret == 0 && i == 0)
			ret = forget_copies(&u, e);
		if (ret == 0 && i == 0)
			ret = finish_dir(&u, ".", e);
		forget_layer(&u);
		u.first = false;
	}
	tdestroy(u.linked, free);
	cleanup_fd(&u.held_fd);
	return ret;
}

/* --- the target --- */

static int check_empty(int dir_fd, const char *name, struct err *e)
{
	auto_fd fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return copy_fault("list", name, e);
	fd = -1; /* it is dir's now */
	for (;;) {
		errno = 0;
		const struct dirent *d = readdir(dir);
		if (!d)
			return errno == 0 ? 0 : copy_fault("list", name, e);
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			return err_set(e, ERR_BUSY, "'%s' is not empty", text_quote(name).s);
	}
}

/* Fill a directory that is there; it may be a mount point or one that only its owner could make. */
static int fill(const struct layers *l, int dir_fd, const char *name, const struct unpack_opts *o,
		struct err *e)
{
	struct stat before;
	struct err also = {0};

	if (check_empty(dir_fd, name, e) < 0)
		return -1;
	if (fstat(dir_fd, &before) < 0)
		return copy_fault("look at", name, e);
	if (merge(l, dir_fd, o, e) == 0)
		return 0;
	int undone = path_remove_contents(dir_fd, ".", &also);
	if (undone == 0 && geteuid() == 0)
		undone = fchown(dir_fd, before.st_uid, before.st_gid);
	if (undone == 0)
		undone = fchmod(dir_fd, before.st_mode & 07777);
	return undone == 0 ? -1 : err_wrap(e, "'%s' was left half unpacked", text_quote(name).s);
}

/* Build under another name in the same directory, then rename. */
static int build(const struct layers *l, int parent_fd, const char *name,
		 const struct unpack_opts *o, struct err *e)
{
	char temp[64];
	uint64_t random;
	struct err also = {0};

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_sys(e, ERR_SYSTEM, "getrandom");
	if (text_format(temp, sizeof(temp), ".imgmount-%016" PRIx64, random) < 0)
		return err_sys(e, ERR_BUG, "name a directory");
	if (mkdirat(parent_fd, temp, 0700) < 0)
		return copy_fault("create", name, e);
	auto_fd dir = path_open_beneath(parent_fd, temp, O_RDONLY | O_DIRECTORY, 0);
	int ret = dir < 0 ? copy_fault("open", temp, e) : merge(l, dir, o, e);
	if (ret == 0 && renameat2(parent_fd, temp, parent_fd, name, RENAME_NOREPLACE) < 0)
		ret = copy_fault("rename the finished tree to", name, e);
	if (ret < 0 && path_remove_tree(parent_fd, temp, &also) < 0)
		return err_wrap(e, "'%s' was left behind", temp);
	return ret;
}

int unpack_layers(const struct layers *l, int parent_fd, const char *name,
		  const struct unpack_opts *o, struct err *e)
{
	auto_fd dir = path_open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY, 0);

	if (dir >= 0)
		return fill(l, dir, name, o, e);
	if (errno == ENOENT)
		return build(l, parent_fd, name, o, e);
	if (errno == ENOTDIR || errno == ELOOP)
		return err_set(e, ERR_BUSY, "'%s' is there and no directory", text_quote(name).s);
	return copy_fault("open", name, e);
}
