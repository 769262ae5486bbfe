/* SPDX-License-Identifier: MIT */
/* Unit test of mount/overlay: every way of telling the kernel the layers, few and many of them.
 * Needs root; works on a tmpfs in a mount namespace of its own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/store.h"
#include "mount/mnt.h"
#include "mount/overlay.h"
#include "tests/unit/tap.h"

#define LAYER_COUNT OVERLAY_DIRS_MAX

static const struct {
	enum overlay_way way;
	const char *name;
	bool everywhere; /* every kernel of ours has it */
} ways[] = {
	{OVERLAY_BY_FD, "by descriptor", false}, {OVERLAY_BY_PATH, "by path", false},
	{OVERLAY_BY_LIST, "by list", true},	 {OVERLAY_BY_PAGE, "by page", true},
	{OVERLAY_ANY_WAY, "any way", true},
};

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

static void put(int dirfd, const char *name, const char *text)
{
	auto_fd fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), name);
}

/* Layer i, 0 topmost: its own file "i", its version of "same", and between the first three a
 * directory that is hidden, one that starts anew and one that merges. */
static int make_layer(int base_fd, int i)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", i);
	must(mkdirat(base_fd, name, 0755) == 0, "mkdir layer");
	int fd = openat(base_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0, "open layer");
	put(fd, name, "");
	put(fd, "same", name);
	if (i > 2)
		return fd;
	must(mkdirat(fd, "merged", 0755) == 0, "mkdir");
	auto_fd merged = openat(fd, "merged", O_PATH | O_CLOEXEC);
	put(merged, name, "");
	if (i == 0)
		must(mknodat(fd, "hidden", S_IFCHR, 0) == 0, "mknod whiteout");
	else
		must(mkdirat(fd, "hidden", 0755) == 0, "mkdir");
	return fd;
}

static bool exists(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static unsigned count_mounts(void)
{
	auto_file f = fopen("/proc/self/mountinfo", "re");
	unsigned count = 0;
	int c;

	must(f != NULL, "mountinfo");
	while ((c = fgetc(f)) != EOF)
		count += c == '\n';
	return count;
}

/* What a mount of the first n layers must show. */
static void check_view(struct tap *t, int mnt, size_t n, const char *name)
{
	char path[32], text[16] = "";
	size_t seen = 0;

	for (size_t i = 0; i < LAYER_COUNT; i++) {
		snprintf(path, sizeof(path), "%zu", i);
		seen += exists(mnt, path);
	}
	tap_u64(t, seen, n, "%s, %zu layers: all are seen", name, n);
	auto_fd same = openat(mnt, "same", O_RDONLY | O_CLOEXEC);
	must(same >= 0 && read(same, text, sizeof(text) - 1) >= 0, "read same");
	tap_str(t, text, "0", "%s, %zu layers: the first is topmost", name, n);
	if (n >= 3) {
		tap_ok(t, !exists(mnt, "hidden"), "%s, %zu layers: a whiteout hides", name, n);
		tap_ok(t, exists(mnt, "merged/0") && exists(mnt, "merged/2"),
		       "%s, %zu layers: directories merge", name, n);
	}
	struct err e = {0};
	tap_int(t,
		mnt_check_attrs(mnt, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, name,
				&e),
		0, "%s, %zu layers: read-only, nosuid, nodev", name, n);
	tap_ok(t, openat(mnt, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS,
	       "%s, %zu layers: nothing can be made", name, n);
}

static void check_way(struct tap *t, size_t way, const int *fds, size_t n)
{
	struct overlay_opts o = OVERLAY_OPTS_DEFAULT;
	struct err e = {0};
	unsigned before = count_mounts();
	char cwd[256], cwd_after[256];

	o.ways = ways[way].way;
	must(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");
	auto_fd mnt = overlay_mount_opts(fds, n, &o, &e);
	tap_u64(t, count_mounts(), before, "%s, %zu layers: no mount is left or to be seen",
		ways[way].name, n);
	must(getcwd(cwd_after, sizeof(cwd_after)) != NULL, "getcwd");
	tap_str(t, cwd_after, cwd, "%s, %zu layers: the working directory stays", ways[way].name,
		n);
	if (mnt < 0 && ways[way].way == OVERLAY_BY_LIST && n > 15) {
		tap_has(t, e.text, "do not fit", "%s, %zu layers: refused", ways[way].name, n);
		return;
	}
	if (mnt < 0 && !ways[way].everywhere) {
		tap_note("%s", e.text);
		tap_skip(t, ways[way].name);
		return;
	}
	if (tap_ok(t, mnt >= 0, "%s, %zu layers", ways[way].name, n))
		check_view(t, mnt, n, ways[way].name);
	else
		tap_note("%s", e.text);
}

/* With an upper directory: what is written is there, and nowhere else. */
static void check_upper(struct tap *t, int base_fd, const int *fds)
{
	static const size_t counts[] = {1, 3, LAYER_COUNT};
	char name[24], text[16];

	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
			struct overlay_opts o = OVERLAY_OPTS_DEFAULT;
			struct err e = {0};
			struct stat st;

			if (!ways[w].everywhere ||
			    (ways[w].way == OVERLAY_BY_LIST && counts[c] > 15))
				continue;
			snprintf(name, sizeof(name), "up%zu.%zu", w, c);
			must(mkdirat(base_fd, name, 0700) == 0, "mkdir");
			auto_fd dir = openat(base_fd, name, O_PATH | O_CLOEXEC);
			must(mkdirat(dir, "u", 0755) == 0 && mkdirat(dir, "w", 0700) == 0, "mkdir");
			auto_fd upper = openat(dir, "u", O_PATH | O_CLOEXEC);
			auto_fd work = openat(dir, "w", O_PATH | O_CLOEXEC);
			o.ways = ways[w].way;
			o.upper_fd = upper;
			o.work_fd = work;
			auto_fd mnt = overlay_mount_opts(fds, counts[c], &o, &e);
			if (!tap_ok(t, mnt >= 0, "%s, %zu layers, writable", ways[w].name,
				    counts[c])) {
				tap_note("%s", e.text);
				continue;
			}
			put(mnt, "same", "new");
			put(mnt, "fresh", "");
			tap_ok(t, unlinkat(mnt, "0", 0) == 0 && !exists(mnt, "0"), "a file goes");
			tap_ok(t, exists(upper, "fresh") && exists(upper, "same"),
			       "it is in the upper");
			tap_ok(t, fstatat(upper, "0", &st, 0) == 0 && S_ISCHR(st.st_mode),
			       "and a whiteout is");
			auto_fd same = openat(fds[0], "same", O_RDONLY | O_CLOEXEC);
			memset(text, 0, sizeof(text));
			must(same >= 0 && read(same, text, sizeof(text) - 1) >= 0, "read same");
			tap_str(t, text, "0", "the layer is as before");
			tap_ok(t, exists(fds[0], "0") && !exists(fds[0], "fresh"),
			       "in its names, too");
			tap_int(t,
				mnt_check_attrs(mnt, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, name,
						&e),
				0, "nosuid, nodev");
		}
	}
}

static void check_refusals(struct tap *t, const int *fds)
{
	const int twice[] = {fds[0], fds[1], fds[0]};
	struct overlay_opts o = OVERLAY_OPTS_DEFAULT;
	struct err e = {0};

	tap_int(t, overlay_mount(fds, 0, &e), -1, "no layer");
	tap_int(t, overlay_mount(fds, LAYER_COUNT + 1, &e), -1, "more than the kernel takes");
	o.ways = 0;
	tap_int(t, overlay_mount_opts(fds, 2, &o, &e), -1, "no way");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		unsigned before = count_mounts();

		o.ways = ways[i].way;
		tap_int(t, overlay_mount_opts(twice, 3, &o, &e), -1, "%s: the same layer twice",
			ways[i].name);
		tap_int(t, (int)e.kind, ERR_SYSTEM, "%s: the same layer twice: kind", ways[i].name);
		tap_u64(t, count_mounts(), before, "%s: a failure leaves no mount", ways[i].name);
	}
}

/* A mount made here can be attached in another namespace. */
static void check_attach(struct tap *t, const int *fds)
{
	struct err e = {0};

	must(mkdir("target", 0700) == 0, "mkdir");
	auto_fd mnt = overlay_mount(fds, 3, &e);
	must(unshare(CLONE_NEWNS) == 0, "unshare");
	auto_fd target = open("target", O_PATH | O_DIRECTORY | O_CLOEXEC);
	tap_int(t, mnt_attach(mnt, target, "target", &e), 0, "attach in a younger namespace");
	tap_ok(t, exists(AT_FDCWD, "target/2"), "it shows the layers there");
	auto_fd stale = overlay_mount(fds, 3, &e);
	tap_int(t, stale, -1, "layers of the old namespace are refused in the new one");
}

static void check_opaque(struct tap *t, int base_fd)
{
	struct err e = {0};
	auto_fd top = -1;
	auto_fd bottom = -1;

	must(mkdirat(base_fd, "top", 0755) == 0 && mkdirat(base_fd, "bottom", 0755) == 0, "mkdir");
	top = openat(base_fd, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bottom = openat(base_fd, "bottom", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(mkdirat(top, "d", 0755) == 0 && mkdirat(top, "trusted", 0755) == 0 &&
		     mkdirat(bottom, "d", 0755) == 0 && mkdirat(bottom, "trusted", 0755) == 0 &&
		     mkdirat(bottom, "d/x", 0755) == 0 && mkdirat(bottom, "trusted/x", 0755) == 0,
	     "mkdir");
	auto_fd d = openat(top, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd trusted = openat(top, "trusted", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* tmpfs has user attributes from Linux 6.6 on. */
	if (fsetxattr(d, "user.overlay.opaque", "y", 1, 0) < 0) {
		tap_skip(t, "no user attributes on tmpfs");
		return;
	}
	must(fsetxattr(trusted, "trusted.overlay.opaque", "y", 1, 0) == 0, "fsetxattr");
	const int fds[] = {top, bottom};
	auto_fd mnt = overlay_mount(fds, 2, &e);
	tap_ok(t, mnt >= 0, "mount opaque directories");
	tap_ok(t, !exists(mnt, "d/x"), "user.overlay.opaque hides");
	tap_ok(t, exists(mnt, "trusted/x"), "trusted.overlay.opaque means nothing");
}

int main(void)
{
	static const size_t counts[] = {1, 2, 3, 9, 130, LAYERS_MAX, LAYERS_MAX + 1, LAYER_COUNT};
	struct tap t = {0};
	struct rlimit rl = {.rlim_cur = 2048, .rlim_max = 4096};
	char dir[] = "/tmp/test-overlay-XXXXXX";
	static int fds[LAYER_COUNT + 1];

	if (!store_caller_is_root()) {
		tap_skip(&t, "overlay mounts need root");
		return tap_done(&t);
	}
	must(setrlimit(RLIMIT_NOFILE, &rl) == 0, "setrlimit");
	must(mkdtemp(dir) != NULL, "mkdtemp");
	must(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
	     "unshare");
	must(mount("tmpfs", dir, "tmpfs", 0, NULL) == 0 && chdir(dir) == 0, "tmpfs");
	auto_fd base = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < LAYER_COUNT; i++)
		fds[i] = make_layer(base, i);
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		for (size_t c = 0; c < ARRAY_LEN(counts); c++)
			check_way(&t, w, fds, counts[c]);
	}
	check_upper(&t, base, fds);
	check_refusals(&t, fds);
	check_opaque(&t, base);
	check_attach(&t, fds);
	for (int i = 0; i < LAYER_COUNT; i++)
		cleanup_fd(&fds[i]);
	must(chdir("/") == 0 && umount2(dir, MNT_DETACH) == 0, "umount");
	/* The directory is still a mount point in the namespace that was left; it goes with that.
	 */
	(void)rmdir(dir);
	return tap_done(&t);
}
