/* SPDX-License-Identifier: MIT */
/* common/path: nothing gets out from beneath, and nobody untrusted is believed. */
#include "common/path.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

static const struct beneath_row {
	const char *rel;
	int flags;
	int errnum; /* 0: opens */
} beneath_rows[] = {
	{"file", O_RDONLY, 0},
	{"dir/inner", O_RDONLY, 0},
	{"dir/../file", O_RDONLY, 0},
	{"dir", O_PATH | O_DIRECTORY, 0},
	{".", O_PATH, 0},
	{"new", O_WRONLY | O_CREAT | O_EXCL, 0},
	{"missing", O_RDONLY, ENOENT},
	{"/etc/passwd", O_RDONLY, EXDEV},
	{"..", O_PATH, EXDEV},
	{"../canary", O_RDONLY, EXDEV},
	{"dir/../../canary", O_RDONLY, EXDEV},
	{"link-file", O_RDONLY, ELOOP},
	{"link-file", O_PATH, ELOOP},
	{"link-file", O_PATH | O_NOFOLLOW, 0},
	{"link-dir/inner", O_PATH | O_NOFOLLOW, ELOOP},
	{"link-dir", O_PATH | O_DIRECTORY, ELOOP},
	{"link-dir/inner", O_RDONLY, ELOOP},
	{"link-up/canary", O_RDONLY, ELOOP},
	{"link-abs", O_RDONLY, ELOOP},
	{"link-file", O_WRONLY | O_CREAT, ELOOP},
	{"link-nowhere", O_WRONLY | O_CREAT, ELOOP},
	{"file/x", O_RDONLY, ENOTDIR},
	{"", O_RDONLY, ENOENT},
};

static void test_beneath(struct tap *t, int base)
{
	auto_fd root = tree_dir(base, "root");

	tree_file(base, "canary");
	tree_file(root, "file");
	close(tree_dir(root, "dir"));
	tree_file(root, "dir/inner");
	tree_link(root, "file", "link-file");
	tree_link(root, "dir", "link-dir");
	tree_link(root, "..", "link-up");
	tree_link(root, "/etc/passwd", "link-abs");
	tree_link(root, "absent", "link-nowhere");
	for (size_t i = 0; i < ARRAY_LEN(beneath_rows); i++) {
		const struct beneath_row *r = &beneath_rows[i];
		auto_fd fd = -1;

		errno = 0;
		fd = path_open_beneath(root, r->rel, r->flags, 0600);
		tap_int(t, fd >= 0 ? 0 : errno, r->errnum, "beneath: '%s' flags %#x", r->rel,
			(unsigned)r->flags);
		if (fd >= 0)
			tap_ok(t, fcntl(fd, F_GETFD) == FD_CLOEXEC,
			       "beneath: '%s' is close-on-exec", r->rel);
	}
	tap_ok(t, !tree_has(root, "absent"), "beneath: nothing was made through a link");
}

static void test_make_dir(struct tap *t, int base)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "/a", "a/"};
	auto_fd a = path_make_dir(base, "made", 0750), b = path_make_dir(base, "made", 0700);
	struct stat st;

	tap_ok(t, a >= 0 && fstat(a, &st) == 0 && (st.st_mode & 07777) == 0750,
	       "make_dir: with the mode asked for");
	tap_ok(t, b >= 0 && fstat(b, &st) == 0 && (st.st_mode & 07777) == 0750,
	       "make_dir: an existing one stays as it is");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		errno = 0;
		tap_ok(t, path_make_dir(base, bad[i], 0700) == -1 && errno == EINVAL,
		       "make_dir: '%s' is refused", bad[i]);
	}
	tree_link(base, "made", "made-link");
	errno = 0;
	tap_ok(t, path_make_dir(base, "made-link", 0700) == -1 && errno == ELOOP,
	       "make_dir: an existing link is not followed");
	tree_file(base, "made-file");
	errno = 0;
	tap_ok(t, path_make_dir(base, "made-file", 0700) == -1 && errno == ENOTDIR,
	       "make_dir: an existing file is no directory");
}

/* Relative to the base directory, which is root's, mode 0700, below sticky /tmp. */
static const struct trusted_row {
	const char *path;
	bool leaf_only;
	const char *why; /* NULL: opens */
} trusted_rows[] = {
	{"", false, NULL},
	{"good", false, NULL},
	{"good/", false, NULL},
	{"//good//deeper", false, NULL},
	{"mine", false, NULL},
	{"sticky/good", false, NULL},
	{"sticky", false, "sticky' is writable"},
	{"sticky", true, "sticky' is writable"},
	{"world", false, "world' is writable"},
	{"world/good", false, "world' is writable"},
	{"world/good", true, NULL},
	{"group", false, "group' is writable"},
	{"group/good", false, "group' is writable"},
	{"other", false, "other' belongs to user 4711"},
	{"other/good", false, "other' belongs to user 4711"},
	{"other/good", true, NULL},
	{"good/other", true, "other' belongs to user 4711"},
	{"link", false, "link' is a symbolic link"},
	{"link", true, "link' is a symbolic link"},
	{"link/deeper", false, "link' is a symbolic link"},
	{"link/deeper", true, "link' is a symbolic link"},
	{"good/../good", false, "'.' or '..'"},
	{"good/.", false, "'.' or '..'"},
	{"..", false, "'.' or '..'"},
	{"file", false, "file' is not a directory"},
	{"file/x", false, "no"},
	{"missing", false, "missing': no such file or directory"},
	{"missing/x", false, "missing': no such file or directory"},
};

#define OWNER 4242
#define OTHER 4711

static void make_trusted(int base)
{
	static const struct {
		const char *name;
		uid_t uid;
		mode_t mode;
	} dirs[] = {
		{"good", 0, 0755},	 {"good/deeper", 0, 0755}, {"good/other", OTHER, 0755},
		{"mine", OWNER, 0700},	 {"sticky", 0, 01777},	   {"sticky/good", 0, 0755},
		{"world", 0, 0777},	 {"world/good", 0, 0755},  {"group", 0, 0775},
		{"group/good", 0, 0755}, {"other", OTHER, 0755},   {"other/good", 0, 0755},
	};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		close(tree_dir(base, dirs[i].name));
		if (fchownat(base, dirs[i].name, dirs[i].uid, 0, AT_SYMLINK_NOFOLLOW) < 0 ||
		    fchmodat(base, dirs[i].name, dirs[i].mode, 0) < 0)
			abort();
	}
	tree_link(base, "good", "link");
	tree_file(base, "file");
}

static void test_trusted_dir(struct tap *t, int base, const char *base_path)
{
	static char deep[6000];
	struct err e = {0};

	if (geteuid() != 0) {
		tap_skip(t, "trusted_dir: only root can make directories of others");
		return;
	}
	make_trusted(base);
	for (size_t i = 0; i < ARRAY_LEN(trusted_rows); i++) {
		const struct trusted_row *r = &trusted_rows[i];
		char path[512];
		auto_fd fd = -1;

		snprintf(path, sizeof(path), "%s/%s", base_path, r->path);
		memset(&e, 0, sizeof(e));
		fd = path_open_trusted_dir(path, OWNER, r->leaf_only, &e);
		if (!r->why) {
			tap_ok(t, fd >= 0, "trusted_dir: '%s'%s opens", r->path,
			       r->leaf_only ? " (leaf only)" : "");
			if (fd < 0)
				tap_note("%s", e.text);
			continue;
		}
		tap_ok(t, fd == -1 && e.kind == ERR_CONFIG, "trusted_dir: '%s'%s is refused",
		       r->path, r->leaf_only ? " (leaf only)" : "");
		tap_has(t, e.text, r->why, "trusted_dir: '%s' says why", r->path);
		if (strncmp(r->path, "missing", 7) == 0)
			tap_int(t, e.errnum, ENOENT, "trusted_dir: '%s' errno", r->path);
	}
	tap_int(t, path_open_trusted_dir("relative", 0, false, &e), -1, "trusted_dir: relative");
	tap_int(t, path_open_trusted_dir("", 0, false, &e), -1, "trusted_dir: empty");
	memset(deep, '/', sizeof(deep) - 1);
	tap_int(t, path_open_trusted_dir(deep, 0, false, &e), -1, "trusted_dir: too long");
	memset(deep + 1, 'x', 256);
	deep[257] = '\0';
	tap_int(t, path_open_trusted_dir(deep, 0, false, &e), -1, "trusted_dir: too long a name");
	{
		auto_fd fd = path_open_trusted_dir("/", 0, false, &e);

		tap_ok(t, fd >= 0, "trusted_dir: / itself");
	}
	/* A user's own directory is no good for another: "mine" is OWNER's. */
	snprintf(deep, sizeof(deep), "%s/mine", base_path);
	tap_int(t, path_open_trusted_dir(deep, OTHER, false, &e), -1,
		"trusted_dir: the directory of somebody else");
}

static void test_trusted_file(struct tap *t, int base)
{
	static const struct {
		uid_t uid;
		mode_t mode;
		int rc;
	} rows[] = {
		{0, 0644, 0},  {0, 0600, 0},	 {0, 0664, -1},
		{0, 0646, -1}, {OWNER, 0644, 0}, {OTHER, 0600, -1},
	};
	struct err e = {0};

	if (geteuid() != 0) {
		tap_skip(t, "trusted_file: only root can make files of others");
		return;
	}
	tree_file(base, "conf");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_fd fd = openat(base, "conf", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fchown(fd, rows[i].uid, 0) < 0 || fchmod(fd, rows[i].mode) < 0)
			abort();
		tap_int(t, path_check_trusted_file(fd, OWNER, "conf", &e), rows[i].rc,
			"trusted_file: uid %u mode %o", (unsigned)rows[i].uid,
			(unsigned)rows[i].mode);
	}
	tap_int(t, path_check_trusted_file(base, 0, "dir", &e), -1, "trusted_file: a directory");
	tap_has(t, e.text, "not a regular file", "trusted_file: a directory: message");
	tap_int(t, path_check_trusted_file(-1, 0, "none", &e), -1, "trusted_file: no descriptor");
}

int main(void)
{
	struct tap t = {0};
	char base_path[256];
	struct err e = {0};
	int base = tree_base(base_path, sizeof(base_path));

	test_beneath(&t, base);
	test_make_dir(&t, base);
	test_trusted_dir(&t, base, base_path);
	test_trusted_file(&t, base);
	tap_int(&t, path_remove_contents(base, ".", &e), 0, "clean up");
	if (rmdir(base_path) < 0)
		tap_ok(&t, false, "clean up: rmdir");
	return tap_done(&t);
}
