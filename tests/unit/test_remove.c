/* SPDX-License-Identifier: MIT */
/* path_remove_tree and path_remove_contents against the trees that strangers would build. */
#include "common/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

/* A chain of depth directories below `at`, each with a file beside the next. */
static void make_chain(int at, const char *name, int depth)
{
	int fd = tree_dir(at, name);

	for (int i = 0; i < depth; i++) {
		int next = tree_dir(fd, "d");

		tree_file(fd, "f");
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
}

static void test_simple(struct tap *t, int base)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "/etc", "a/"};
	struct err e = {0};

	tap_int(t, path_remove_tree(base, "missing", &e), 0, "tree: missing is success");
	tap_int(t, path_remove_contents(base, "missing", &e), 0, "contents: missing is success");
	tree_file(base, "file");
	tap_ok(t, path_remove_tree(base, "file", &e) == 0 && !tree_has(base, "file"),
	       "tree: a single file");
	(void)close(tree_dir(base, "empty"));
	tap_ok(t, path_remove_tree(base, "empty", &e) == 0 && !tree_has(base, "empty"),
	       "tree: an empty directory");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		tap_ok(t, path_remove_tree(base, bad[i], &e) == -1 && e.kind == ERR_BUG,
		       "tree: '%s' is no entry", bad[i]);
		if (strcmp(bad[i], ".") != 0)
			tap_ok(t, path_remove_contents(base, bad[i], &e) == -1 && e.kind == ERR_BUG,
			       "contents: '%s' is no entry", bad[i]);
	}
	tap_ok(t, path_remove_tree(-1, "x", &e) == -1 && e.kind == ERR_SYSTEM && e.errnum == EBADF,
	       "tree: no directory to begin with");
}

static void test_kinds(struct tap *t, int base)
{
	auto_fd canary = tree_dir(base, "canary"), top = tree_dir(base, "top");
	struct err e = {0};

	tree_file(canary, "keep");
	tree_link(top, "../canary", "to-dir");
	tree_link(top, "../canary/keep", "to-file");
	tree_link(top, "/", "to-root");
	tree_link(top, "nowhere", "dangling");
	if (mkfifoat(top, "fifo", 0600) < 0 || linkat(canary, "keep", top, "hard", 0) < 0)
		tree_die("make", "fifo, hard link");
	for (int i = 0; i < 3; i++) {
		char name[16];
		int sub;

		(void)snprintf(name, sizeof(name), "sub%d", i);
		sub = tree_dir(top, name);
		tree_link(sub, "../../canary", "to-dir");
		(void)close(tree_dir(sub, "deeper"));
		tree_file(sub, "deeper/file");
		tree_link(sub, "../../../canary", "deeper/to-dir");
		(void)close(sub);
	}
	tap_int(t, path_remove_tree(base, "top", &e), 0, "kinds: removed");
	tap_ok(t, !tree_has(base, "top"), "kinds: gone");
	tap_ok(t, tree_has(canary, "keep"), "kinds: what links led to is still there");

	tree_link(base, "canary", "link");
	tap_ok(t, path_remove_contents(base, "link", &e) == -1 && tree_has(canary, "keep"),
	       "contents: a link to a directory is not followed");
	tap_ok(t,
	       path_remove_tree(base, "link", &e) == 0 && !tree_has(base, "link") &&
		       tree_has(canary, "keep"),
	       "tree: of a link, the link is removed");
	tree_file(base, "plain");
	tap_ok(t, path_remove_contents(base, "plain", &e) == -1 && e.errnum == ENOTDIR,
	       "contents: a file has none");
}

static void test_contents(struct tap *t, int base)
{
	auto_fd dir = tree_dir(base, "stays");
	struct stat before, after;
	struct err e = {0};

	make_chain(dir, "chain", 5);
	tree_file(dir, ".hidden");
	if (fchmod(dir, 0555) < 0 || fstat(dir, &before) < 0)
		tree_die("chmod", "stays");
	tap_int(t, path_remove_contents(base, "stays", &e), 0, "contents: removed");
	tap_ok(t, !tree_has(dir, "chain") && !tree_has(dir, ".hidden"), "contents: all of it");
	tap_ok(t, fstatat(base, "stays", &after, 0) == 0 && after.st_ino == before.st_ino,
	       "contents: the directory is the same");
	tap_int(t, after.st_mode, before.st_mode, "contents: its mode, too");
	if (fchmod(dir, 0755) < 0)
		tree_die("chmod", "stays");
	make_chain(dir, "chain", 5);
	tap_ok(t, path_remove_contents(dir, ".", &e) == 0 && !tree_has(dir, "chain"),
	       "contents: '.' is the directory itself");
}

/* 5000 levels make a path of 10,000 bytes and would need 5000 descriptors or stack frames. */
static void test_deep(struct tap *t, int base)
{
	struct rlimit old, few;
	struct err e = {0};
	auto_fd probe = -1;
	int rc;

	make_chain(base, "deep", 5000);
	probe = openat(base, ".", O_PATH | O_CLOEXEC);
	if (probe < 0 || getrlimit(RLIMIT_NOFILE, &old) < 0)
		tree_die("getrlimit", "");
	few = (struct rlimit){.rlim_cur = (rlim_t)probe + 4, .rlim_max = old.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		tree_die("setrlimit", "");
	rc = path_remove_tree(base, "deep", &e);
	if (setrlimit(RLIMIT_NOFILE, &old) < 0)
		tree_die("setrlimit", "");
	if (!tap_int(t, rc, 0, "deep: 5000 levels with three free descriptors"))
		tap_note("%s", e.text);
	tap_ok(t, !tree_has(base, "deep"), "deep: gone");
}

static void test_wide(struct tap *t, int base)
{
	auto_fd top = tree_dir(base, "wide");
	struct err e = {0};

	for (int i = 0; i < 3000; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "file-with-some-name-%d", i);
		tree_file(top, name);
	}
	for (int i = 0; i < 300; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "chain%d", i);
		make_chain(top, name, 4);
	}
	tap_int(t, path_remove_tree(base, "wide", &e), 0, "wide: 3000 files and 300 chains");
	tap_ok(t, !tree_has(base, "wide"), "wide: gone");
}

/* The names that lifting uses are known to everybody. */
static void test_collisions(struct tap *t, int base)
{
	auto_fd top = tree_dir(base, "coll");
	struct err e = {0};

	for (int i = 0; i < 40; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), ".lifted-%d", i);
		switch (i % 4) {
		case 0:
			tree_file(top, name);
			break;
		case 1:
			make_chain(top, name, 2);
			break;
		case 2:
			tree_link(top, "/", name);
			break;
		default:
			(void)close(tree_dir(top, name));
		}
		(void)snprintf(name, sizeof(name), "chain%d", i);
		make_chain(top, name, 3);
	}
	tap_int(t, path_remove_tree(base, "coll", &e), 0, "collisions: removed");
	tap_ok(t, !tree_has(base, "coll"), "collisions: gone");
}

static void make_locked(int at)
{
	static const mode_t modes[] = {0000, 0111, 0222, 0444, 0555, 0100, 0300, 0500};
	int top = tree_dir(at, "locked");

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		char name[32];
		int fd;

		(void)snprintf(name, sizeof(name), "mode%03o", (unsigned)modes[i]);
		make_chain(top, name, 3);
		fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fchmodat(fd, "d", modes[i], 0) < 0 || fchmod(fd, modes[i]) < 0)
			tree_die("chmod", name);
		(void)close(fd);
	}
	if (fchmod(top, 0) < 0)
		tree_die("chmod", "locked");
	(void)close(top);
}

/* Run by an ordinary user: root may read what has mode 000 anyway. */
static void test_locked(struct tap *t, int base)
{
	auto_fd dir = tree_dir(base, "users");
	int status = -1;
	pid_t pid;

	if (geteuid() == 0 && (fchown(dir, 65534, 65534) < 0 || fchmodat(base, ".", 0755, 0) < 0))
		tree_die("chown", "users");
	if (fflush(stdout) != 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		struct err e = {0};
		int rc;

		if (geteuid() == 0 &&
		    (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
			_exit(99);
		make_locked(dir);
		rc = path_remove_tree(dir, "locked", &e);
		if (rc < 0)
			err_print("# remove", &e);
		_exit(rc < 0 || tree_has(dir, "locked") ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	tap_int(t, status, 0, "locked: directories of mode 000 and the like, as their owner");
}

static void test_denied(struct tap *t, int base)
{
	auto_fd dir = tree_dir(base, "roots");
	int status = -1;
	pid_t pid;

	if (geteuid() != 0) {
		tap_skip(t, "denied: only root can make what its child may not remove");
		return;
	}
	tree_file(dir, "roots-file");
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		struct err e = {0};

		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(99);
		_exit(path_remove_contents(base, "roots", &e) == -1 && e.kind == ERR_SYSTEM &&
				      e.errnum == EACCES &&
				      strstr(e.text, "remove 'roots-file' in 'roots'")
			      ? 0
			      : 1);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	tap_int(t, status, 0, "denied: what may not be removed is named, with errno");
}

/* Mounts below the tree belong to somebody else. The test has a mount namespace of its own. */
static void test_mounts(struct tap *t, int base, const char *base_path, bool can_mount)
{
	auto_fd top = -1, inner = -1;
	char path[384];
	struct err e = {0};

	if (!can_mount) {
		tap_skip(t, "mounts: needs root");
		return;
	}
	top = tree_dir(base, "mounted");
	(void)close(tree_dir(top, "a"));
	(void)close(tree_dir(top, "a/tmpfs"));
	(void)close(tree_dir(top, "bind"));
	(void)close(tree_dir(base, "elsewhere"));
	tree_file(base, "elsewhere/keep");
	(void)snprintf(path, sizeof(path), "%s/mounted/a/tmpfs", base_path);
	if (mount("tmpfs", path, "tmpfs", 0, NULL) < 0)
		tree_die("mount", path);
	inner = openat(top, "a/tmpfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree_file(inner, "keep");
	tap_int(t, path_remove_tree(base, "mounted", &e), -1, "mounts: a tmpfs below is an error");
	tap_ok(t, tree_has(inner, "keep"), "mounts: the tmpfs keeps its files");
	if (umount2(path, MNT_DETACH) < 0)
		tree_die("umount", path);

	(void)snprintf(path, sizeof(path), "%s/mounted/bind", base_path);
	{
		char from[384];

		(void)snprintf(from, sizeof(from), "%s/elsewhere", base_path);
		if ((!tree_has(base, "mounted/bind") && mkdirat(base, "mounted/bind", 0755) < 0) ||
		    mount(from, path, NULL, MS_BIND, NULL) < 0)
			tree_die("bind", path);
	}
	tap_int(t, path_remove_tree(base, "mounted", &e), -1,
		"mounts: a bind mount of the same file system is an error");
	tap_int(t, path_remove_tree(top, "bind", &e), -1, "mounts: so is one at the top");
	tap_int(t, path_remove_contents(top, "bind", &e), -1, "mounts: also for the contents");
	tap_ok(t, tree_has(base, "elsewhere/keep"), "mounts: its files stay");
	if (umount2(path, MNT_DETACH) < 0)
		tree_die("umount", path);
	if (!tap_int(t, path_remove_tree(base, "mounted", &e), 0, "mounts: without them it goes"))
		tap_note("%s", e.text);
}

/* overlayfs cannot rename a directory that lies in a lower layer: the walk must do without. */
static void test_overlay(struct tap *t, int base, const char *base_path, bool can_mount)
{
	auto_fd tmpfs = -1, lower = -1, merged = -1;
	char path[384], opts[1400];
	struct err e = {0};

	if (!can_mount) {
		tap_skip(t, "overlay: needs root");
		return;
	}
	(void)close(tree_dir(base, "ovl"));
	(void)snprintf(path, sizeof(path), "%s/ovl", base_path);
	if (mount("tmpfs", path, "tmpfs", 0, NULL) < 0)
		tree_die("mount", path);
	tmpfs = openat(base, "ovl", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lower = tree_dir(tmpfs, "lower");
	(void)close(tree_dir(tmpfs, "upper"));
	(void)close(tree_dir(tmpfs, "work"));
	(void)close(tree_dir(tmpfs, "merged"));
	(void)close(tree_dir(lower, "box"));
	make_chain(lower, "box/a", 40);
	make_chain(lower, "box/b", 3);
	(void)snprintf(opts, sizeof(opts), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work",
		       path, path, path);
	(void)snprintf(path, sizeof(path), "%s/ovl/merged", base_path);
	if (mount("overlay", path, "overlay", 0, opts) < 0)
		tree_die("mount overlay", path);
	merged = openat(tmpfs, "merged", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_chain(merged, "box/new", 30);
	tap_int(t, renameat(merged, "box/a", merged, "moved") == 0 ? 0 : errno, EXDEV,
		"overlay: rename is refused, so the test means something");
	if (!tap_int(t, path_remove_tree(merged, "box", &e), 0, "overlay: removed without rename"))
		tap_note("%s", e.text);
	tap_ok(t, !tree_has(merged, "box"), "overlay: gone");
	tap_ok(t, tree_has(lower, "box"), "overlay: the lower layer is as it was");
	(void)snprintf(path, sizeof(path), "%s/ovl", base_path);
	if (umount2(path, MNT_DETACH) < 0)
		tree_die("umount", path);
}

#define RACERS	    8
#define RACE_ROUNDS 100
#define CANARIES    20

/* Swap directories of the tree and links to the canary as fast as possible, until killed. As long
 * as the tree is not there, nothing happens. */
static NORETURN void swap_forever(int base, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	for (int i = 0;; i = (i + 1) % RACERS) {
		char dir[16], name[16];

		(void)snprintf(dir, sizeof(dir), "race/s%d", i);
		(void)snprintf(name, sizeof(name), "race-link%d", i);
		(void)!renameat2(base, dir, base, name, RENAME_EXCHANGE);
	}
}

static void prepare_race(int base)
{
	struct err e = {0};
	int top = tree_dir(base, "race-new");
	char name[32];

	for (int i = 0; i < RACERS; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		make_chain(top, name, 2);
		/* A directory may have come out of the last tree in exchange for the link. */
		(void)snprintf(name, sizeof(name), "race-link%d", i);
		if (path_remove_tree(base, name, &e) < 0)
			tree_die("reset", e.text);
		tree_link(base, "../race-canary", name);
	}
	(void)close(top);
	if (renameat(base, "race-new", base, "race") < 0)
		tree_die("rename", "race");
}

static void test_race(struct tap *t, int base)
{
	auto_fd canary = tree_dir(base, "race-canary");
	unsigned lost = 0, refused = 0;
	pid_t pid, parent = getpid();
	char name[32];

	for (int i = 0; i < CANARIES; i++) {
		(void)snprintf(name, sizeof(name), "keep%d", i);
		tree_file(canary, name);
	}
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0)
		swap_forever(base, parent);
	for (int round = 0; round < RACE_ROUNDS; round++) {
		struct err e = {0};

		prepare_race(base);
		for (int tries = 0; tree_has(base, "race") && tries < 20; tries++) {
			if (path_remove_tree(base, "race", &e) < 0)
				refused++;
		}
	}
	if (kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) != pid)
		abort();
	for (int i = 0; i < CANARIES; i++) {
		(void)snprintf(name, sizeof(name), "keep%d", i);
		if (!tree_has(canary, name))
			lost++;
	}
	tap_u64(t, lost, 0, "race: the canary kept all its files in %d rounds", RACE_ROUNDS);
	tap_note("%u of the removals gave up", refused);
}

int main(void)
{
	struct tap t = {0};
	char base_path[256];
	struct err e = {0};
	/* Before any directory is opened: a descriptor from outside would not see our mounts. */
	bool can_mount = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
			 mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	int base = tree_base(base_path, sizeof(base_path));

	/* Ten times faster than a disk, and nothing stays behind whatever happens. */
	if (can_mount) {
		(void)close(base);
		if (mount("tmpfs", base_path, "tmpfs", 0, NULL) < 0)
			tree_die("mount tmpfs", base_path);
		base = open(base_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (base < 0)
			tree_die("open", base_path);
	}
	test_simple(&t, base);
	test_kinds(&t, base);
	test_contents(&t, base);
	test_deep(&t, base);
	test_wide(&t, base);
	test_collisions(&t, base);
	test_locked(&t, base);
	test_denied(&t, base);
	test_mounts(&t, base, base_path, can_mount);
	test_overlay(&t, base, base_path, can_mount);
	test_race(&t, base);
	if (!tap_int(&t, path_remove_contents(base, ".", &e), 0, "clean up"))
		tap_note("%s", e.text);
	if (can_mount && umount2(base_path, MNT_DETACH) < 0)
		tree_die("umount", base_path);
	tap_int(&t, rmdir(base_path), 0, "clean up: rmdir");
	return tap_done(&t);
}
