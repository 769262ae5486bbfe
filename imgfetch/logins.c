/* SPDX-License-Identifier: MIT */
/* Logins are kept, and forgotten: in a credentials file, or by the helper that is configured. */
#include "imgfetch/logins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/ref.h"
#include "common/text.h"
#include "imgfetch/authfile.h"
#include "imgfetch/helper.h"

#define LOCK_TRIES 500
#define LOCK_STEP  (20 * NSEC_PER_MSEC)

/* --- a file that is changed ------------------------------------------------------------------ */

struct change {
	char path[PATH_MAX]; /* for messages: as it was named */
	char dir[PATH_MAX], name[NAME_MAX + 1];
	int dirfd;  /* locked; -1 before */
	char *text; /* of the file, NULL if there is none */
	size_t len;
	uid_t uid;
	gid_t gid;
};

/* Folders on the way to a file of ours, not to one that the user named. */
static int make_folders(const struct credential_paths *p, const char *dir, struct err *e)
{
	char above[PATH_MAX];
	char *slash;

	if (p->authfile && p->authfile[0])
		return 0;
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return 0;
	/* That of the session is there, or there is none. */
	if (errno == ENOENT && !(p->runtime_dir && p->runtime_dir[0]) &&
	    text_format(above, sizeof(above), "%s", dir) == 0 && (slash = strrchr(above, '/')) &&
	    slash > above) {
		*slash = '\0';
		if (mkdir(above, 0700) == 0 && mkdir(dir, 0700) == 0)
			return 0;
	}
	return err_sys(e, ERR_CONFIG, "make folder '%s'", text_quote(dir).s);
}

static int split(const char *path, struct change *c, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int len = !slash ? 1 : slash == path ? 1 : (int)(slash - path);

	if (!name[0] || text_format(c->name, sizeof(c->name), "%s", name) < 0 ||
	    text_format(c->dir, sizeof(c->dir), "%.*s", len, slash ? path : ".") < 0)
		return err_set(e, ERR_CONFIG, "'%s' cannot be a credentials file",
			       text_quote(path).s);
	return 0;
}

/* The folder, not the file, which is replaced. Nobody holds it longer than a write takes; but in a
 * folder of others anybody may. */
static int lock_folder(struct change *c, struct err *e)
{
	const struct timespec step = {.tv_nsec = (long)LOCK_STEP};

	c->dirfd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dirfd < 0)
		return err_sys(e, ERR_CONFIG, "open folder '%s'", text_quote(c->dir).s);
	for (int i = 0; flock(c->dirfd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, ERR_SYSTEM, "lock folder '%s'", text_quote(c->dir).s);
		if (i == LOCK_TRIES)
			return err_set(e, ERR_BUSY, "folder '%s' is locked by somebody else",
				       text_quote(c->dir).s);
		(void)nanosleep(&step, NULL); /* shorter is fine */
	}
	return 0;
}

/* Find, lock and read the first file. Ends with change_close, also after an error. */
static int change_open(const struct credential_paths *p, struct change *c, struct err *e)
{
	auto_free char *real = NULL;
	struct authfile ignored;
	struct stat st;
	int r;

	*c = (struct change){.dirfd = -1, .uid = geteuid(), .gid = getegid()};
	r = credentials_file_at(p, 0, c->path, sizeof(c->path), e);
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ERR_CONFIG,
			       "nowhere to keep logins: neither HOME nor XDG_CONFIG_HOME is set; "
			       "--authfile names a file");
	/* The file may be a link into a folder of somebody's settings: it stays one. */
	real = realpath(c->path, NULL);
	if (!real && errno != ENOENT)
		return err_sys(e, ERR_CONFIG, "find credentials file '%s'", text_quote(c->path).s);
	if (split(real ? real : c->path, c, e) < 0 || make_folders(p, c->dir, e) < 0 ||
	    lock_folder(c, e) < 0)
		return -1;
	r = credentials_read_file(real ? real : c->path, &c->text, &c->len, e);
	if (r <= 0)
		return r;
	if (fstatat(c->dirfd, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		c->uid = st.st_uid;
		c->gid = st.st_gid;
	}
	/* Blank is what some make to begin with. */
	if (!c->text[strspn(c->text, " \t\r\n")])
		return 0;
	r = authfile_parse(text_quote(c->path).s, c->text, c->len, "", "", &ignored, e);
	credentials_wipe(&ignored.creds);
	return r;
}

static void change_close(struct change *c)
{
	secret_free(c->text);
	if (c->dirfd >= 0)
		(void)close(c->dirfd); /* and the lock */
}

/* The new text in the place of the old one, all or nothing. */
static int change_write(struct change *c, const char *text, struct err *e)
{
	char tmp[64];
	uint64_t dice;
	bool ok;

	if (getrandom(&dice, sizeof(dice), 0) != sizeof(dice))
		return err_sys(e, ERR_SYSTEM, "write credentials file");
	(void)snprintf(tmp, sizeof(tmp), ".imgfetch-%016llx.tmp", (unsigned long long)dice);
	auto_fd fd =
		openat(c->dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, ERR_CONFIG, "write to folder '%s'", text_quote(c->dir).s);
	/* Root who changes a file of somebody else's leaves it his. */
	ok = (c->uid == geteuid() || fchown(fd, c->uid, c->gid) == 0) && fchmod(fd, 0600) == 0 &&
	     fdio_write_all(fd, text, strlen(text)) == 0 && fsync(fd) == 0 &&
	     renameat(c->dirfd, tmp, c->dirfd, c->name) == 0;
	if (!ok) {
		err_sys(e, ERR_CONFIG, "write credentials file '%s'", text_quote(c->path).s);
		(void)unlinkat(c->dirfd, tmp, 0); /* holds a secret; it may be gone */
		return -1;
	}
	(void)fsync(c->dirfd); /* not lost, at worst not yet found */
	return 0;
}

/* --- which helper ---------------------------------------------------------------------------- */

/* name: HELPER_NAME_MAX + 1 bytes, "" for none. */
static int find_helper(const struct credential_paths *p, const struct login_key *key, char *name,
		       struct err *e)
{
	char path[PATH_MAX];
	int r;

	name[0] = '\0';
	for (size_t i = 0; !key->prefix[0] && !name[0]; i++) {
		auto_secret text = NULL;
		struct authfile file = {0};
		size_t len = 0;

		r = credentials_file_at(p, i, path, sizeof(path), e);
		if (r <= 0)
			return r;
		r = credentials_read_file(path, &text, &len, e);
		if (r < 0)
			return -1;
		if (r == 0 || !text[strspn(text, " \t\r\n")])
			continue;
		if (authfile_parse(text_quote(path).s, text, len, key->host, "", &file, e) < 0)
			return -1;
		strcpy(name, file.helper[0] ? file.helper : file.store); /* of one size */
		credentials_wipe(&file.creds);
	}
	return 0;
}

static struct login_place helper_place(const char *name)
{
	struct login_place w;

	(void)snprintf(w.s, sizeof(w.s), "credential helper 'docker-credential-%s'",
		       name); /* fits */
	return w;
}

static struct login_place file_place(const struct change *c)
{
	struct login_place w;

	(void)snprintf(w.s, sizeof(w.s), "credentials file '%s'", text_quote(c->path).s); /* fits */
	return w;
}

/* --- keep and drop --------------------------------------------------------------------------- */

struct key_text {
	char s[REF_HOST_MAX + REF_REPO_MAX + 2];
};

static struct key_text key_text(const struct login_key *key)
{
	struct key_text t;

	(void)snprintf(t.s, sizeof(t.s), "%s%s%s", key->host, key->prefix[0] ? "/" : "",
		       key->prefix); /* fits */
	return t;
}

/* Without entries for key (NULL: all); how many there were. */
static int remove_entries(struct change *c, const char *key, size_t *count, struct err *e)
{
	auto_secret text = NULL;

	*count = 0;
	if (!c->text || !c->text[strspn(c->text, " \t\r\n")])
		return 0;
	if (authfile_remove(c->text, key, &text, count, e) < 0)
		return err_wrap(e, "credentials file '%s'", text_quote(c->path).s);
	return text ? change_write(c, text, e) : 0;
}

int logins_keep(const struct credential_paths *p, const struct login_key *key, const char *user,
		const char *secret, struct login_place *where, struct err *e)
{
	char name[HELPER_NAME_MAX + 1];
	const struct helper h = {.name = name, .search = p->search, .timeout_s = HELPER_TIMEOUT_S};
	auto_secret text = NULL;
	struct change c;
	size_t removed;
	int r = -1;

	if (find_helper(p, key, name, e) < 0)
		return -1;
	if (change_open(p, &c, e) < 0) {
		change_close(&c);
		return -1;
	}
	if (name[0]) {
		*where = helper_place(name);
		/* First, since it may fail; and an entry of the file would come before it. */
		if (helper_store(&h, credentials_server(key->host), user, secret, e) == 0)
			r = remove_entries(&c, key_text(key).s, &removed, e);
	} else {
		*where = file_place(&c);
		if (authfile_set(c.text ? c.text : "", key_text(key).s, user, secret, &text, e) ==
		    0)
			r = change_write(&c, text, e);
	}
	change_close(&c);
	return r;
}

/* Does anything that is left give imgfetch a login? */
static int find_left(const struct credential_paths *p, const struct login_key *key,
		     struct login_place *left, struct err *e)
{
	struct credentials c = {0};

	left->s[0] = '\0';
	if (!key)
		return 0;
	if (credentials_find(p, key->host, key->prefix, &c, e) < 0)
		return -1;
	if (c.kind != CREDENTIAL_NONE)
		(void)snprintf(left->s, sizeof(left->s), "%s", c.origin); /* of one size */
	credentials_wipe(&c);
	return 0;
}

int logins_drop(const struct credential_paths *p, const struct login_key *key,
		struct login_place *where, struct login_place *left, struct err *e)
{
	char name[HELPER_NAME_MAX + 1] = "";
	const struct helper h = {.name = name, .search = p->search, .timeout_s = HELPER_TIMEOUT_S};
	struct change c;
	size_t removed = 0;
	bool had = false;
	int r;

	if (key && find_helper(p, key, name, e) < 0)
		return -1;
	r = change_open(p, &c, e);
	if (r == 0)
		r = remove_entries(&c, key ? key_text(key).s : NULL, &removed, e);
	*where = file_place(&c);
	change_close(&c);
	if (r == 0 && name[0]) {
		r = helper_erase(&h, credentials_server(key->host), &had, e);
		if (had)
			*where = helper_place(name);
	}
	if (r < 0)
		return -1;
	if (find_left(p, key, left, e) < 0)
		return err_wrap(e, "look for other logins%s",
				removed > 0 || had ? ", now that this one is removed" : "");
	if (removed > 0 || had)
		return 0;
	return err_set(e, ERR_NOTFOUND, "%s has no login%s%s%s%s", where->s, key ? " for '" : "",
		       key ? key_text(key).s : "", key ? "'" : "",
		       left->s[0] ? "; another place has one" : "");
}
