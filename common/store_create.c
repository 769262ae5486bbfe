/* SPDX-License-Identifier: MIT */
/* Make an image store. Apart from store.c, so that the setuid program, which never makes one, does
 * not hold this code. */
#include "common/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/store_impl.h"
#include "common/text.h"

/* What a failed write means: to the user it is his disk or his rights, not our bug. */
static int write_fault(const struct store *s, const char *what, struct err *e)
{
	return err_sys(e, ERR_DISK, "%s in the store '%s'", what, text_quote(s->path).s);
}

/* Root makes directories only below one that nobody else can swap: all there is of the path. */
static int check_parents(const struct store *s, struct err *e)
{
	struct err why = {0};
	auto_fd fd = path_open_trusted_dir(s->path, s->owner, false, &why);

	if (fd >= 0 || why.errnum == ENOENT)
		return 0;
	*e = why;
	return err_wrap(e, "image store");
}

/* Make the store's directory and those above it. Existing ones are left as they are. Returns 1 when
 * the store's own was made, 0 when it was there, -1. */
static int make_parents(const struct store *s, struct err *e)
{
	char buf[PATH_MAX];

	if (text_format(buf, sizeof(buf), "%s", s->path) < 0)
		return err_sys(e, ERR_CONFIG, "store '%s'", text_quote(s->path).s);
	for (char *slash = buf + 1;; slash++) {
		slash = strchrnul(slash, '/');
		char was = *slash;
		*slash = '\0';
		bool leaf = was == '\0' || slash[1 + strspn(slash + 1, "/")] == '\0';
		int ret = mkdir(buf, leaf ? 0700 : 0755);
		if (ret < 0 && errno != EEXIST)
			return err_sys(e, ERR_DISK, "make the directory '%s'", text_quote(buf).s);
		if (leaf)
			return ret == 0;
		*slash = was;
	}
}

/* Names that a store has at its top: a directory with others in it never becomes one. */
static bool is_store_name(const char *name)
{
	static const char *const names[] = {".", "..", "lock", "tmp", "layers", "images", "refs"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static int check_unused(const struct store *s, struct err *e)
{
	auto_fd fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return err_sys(e, ERR_DISK, "list the store '%s'", text_quote(s->path).s);
	fd = -1; /* it is dir's now */
	for (;;) {
		errno = 0;
		const struct dirent *d = readdir(dir);
		if (!d)
			break;
		if (!is_store_name(d->d_name))
			return err_set(e, ERR_CONFIG,
				       "'%s' is neither empty nor an image store: it holds '%s'",
				       text_quote(s->path).s, text_quote(d->d_name).s);
	}
	return errno == 0 ? 0
			  : err_sys(e, ERR_SYSTEM, "list the store '%s'", text_quote(s->path).s);
}

static int set_mode(const struct store *s, const char *rel, mode_t mode, struct err *e)
{
	auto_fd fd = path_open_beneath(s->fd, rel, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0 || fchmod(fd, mode) < 0)
		return write_fault(s, "set the mode of a directory", e);
	return 0;
}

static mode_t dir_mode(const struct store *s)
{
	return s->owner == 0 && store_caller_is_root() ? 0755 : 0700;
}

/* The directories of a store. Modes are set, not asked for: the umask has no say. */
static int make_dirs(const struct store *s, struct err *e)
{
	const struct {
		const char *name;
		mode_t mode;
	} dirs[] = {
		{"tmp", 0700},
		{"layers", 0700},
		{"layers/sha256", 0700},
		{"images", dir_mode(s)},
		{"images/sha256", dir_mode(s)},
		{"refs", dir_mode(s)},
	};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if (mkdirat(s->fd, dirs[i].name, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return write_fault(s, "make a directory", e);
		}
		if (set_mode(s, dirs[i].name, dirs[i].mode, e) < 0)
			return -1;
	}
	return 0;
}

/* The version file is the last thing made, and complete from the moment it is there. */
static int write_version(const struct store *s, struct err *e)
{
	auto_fd fd = path_open_beneath(s->fd, "tmp/version", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || fdio_write_all(fd, STORE_VERSION_TEXT, strlen(STORE_VERSION_TEXT)) < 0 ||
	    fchmod(fd, 0644) < 0 || fsync(fd) < 0 ||
	    renameat(s->fd, "tmp/version", s->fd, "version") < 0)
		return write_fault(s, "write 'version'", e);
	return 0;
}

/* Turn an empty directory into a store. The lock keeps a second creator waiting, who then finds it
 * done. */
static int init_store(struct store *s, struct err *e)
{
	if (faccessat(s->fd, "version", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (check_unused(s, e) < 0)
		return -1;
	auto_fd made = path_open_beneath(s->fd, "lock", O_RDWR | O_CREAT, 0600);
	if (made < 0 || fchmod(made, 0600) < 0)
		return write_fault(s, "make 'lock'", e);
	auto_fd lock_fd = store_lock(s, true, false, e);
	if (lock_fd < 0)
		return -1;
	if (faccessat(s->fd, "version", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (make_dirs(s, e) < 0 || write_version(s, e) < 0)
		return -1;
	return 0;
}

/* What is left to do once the directory is there; made: by us. */
static int create_inside(struct store *s, bool made, struct err *e)
{
	/* Root may be handed a path through a directory of somebody else, who could swap it. */
	if (store_open_root(s, !store_caller_is_root(), e) < 0)
		return -1;
	if (made && set_mode(s, ".", dir_mode(s), e) < 0)
		return -1;
	if (init_store(s, e) < 0 || store_check_version(s, e) < 0)
		return -1;
	if (faccessat(s->fd, "tmp", W_OK, AT_EACCESS) < 0)
		return write_fault(s, "write to 'tmp'", e);
	return 0;
}

int store_create(const char *path, struct store *out, struct err *e)
{
	struct store s;

	if (store_init_path(&s, path, geteuid(), e) < 0)
		return -1;
	if (store_caller_is_root() && check_parents(&s, e) < 0)
		return -1;
	int made = make_parents(&s, e);
	if (made < 0)
		return -1;
	if (create_inside(&s, made == 1, e) < 0) {
		store_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}
