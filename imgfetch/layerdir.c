/* SPDX-License-Identifier: MIT */
/* The directory a layer is unpacked into. Names come from strangers: every parent is reached by
 * openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS from the layer's own descriptor, every
 * last component by a call that does not follow links and does not open what exists. */
#include "imgfetch/layerdir.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/filehash.h"
#include "imgfetch/layerdir_impl.h"

/* Remembered names of one layer: a million directories of an ordinary tree need 60 MB. */
#define NAMES_BYTES_MAX (UINT64_C(128) << 20)

#define DIR_MODE_IMPLIED 0755

enum err_kind layerdir_errno_kind(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EIO:
	case EFBIG:
	case EOPNOTSUPP:
	case EACCES:
	case EPERM:
	case EMLINK:
		return ERR_DISK;
	default:
		return ERR_SYSTEM;
	}
}

int layerdir_fail(struct err *e, const char *verb, const char *path)
{
	return err_sys(e, layerdir_errno_kind(errno), "%s '%s'", verb, text_quote(path).s);
}

struct layerdir *layerdir_new(int layer_fd, bool keep_owners, struct listwriter *list,
			      struct err *e)
{
	struct layerdir *ld = calloc(1, sizeof(*ld));

	if (!ld) {
		err_sys(e, ERR_SYSTEM, "start unpacking");
		return NULL;
	}
	ld->fd = layer_fd;
	ld->list = list;
	ld->keep_owners = keep_owners;
	ld->euid = geteuid();
	ld->egid = getegid();
	return ld;
}

void layerdir_clear_cache(struct layerdir *ld)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		struct cached_dir *c = &ld->cache[i];
		if (c->path)
			cleanup_fd(&c->fd);
		free(c->path);
		c->path = NULL;
	}
}

static void path_list_fini(struct path_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->v[i]);
	free(l->v);
}

void layerdir_free(struct layerdir *ld)
{
	if (!ld)
		return;
	layerdir_clear_cache(ld);
	for (size_t i = 0; i < ld->note_count; i++)
		free(ld->notes[i].path);
	free(ld->notes);
	path_list_fini(&ld->whiteouts);
	path_list_fini(&ld->opaques);
	path_list_fini(&ld->renewed);
	path_list_fini(&ld->gone);
	tdestroy(ld->links, layerdir_free_link);
	free(ld);
}

char *layerdir_keep_path(struct layerdir *ld, const char *path, size_t len, struct err *e)
{
	ld->names_bytes += len + 1;
	if (ld->names_bytes > NAMES_BYTES_MAX) {
		err_set(e, ERR_VERIFY, "the names of its directories take more than %llu MiB",
			(unsigned long long)(NAMES_BYTES_MAX >> 20));
		return NULL;
	}
	char *copy = strndup(path, len);
	if (!copy)
		err_sys(e, ERR_SYSTEM, "remember a directory");
	return copy;
}

static int grow(void *pp, size_t *room, size_t count, size_t each, struct err *e)
{
	void **p = pp;

	if (count < *room)
		return 0;
	size_t more = *room ? *room * 2 : 64;
	void *bigger = reallocarray(*p, more, each);
	if (!bigger)
		return err_sys(e, ERR_SYSTEM, "remember a directory");
	*p = bigger;
	*room = more;
	return 0;
}

static int list_add(struct layerdir *ld, struct path_list *l, const char *path, size_t len,
		    struct err *e)
{
	if (grow(&l->v, &l->room, l->count, sizeof(*l->v), e) < 0)
		return -1;
	l->v[l->count] = layerdir_keep_path(ld, path, len, e);
	if (!l->v[l->count])
		return -1;
	l->count++;
	return 0;
}

static int note_dir(struct layerdir *ld, const char *path, size_t len, bool implied, mode_t mode,
		    const struct timespec *mtime, struct err *e)
{
	if (grow(&ld->notes, &ld->note_room, ld->note_count, sizeof(*ld->notes), e) < 0)
		return -1;
	struct dir_note *n = &ld->notes[ld->note_count];
	n->path = layerdir_keep_path(ld, path, len, e);
	if (!n->path)
		return -1;
	n->seq = ld->note_count++;
	n->implied = implied;
	n->mode = mode;
	n->mtime = *mtime;
	return 0;
}

bool layerdir_is_whiteout(const struct stat *sb)
{
	return S_ISCHR(sb->st_mode) && sb->st_rdev == 0;
}

bool layerdir_is_placeholder(const struct stat *sb)
{
	return layerdir_is_whiteout(sb) && (sb->st_mode & LAYERDIR_PLACEHOLDER_MODE);
}

/* chown(2) failed: 0 if the owner is one that cannot be here. "Root" of a user namespace keeps
 * those that his namespace has. */
static int chown_failed(struct layerdir *ld, const char *path, struct err *e)
{
	if (errno != EINVAL)
		return layerdir_fail(e, "change the owner of", path);
	ld->owners_lost = true;
	return 0;
}

static int chown_at(struct layerdir *ld, int parent, const char *base, const char *path,
		    const struct entry_meta *m, struct err *e)
{
	if (!ld->keep_owners || (m->uid == ld->euid && m->gid == ld->egid))
		return 0;
	if (fchownat(parent, base, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return chown_failed(ld, path, e);
	return 0;
}

static int touch_at(int parent, const char *base, const char *path, const struct entry_meta *m,
		    struct err *e)
{
	const struct timespec times[2] = {m->mtime, m->mtime};

	if (utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW) < 0)
		return layerdir_fail(e, "set the time of", path);
	return 0;
}

static int set_opaque(struct layerdir *ld, int parent, const char *base, const char *path,
		      size_t len, struct err *e)
{
	auto_fd fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return layerdir_fail(e, "open", path);
	if (fsetxattr(fd, LAYERDIR_OPAQUE_XATTR, "y", 1, 0) < 0) {
		if (errno == EOPNOTSUPP)
			return err_set(e, ERR_DISK,
				       "mark '%s' as opaque: the store's file system has no user "
				       "extended attributes; put the store on ext4, xfs or btrfs",
				       text_quote(path).s);
		return layerdir_fail(e, "mark as opaque", path);
	}
	return list_add(ld, &ld->opaques, path, len, e);
}

/* Take away what this layer has at base. Descriptors kept below it go too. */
static int remove_existing(struct layerdir *ld, int parent, const char *base, const char *path,
			   bool is_dir, struct err *e)
{
	if (!is_dir) {
		if (unlinkat(parent, base, 0) < 0)
			return layerdir_fail(e, "replace", path);
		return 0;
	}
	size_t len = strlen(path);
	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		struct cached_dir *c = &ld->cache[i];
		if (c->path && c->len >= len && memcmp(c->path, path, len) == 0 &&
		    (c->path[len] == '\0' || c->path[len] == '/')) {
			cleanup_fd(&c->fd);
			free(c->path);
			c->path = NULL;
		}
	}
	return path_remove_tree(parent, base, e);
}

enum made { FOUND, MADE, MADE_ANEW };

/* mkdir, where a whiteout or (if others is set) anything else that is no directory gives way. The
 * lower layers' directory of that name was hidden by what gave way, so the new one is opaque. */
static int make_one_dir(struct layerdir *ld, int parent, const char *base, const char *path,
			size_t len, mode_t mode, bool others, enum made *made, struct err *e)
{
	struct stat sb;

	*made = MADE;
	if (mkdirat(parent, base, mode | S_IRWXU) == 0)
		return 0;
	if (errno != EEXIST || fstatat(parent, base, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return layerdir_fail(e, "create", path);
	if (S_ISDIR(sb.st_mode)) {
		*made = FOUND;
		return 0;
	}
	if (!others && (!layerdir_is_whiteout(&sb) || layerdir_is_placeholder(&sb)))
		return err_set(e, ERR_VERIFY, "an entry below '%s', which is no directory",
			       text_quote(path).s);
	if (remove_existing(ld, parent, base, path, false, e) < 0)
		return -1;
	if (mkdirat(parent, base, mode | S_IRWXU) < 0)
		return layerdir_fail(e, "create", path);
	*made = MADE_ANEW;
	return set_opaque(ld, parent, base, path, len, e);
}

/* Walk down path (len bytes), making what is missing. O_PATH fd or -1. */
static int make_parents(struct layerdir *ld, const char *path, size_t len,
			const struct entry_meta *m, struct err *e)
{
	char walked[ENTRY_PATH_MAX];
	auto_fd dir = -1;

	memcpy(walked, path, len);
	for (size_t at = 0; at < len;) {
		size_t end = at;
		while (end < len && walked[end] != '/')
			end++;
		walked[end] = '\0';
		const char *base = walked + at;
		int parent = dir < 0 ? ld->fd : dir;
		int child = openat(parent, base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0) {
			enum made made;
			if (errno != ENOENT && errno != ENOTDIR)
				return layerdir_fail(e, "open", walked);
			if (make_one_dir(ld, parent, base, walked, end, DIR_MODE_IMPLIED, false,
					 &made, e) < 0 ||
			    (made != FOUND && note_dir(ld, walked, end, made == MADE,
						       DIR_MODE_IMPLIED, &m->mtime, e) < 0))
				return -1;
			child = openat(parent, base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (child < 0)
				return layerdir_fail(e, "open", walked);
		}
		cleanup_fd(&dir);
		dir = child;
		if (end < len)
			walked[end] = '/';
		at = end + 1;
	}
	return take_fd(&dir);
}

int layerdir_use_dir(struct layerdir *ld, const char *path, size_t len, const struct entry_meta *m,
		     struct err *e)
{
	if (len == 0)
		return ld->fd;
	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		const struct cached_dir *c = &ld->cache[i];
		if (c->path && c->len == len && memcmp(c->path, path, len) == 0)
			return c->fd;
	}
	auto_free char *copy = strndup(path, len);
	if (!copy)
		return m ? err_sys(e, ERR_SYSTEM, "remember a directory") : -1;
	auto_fd fd = path_open_beneath(ld->fd, copy, O_PATH | O_DIRECTORY, 0);
	if (fd < 0) {
		if (!m)
			return -1;
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return layerdir_fail(e, "open", copy);
		fd = make_parents(ld, path, len, m, e);
		if (fd < 0)
			return -1;
	}
	struct cached_dir *c = &ld->cache[ld->cache_next++ % CACHE_SLOTS];
	if (c->path)
		cleanup_fd(&c->fd);
	free(c->path);
	c->path = take_ptr(copy);
	c->len = len;
	c->fd = take_fd(&fd);
	return c->fd;
}

int layerdir_use_parent(struct layerdir *ld, const struct entry_name *name,
			const struct entry_meta *m, struct err *e)
{
	return layerdir_use_dir(ld, name->path, name->base > 0 ? name->base - 1 : 0, m, e);
}

int layerdir_make_way(struct layerdir *ld, int parent, const struct entry_name *name, struct err *e)
{
	struct stat sb;
	const char *base = name->path + name->base;

	if (errno != EEXIST || fstatat(parent, base, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return layerdir_fail(e, "create", name->path);
	return remove_existing(ld, parent, base, name->path, S_ISDIR(sb.st_mode), e);
}

int layerdir_no_whiteouts(const struct entry_name *name, struct err *e)
{
	return err_set(e, ERR_DISK,
		       "hide '%s': the store's file system takes no whiteouts (is it an "
		       "overlay itself?); put the store on another one",
		       text_quote(name->path).s);
}

int layerdir_make_dir(struct layerdir *ld, const struct entry_name *name,
		      const struct entry_meta *m, bool *again, struct err *e)
{
	const char *base = name->path + name->base;
	enum made made;

	*again = true;
	if (name->len == 0)
		/* It stays the owner's of the store, by which it is told from what others put
		 * there. To rename a directory elsewhere its owner needs to be able to write it. */
		return note_dir(ld, "", 0, false, m->mode | (ld->keep_owners ? 0 : S_IRWXU),
				&m->mtime, e);
	int parent = layerdir_use_parent(ld, name, m, e);
	if (parent < 0 ||
	    make_one_dir(ld, parent, base, name->path, name->len, m->mode, true, &made, e) < 0)
		return -1;
	*again = made == FOUND;
	/* A directory given twice may have had another owner the first time. */
	if (ld->keep_owners && (made == FOUND || m->uid != ld->euid || m->gid != ld->egid) &&
	    fchownat(parent, base, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    chown_failed(ld, name->path, e) < 0)
		return -1;
	return note_dir(ld, name->path, name->len, false, m->mode, &m->mtime, e);
}

int layerdir_open_dir(struct layerdir *ld, const struct entry_name *name, struct err *e)
{
	int fd;

	if (name->len == 0) {
		fd = openat(ld->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else {
		int parent = layerdir_use_parent(ld, name, NULL, e);
		if (parent < 0)
			return layerdir_fail(e, "open", name->path);
		fd = openat(parent, name->path + name->base,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return layerdir_fail(e, "open", name->path);
	return fd;
}

int layerdir_make_file(struct layerdir *ld, const struct entry_name *name,
		       const struct entry_meta *m, bool for_xattrs, struct err *e)
{
	const char *base = name->path + name->base;
	/* O_EXCL: never through a link, never into a fifo or somebody's hard link. */
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	mode_t mode = for_xattrs ? S_IRUSR | S_IWUSR : m->mode & 0777;
	int parent = layerdir_use_parent(ld, name, m, e);

	if (parent < 0)
		return -1;
	int fd = openat(parent, base, flags, mode);
	if (fd < 0) {
		if (layerdir_make_way(ld, parent, name, e) < 0)
			return -1;
		fd = openat(parent, base, flags, mode);
		if (fd < 0)
			return layerdir_fail(e, "create", name->path);
	}
	return fd;
}

int layerdir_close_file(struct layerdir *ld, int *fd, const struct entry_name *name,
			const struct entry_meta *m, bool for_xattrs, const struct digest *content,
			struct err *e)
{
	const struct timespec times[2] = {m->mtime, m->mtime};
	struct file_entry entry = {.type = FILE_REGULAR, .path = name->path};
	auto_fd f = take_fd(fd);

	/* While it is readable: its own mode may shut us out. */
	if (ld->list && for_xattrs) {
		int any = filehash_xattrs(f, &entry.xattrs, e);
		if (any < 0)
			return err_wrap(e, "'%s'", text_quote(name->path).s);
		entry.has_xattrs = any > 0;
	}
	if (ld->keep_owners && (m->uid != ld->euid || m->gid != ld->egid) &&
	    fchown(f, m->uid, m->gid) < 0 && chown_failed(ld, name->path, e) < 0)
		return -1;
	/* The umask is 0: only what open(2) could not set is left to do. */
	if ((for_xattrs || (m->mode & ~(mode_t)0777)) && fchmod(f, m->mode) < 0)
		return layerdir_fail(e, "set the mode of", name->path);
	if (futimens(f, times) < 0)
		return layerdir_fail(e, "set the time of", name->path);
	if (ld->list) {
		struct stat sb;
		entry.content = *content;
		if (fstat(f, &sb) < 0)
			return layerdir_fail(e, "look at", name->path);
		if (listwriter_add(ld->list, &entry, &sb, e) < 0)
			return -1;
	}
	/* Quota and network file systems speak up as late as here. */
	if (close(take_fd(&f)) < 0)
		return layerdir_fail(e, "write", name->path);
	return 0;
}

int layerdir_make_symlink(struct layerdir *ld, const struct entry_name *name, const char *target,
			  const struct entry_meta *m, struct err *e)
{
	const char *base = name->path + name->base;
	int parent = layerdir_use_parent(ld, name, m, e);

	if (parent < 0)
		return -1;
	if (symlinkat(target, parent, base) < 0) {
		if (layerdir_make_way(ld, parent, name, e) < 0)
			return -1;
		if (symlinkat(target, parent, base) < 0)
			return layerdir_fail(e, "create", name->path);
	}
	if (chown_at(ld, parent, base, name->path, m, e) < 0)
		return -1;
	if (touch_at(parent, base, name->path, m, e) < 0)
		return -1;
	const struct file_entry f = {.type = FILE_SYMLINK, .path = name->path, .target = target};
	return listwriter_add_at(ld->list, parent, base, &f, e);
}

int layerdir_make_fifo(struct layerdir *ld, const struct entry_name *name,
		       const struct entry_meta *m, struct err *e)
{
	const char *base = name->path + name->base;
	mode_t mode = S_IFIFO | m->mode;
	int parent = layerdir_use_parent(ld, name, m, e);

	if (parent < 0)
		return -1;
	if (mknodat(parent, base, mode, 0) < 0) {
		if (layerdir_make_way(ld, parent, name, e) < 0)
			return -1;
		if (mknodat(parent, base, mode, 0) < 0)
			return layerdir_fail(e, "create", name->path);
	}
	if (chown_at(ld, parent, base, name->path, m, e) < 0)
		return -1;
	if (touch_at(parent, base, name->path, m, e) < 0)
		return -1;
	const struct file_entry f = {.type = FILE_FIFO, .path = name->path};
	return listwriter_add_at(ld->list, parent, base, &f, e);
}

int layerdir_drop(struct layerdir *ld, const struct entry_name *name, const struct entry_meta *m,
		  struct err *e)
{
	const char *base = name->path + name->base;
	struct stat sb;
	int parent = layerdir_use_parent(ld, name, m, e);

	if (parent < 0)
		return -1;
	/* Until the layer is complete there is a mark, so that a directory that comes in its place
	 * does not show what lies below, and nothing is hidden through it. A whiteout will do. */
	if (fstatat(parent, base, &sb, AT_SYMLINK_NOFOLLOW) == 0) {
		if (layerdir_is_whiteout(&sb) && !layerdir_is_placeholder(&sb))
			return list_add(ld, &ld->gone, name->path, name->len, e);
		if (remove_existing(ld, parent, base, name->path, S_ISDIR(sb.st_mode), e) < 0 ||
		    listwriter_add_name(ld->list, FILE_NOTHING, name->path, NULL, e) < 0)
			return -1;
	}
	if (mknodat(parent, base, S_IFCHR | LAYERDIR_GONE_MODE, 0) < 0 && errno != EPERM)
		return layerdir_fail(e, "mark", name->path);
	return list_add(ld, &ld->gone, name->path, name->len, e);
}

/* Is there something else than a directory on the way, a whiteout also? Then this layer shows
 * nothing of those below it there, and what is to be hidden is hidden. */
static bool is_cut_off(struct layerdir *ld, const char *path, size_t len)
{
	struct err ignored;

	return layerdir_use_dir(ld, path, len, NULL, &ignored) < 0 && errno == ENOTDIR;
}

int layerdir_whiteout(struct layerdir *ld, const struct entry_name *name,
		      const struct entry_meta *m, struct err *e)
{
	const char *base = name->path + name->base;
	struct stat sb;

	if (is_cut_off(ld, name->path, name->base > 0 ? name->base - 1 : 0))
		return 0;
	int parent = layerdir_use_parent(ld, name, m, e);
	if (parent < 0)
		return -1;
	/* overlayfs: a character device 0:0. Anybody may make one since Linux 5.8. */
	if (mknodat(parent, base, S_IFCHR, 0) == 0)
		return list_add(ld, &ld->whiteouts, name->path, name->len, e);
	if (errno == EPERM)
		return layerdir_no_whiteouts(name, e);
	if (errno != EEXIST || fstatat(parent, base, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return layerdir_fail(e, "hide", name->path);
	/* This layer's own entry stays. A directory would still show what lies below it. */
	if (!S_ISDIR(sb.st_mode))
		return 0;
	if (list_add(ld, &ld->renewed, name->path, name->len, e) < 0)
		return -1;
	return set_opaque(ld, parent, base, name->path, name->len, e);
}

int layerdir_opaque(struct layerdir *ld, const struct entry_name *dir, const struct entry_meta *m,
		    struct err *e)
{
	if (dir->len == 0)
		return set_opaque(ld, ld->fd, ".", "", 0, e);
	if (is_cut_off(ld, dir->path, dir->len))
		return 0;
	if (layerdir_use_dir(ld, dir->path, dir->len, m, e) < 0)
		return -1;
	int parent = layerdir_use_parent(ld, dir, m, e);
	if (parent < 0)
		return -1;
	return set_opaque(ld, parent, dir->path + dir->base, dir->path, dir->len, e);
}
