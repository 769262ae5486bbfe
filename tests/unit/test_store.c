/* SPDX-License-Identifier: MIT */
/* Unit test of common/store on a store in a temporary directory: references, owners, links, locks.
 * The part about foreign owners needs root. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/store.h"
#include "tests/unit/tap.h"

#define HEX_A	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C	"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define IMAGE_A "images/sha256/" HEX_A
#define LAYER_B "layers/sha256/" HEX_B
#define DESC_A	"isolate-image 1\ndigest sha256:" HEX_A "\nlayer sha256:" HEX_B "\nend 3\n"
#define FOREIGN 12345

struct fixture {
	struct tap *t;
	char dir[64];
	char path[80]; /* of the store */
	struct store s;
};

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

static void put(const struct fixture *f, const char *rel, const char *text)
{
	auto_fd fd = openat(f->s.fd, rel, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), rel);
}

static void put_dir(const struct fixture *f, const char *rel)
{
	must(mkdirat(f->s.fd, rel, 0755) == 0 || errno == EEXIST, rel);
}

static void put_link(const struct fixture *f, const char *to, const char *rel)
{
	must(symlinkat(to, f->s.fd, rel) == 0, rel);
}

static void drop(const struct fixture *f, const char *rel)
{
	struct stat st;
	bool dir = fstatat(f->s.fd, rel, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);

	must(unlinkat(f->s.fd, rel, dir ? AT_REMOVEDIR : 0) == 0, rel);
}

static struct digest digest_of(const char *hex)
{
	struct digest d;

	strcpy(d.hex, hex);
	return d;
}

static unsigned mode_of(const struct fixture *f, const char *rel)
{
	struct stat st;

	must(fstatat(f->s.fd, rel, &st, 0) == 0, rel);
	return st.st_mode & 07777;
}

/* --- create and open --- */

static void check_create(struct fixture *f)
{
	struct err e = {0};
	struct store again;
	char deep[128], other[128];
	bool root = store_caller_is_root();
	mode_t old = umask(0077);

	snprintf(deep, sizeof(deep), "%s/a//b/c/", f->dir);
	tap_int(f->t, store_create(deep, &again, &e), 0, "create: with missing parents");
	tap_str(f->t, e.text, "", "create: silently");
	store_close(&again);
	tap_int(f->t, store_create(f->path, &f->s, &e), 0, "create");
	must(f->s.fd >= 0, e.text);
	(void)umask(old);
	tap_int(f->t, mode_of(f, "."), root ? 0755 : 0700, "create: mode of the store");
	tap_int(f->t, mode_of(f, "images"), root ? 0755 : 0700, "create: mode of images/");
	tap_int(f->t, mode_of(f, "layers"), 0700, "create: mode of layers/");
	tap_int(f->t, mode_of(f, "tmp"), 0700, "create: mode of tmp/");
	tap_int(f->t, mode_of(f, "version"), 0644, "create: mode of the version file");
	tap_int(f->t, store_create(f->path, &again, &e), 0, "create: a second time");
	store_close(&again);
	tap_int(f->t, store_create("relative", &again, &e), -1, "create: relative path");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "create: relative path: kind");
	snprintf(other, sizeof(other), "%s/other", f->dir);
	must(mkdir(other, 0755) == 0, "mkdir");
	tap_int(f->t, store_create(other, &again, &e), 0, "create: in an empty directory");
	store_close(&again);
	snprintf(other, sizeof(other), "%s/a", f->dir);
	tap_int(f->t, store_create(other, &again, &e), -1, "create: in a directory with files");
	tap_has(f->t, e.text, "neither empty nor an image store", "create: says so");
	snprintf(other, sizeof(other), "%s/version", f->path);
	tap_int(f->t, store_create(other, &again, &e), -1, "create: where a file is");
}

static void check_version_row(struct fixture *f, const char *text, const char *fragment)
{
	struct err e = {0};
	struct store s;

	put(f, "version", text);
	tap_int(f->t, store_open(f->path, geteuid(), true, &s, &e), -1, "open: %s", fragment);
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "open: %s: kind", fragment);
	tap_has(f->t, e.text, fragment, "open: %s: text", fragment);
}

static void check_open(struct fixture *f)
{
	struct err e = {0};
	struct store s = {.fd = -7};
	char missing[128], link[128];

	snprintf(missing, sizeof(missing), "%s/none", f->dir);
	for (int view = 0; view < 2; view++) {
		tap_int(f->t, store_open(missing, geteuid(), view, &s, &e), -1, "open: missing");
		tap_int(f->t, (int)e.kind, ERR_NOTFOUND, "open: missing: kind");
		tap_int(f->t, s.fd, -7, "open: missing: result untouched");
	}
	snprintf(link, sizeof(link), "%s/link", f->dir);
	must(symlink(f->path, link) == 0, "symlink");
	tap_int(f->t, store_open(link, geteuid(), false, &s, &e), -1, "open: through a link");
	tap_has(f->t, e.text, "symbolic link", "open: through a link: text");
	tap_int(f->t, store_open(link, geteuid(), true, &s, &e), 0, "open: the caller's own link");
	store_close(&s);
	check_version_row(f, "isolate-store 2\n", "another version");
	check_version_row(f, "isolate-store 1", "another version");
	check_version_row(f, "isolate-store 1\n\n", "another version");
	check_version_row(f, "", "another version");
	drop(f, "version");
	tap_int(f->t, store_open(f->path, geteuid(), true, &s, &e), -1, "open: no version");
	tap_has(f->t, e.text, "is not finished", "open: no version: text");
	tap_int(f->t, (int)e.kind, ERR_NOTFOUND, "open: no version: kind");
	drop(f, "lock");
	tap_int(f->t, store_open(f->path, geteuid(), true, &s, &e), -1, "open: some directory");
	tap_has(f->t, e.text, "is no image store", "open: some directory: text");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "open: some directory: kind");
	put(f, "lock", "");
	must(mkfifoat(f->s.fd, "version", 0644) == 0, "mkfifo");
	tap_int(f->t, store_open(f->path, geteuid(), true, &s, &e), -1, "open: fifo for version");
	tap_has(f->t, e.text, "not a regular file", "open: fifo for version: text");
	drop(f, "version");
	put_link(f, "lock", "version");
	tap_int(f->t, store_open(f->path, geteuid(), true, &s, &e), -1, "open: link for version");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "open: link for version: kind");
	drop(f, "version");
	put(f, "version", "isolate-store 1\n");
	for (unsigned mode = 0775; mode != 0; mode = mode == 0775 ? 0757 : 0) {
		must(chmod(f->path, mode) == 0, "chmod");
		tap_int(f->t, store_open(f->path, geteuid(), true, &s, &e), -1, "open: mode %o",
			mode);
		tap_has(f->t, e.text, "written by others", "open: mode %o: text", mode);
	}
	must(chmod(f->path, 0755) == 0, "chmod");
	tap_int(f->t, store_open(f->path, geteuid(), !store_caller_is_root(), &s, &e), 0, "open");
	store_close(&s);
}

/* --- references --- */

static void check_resolve(struct fixture *f, const char *what, const char *want_hex,
			  enum err_kind want_kind)
{
	struct err e = {0};
	struct ref ref;
	struct digest d = {.hex = "untouched"};

	must(ref_parse(what, &ref, &e) == 0, what);
	int ret = store_resolve(&f->s, &ref, &d, &e);
	tap_int(f->t, ret, want_hex ? 0 : -1, "resolve %s", what);
	tap_str(f->t, d.hex, want_hex ? want_hex : "untouched", "resolve %s: digest", what);
	tap_int(f->t, (int)(ret < 0 ? e.kind : ERR_NONE), (int)want_kind, "resolve %s: kind", what);
}

static void check_refs(struct fixture *f)
{
	static const char tagged[] = "refs/localhost:5000/a/:b";
	struct store_ref_path path;
	struct ref ref;
	struct err e = {0};

	put_dir(f, "refs/docker.io");
	put_dir(f, "refs/docker.io/library");
	put_dir(f, "refs/docker.io/library/python");
	put_dir(f, "refs/localhost:5000");
	put_dir(f, "refs/localhost:5000/a");
	put_dir(f, "refs/localhost:5000/a/b");
	put(f, "refs/docker.io/library/python/:latest", "sha256:" HEX_A "\n");
	put(f, tagged, "sha256:" HEX_B "\n");
	put(f, "refs/localhost:5000/a/b/:latest", "sha256:" HEX_C "\n");
	put(f, "refs/localhost:5000/a/@" HEX_C, "sha256:" HEX_A "\n");
	put_dir(f, IMAGE_A);
	put(f, IMAGE_A "/descriptor", DESC_A);

	check_resolve(f, "python", HEX_A, ERR_NONE);
	check_resolve(f, "docker.io/library/python:latest", HEX_A, ERR_NONE);
	check_resolve(f, "localhost:5000/a:b", HEX_B, ERR_NONE);
	check_resolve(f, "localhost:5000/a/b", HEX_C, ERR_NONE);
	check_resolve(f, "localhost:5000/a", NULL, ERR_NOTFOUND);
	check_resolve(f, "python:3", NULL, ERR_NOTFOUND);
	check_resolve(f, "localhost:5000/a@sha256:" HEX_C, HEX_A, ERR_NONE);
	check_resolve(f, "localhost:5000/a:b@sha256:" HEX_A, HEX_A, ERR_NONE);
	check_resolve(f, "localhost:5000/a:b@sha256:" HEX_B, NULL, ERR_NOTFOUND);
	check_resolve(f, "sha256:" HEX_A, HEX_A, ERR_NONE);
	check_resolve(f, "sha256:" HEX_B, NULL, ERR_NOTFOUND);
	/* A SHA-512 is found by its note only, also when half of it is an image's SHA-256. */
	check_resolve(f, "localhost:5000/a@sha512:" HEX_A HEX_A, NULL, ERR_NOTFOUND);
	put(f, "refs/localhost:5000/a/@sha512-" HEX_A HEX_A, "sha256:" HEX_C "\n");
	check_resolve(f, "localhost:5000/a@sha512:" HEX_A HEX_A, HEX_C, ERR_NONE);
	put(f, "refs/localhost:5000/a/@sha512-" HEX_A HEX_A, "sha512:" HEX_A HEX_A "\n");
	check_resolve(f, "localhost:5000/a@sha512:" HEX_A HEX_A, NULL, ERR_VERIFY);

	put(f, tagged, "sha256:" HEX_B);
	check_resolve(f, "localhost:5000/a:b", NULL, ERR_VERIFY);
	put(f, tagged, "sha256:" HEX_B "\nx");
	check_resolve(f, "localhost:5000/a:b", NULL, ERR_VERIFY);
	put(f, tagged, "../../../../etc/passwd\n");
	check_resolve(f, "localhost:5000/a:b", NULL, ERR_VERIFY);
	drop(f, tagged);
	put_link(f, "/etc/passwd", tagged);
	check_resolve(f, "localhost:5000/a:b", NULL, ERR_CONFIG);
	drop(f, tagged);
	put_dir(f, tagged);
	check_resolve(f, "localhost:5000/a:b", NULL, ERR_CONFIG);
	drop(f, tagged);

	must(ref_parse("localhost:5000/a:b", &ref, &e) == 0, "ref");
	tap_int(f->t, store_ref_path(&ref, &path, &e), 0, "path of a tag");
	tap_str(f->t, path.s, tagged, "path of a tag: text");
	must(ref_parse("sha256:" HEX_A, &ref, &e) == 0, "ref");
	tap_int(f->t, store_ref_path(&ref, &path, &e), -1, "a digest has no path");
}

static void check_user_path(struct fixture *f)
{
	static const struct {
		const char *xdg, *home, *want;
	} rows[] = {
		{NULL, "/home/u", "/home/u/.local/share/isolate/images"},
		{"", "/home/u", "/home/u/.local/share/isolate/images"},
		{"rel", "/home/u", "/home/u/.local/share/isolate/images"},
		{"/data", "/home/u", "/data/isolate/images"},
		{"/data", NULL, "/data/isolate/images"},
		{NULL, NULL, NULL},
		{"rel", "rel", NULL},
		{NULL, "", NULL},
		{NULL, "/home/u\nowner = 0", NULL},
		{"/data\r", "/home/u", NULL},
	};
	struct err e = {0};
	char out[PATH_MAX], big[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int ret = store_user_path(rows[i].xdg, rows[i].home, out, sizeof(out), &e);
		tap_str(f->t, ret == 0 ? out : NULL, rows[i].want, "user path, row %zu", i);
	}
	memset(big, 'x', sizeof(big));
	big[0] = '/';
	big[sizeof(big) - 1] = '\0';
	tap_int(f->t, store_user_path(NULL, big, out, sizeof(out), &e), -1, "user path: too long");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "user path: too long: kind");
}

/* --- images and layers --- */

static void check_image(struct fixture *f)
{
	struct digest a = digest_of(HEX_A), b = digest_of(HEX_B);
	struct imgdesc d = {.user = NULL};
	struct err e = {0};

	tap_int(f->t, store_read_image(&f->s, &a, &d, NULL, &e), 0, "image");
	tap_u64(f->t, d.layer_count, 1, "image: layers");
	imgdesc_fini(&d);
	tap_int(f->t, store_read_image(&f->s, &b, &d, NULL, &e), -1, "image: missing");
	tap_int(f->t, (int)e.kind, ERR_NOTFOUND, "image: missing: kind");
	put_dir(f, "images/sha256/" HEX_B);
	put(f, "images/sha256/" HEX_B "/descriptor", DESC_A);
	tap_int(f->t, store_read_image(&f->s, &b, &d, NULL, &e), -1, "image: another's descriptor");
	tap_int(f->t, (int)e.kind, ERR_VERIFY, "image: another's descriptor: kind");
	drop(f, "images/sha256/" HEX_B "/descriptor");
	put_link(f, "../" HEX_A "/descriptor", "images/sha256/" HEX_B "/descriptor");
	tap_int(f->t, store_read_image(&f->s, &b, &d, NULL, &e), -1, "image: link");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "image: link: kind");
	must(fchmodat(f->s.fd, IMAGE_A "/descriptor", 0664, 0) == 0, "chmod");
	tap_int(f->t, store_read_image(&f->s, &a, &d, NULL, &e), -1, "image: others may write");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "image: others may write: kind");
	must(fchmodat(f->s.fd, IMAGE_A "/descriptor", 0644, 0) == 0, "chmod");
}

static void check_layer(struct fixture *f)
{
	struct digest b = digest_of(HEX_B), c = digest_of(HEX_C);
	struct err e = {0};

	auto_fd dir = store_open_layer_dir(&f->s, &e);
	must(dir >= 0, e.text);
	put_dir(f, LAYER_B);
	auto_fd fd = store_open_layer(&f->s, dir, &b, &e);
	tap_ok(f->t, fd >= 0, "layer");
	tap_int(f->t, store_open_layer(&f->s, dir, &c, &e), -1, "layer: missing");
	tap_int(f->t, (int)e.kind, ERR_NOTFOUND, "layer: missing: kind");
	put_link(f, "/root", "layers/sha256/" HEX_C);
	tap_int(f->t, store_open_layer(&f->s, dir, &c, &e), -1, "layer: link");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "layer: link: kind");
	drop(f, "layers/sha256/" HEX_C);
	put(f, "layers/sha256/" HEX_C, "");
	tap_int(f->t, store_open_layer(&f->s, dir, &c, &e), -1, "layer: file");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "layer: file: kind");
}

static void give(const struct fixture *f, const char *rel, uid_t uid)
{
	must(fchownat(f->s.fd, rel, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == 0, rel);
}

static void check_foreign(struct fixture *f)
{
	struct digest a = digest_of(HEX_A), b = digest_of(HEX_B);
	struct imgdesc d = {.user = NULL};
	struct err e = {0};
	struct ref ref;
	struct digest got;
	struct store s;

	if (!store_caller_is_root()) {
		tap_skip(f->t, "foreign owners need root");
		return;
	}
	auto_fd dir = store_open_layer_dir(&f->s, &e);
	must(dir >= 0, e.text);
	give(f, LAYER_B, FOREIGN);
	tap_int(f->t, store_open_layer(&f->s, dir, &b, &e), -1, "foreign layer");
	tap_has(f->t, e.text, "belongs to user 12345", "foreign layer: text");
	give(f, LAYER_B, 0);
	give(f, IMAGE_A "/descriptor", FOREIGN);
	tap_int(f->t, store_read_image(&f->s, &a, &d, NULL, &e), -1, "foreign descriptor");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "foreign descriptor: kind");
	give(f, IMAGE_A "/descriptor", 0);
	give(f, "refs/docker.io/library/python/:latest", FOREIGN);
	must(ref_parse("python", &ref, &e) == 0, "ref");
	tap_int(f->t, store_resolve(&f->s, &ref, &got, &e), -1, "foreign reference");
	tap_int(f->t, (int)e.kind, ERR_CONFIG, "foreign reference: kind");
	give(f, "refs/docker.io/library/python/:latest", 0);
	give(f, "version", FOREIGN);
	tap_int(f->t, store_open(f->path, 0, false, &s, &e), -1, "foreign version file");
	give(f, "version", 0);
	give(f, ".", FOREIGN);
	for (int view = 0; view < 2; view++) {
		tap_int(f->t, store_open(f->path, 0, view, &s, &e), -1, "foreign store");
		tap_int(f->t, (int)e.kind, ERR_CONFIG, "foreign store: kind");
	}
	tap_int(f->t, store_open(f->path, FOREIGN, true, &s, &e), 0, "store of the trusted user");
	store_close(&s);
	give(f, ".", 0);
	must(chown(f->dir, FOREIGN, (gid_t)-1) == 0, "chown");
	tap_int(f->t, store_open(f->path, 0, false, &s, &e), -1, "store below a foreign directory");
	tap_int(f->t, store_create(f->path, &s, &e), -1, "create below a foreign directory");
	must(chown(f->dir, 0, (gid_t)-1) == 0, "chown");
}

/* --- locks --- */

static void check_locks(struct fixture *f)
{
	struct digest a = digest_of(HEX_A), c = digest_of(HEX_C);
	struct imgdesc d = {.user = NULL};
	struct err e = {0};
	int run = -1, run2 = -1;

	int shared = store_lock(&f->s, false, false, &e);
	int shared2 = store_lock(&f->s, false, true, &e);
	tap_ok(f->t, shared >= 0 && shared2 >= 0, "two share the store");
	tap_int(f->t, store_lock(&f->s, true, true, &e), -1, "nobody has it alone then");
	tap_int(f->t, (int)e.kind, ERR_BUSY, "nobody has it alone then: kind");
	cleanup_fd(&shared);
	cleanup_fd(&shared2);
	int alone = store_lock(&f->s, true, true, &e);
	tap_ok(f->t, alone >= 0, "one has the store alone");
	tap_int(f->t, store_lock(&f->s, false, true, &e), -1, "nobody shares it then");
	tap_ok(f->t, fcntl(alone, F_GETFD) == FD_CLOEXEC, "the lock is close-on-exec");
	cleanup_fd(&alone);

	tap_int(f->t, store_read_image(&f->s, &a, &d, &run, &e), 0, "a run holds an image");
	imgdesc_fini(&d);
	tap_int(f->t, store_read_image(&f->s, &a, &d, &run2, &e), 0, "and another");
	imgdesc_fini(&d);
	tap_int(f->t, store_lock_image(&f->s, &a, &e), -1, "it cannot be removed");
	tap_int(f->t, (int)e.kind, ERR_BUSY, "it cannot be removed: kind");
	cleanup_fd(&run);
	tap_int(f->t, store_lock_image(&f->s, &a, &e), -1, "nor with one run left");
	cleanup_fd(&run2);
	int remover = store_lock_image(&f->s, &a, &e);
	tap_ok(f->t, remover >= 0, "it can be removed afterwards");
	tap_int(f->t, store_read_image(&f->s, &a, &d, &run, &e), -1, "no run starts meanwhile");
	tap_int(f->t, (int)e.kind, ERR_BUSY, "no run starts meanwhile: kind");
	tap_int(f->t, store_read_image(&f->s, &a, &d, NULL, &e), 0, "but looking is allowed");
	imgdesc_fini(&d);
	cleanup_fd(&remover);
	tap_int(f->t, store_lock_image(&f->s, &c, &e), -1, "remove what is not there");
	tap_int(f->t, (int)e.kind, ERR_NOTFOUND, "remove what is not there: kind");
}

int main(void)
{
	struct tap t = {0};
	struct fixture f = {.t = &t, .dir = "/tmp/test-store-XXXXXX"};
	struct err e = {0};

	must(mkdtemp(f.dir) != NULL, "mkdtemp");
	snprintf(f.path, sizeof(f.path), "%s/store", f.dir);
	check_create(&f);
	check_open(&f);
	check_refs(&f);
	check_user_path(&f);
	check_image(&f);
	check_layer(&f);
	check_foreign(&f);
	check_locks(&f);
	store_close(&f.s);
	auto_fd tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	tap_int(&t, path_remove_tree(tmp, f.dir + strlen("/tmp/"), &e), 0, "clean up");
	return tap_done(&t);
}
