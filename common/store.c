/* SPDX-License-Identifier: MIT */
/* The image store on disk: find it, check who may write it, find images and layers in it. */
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
#include "common/sys.h"
#include "common/text.h"

/* A descriptor's path: longest of all that are built here from digests. */
#define IMAGE_PATH_MAX (sizeof("images/sha256//descriptor") + DIGEST_HEX_LEN)

/* --- ownership ------------------------------------------------------------------------------- */

/* The store's own directory: only root and the owner may change what is in it. */
static int check_root(const struct store *s, struct err *e)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at the store '%s'", text_quote(s->path).s);
	if (st.st_uid != 0 && st.st_uid != s->owner)
		return err_set(e, ERR_CONFIG,
			       "the store '%s' belongs to user %u; only one of user %u or root is "
			       "trusted here",
			       text_quote(s->path).s, (unsigned)st.st_uid, (unsigned)s->owner);
	if (st.st_mode & 022)
		return err_set(e, ERR_CONFIG,
			       "the store '%s' can be written by others (mode %03o): chmod go-w it",
			       text_quote(s->path).s, (unsigned)st.st_mode & 0777);
	return 0;
}

/* Open a small file of the store for reading: regular, of a trusted owner, not writable by others.
 * O_NONBLOCK: a fifo in its place must not stop us. -1 with ERR_NOTFOUND where there is none. */
static int open_file(const struct store *s, const char *rel, int flags, struct err *e)
{
	auto_fd fd = path_open_beneath(s->fd, rel, flags | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0) {
		enum err_kind kind = ERR_SYSTEM;
		if (errno == ENOENT)
			kind = ERR_NOTFOUND;
		else if (errno == ELOOP || errno == EXDEV || errno == ENOTDIR)
			kind = ERR_CONFIG; /* a link, or no directory, where we never put one */
		return err_sys(e, kind, "open '%s' in the store '%s'", text_quote(rel).s,
			       text_quote(s->path).s);
	}
	if (path_check_trusted_file(fd, s->owner, rel, e) < 0)
		return err_wrap(e, "store '%s'", text_quote(s->path).s);
	return take_fd(&fd);
}

/* --- open ------------------------------------------------------------------------- */

int store_check_version(const struct store *s, struct err *e)
{
	char text[64];
	auto_fd fd = open_file(s, "version", O_RDONLY, e);

	if (fd < 0) {
		/* The lock is made first, the version last: somebody makes it just now, or was
		 * killed at that. There is nothing in it, and another store may have the image. */
		if (e->kind == ERR_NOTFOUND &&
		    faccessat(s->fd, "lock", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return err_set(
				e, ERR_NOTFOUND,
				"the image store '%s' is not finished: imgfetch pull makes it",
				text_quote(s->path).s);
		if (e->kind == ERR_NOTFOUND)
			return err_set(e, ERR_CONFIG,
				       "'%s' is no image store: it has no file 'version'",
				       text_quote(s->path).s);
		return -1;
	}
	ssize_t len = fdio_read_text(fd, text, sizeof(text));
	if (len < 0 && errno != EFBIG)
		return err_sys(e, ERR_SYSTEM, "read 'version' of the store '%s'",
			       text_quote(s->path).s);
	if (len != (ssize_t)strlen(STORE_VERSION_TEXT) || strcmp(text, STORE_VERSION_TEXT) != 0)
		return err_set(e, ERR_CONFIG,
			       "the store '%s' is of another version than this program",
			       text_quote(s->path).s);
	return 0;
}

int store_init_path(struct store *s, const char *path, uid_t owner, struct err *e)
{
	*s = (struct store){.fd = -1, .owner = owner};
	if (path[0] != '/')
		return err_set(e, ERR_CONFIG, "store '%s': the path must be absolute",
			       text_quote(path).s);
	if (text_format(s->path, sizeof(s->path), "%s", path) < 0)
		return err_sys(e, ERR_CONFIG, "store '%s'", text_quote(path).s);
	return 0;
}

int store_open_root(struct store *s, bool caller_view, struct err *e)
{
	if (caller_view) {
		/* With the caller's own rights, and everything below goes through this fd: links on
		 * the way lead nowhere that the caller could not name himself. */
		s->fd = sys_openat2(AT_FDCWD, s->path, O_PATH | O_DIRECTORY, 0,
				    RESOLVE_NO_MAGICLINKS);
		if (s->fd < 0 && errno == ENOENT)
			return err_set(e, ERR_NOTFOUND,
				       "there is no image store '%s': imgfetch pull makes it",
				       text_quote(s->path).s);
		if (s->fd < 0)
			return err_sys(e, ERR_CONFIG, "open the image store '%s'",
				       text_quote(s->path).s);
	} else {
		s->fd = path_open_trusted_dir(s->path, s->owner, false, e);
		if (s->fd < 0 && e->errnum == ENOENT)
			return err_set(e, ERR_NOTFOUND,
				       "there is no image store '%s': imgfetch pull makes it",
				       text_quote(s->path).s);
		if (s->fd < 0)
			return err_wrap(e, "image store");
	}
	return check_root(s, e);
}

int store_open(const char *path, uid_t owner, bool caller_view, struct store *out, struct err *e)
{
	struct store s;

	if (store_init_path(&s, path, owner, e) < 0)
		return -1;
	if (store_open_root(&s, caller_view, e) < 0 || store_check_version(&s, e) < 0) {
		store_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	cleanup_fd(&s->fd);
}

bool store_caller_is_root(void)
{
	char map[128];
	unsigned inside, outside, count;

	if (geteuid() != 0)
		return false;
	auto_fd fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	/* Without /proc: be as strict as one is with root. */
	if (fd < 0 || fdio_read_text(fd, map, sizeof(map)) < 0)
		return true;
	return sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
	       outside == 0 && count == UINT_MAX;
}

int store_user_path(const char *xdg_data_home, const char *home, char *out, size_t size,
		    struct err *e)
{
	const char *base = home, *below = "/.local/share";

	/* The XDG base directory specification: relative values are to be ignored. */
	if (xdg_data_home && xdg_data_home[0] == '/') {
		base = xdg_data_home;
		below = "";
	}
	if (!base || base[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "no place for an image store of your own: HOME is not set");
	/* The path is written into records that have one line each. */
	for (const char *p = base; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_CONFIG,
				       "'%s', from the environment, is no path to "
				       "keep an image store in",
				       text_quote(base).s);
	}
	if (text_format(out, size, "%s%s/isolate/images", base, below) < 0)
		return err_sys(e, ERR_CONFIG, "path of your image store, from HOME");
	return 0;
}

/* --- references ------------------------------------------------------------------------------ */

int store_ref_path(const struct ref *ref, struct store_ref_path *out, struct err *e)
{
	struct store_ref_path path;

	if (ref->kind == REF_DIGEST)
		return err_set(e, ERR_USAGE, "a bare digest has no name in the store");
	int ret = ref->has_digest
			  ? text_format(path.s, sizeof(path.s), "refs/%s/%s/@%s%s", ref->host,
					ref->repo, digest_is_sha512(&ref->digest) ? "sha512-" : "",
					ref->digest.hex)
			  : text_format(path.s, sizeof(path.s), "refs/%s/%s/:%s", ref->host,
					ref->repo, ref->tag);
	if (ret < 0)
		return err_sys(e, ERR_USAGE, "reference");
	*out = path;
	return 0;
}

static int not_found(const struct store *s, const struct ref *ref, struct err *e)
{
	return err_set(e, ERR_NOTFOUND,
		       "image '%s' is not in the store '%s': pull it with imgfetch",
		       text_quote(ref_text(ref).s).s, text_quote(s->path).s);
}

/* Read one line with a digest. */
static int read_ref_file(const struct store *s, const char *rel, struct digest *out, struct err *e)
{
	char text[DIGEST_TEXT_LEN + 2];
	struct err ignored = {0};
	auto_fd fd = open_file(s, rel, O_RDONLY, e);

	if (fd < 0)
		return -1;
	ssize_t len = fdio_read_text(fd, text, sizeof(text));
	if (len < 0 && errno != EFBIG)
		return err_sys(e, ERR_SYSTEM, "read '%s' in the store '%s'", rel,
			       text_quote(s->path).s);
	if (len == DIGEST_TEXT_LEN + 1 && text[DIGEST_TEXT_LEN] == '\n') {
		text[DIGEST_TEXT_LEN] = '\0';
		if (digest_parse(text, out, &ignored) == 0)
			return 0;
	}
	return err_set(e, ERR_VERIFY, "'%s' in the store '%s' is not one line with a digest", rel,
		       text_quote(s->path).s);
}

/* images/sha256/<hex>/descriptor */
static void image_path(const struct digest *manifest, char out[IMAGE_PATH_MAX])
{
	struct text t = {.buf = out, .size = IMAGE_PATH_MAX};

	out[0] = '\0';
	text_addf(&t, "images/sha256/%s/descriptor", manifest->hex);
}

int store_resolve(const struct store *s, const struct ref *ref, struct digest *out, struct err *e)
{
	if (ref->kind != REF_DIGEST) {
		struct store_ref_path path;
		struct digest found;

		if (store_ref_path(ref, &path, e) < 0)
			return -1;
		if (read_ref_file(s, path.s, &found, e) == 0) {
			*out = found;
			return 0;
		}
		if (e->kind != ERR_NOTFOUND)
			return -1;
		/* Images are known by their SHA-256. */
		if (!ref->has_digest || digest_is_sha512(&ref->digest))
			return not_found(s, ref, e);
	}
	/* The digest of a manifest, which may have come under another name: it is the same image.
	 */
	char rel[IMAGE_PATH_MAX];
	image_path(&ref->digest, rel);
	auto_fd fd = path_open_beneath(s->fd, rel, O_PATH, 0);
	if (fd < 0 && errno == ENOENT)
		return not_found(s, ref, e);
	if (fd < 0)
		return err_sys(e, ERR_CONFIG, "open '%s' in the store '%s'", rel,
			       text_quote(s->path).s);
	*out = ref->digest;
	return 0;
}

/* --- locks ----------------------------------------------------------------------------------- */

/* Lock the whole file behind fd. -1 with errno; EAGAIN when somebody else holds it. */
static int lock_fd(int fd, bool exclusive, bool nonblock)
{
	struct flock fl = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
	int ret;

	do {
		ret = fcntl(fd, nonblock ? F_OFD_SETLK : F_OFD_SETLKW, &fl);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0 && errno == EACCES)
		errno = EAGAIN; /* POSIX allows either */
	return ret;
}

int store_lock(const struct store *s, bool exclusive, bool nonblock, struct err *e)
{
	auto_fd fd = open_file(s, "lock", exclusive ? O_RDWR : O_RDONLY, e);
	struct stat st;

	if (fd < 0) {
		if (e->kind == ERR_NOTFOUND)
			e->kind = ERR_CONFIG;
		else if (e->errnum == EACCES || e->errnum == EROFS)
			e->kind = ERR_DISK;
		return -1;
	}
	/* Who can read it can keep the exclusive lock from others: stores of earlier versions. */
	if (fstat(fd, &st) == 0 && (st.st_mode & 077))
		(void)fchmod(fd, 0600); /* by the next one, if not by us */
	if (lock_fd(fd, exclusive, nonblock) < 0) {
		if (errno == EAGAIN)
			return err_set(e, ERR_BUSY, "the store '%s' is in use",
				       text_quote(s->path).s);
		return err_sys(e, ERR_SYSTEM, "lock the store '%s'", text_quote(s->path).s);
	}
	return take_fd(&fd);
}

/* Open and lock an image's descriptor; it is still the one of that name afterwards. */
static int open_image(const struct store *s, const struct digest *manifest, const bool *exclusive,
		      struct err *e)
{
	char rel[IMAGE_PATH_MAX];
	struct stat st, now;

	image_path(manifest, rel);
	auto_fd fd = open_file(s, rel, exclusive && *exclusive ? O_RDWR : O_RDONLY, e);
	if (fd < 0) {
		if (e->kind == ERR_NOTFOUND)
			return err_set(e, ERR_NOTFOUND, "image sha256:%s is not in the store '%s'",
				       manifest->hex, text_quote(s->path).s);
		return -1;
	}
	if (!exclusive)
		return take_fd(&fd);
	if (lock_fd(fd, *exclusive, true) < 0) {
		if (errno == EAGAIN)
			return err_set(e, ERR_BUSY, "image sha256:%s is %s", manifest->hex,
				       *exclusive ? "in use" : "being removed");
		return err_sys(e, ERR_SYSTEM, "lock image sha256:%s", manifest->hex);
	}
	/* Between open and lock a remover may have been at work: then this file has no name any
	 * more, or one in tmp/. */
	auto_fd again = path_open_beneath(s->fd, rel, O_PATH, 0);
	if (again < 0 || fstat(fd, &st) < 0 || fstat(again, &now) < 0 || st.st_ino != now.st_ino ||
	    st.st_dev != now.st_dev)
		return err_set(e, ERR_NOTFOUND, "image sha256:%s was just removed", manifest->hex);
	return take_fd(&fd);
}

int store_lock_image(const struct store *s, const struct digest *manifest, struct err *e)
{
	const bool exclusive = true;

	return open_image(s, manifest, &exclusive, e);
}

/* --- images and layers ----------------------------------------------------------------------- */

int store_read_image(const struct store *s, const struct digest *manifest, struct imgdesc *out,
		     int *lock_fd_out, struct err *e)
{
	const bool exclusive = false;
	char name[sizeof("descriptor of sha256:") + DIGEST_HEX_LEN];
	struct imgdesc d;
	auto_fd fd = open_image(s, manifest, lock_fd_out ? &exclusive : NULL, e);

	if (fd < 0)
		return -1;
	auto_free char *text = malloc(IMGDESC_BYTES_MAX + 1);
	if (!text)
		return err_sys(e, ERR_SYSTEM, "read image sha256:%s", manifest->hex);
	ssize_t len = fdio_read_text(fd, text, IMGDESC_BYTES_MAX + 1);
	if (len < 0)
		return err_sys(e, errno == EFBIG ? ERR_VERIFY : ERR_SYSTEM,
			       "read the descriptor of image sha256:%s", manifest->hex);
	if (text_format(name, sizeof(name), "descriptor of sha256:%s", manifest->hex) < 0)
		return err_sys(e, ERR_BUG, "name a descriptor");
	if (imgdesc_parse(name, text, (size_t)len, &d, e) < 0)
		return -1;
	if (!digest_equal(&d.digest, manifest)) {
		imgdesc_fini(&d);
		return err_set(e, ERR_VERIFY, "%s: it is that of another image", name);
	}
	*out = d;
	if (lock_fd_out)
		*lock_fd_out = take_fd(&fd);
	return 0;
}

int store_open_layer_dir(const struct store *s, struct err *e)
{
	int fd = path_open_beneath(s->fd, "layers/sha256", O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return err_sys(e, errno == EACCES ? ERR_DENIED : ERR_CONFIG,
			       "open the layers of the store '%s'", text_quote(s->path).s);
	return fd;
}

/* Directories of a store, opened for their contents: fd is such a one, or -1 (errno). Takes fd. */
static int check_tree(const struct store *s, int opened, const char *what, const struct digest *id,
		      struct err *e)
{
	struct stat st;
	auto_fd fd = opened;

	if (fd >= 0) {
		if (fstat(fd, &st) < 0)
			return err_sys(e, ERR_SYSTEM, "look at %s sha256:%s", what, id->hex);
		if (st.st_uid == 0 || st.st_uid == s->owner)
			return take_fd(&fd);
		return err_set(e, ERR_CONFIG,
			       "%s sha256:%s in the store '%s' belongs to user %u, not to %u", what,
			       id->hex, text_quote(s->path).s, (unsigned)st.st_uid,
			       (unsigned)s->owner);
	}
	if (errno == ENOENT)
		return err_set(e, ERR_NOTFOUND,
			       "%s sha256:%s is missing in the store '%s': pull the image again",
			       what, id->hex, text_quote(s->path).s);
	if (errno == ELOOP || errno == ENOTDIR)
		return err_set(e, ERR_CONFIG, "%s sha256:%s in the store '%s' is no directory",
			       what, id->hex, text_quote(s->path).s);
	return err_sys(e, errno == EACCES ? ERR_DENIED : ERR_SYSTEM,
		       "open %s sha256:%s in the store '%s'", what, id->hex, text_quote(s->path).s);
}

int store_open_layer(const struct store *s, int dir_fd, const struct digest *diffid, struct err *e)
{
	/* One component of hex digits: nothing to resolve, nowhere to go but here. */
	int fd = openat(dir_fd, diffid->hex, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return check_tree(s, fd, "layer", diffid, e);
}

/* images/sha256/<manifest>/<part>/tree */
static int open_part(const struct store *s, const struct digest *manifest, const char *part,
		     const char *what, struct err *e)
{
	char rel[sizeof("images/sha256//fixup/tree") + DIGEST_HEX_LEN];

	if (text_format(rel, sizeof(rel), "images/sha256/%s/%s/tree", manifest->hex, part) < 0)
		return err_sys(e, ERR_BUG, "name a %s", what);
	return check_tree(s, path_open_beneath(s->fd, rel, O_PATH | O_DIRECTORY, 0), what, manifest,
			  e);
}

int store_open_fixup(const struct store *s, const struct digest *manifest, struct err *e)
{
	return open_part(s, manifest, "fixup", "fix-up layer of image", e);
}

int store_open_flat(const struct store *s, const struct digest *manifest, struct err *e)
{
	return open_part(s, manifest, "flat", "merged tree of image", e);
}
