/* SPDX-License-Identifier: MIT */
/* --check: what the kernel does when asked to. Tried, never told from its version. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sys.h"
#include "common/text.h"
#include "isolate/check_impl.h"
#include "isolate/cpumeter.h"
#include "isolate/idmap.h"
#include "isolate/seccomp.h"
#include "mount/mnt.h"
#include "mount/overlay.h"

/* How long a child may take for its try. */
#define TRY_MSEC 10000

/* Any two ids will do. */
#define SOME_ID	 60000
#define OTHER_ID 60001

/* --- a child that tries ---------------------------------------------------------------------- */

typedef void try_fn(const struct check *c, struct finding *f);

/* In the child. What it mounts ends with its namespace. */
static NORETURN void be_child(const struct check *c, try_fn *fn, int out_fd)
{
	struct finding f;
	struct err e;

	/* Should we be killed before that, the child's few calls are made in vain. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || priv_become_root(&e) < 0)
		_exit(2);
	fn(c, &f);
	_exit(fdio_write_all(out_fd, &f, sizeof(f)) < 0 ? 2 : 0);
}

/* The child's finding. 0 or -1 when there is none in time. */
static int await(int in_fd, struct finding *f)
{
	struct pollfd p = {.fd = in_fd, .events = POLLIN};
	int rc;

	do
		rc = poll(&p, 1, TRY_MSEC);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return -1;
	return fdio_read_full(in_fd, f, sizeof(*f)) == (ssize_t)sizeof(*f) ? 0 : -1;
}

/* Let fn find out, in a child with these new namespaces. 0, or -1 (errno) when the child cannot be
 * made. */
static int try_apart(const struct check *c, uint64_t flags, try_fn *fn, struct finding *f)
{
	auto_fd pidfd = -1, in = -1, out = -1;
	siginfo_t info;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	in = ends[0];
	out = ends[1];
	pid = sys_clone(flags, &pidfd, -1);
	if (pid < 0)
		return -1;
	if (pid == 0)
		be_child(c, fn, out);
	cleanup_fd(&out);
	if (await(in, f) < 0)
		check_set(f, CHECK_MISSING, NULL, "the process that was to try it came to no end");
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0); /* it may have ended */
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	return 0;
}

/* The same where no namespace can be the reason of a failure, or that is told by another check. */
static void try_in(const struct check *c, uint64_t flags, try_fn *fn, struct finding *f)
{
	if (try_apart(c, flags, fn, f) < 0)
		check_set(f, CHECK_MISSING, NULL, "cannot make a process to try it: %s",
			  err_strerror(errno));
}

/* --- system calls ---------------------------------------------------------------------------- */

static bool try_openat2(int root_fd)
{
	auto_fd fd = sys_openat2(root_fd, ".", O_PATH | O_DIRECTORY, 0, RESOLVE_BENEATH);

	return fd >= 0;
}

static bool try_close_range(int root_fd UNUSED)
{
	return close_range(~0U, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool try_pidfd_open(int root_fd UNUSED)
{
	auto_fd fd = pidfd_open(getpid(), 0);

	return fd >= 0;
}

static bool try_open_tree(int root_fd)
{
	auto_fd fd = open_tree(root_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	return fd >= 0;
}

static bool try_mount_setattr(int root_fd)
{
	auto_fd fd = -1;
	struct err e;

	fd = mnt_clone(root_fd, false, MOUNT_ATTR_NOSUID, "/", &e);
	return fd >= 0;
}

static bool try_fsopen(int root_fd UNUSED)
{
	auto_fd fd = fsopen("tmpfs", FSOPEN_CLOEXEC);

	return fd >= 0;
}

static const struct {
	const char *name;
	bool (*works)(int root_fd); /* else errno */
} calls[] = {
	{"openat2 (Linux 5.6)", try_openat2},
	{"close_range (Linux 5.11)", try_close_range},
	{"pidfd_open (Linux 5.3)", try_pidfd_open},
	{"open_tree (Linux 5.2)", try_open_tree},
	{"mount_setattr (Linux 5.12)", try_mount_setattr},
	{"fsopen (Linux 5.2)", try_fsopen},
};

void check_calls(const struct check *c, struct finding *f)
{
	struct utsname u;

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (calls[i].works(c->root_fd))
			continue;
		check_set(f, CHECK_MISSING,
			  "Linux 5.15 or later is needed; in a container, its runtime must not "
			  "filter this system call",
			  "%s does not work: %s", calls[i].name, err_strerror(errno));
		return;
	}
	if (uname(&u) < 0)
		check_set(f, CHECK_OK, NULL, "has the system calls of a run");
	else
		check_set(f, CHECK_OK, NULL, "Linux %s on %s has the system calls of a run",
			  text_quote(u.release).s, text_quote(u.machine).s);
}

/* --- namespaces and mounts ------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t flag;
} spaces[] = {
	{"pid", CLONE_NEWPID}, {"mount", CLONE_NEWNS},	  {"ipc", CLONE_NEWIPC},
	{"uts", CLONE_NEWUTS}, {"network", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP},
};

static void try_nothing(const struct check *c UNUSED, struct finding *f)
{
	check_set(f, CHECK_OK, NULL,
		  "pid, mount, ipc, uts, network and cgroup namespaces can be made");
}

void check_namespaces(const struct check *c, struct finding *f)
{
	static const char mend[] =
		"the kernel needs CONFIG_*_NS and CONFIG_CGROUPS, a container --privileged; see "
		"also sysctl user.max_*_namespaces";
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		all |= spaces[i].flag;
	if (try_apart(c, all, try_nothing, f) == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
		struct finding ignored;

		if (try_apart(c, spaces[i].flag, try_nothing, &ignored) == 0)
			continue;
		check_set(f, CHECK_MISSING, mend, "cannot make a %s namespace: %s", spaces[i].name,
			  err_strerror(errno));
		return;
	}
	check_set(f, CHECK_MISSING, mend, "cannot make the namespaces of a box");
}

static int go_private(struct err *e)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "make mounts private");
	return 0;
}

static void try_mounts(const struct check *c UNUSED, struct finding *f)
{
	static const char *const proc_options[] = {"hidepid=invisible", NULL};
	static const char *const tmpfs_options[] = {"size=64k", NULL};
	static const uint64_t attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	auto_fd proc = -1, tmp = -1;
	struct err e;

	if (go_private(&e) == 0)
		tmp = mnt_new("tmpfs", tmpfs_options, attrs, &e);
	if (tmp >= 0)
		proc = mnt_new("proc", proc_options, attrs, &e);
	if (proc < 0)
		check_set_err(f, CHECK_MISSING,
			      "in a container: --privileged, and nothing mounted over parts of its "
			      "/proc",
			      &e);
	else
		check_set(f, CHECK_OK, NULL, "proc, where others' processes are hidden, and tmpfs");
}

void check_mounts(const struct check *c, struct finding *f)
{
	try_in(c, CLONE_NEWPID | CLONE_NEWNS, try_mounts, f);
}

static void try_filter(const struct check *c UNUSED, struct finding *f)
{
	struct err e;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_apply(FILTER_ALL, &e) < 0)
		check_set(f, CHECK_MISSING, "the kernel needs CONFIG_SECCOMP_FILTER",
			  "the filter of system calls cannot be loaded");
	else
		check_set(f, CHECK_OK, NULL, "the filter of system calls can be loaded");
}

void check_filter(const struct check *c, struct finding *f)
{
	try_in(c, 0, try_filter, f);
}

static void try_counter(const struct check *c UNUSED, struct finding *f)
{
	struct err e;
	auto_fd fd = cpumeter_open_counter(&e);

	if (fd < 0)
		check_set_err(f, CHECK_WARNING,
			      "without --cg the CPU time of several processes cannot be measured, "
			      "and --time with --processes is refused: use --cg, or allow the "
			      "system call in the container's profile",
			      &e);
	else
		check_set(f, CHECK_OK, NULL,
			  "CPU time of several processes can be measured without --cg");
}

void check_counter(const struct check *c, struct finding *f)
{
	try_in(c, 0, try_counter, f);
}

/* --- users ----------------------------------------------------------------------------------- */

void check_userns(const struct check *c, struct finding *f)
{
	char word[16];
	struct err e;
	auto_fd fd = idmap_open_userns(SOME_ID, OTHER_ID, SOME_ID, OTHER_ID, &e);

	if (fd < 0)
		check_set_err(f, CHECK_MISSING,
			      "boxes are shown to programs by these: sysctl "
			      "user.max_user_namespaces=10000, and a kernel with CONFIG_USER_NS",
			      &e);
	else if (check_read(c->root_fd, "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
			    word, sizeof(word)) >= 0 &&
		 strcmp(word, "0") != 0)
		check_set(f, CHECK_OK, NULL,
			  "can be made by isolate; AppArmor keeps ordinary users from it, which "
			  "imgmount will notice");
	else
		check_set(f, CHECK_OK, NULL, "user namespaces can be made");
}

void check_idmap(const struct check *c, struct finding *f)
{
	struct err e;
	bool exact;
	auto_fd root = check_open_dir(c->config->box_root, &exact, &e);
	auto_fd users = -1, mnt = -1;

	if (root < 0) {
		check_set(f, CHECK_WARNING, NULL, "not known: see box_root");
		return;
	}
	users = idmap_open_userns(SOME_ID, OTHER_ID, SOME_ID, OTHER_ID, &e);
	if (users >= 0)
		mnt = mnt_clone(root, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, "box_root", &e);
	if (users < 0 || mnt < 0)
		check_set_err(f, CHECK_WARNING, NULL, &e);
	else if (mnt_idmap(mnt, users, "box_root", &e) < 0)
		check_set(f, CHECK_WARNING,
			  "the owner of every file of a box is changed before and after each run: "
			  "put box_root on ext4, XFS or Btrfs, or on tmpfs from Linux 6.3",
			  "box_root's file system has no id-mapped mounts");
	else
		check_set(f, CHECK_OK, NULL, "box_root's file system has id-mapped mounts");
}

/* --- layers ---------------------------------------------------------------------------------- */

static int make_lower(int tmp_fd, const char *name, struct err *e)
{
	int fd;

	if (mkdirat(tmp_fd, name, 0755) < 0)
		return err_sys(e, ERR_SYSTEM, "make directory '%s'", name);
	fd = openat(tmp_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, ERR_SYSTEM, "open directory '%s'", name) : fd;
}

/* On a fresh tmpfs, which covers / here, where nobody looks for it by name. */
static int make_lowers(int lower[2], struct err *e)
{
	static const char *const options[] = {"size=64k", "mode=0755", NULL};
	auto_fd tmp = -1, root = -1;

	if (go_private(e) < 0)
		return -1;
	/* That of this mount namespace. */
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, ERR_SYSTEM, "open '/'");
	tmp = mnt_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
	if (tmp < 0 || mnt_attach(tmp, root, "a file system for trying", e) < 0)
		return -1;
	lower[0] = make_lower(tmp, "a", e);
	if (lower[0] < 0)
		return -1;
	lower[1] = make_lower(tmp, "b", e);
	return lower[1] < 0 ? -1 : 0;
}

static void try_overlay(const struct check *c UNUSED, struct finding *f)
{
	static const struct {
		unsigned ways;
		const char *name;
	} ways[] = {
		{OVERLAY_BY_FD, "layers are stacked by descriptor (Linux 6.13)"},
		{OVERLAY_BY_PATH, "layers are stacked one by one (lowerdir+, Linux 6.8)"},
		{OVERLAY_BY_LIST | OVERLAY_BY_PAGE, "layers are stacked in a list"},
	};
	struct overlay_opts o = OVERLAY_OPTS_DEFAULT;
	int lower[2] = {-1, -1};
	struct err e;

	if (make_lowers(lower, &e) < 0) {
		check_set_err(f, CHECK_MISSING, NULL, &e);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		auto_fd mnt = -1;

		o.ways = ways[i].ways;
		mnt = overlay_mount_opts(lower, ARRAY_LEN(lower), &o, &e);
		if (mnt < 0)
			continue;
		check_set(f, CHECK_OK, NULL, "%s", ways[i].name);
		return;
	}
	check_set_err(f, CHECK_MISSING,
		      "the kernel needs CONFIG_OVERLAY_FS (modprobe overlay), Linux 5.15 or later",
		      &e);
}

void check_overlay(const struct check *c, struct finding *f)
{
	try_in(c, CLONE_NEWNS, try_overlay, f);
}
