/* SPDX-License-Identifier: MIT */
/* isolate/boxtree: whose files change hands, and whose never do. */
#include "isolate/boxtree.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define OWNER	 4242
#define BOX	 60007
#define STRANGER 4711

static void give_to(int at, const char *name, uid_t uid, mode_t mode)
{
	if (fchownat(at, name, uid, uid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (mode && fchmodat(at, name, mode, 0) < 0))
		tree_die("chown", name);
}

/* What the owner moved into his box: his own things, the program's, and another user's directory
 * that anybody may write, with something secret in it. */
static void make_box(int base)
{
	auto_fd box = tree_dir(base, "box");

	tree_file(box, "owners");
	tree_file(box, "programs");
	(void)close(tree_dir(box, "open"));
	tree_file(box, "open/secret");
	tree_file(box, "open/owners");
	tree_link(box, "secret", "open/link");
	tree_link(box, "owners", "link");
	tree_link(box, "../canary", "link-out");
	give_to(box, "owners", OWNER, 0644);
	give_to(box, "programs", BOX, 06755);
	give_to(box, "open", STRANGER, 0777);
	give_to(box, "open/secret", STRANGER, 04600);
	give_to(box, "open/owners", OWNER, 0644);
	give_to(box, "open/link", STRANGER, 0);
	give_to(box, "link", BOX, 0);
	give_to(box, "link-out", BOX, 0);
	give_to(base, "box", OWNER, 0700);
}

static const struct row {
	const char *name;
	uid_t uid, uid_with_strangers;
	mode_t mode, mode_with_strangers; /* 0: gone */
} rows[] = {
	{"box", OWNER, OWNER, 0700, 0700},
	{"box/owners", OWNER, OWNER, 0644, 0644},
	{"box/programs", OWNER, OWNER, 0755, 0755},
	{"box/open", STRANGER, OWNER, 0777, 0777},
	{"box/open/secret", STRANGER, OWNER, 04600, 0600},
	{"box/open/owners", OWNER, OWNER, 0644, 0644},
	{"box/open/link", STRANGER, 0, 0777, 0},
	{"box/link", 0, 0, 0, 0},
	{"box/link-out", 0, 0, 0, 0},
	{"canary", 0, 0, 0640, 0640},
};

static void test_walk(struct tap *t, int base, bool strangers)
{
	struct boxtree_job job = {
		.chown = true,
		.strangers = strangers,
		.uid = OWNER,
		.gid = OWNER,
		.from_uid = BOX,
		.drop_special = true,
		.strip_set_id = true,
	};
	const char *what = strangers ? "strangers' too" : "the users' only";
	struct err e = {0};
	auto_fd box = -1;

	make_box(base);
	box = openat(base, "box", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!tap_int(t, boxtree_walk(box, &job, &e), 0, "%s: the walk", what))
		tap_note("%s", e.text);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		mode_t mode = strangers ? rows[i].mode_with_strangers : rows[i].mode;
		uid_t uid = strangers ? rows[i].uid_with_strangers : rows[i].uid;
		struct stat st;

		if (fstatat(base, rows[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			tap_ok(t, mode == 0, "%s: %s is gone", what, rows[i].name);
			continue;
		}
		tap_int(t, st.st_mode & 07777, mode, "%s: mode of %s", what, rows[i].name);
		tap_int(t, st.st_uid, uid, "%s: owner of %s", what, rows[i].name);
	}
	if (path_remove_tree(base, "box", &e) < 0)
		tree_die("remove", e.text);
}

/* A second name of somebody's file, where fs.protected_hardlinks is off. */
static void test_hard_link(struct tap *t, int base)
{
	struct boxtree_job job = {.chown = true, .uid = OWNER, .gid = OWNER, .from_uid = BOX};
	struct err e = {0};
	struct stat st;
	auto_fd box = tree_dir(base, "box");

	if (linkat(base, "canary", box, "hard", 0) < 0)
		tree_die("link", "hard");
	tap_int(t, boxtree_walk(box, &job, &e), 0, "hard link: the walk");
	tap_ok(t, fstatat(base, "canary", &st, 0) == 0 && st.st_uid == 0,
	       "hard link: root's file stays root's");
	job.strangers = true;
	tap_ok(t, boxtree_walk(box, &job, &e) == -1 && e.kind == ERR_DENIED,
	       "hard link: refused where strangers' files are taken");
	tap_ok(t, fstatat(base, "canary", &st, 0) == 0 && st.st_uid == 0,
	       "hard link: root's file is root's still");
}

/* As du(1), and each name of a file with two counts half of it. */
static void test_bytes(struct tap *t, int base)
{
	uint64_t bytes = 1, want = 1;
	struct boxtree_job job = {.uid = OWNER, .from_uid = BOX, .bytes = &bytes};
	static const char block[8192];
	struct err e = {0};
	struct stat st;
	auto_fd box = tree_dir(base, "box"), sub = tree_dir(box, "sub"), file = -1;

	tree_file(box, "small");
	tree_link(box, "small", "link");
	file = openat(sub, "two-names", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (write(file, block, sizeof(block)) != (ssize_t)sizeof(block) || fsync(file) < 0 ||
	    linkat(sub, "two-names", base, "outside", 0) < 0)
		tree_die("write", "two-names");
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = {".", "sub", "small", "link"};

		if (fstatat(box, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			tree_die("look at", names[i]);
		want += (uint64_t)st.st_blocks * 512;
	}
	if (fstat(file, &st) < 0)
		tree_die("look at", "two-names");
	tap_ok(t, st.st_blocks * 512 >= 8192, "bytes: the file system counts blocks");
	want += (uint64_t)st.st_blocks * 256;
	tap_int(t, boxtree_walk(box, &job, &e), 0, "bytes: the walk: %s", e.text);
	tap_u64(t, bytes, want, "bytes: are added");
	job.strangers = job.drop_special = true;
	if (fstatat(box, "link", &st, AT_SYMLINK_NOFOLLOW) < 0)
		tree_die("look at", "link");
	want += want - 1 - (uint64_t)st.st_blocks * 512;
	tap_int(t, boxtree_walk(box, &job, &e), 0, "bytes: the other walk: %s", e.text);
	tap_u64(t, bytes, want, "bytes: what is removed does not count");
}

int main(void)
{
	struct tap t = {0};
	char base_path[256];
	struct err e = {0};
	int base;

	if (geteuid() != 0) {
		tap_skip(&t, "boxtree: only root can give files away");
		return tap_done(&t);
	}
	base = tree_base(base_path, sizeof(base_path));
	tree_file(base, "canary");
	if (fchmodat(base, "canary", 0640, 0) < 0)
		tree_die("chmod", "canary");
	test_walk(&t, base, false);
	test_walk(&t, base, true);
	test_hard_link(&t, base);
	if (path_remove_tree(base, "box", &e) < 0)
		tree_die("remove", e.text);
	test_bytes(&t, base);
	tap_int(&t, path_remove_contents(base, ".", &e), 0, "clean up");
	tap_int(&t, rmdir(base_path), 0, "clean up: rmdir");
	return tap_done(&t);
}
