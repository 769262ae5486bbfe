/* SPDX-License-Identifier: MIT */
/* --check: directories, ids and groups that the configuration names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/store.h"
#include "common/text.h"
#include "isolate/cgroup.h"
#include "isolate/check_impl.h"
#include "isolate/image.h"
#include "isolate/quota.h"

/* Less than that is soon used up. */
#define ROOM_BYTES_LOW	(UINT64_C(64) << 20)
#define ROOM_INODES_LOW 1000

/* Boxes to look at; who has more has set them up alike. */
#define BOXES_MAX 10000

void check_privileges(const struct check *c, struct finding *f)
{
	if (!c->priv)
		check_set_err(f, CHECK_MISSING, NULL, c->why);
	else if (!priv_has_cap(CAP_SYS_RESOURCE))
		check_set(f, CHECK_WARNING,
			  "limits above those that isolate is started with cannot be set, and its "
			  "own processes not be saved from running out of memory: give the "
			  "container CAP_SYS_RESOURCE",
			  "root without CAP_SYS_RESOURCE");
	else
		check_set(f, CHECK_OK, NULL, "isolate has root's rights");
}

void check_conf(const struct check *c, struct finding *f)
{
	if (c->config)
		check_set(f, CHECK_OK, NULL, "%s", CONFIG_FILE);
	else
		check_set_err(f, CHECK_MISSING, "isolate --check-config tells all errors", c->why);
}

/* --- directories ----------------------------------------------------------------------------- */

int check_open_dir(const char *path, bool *exact, struct err *e)
{
	char part[CONFIG_PATH_MAX];
	size_t len = strlen(path);

	memcpy(part, path, len + 1);
	*exact = true;
	for (;;) {
		int fd = path_open_trusted_dir(part, 0, false, e);

		if (fd >= 0 || e->errnum != ENOENT || len <= 1)
			return fd;
		*exact = false;
		while (len > 1 && part[len - 1] == '/')
			len--;
		while (len > 1 && part[len - 1] != '/')
			len--;
		part[len] = '\0';
	}
}

/* A directory of boxes or locks. -1 when *f tells all. */
static int open_root(const char *path, bool *exact, struct finding *f)
{
	struct statvfs st;
	struct err e;
	auto_fd fd = check_open_dir(path, exact, &e);

	if (fd < 0) {
		check_set_err(
			f, CHECK_MISSING,
			"it and each directory above it must be root's and writable by nobody "
			"else (chown root, chmod go-w), and no symbolic link",
			&e);
		return -1;
	}
	if (fstatvfs(fd, &st) == 0 && (st.f_flag & ST_RDONLY)) {
		check_set(f, CHECK_MISSING, "mount it writable, or name another place",
			  "%s is on a read-only file system", text_quote(path).s);
		return -1;
	}
	return take_fd(&fd);
}

/* The first box that is a mount of its own: clients rename files from one box into another. */
static bool find_mount(int root_fd, char name[NAME_MAX + 1])
{
	int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned count = 0;
	struct stat top, st;
	struct dirent *d;

	if (!dir || fstat(fd, &top) < 0) {
		if (!dir)
			cleanup_fd(&fd);
		return false;
	}
	while ((d = readdir(dir)) && count++ < BOXES_MAX) {
		if (strcmp(d->d_name, "..") == 0 ||
		    fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev == top.st_dev)
			continue;
		memcpy(name, d->d_name, strlen(d->d_name) + 1);
		return true;
	}
	return false;
}

/* --init makes it. */
static const char not_yet[] = " (not there yet)";

/* How much is left on a file system is told to root only, as are names of boxes. */
static void judge_room(const struct check *c, int fd, bool exact, const char *path,
		       struct finding *f)
{
	struct statvfs st;
	uint64_t bytes;
	bool inodes;
	char name[NAME_MAX + 1];

	if (fstatvfs(fd, &st) < 0) {
		check_set(f, CHECK_WARNING, NULL, "cannot look at %s: %s", path,
			  err_strerror(errno));
		return;
	}
	bytes = (uint64_t)st.f_bavail * st.f_frsize;
	inodes = st.f_files > 0; /* some file systems make them as needed */
	if (bytes == 0 || (inodes && st.f_favail == 0))
		check_set(f, CHECK_MISSING, "make room there", "%s: no %s left", path,
			  bytes == 0 ? "bytes" : "inodes");
	else if (bytes < ROOM_BYTES_LOW || (inodes && st.f_favail < ROOM_INODES_LOW))
		check_set(f, CHECK_WARNING, "make room there", "%s: few %s left", path,
			  bytes < ROOM_BYTES_LOW ? "bytes" : "inodes");
	else if (st.f_flag & ST_NOEXEC)
		check_set(f, CHECK_WARNING,
			  "programs compiled in a box cannot be executed: mount it without noexec",
			  "%s is on a file system mounted noexec", path);
	else if (c->priv->root && exact && find_mount(fd, name))
		check_set(f, CHECK_WARNING,
			  "files cannot be renamed from there into other boxes, which clients do",
			  "%s/%s is a mount of its own", path, text_quote(name).s);
	else if (c->priv->root)
		check_set(f, CHECK_OK, NULL, "%s%s: %llu MiB free", path, exact ? "" : not_yet,
			  (unsigned long long)(bytes >> 20));
	else
		check_set(f, CHECK_OK, NULL, "%s%s", path, exact ? "" : not_yet);
}

void check_box_root(const struct check *c, struct finding *f)
{
	bool exact;
	auto_fd fd = open_root(c->config->box_root, &exact, f);

	if (fd >= 0)
		judge_room(c, fd, exact, text_quote(c->config->box_root).s, f);
}

void check_lock_root(const struct check *c, struct finding *f)
{
	bool exact;
	auto_fd fd = open_root(c->config->lock_root, &exact, f);
	struct stat st;

	if (fd < 0)
		return;
	if (exact && (fstat(fd, &st) < 0 || (st.st_mode & 0077)))
		check_set(f, CHECK_WARNING, "whose boxes there are is nobody's business: chmod 700",
			  "%s can be read by others than root", text_quote(c->config->lock_root).s);
	else
		check_set(f, CHECK_OK, NULL, "%s%s", text_quote(c->config->lock_root).s,
			  exact ? "" : not_yet);
}

void check_quotas(const struct check *c, struct finding *f)
{
	struct err e;
	bool exact;
	auto_fd fd = check_open_dir(c->config->box_root, &exact, &e);

	if (fd < 0)
		check_set(f, CHECK_MISSING, NULL, "not known: see box_root");
	else if (quota_in_force(fd))
		check_set(f, CHECK_OK, NULL, "box_root's file system enforces quotas of projects");
	else
		check_set(f, CHECK_MISSING,
			  "--disk bounds a box without it, in memory; else put box_root on ext4 or "
			  "XFS mounted with prjquota",
			  "box_root's file system enforces no quotas of projects");
}

/* --- ids ------------------------------------------------------------------------------------- */

static void keep_first(void *ctx, unsigned line UNUSED, bool error, const char *text)
{
	struct finding *f = ctx;

	if (f->state == CHECK_OK && !error)
		check_set(f, CHECK_WARNING, NULL, "%s", text);
	else if (f->state == CHECK_OK)
		check_set(f, CHECK_WARNING,
			  "programs could reach what belongs to them: give boxes ids that nobody "
			  "has (first_uid, first_gid, num_boxes, or subid_user, in isolate.cf(5))",
			  "%s", text);
}

void check_ids(const struct check *c, struct finding *f)
{
	const struct config_lines none = {0};
	const struct config_sink sink = {keep_first, f};
	const struct config *cf = c->config;

	check_set(f, CHECK_OK, NULL, "boxes have user ids %u to %u, which are nobody's",
		  (unsigned)cf->first_uid, (unsigned)(cf->first_uid + (cf->num_boxes - 1)));
	check_id_owners(cf, &none, &sink);
}

/* --- control groups -------------------------------------------------------------------------- */

void check_cgroup(const struct check *c, struct finding *f)
{
	char name[PATH_MAX + 4];
	struct err e;

	if (cgroup_locate(c->config->cg_root, c->config->cg_move_processes, name, sizeof(name),
			  &e) < 0)
		check_set_err(
			f, CHECK_MISSING,
			"see cg_root in isolate.cf(5); without --cg isolate works all the same",
			&e);
	else
		check_set(f, CHECK_OK, NULL, "cgroup %s", text_quote(name).s);
}

/* Those that only some options need: what of them is not in the list of v2, or not in use on v1. */
static const struct {
	const char *v2, *v1, *for_what;
} extras[] = {
	{"cpu", "cpu", "--cpus"},
	{"cpuset", "cpuset", "boxN.cpus and boxN.mems"},
	{"io", "blkio", "figures of input and output"},
};

/* controllers of the group `path`, or, as long as that is not there, of its parent. */
static int read_controllers(const char *path, char *list, size_t size)
{
	const char *end = path + strlen(path);

	for (int i = 0; i < 2; i++) {
		char file[PATH_MAX + 32];

		if (text_format(file, sizeof(file), "%.*s/cgroup.controllers", (int)(end - path),
				path) == 0 &&
		    check_read(AT_FDCWD, file, list, size) >= 0)
			return 0;
		while (end > path + 1 && *--end != '/')
			;
	}
	return -1;
}

static bool v2_has(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (; *list; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");

		if (n == len && strncmp(list, name, n) == 0)
			return true;
		list += n;
	}
	return false;
}

/* /proc/cgroups: "name hierarchy groups enabled"; hierarchy 0 is nowhere, or v2. */
static bool v1_has(const char *table, const char *name)
{
	size_t len = strlen(name);

	for (; *table; table += strcspn(table, "\n"), table += *table == '\n') {
		if (strncmp(table, name, len) == 0 && table[len] == '\t')
			return table[len + 1] != '0';
	}
	return false;
}

void check_controllers(const struct check *c, struct finding *f)
{
	char name[PATH_MAX + 4], list[4096], lacking[256];
	struct text t = TEXT_OVER(lacking);
	struct err e;
	bool v2;
	int rc = -1;

	if (cgroup_locate(c->config->cg_root, c->config->cg_move_processes, name, sizeof(name),
			  &e) < 0) {
		check_set(f, CHECK_OK, NULL, "not known without a place for control groups");
		return;
	}
	v2 = strncmp(name, "v2 ", 3) == 0;
	if (v2)
		rc = read_controllers(name + 3, list, sizeof(list));
	else if (check_read(c->root_fd, "proc/cgroups", list, sizeof(list)) >= 0)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(extras); i++) {
		const char *ctl = v2 ? extras[i].v2 : extras[i].v1;

		if (!(v2 ? v2_has(list, ctl) : v1_has(list, ctl)))
			text_addf(&t, "%s%s (for %s)", t.len > 0 ? ", " : "", ctl,
				  extras[i].for_what);
	}
	if (rc < 0)
		check_set(f, CHECK_WARNING, NULL, "the list of controllers cannot be read");
	else if (t.len > 0)
		check_set(
			f, CHECK_WARNING,
			v2 ? "delegate them to that group: in cgroup.subtree_control of its parents"
			   : "mount them: mount -t cgroup -o NAME cgroup /sys/fs/cgroup/NAME",
			"missing: %s", lacking);
	else
		check_set(f, CHECK_OK, NULL, "also those that only some options need");
}

/* --- images ---------------------------------------------------------------------------------- */

/* Can files of this store have the attribute by which a layer hides a lower directory? On a file
 * that has no name and is gone when it is closed. */
static bool keeps_attributes(const struct store *s)
{
	auto_fd fd = openat(s->fd, "tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	/* Who may not write there, or cannot make such a file, is not told. */
	return fd < 0 || fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == 0 ||
	       errno != EOPNOTSUPP;
}

static void judge_store(const char *path, uid_t owner, bool own, struct finding *f)
{
	struct store s = {.fd = -1};
	struct err e;

	if (store_open(path, owner, own, &s, &e) < 0) {
		if (e.kind == ERR_NOTFOUND)
			check_set(f, CHECK_OK, NULL, "%s (not there yet)", text_quote(path).s);
		else
			check_set_err(f, own ? CHECK_WARNING : CHECK_MISSING,
				      "it must belong to who is named as its owner, be writable by "
				      "nobody else, and be made by imgfetch",
				      &e);
		return;
	}
	if (keeps_attributes(&s))
		check_set(f, CHECK_OK, NULL, "%s", text_quote(path).s);
	else
		check_set(f, CHECK_WARNING,
			  "files that a layer of an image deletes stay visible: put the store on "
			  "ext4, XFS or Btrfs, or on tmpfs from Linux 6.6",
			  "the file system of %s keeps no user.overlay attributes",
			  text_quote(path).s);
	store_close(&s);
}

void check_image_root(const struct check *c, struct finding *f)
{
	judge_store(c->config->image_root, c->config->image_owner, false, f);
}

void check_user_store(const struct check *c, struct finding *f)
{
	char path[PATH_MAX];
	struct err e;

	if (!c->config->user_images)
		check_set(f, CHECK_OK, NULL, "not used (user_images = no)");
	else if (image_user_store(c->ask->env, path, sizeof(path), &e) < 0)
		check_set(f, CHECK_OK, NULL, "none without HOME or XDG_DATA_HOME");
	else
		judge_store(path, c->priv->uid, true, f);
}

void check_image(const struct check *c, struct finding *f)
{
	struct image image = IMAGE_NONE;
	struct err e;

	if (image_find(c->config, c->priv, c->ask->env, c->ask->image, &image, &e) < 0) {
		check_set_err(f, CHECK_MISSING, "imgfetch list shows the images that are there",
			      &e);
		return;
	}
	check_set(f, CHECK_OK, NULL, "%s is %s", text_quote(c->ask->image).s,
		  digest_text(&image.digest).s);
	image_close(&image);
}
