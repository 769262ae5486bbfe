/* SPDX-License-Identifier: MIT */
/* isolate/rootfs: links inside images as a table; then real roots, built as isolate builds them in
 * a child with its own namespaces, and looked at from inside. Needs root for the latter. */
#include "isolate/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/sys.h"
#include "isolate/rootfs_impl.h"
#include "mount/mnt.h"
#include "tests/unit/tap.h"

#define CALLER_UID 65501
#define BOX_UID	   65502

/* isolate/priv without its checks: a test is root without being setuid. */
int priv_as_root(const struct priv *p, struct err *e)
{
	(void)p;
	if (seteuid(0) || setegid(0))
		return err_sys(e, ERR_SYSTEM, "become root");
	return 0;
}

int priv_as_caller(const struct priv *p, struct err *e)
{
	if (setegid(p->gid) || seteuid(p->uid))
		return err_sys(e, ERR_SYSTEM, "become the caller");
	return 0;
}

/* ---- a place to work in -------------------------------------------------------------------- */

static char tmp[PATH_MAX];

static const char *in_tmp(const char *name)
{
	static char path[2 * PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", tmp, name) >= (int)sizeof(path))
		abort();
	return path;
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

static void make_dir(const char *name, mode_t mode, uid_t uid)
{
	const char *path = in_tmp(name);

	must(!mkdir(path, mode) && !chmod(path, mode) && !chown(path, uid, uid), path);
}

static void make_file(const char *name, const char *text, mode_t mode, uid_t uid)
{
	const char *path = in_tmp(name);
	auto_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		     !fchmod(fd, mode) && !fchown(fd, uid, uid),
	     path);
}

static void make_link(const char *target, const char *name)
{
	must(!symlink(target, in_tmp(name)), name);
}

/* ---- links inside an image ----------------------------------------------------------------- */

static const struct resolve_row {
	const char *path, *want; /* want NULL: must fail */
} resolve_rows[] = {
	{"a", "a"},
	{"dir/new", "dir/new"},
	{"dir/sub/x", "dir/sub/x"},
	{"nothing/x/y", "nothing/x/y"},
	{"rel/x", "dir/x"},
	{"abs/x", "dir/x"},
	{"abs", "abs"}, /* the last component is not followed */
	{"dir/abs", "dir/abs"},
	{"chain/x", "dir/x"},
	{"up/x", "dir/x"},
	{"far/x", "etc/x"}, /* ../../../../etc ends at the image's root */
	{"far/x/y", "etc/x/y"},
	{"root/dir/x", "dir/x"},
	{"dangling/x", "gone/away/x"},
	{"dangling/../y", "gone/y"},
	{"nothing/../dir/abs/x", "dir/x"},
	{"loop/x", NULL},
	{"file/x", NULL},
	{"tofile/x", NULL},
	{"root/..", NULL},
};

static void test_resolve(struct tap *t)
{
	auto_fd root = -1;

	make_dir("img", 0755, 0);
	make_dir("img/dir", 0755, 0);
	make_dir("img/dir/sub", 0755, 0);
	make_dir("img/etc", 0755, 0);
	make_file("img/file", "x", 0644, 0);
	make_link("dir", "img/rel");
	make_link("/dir", "img/abs");
	make_link("/dir", "img/dir/abs");
	make_link("rel", "img/chain");
	make_link("dir/sub/..", "img/up");
	make_link("../../../../etc", "img/far");
	make_link("/", "img/root");
	make_link("/gone/away", "img/dangling");
	make_link("loop2", "img/loop");
	make_link("loop", "img/loop2");
	make_link("file", "img/tofile");
	root = open(in_tmp("img"), O_PATH | O_CLOEXEC);
	must(root >= 0, "img");
	for (size_t i = 0; i < ARRAY_LEN(resolve_rows); i++) {
		const struct resolve_row *row = &resolve_rows[i];
		char out[PATH_MAX] = "";
		struct err e = {0};
		int rc = skeleton_resolve(root, row->path, out, sizeof(out), &e);

		tap_int(t, rc, row->want ? 0 : -1, "resolve '%s': %s", row->path, e.text);
		tap_str(t, out, row->want ? row->want : "", "resolve '%s'", row->path);
	}
}

/* ---- real roots ---------------------------------------------------------------------------- */

/* What is looked at inside, one word and a path:
 *   dir P, file P, dev P, link P, none P   what is there, links not followed
 *   holds P=T          text of a file
 *   ro P, rw P         can the program create a file in the directory (rw), or nobody (ro: EROFS)
 *   denied P           the program cannot create a file there
 *   nosuid, nodev, noexec, suid, devok, exec P    attribute of the mount
 *   mode P=OCTAL       permission bits
 *   writes P           the program can write to a node
 *   pid1 P             P/1 exists only for root
 */
static const struct root_row {
	const char *name;
	int layers; /* 0: no image */
	const char *rules[8];
	const char *says; /* part of the error; NULL: works */
	const char *probes[24];
} root_rows[] = {
	{"host defaults", 0, {NULL}, NULL, {"dir /usr",		"ro /usr",	"ro /",
					    "nosuid /",		"nodev /",	"nosuid /usr",
					    "nodev /usr",	"none /etc",	"none /root",
					    "none /sys",	"rw /box",	"nosuid /box",
					    "nodev /box",	"rw /tmp",	"rw /dev/shm",
					    "nosuid /tmp",	"nodev /tmp",	"nodev /dev/shm",
					    "writes /dev/null", "nosuid /proc", "ro /dev",
					    "mode /=755",	"pid1 /proc"}},
	{"image defaults",
	 2,
	 {NULL},
	 NULL,
	 {"holds /etc/who=upper",
	  "holds /etc/low=lower",
	  "none /root",
	  "ro /",
	  "ro /etc",
	  "nodev /",
	  "nosuid /etc",
	  "rw /box",
	  "rw /tmp",
	  "rw /dev/shm",
	  "dev /dev/null",
	  "writes /dev/null",
	  "none /dev/full2",
	  "link /dev/fd",
	  "dir /dev/pts",
	  "ro /dev",
	  "noexec /dev",
	  "none /bin",
	  "pid1 /proc",
	  "mode /=755",
	  "mode /tmp=1777"}},
	{"image of one layer",
	 1,
	 {NULL},
	 NULL,
	 {"holds /etc/who=upper", "none /etc/low", "rw /box"}},
	{"hostile links in an image",
	 3,
	 {NULL},
	 NULL,
	 {"rw /box", "dir /box", "dir /proc", "dir /dev", "dir /tmp", "pid1 /proc",
	  "holds /etc/low=lower"}},
	{"a rule deep in an image, parents kept",
	 2,
	 {"opt/new/data=$/src"},
	 NULL,
	 {"holds /opt/new/data/f=src", "holds /opt/app/f=app", "mode /opt=711", "mode /opt/new=755",
	  "ro /opt/new/data", "ro /opt"}},
	{"a rule through an image's link",
	 2,
	 {"lnk/data=$/src"},
	 NULL,
	 {"holds /opt/data/f=src", "holds /opt/app/f=app", "link /lnk"}},
	{"a rule onto an image's link", 2, {"opt/evil=$/src"}, NULL, {"holds /opt/evil/f=src"}},
	{"a rule onto an image's directory", 2, {"opt/app=$/src"}, NULL, {"holds /opt/app/f=src"}},
	{"a file onto an image's file", 2, {"etc/who=$/src/f"}, NULL, {"holds /etc/who=src"}},
	{"a file where the image has nothing",
	 2,
	 {"etc/new/f=$/src/f"},
	 NULL,
	 {"holds /etc/new/f=src", "holds /etc/who=upper"}},
	{"a file onto a directory of the image",
	 2,
	 {"opt/app=$/src/f"},
	 NULL,
	 {"holds /opt/app=src"}},
	{"a rule below an image's file", 2, {"etc/who/x=$/src"}, "not a directory", {NULL}},
	{"a rule below a loop", 2, {"loop/x=$/src"}, "ymbolic links", {NULL}},
	{"read-only, read-write",
	 0,
	 {"a=$/src", "b=$/src:rw", "c=$/open:rw", "d=$/open"},
	 NULL,
	 {"ro /a", "denied /b", "rw /c", "ro /d", "exec /a", "nosuid /c", "nodev /c"}},
	{"noexec, dev",
	 0,
	 {"a=$/src:noexec", "b=$/src:dev"},
	 NULL,
	 {"noexec /a", "devok /b", "nodev /a"}},
	{"mounts below a source",
	 0,
	 {"a=$/tree", "b=$/tree:norec", "c=$/tree:rw:dev"},
	 NULL,
	 {"holds /a/sub/f=sub", "ro /a/sub", "nosuid /a/sub", "nodev /a/sub", "none /b/sub/f",
	  "rw /c/sub", "nosuid /c/sub", "devok /c/sub"}},
	{"what the caller may not see",
	 0,
	 {"a=$/closed:maybe", "b=$/closed/in:maybe", "c=$/gone:maybe"},
	 NULL,
	 {"none /a", "none /b", "none /c"}},
	{"a closed directory", 0, {"a=$/closed"}, "permission denied", {NULL}},
	{"inside a closed directory", 0, {"a=$/closed/in"}, "permission denied", {NULL}},
	{"nothing inside a closed directory", 0, {"a=$/closed/none"}, "permission denied", {NULL}},
	{"a source that is not there", 0, {"a=$/gone"}, "no such file", {NULL}},
	{"a source through the caller's link", 0, {"a=$/link"}, NULL, {"holds /a/f=src"}},
	{"a fifo as source", 0, {"a=$/fifo"}, "neither a directory nor a file", {NULL}},
	{"a target that is a link in a bound directory",
	 0,
	 {"a=$/links", "a/l=$/src"},
	 "not a directory",
	 {NULL}},
	{"a target below a link in a bound directory",
	 0,
	 {"a=$/links", "a/l/x=$/src"},
	 "ymbolic links",
	 {NULL}},
	{"a target missing in a bound directory",
	 0,
	 {"a=$/open:rw", "a/x=$/src"},
	 "nothing is created there",
	 {NULL}},
	{"a target in a bound directory",
	 0,
	 {"a=$/tree2", "a/d=$/src"},
	 NULL,
	 {"holds /a/d/f=src"}},
	{"a target in a fresh tmpfs",
	 0,
	 {"x=tmpfs:fs:rw", "x/y/z=$/src", "tmp/q=$/src/f"},
	 NULL,
	 {"holds /x/y/z/f=src", "holds /tmp/q=src", "rw /x"}},
	{"a rule removed, one replaced",
	 0,
	 {"tmp=", "usr=$/src", "lib="},
	 NULL,
	 {"none /tmp", "holds /usr/f=src", "none /lib"}},
	{"the box twice",
	 0,
	 {"b2=./box", "b3=./box/sub:rw:noexec"},
	 NULL,
	 {"rw /box", "ro /b2", "rw /b3", "noexec /b3", "holds /b3/f=boxsub",
	  "holds /b2/sub/f=boxsub"}},
	{"the box read-only", 0, {"box=./box:noexec"}, NULL, {"ro /box", "noexec /box"}},
	{"a link in the box", 0, {"a=./box/l"}, "ymbolic links", {NULL}},
	{"out of the box's directory", 0, {"a=./../outside"}, "open './../outside'", {NULL}},
	{"no box at all", 0, {"box="}, NULL, {"none /box", "rw /tmp"}},
	{"sysfs", 0, {"sys=sysfs:fs"}, NULL, {"dir /sys/class", "ro /sys", "nosuid /sys"}},
	{"devpts", 0, {"pts=devpts:fs"}, NULL, {"dev /pts/ptmx", "nosuid /pts", "noexec /pts"}},
	{"tmpfs read-only", 0, {"t=tmpfs:fs"}, NULL, {"ro /t"}},
	{"tmp noexec", 0, {"tmp:tmp:noexec"}, NULL, {"rw /tmp", "noexec /tmp"}},
};

static int create_in(const char *dir, uid_t uid)
{
	char path[PATH_MAX];
	int fd, saved;

	if (snprintf(path, sizeof(path), "%s/probe-%u", dir, uid) >= (int)sizeof(path))
		return ENAMETOOLONG;
	if (setegid(uid) || seteuid(uid))
		_exit(98);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	saved = errno;
	if (fd >= 0) {
		(void)close(fd);
		(void)unlink(path);
	}
	if (seteuid(0) || setegid(0))
		_exit(98);
	return fd < 0 ? saved : 0;
}

static bool probe_text(const char *path, const char *want)
{
	char buf[64] = "";
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, buf, sizeof(buf) - 1) >= 0 && !strcmp(buf, want);
}

static bool writes_to(const char *path)
{
	auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "x", 1) == 1;
}

static bool probe_pid1(const char *proc)
{
	char path[PATH_MAX];
	bool root_sees, box_sees;

	if (snprintf(path, sizeof(path), "%s/1/stat", proc) >= (int)sizeof(path))
		return false;
	root_sees = !access(path, F_OK);
	/* As fork would be in the way of setresuid only by the effective id: hidepid asks for
	 * ptrace rights, which go by the effective capabilities. */
	if (setegid(BOX_UID) || seteuid(BOX_UID))
		_exit(98);
	box_sees = !faccessat(AT_FDCWD, path, F_OK, AT_EACCESS);
	if (seteuid(0) || setegid(0))
		_exit(98);
	return root_sees && !box_sees;
}

static bool probe(const char *what, const char *path, const char *arg)
{
	struct stat st = {0};
	struct statvfs fs = {0};
	bool there = !lstat(path, &st);

	if (!strcmp(what, "none"))
		return !there && errno == ENOENT;
	if (!strcmp(what, "dir"))
		return there && S_ISDIR(st.st_mode);
	if (!strcmp(what, "dev"))
		return there && S_ISCHR(st.st_mode);
	if (!strcmp(what, "link"))
		return there && S_ISLNK(st.st_mode);
	if (!strcmp(what, "holds"))
		return probe_text(path, arg);
	if (!strcmp(what, "ro"))
		return create_in(path, 0) == EROFS;
	if (!strcmp(what, "rw"))
		return create_in(path, BOX_UID) == 0;
	if (!strcmp(what, "denied"))
		return create_in(path, BOX_UID) == EACCES;
	if (!strcmp(what, "mode"))
		return there && (st.st_mode & 07777) == (mode_t)strtoul(arg, NULL, 8);
	if (!strcmp(what, "writes"))
		return writes_to(path);
	if (!strcmp(what, "pid1"))
		return probe_pid1(path);
	if (statvfs(path, &fs))
		return false;
	if (!strcmp(what, "nosuid"))
		return fs.f_flag & ST_NOSUID;
	if (!strcmp(what, "nodev"))
		return fs.f_flag & ST_NODEV;
	if (!strcmp(what, "devok"))
		return !(fs.f_flag & ST_NODEV);
	if (!strcmp(what, "noexec"))
		return fs.f_flag & ST_NOEXEC;
	if (!strcmp(what, "exec"))
		return !(fs.f_flag & ST_NOEXEC);
	return false;
}

/* Results go back as one byte per probe. */
static NORETURN void look(const struct root_row *row, int fd)
{
	for (size_t i = 0; i < ARRAY_LEN(row->probes) && row->probes[i]; i++) {
		char what[16] = "", path[PATH_MAX] = "", *arg;
		char result;

		if (sscanf(row->probes[i], "%15s %4000s", what, path) != 2)
			_exit(97);
		arg = strrchr(path, '=');
		if (arg)
			*arg++ = '\0';
		result = probe(what, path, arg) ? 'y' : 'n';
		if (write(fd, &result, 1) != 1)
			_exit(96);
	}
	_exit(0);
}

static int add_rules(struct dirrules *rules, const struct root_row *row, struct err *e)
{
	char rule[2 * PATH_MAX];

	if (dirrules_init(rules, row->layers > 0, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(row->rules) && row->rules[i]; i++) {
		const char *dollar = strchr(row->rules[i], '$');
		int n = dollar ? snprintf(rule, sizeof(rule), "%.*s%s%s",
					  (int)(dollar - row->rules[i]), row->rules[i], tmp,
					  dollar + 1)
			       : snprintf(rule, sizeof(rule), "%s", row->rules[i]);

		if (n < 0 || (size_t)n >= sizeof(rule) || dirrules_add(rules, rule, e))
			return -1;
	}
	return 0;
}

static int open_path(const char *name)
{
	int fd = open(in_tmp(name), O_PATH | O_DIRECTORY | O_CLOEXEC);

	must(fd >= 0, name);
	return fd;
}

/* Everything as isolate does it; the child looks, the parent gets the bytes. -1: it failed before
 * the child could look, with the reason in *e. */
static int run_row(const struct root_row *row, char *got, size_t size, struct err *e)
{
	static const char *const layer_names[] = {"l/upper", "l/lower", "l/hostile"};
	const struct priv p = {.uid = CALLER_UID, .gid = CALLER_UID};
	struct layers layers = {.fds = (int[3]){-1, -1, -1}};
	struct store store = {.fd = open_path("store")};
	struct rootfs_spec spec = {.uid = BOX_UID, .gid = BOX_UID, .store_fd = -1, .rw_fd = -1};
	struct dirrules rules = {0};
	struct rootfs *r = NULL;
	auto_fd box_mnt = -1, box_dir = open_path("bx"), stage = open_path("bx/root");
	auto_fd box = open_path("bx/box");
	int rc = -1, out[2], status, pidfd = -1;
	ssize_t n;
	pid_t pid;

	must(!pipe2(out, O_CLOEXEC), "pipe");
	box_mnt = mnt_clone(box, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, "box", e);
	must(box_mnt >= 0, "box");
	must(!priv_as_caller(&p, e), "caller");
	spec.rules = &rules;
	spec.box_mnt_fd = box_mnt;
	spec.box_dir_fd = box_dir;
	spec.stage_fd = stage;
	spec.tmp.bytes = 1 << 20;
	if (row->layers) {
		must(!rootfs_detach_store(&store, &p, e), e->text);
		for (int i = 0; i < row->layers; i++) {
			layers.fds[i] = openat(store.fd, layer_names[i], O_PATH | O_CLOEXEC);
			must(layers.fds[i] >= 0, layer_names[i]);
		}
		layers.count = (size_t)row->layers;
		/* The hostile one on top. */
		if (row->layers == 3) {
			int top = layers.fds[2];

			layers.fds[2] = layers.fds[0];
			layers.fds[0] = top;
		}
		spec.image = &layers;
		spec.store_fd = store.fd;
	}
	if (!add_rules(&rules, row, e))
		rc = rootfs_prepare(&spec, &p, &r, e);
	must(geteuid() == CALLER_UID, "resting state");
	must(!seteuid(0) && !setegid(0), "root");
	if (!rc) {
		/* What the proxy says in an error goes through the same pipe. */
		pid = sys_clone(CLONE_NEWNS | CLONE_NEWPID, &pidfd, -1);
		must(pid >= 0, "clone");
		if (!pid) {
			int proc = -1;

			if (rootfs_enter(r, &proc, e)) {
				if (write(out[1], "E", 1) != 1 || err_send(out[1], e))
					_exit(95);
				_exit(0);
			}
			must(!faccessat(proc, "1/stat", F_OK, 0), "proc for the keeper");
			/* pid 1 is the proxy; the looks are taken in a process like the program's.
			 */
			pid = fork();
			must(pid >= 0, "fork");
			if (!pid)
				look(row, out[1]);
			must(waitpid(pid, &status, 0) == pid, "wait");
			_exit(status ? 94 : 0);
		}
		must(waitpid(pid, &status, 0) == pid && status == 0, "child");
		(void)close(out[1]);
		n = read(out[0], got, 1);
		if (n == 1 && got[0] == 'E') {
			must(err_recv(out[0], e) == 1, "error of the child");
			rc = -1;
		} else {
			n += read(out[0], got + 1, size - 2);
			got[n] = '\0';
		}
		(void)close(pidfd);
	} else {
		(void)close(out[1]);
	}
	(void)close(out[0]);
	rootfs_free(r);
	dirrules_fini(&rules);
	for (size_t i = 0; i < 3; i++)
		cleanup_fd(&layers.fds[i]);
	cleanup_fd(&store.fd);
	must(!chdir("/"), "chdir");
	return rc;
}

static void test_row(struct tap *t, const struct root_row *row)
{
	char got[64] = "";
	struct err e = {0};
	int rc = run_row(row, got, sizeof(got), &e);

	if (row->says) {
		tap_int(t, rc, -1, "%s: fails", row->name);
		tap_has(t, e.text, row->says, "%s: says why", row->name);
		return;
	}
	tap_int(t, rc, 0, "%s: %s", row->name, e.text);
	for (size_t i = 0; i < ARRAY_LEN(row->probes) && row->probes[i]; i++)
		tap_ok(t, got[i] == 'y', "%s: %s", row->name, row->probes[i]);
}

static void make_sources(void)
{
	make_dir("src", 0755, 0);
	make_file("src/f", "src", 0644, 0);
	make_dir("open", 0777, CALLER_UID);
	make_dir("closed", 0700, 0);
	make_dir("closed/in", 0755, 0);
	make_dir("tree", 0755, 0);
	make_dir("tree/sub", 0755, 0);
	must(!mount("tmpfs", in_tmp("tree/sub"), "tmpfs", 0, "mode=0777"), "tree/sub");
	make_file("tree/sub/f", "sub", 0644, 0);
	make_dir("tree2", 0755, 0);
	make_dir("tree2/d", 0755, 0);
	make_dir("links", 0755, CALLER_UID);
	make_link("/", "links/l");
	make_link("src", "link");
	must(!mkfifo(in_tmp("fifo"), 0644), "fifo");
	make_dir("bx", 0755, 0);
	make_dir("bx/root", 0700, 0);
	make_dir("bx/box", 0700, BOX_UID);
	make_dir("bx/box/sub", 0700, BOX_UID);
	make_file("bx/box/sub/f", "boxsub", 0600, BOX_UID);
	make_link("/", "bx/box/l");
	make_dir("outside", 0755, CALLER_UID);
}

static void make_image(void)
{
	make_dir("store", 0755, CALLER_UID);
	make_dir("store/l", 0755, CALLER_UID);
	make_dir("store/l/upper", 0755, CALLER_UID);
	make_dir("store/l/upper/etc", 0755, CALLER_UID);
	make_file("store/l/upper/etc/who", "upper", 0644, CALLER_UID);
	make_dir("store/l/upper/opt", 0711, CALLER_UID);
	make_dir("store/l/upper/opt/app", 0755, CALLER_UID);
	make_file("store/l/upper/opt/app/f", "app", 0644, CALLER_UID);
	make_link("/etc", "store/l/upper/opt/evil");
	make_link("/opt", "store/l/upper/lnk");
	make_link("loop", "store/l/upper/loop");
	make_dir("store/l/upper/dev", 0755, CALLER_UID);
	make_file("store/l/upper/dev/full2", "", 0666, CALLER_UID);
	make_dir("store/l/lower", 0755, CALLER_UID);
	make_dir("store/l/lower/etc", 0755, CALLER_UID);
	make_file("store/l/lower/etc/who", "lower", 0644, CALLER_UID);
	make_file("store/l/lower/etc/low", "lower", 0644, CALLER_UID);
	make_dir("store/l/hostile", 0755, CALLER_UID);
	make_link("/etc", "store/l/hostile/proc");
	make_link("../../../../../../etc", "store/l/hostile/dev");
	make_link(".", "store/l/hostile/box");
	make_link(in_tmp("outside"), "store/l/hostile/tmp");
}

int main(void)
{
	struct tap t = {0};

	if (geteuid() != 0) {
		tap_skip(&t, "root file systems need root");
		return tap_done(&t);
	}
	(void)umask(077);
	/* In a mount namespace of its own: nothing is left behind whatever happens. */
	must(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL),
	     "unshare");
	if (snprintf(tmp, sizeof(tmp), "/tmp/isolate-rootfs-%d", getpid()) >= (int)sizeof(tmp))
		abort();
	must(!mkdir(tmp, 0755) && !chmod(tmp, 0755), tmp);
	must(!mount("tmpfs", tmp, "tmpfs", 0, "mode=0755"), "tmpfs");
	test_resolve(&t);
	make_sources();
	make_image();
	for (size_t i = 0; i < ARRAY_LEN(root_rows); i++)
		test_row(&t, &root_rows[i]);
	tap_ok(&t, !access(in_tmp("bx/root"), F_OK), "the stage is still there");
	must(!umount2(tmp, MNT_DETACH) && !rmdir(tmp), "clean up");
	return tap_done(&t);
}
