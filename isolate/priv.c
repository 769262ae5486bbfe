/* SPDX-License-Identifier: MIT */
/* Every change of user, group or capability in isolate goes through here, and is read back. */
#include "isolate/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <linux/securebits.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

/* What a run cannot do without. CAP_SYS_RESOURCE (raising hard limits, lowering oom scores) is
 * missing in many containers and is asked for where it matters; see limits.c and keeper.c. */
static const cap_value_t caps_needed[] = {
	CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,    CAP_KILL,	    CAP_SETGID,
	CAP_SETUID, CAP_SETPCAP,      CAP_NET_ADMIN, CAP_SYS_ADMIN,
};

static void free_caps(cap_t *c)
{
	if (*c && cap_free(*c) != 0)
		*c = NULL; /* only an invalid pointer makes it fail */
	*c = NULL;
}
#define auto_caps __attribute__((cleanup(free_caps))) cap_t

/* Ids as they are now, all four kinds: real, effective and saved as given, file system id equal to
 * the effective one. (uid_t)-1 stands for "whatever it is". setfsuid(2) reports no failure, but its
 * return value, asked with an impossible id, is the current one. */
static int check_ids(uid_t ruid, uid_t euid, uid_t suid, gid_t rgid, gid_t egid, gid_t sgid,
		     struct err *e)
{
	uid_t r, ef, s, fs;
	gid_t gr, gef, gs, gfs;

	if (getresuid(&r, &ef, &s) < 0 || getresgid(&gr, &gef, &gs) < 0)
		return err_sys(e, ERR_SYSTEM, "read back user and group ids");
	fs = (uid_t)setfsuid((uid_t)-1);
	gfs = (gid_t)setfsgid((gid_t)-1);
	if (ef != euid || fs != euid || gef != egid || gfs != egid ||
	    (ruid != (uid_t)-1 && r != ruid) || (suid != (uid_t)-1 && s != suid) ||
	    (rgid != (gid_t)-1 && gr != rgid) || (sgid != (gid_t)-1 && gs != sgid))
		return err_set(e, ERR_BUG, "user and group ids did not change as told");
	return 0;
}

/* A change of ids sets the flag to fs.suid_dumpable, which may be 2. */
static int not_dumpable(struct err *e)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "forbid dumps of this process");
	return 0;
}

/* Root of a user namespace is not the root that this program needs: half of what we do would fail
 * late, and the files we trust would be trusted on the word of whoever made the namespace. */
static int check_user_namespace(struct err *e)
{
	auto_fd fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	char map[256];
	const char *p = map;

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '/proc/self/uid_map' (is /proc mounted?)");
	if (fdio_read_text(fd, map, sizeof(map)) < 0 && errno != EFBIG)
		return err_sys(e, ERR_SYSTEM, "read '/proc/self/uid_map'");
	static const char *const identity[] = {"0", "0", "4294967295"};
	for (size_t i = 0; i < ARRAY_LEN(identity); i++) {
		size_t len;

		p += strspn(p, " \t");
		len = strcspn(p, " \t\n");
		if (len != strlen(identity[i]) || strncmp(p, identity[i], len) != 0)
			return err_set(e, ERR_DENIED,
				       "isolate does not work inside a user namespace: it needs "
				       "the root of the initial one");
		p += len;
	}
	return 0;
}

static int check_caps(struct err *e)
{
	auto_caps caps = cap_get_proc();
	char missing[256];
	struct text t = TEXT_OVER(missing);

	if (!caps)
		return err_sys(e, ERR_SYSTEM, "read capabilities");
	for (size_t i = 0; i < ARRAY_LEN(caps_needed); i++) {
		cap_flag_value_t set = CAP_CLEAR;
		char *name;

		if (cap_get_flag(caps, caps_needed[i], CAP_EFFECTIVE, &set) < 0)
			return err_sys(e, ERR_SYSTEM, "look at capability %d", caps_needed[i]);
		if (set == CAP_SET)
			continue;
		name = cap_to_name(caps_needed[i]);
		text_addf(&t, " %s", name ? name : "?");
		if (name && cap_free(name) != 0)
			return err_sys(e, ERR_BUG, "free capability name");
	}
	if (t.len > 0)
		return err_set(e, ERR_DENIED,
			       "root lacks capabilities that isolate needs:%s (a container needs "
			       "--privileged or these added)",
			       missing);
	return 0;
}

int priv_start(struct priv *p, struct err *e)
{
	struct priv got;
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return err_sys(e, ERR_SYSTEM, "read user and group ids");
	if (euid != 0)
		return err_set(e, ERR_DENIED,
			       "isolate must run as root: call it as root, or have root install it "
			       "setuid (make install), outside no_new_privs and nosuid mounts");
	if (check_user_namespace(e) < 0 || check_caps(e) < 0)
		return -1;
	/* All three user ids of root would let the caller signal nothing; the real one stays his,
	 * the saved one brings us back. */
	if (setresuid((uid_t)-1, (uid_t)-1, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "set saved user id");
	got = (struct priv){.uid = ruid, .gid = rgid, .root = ruid == 0};
	if (priv_as_caller(&got, e) < 0)
		return -1;
	*p = got;
	return 0;
}

int priv_act_as(struct priv *p, uid_t uid, gid_t gid, struct err *e)
{
	struct priv other = {.uid = uid, .gid = gid, .root = p->root};

	if (!p->root)
		return err_set(e, ERR_DENIED, "only root can act as another user");
	if (priv_as_root(p, e) < 0)
		return -1;
	if (setgroups(0, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "drop supplementary groups");
	if (priv_as_caller(&other, e) < 0)
		return -1;
	*p = other;
	return 0;
}

int priv_as_root(const struct priv *p UNUSED, struct err *e)
{
	if (setresuid((uid_t)-1, 0, (uid_t)-1) < 0)
		return err_sys(e, ERR_SYSTEM, "become root");
	if (setresgid((gid_t)-1, 0, (gid_t)-1) < 0)
		return err_sys(e, ERR_SYSTEM, "become group root");
	if (check_ids((uid_t)-1, 0, 0, (gid_t)-1, 0, (gid_t)-1, e) < 0)
		return -1;
	return not_dumpable(e);
}

int priv_as_caller(const struct priv *p, struct err *e)
{
	/* The group first: once the user id is not root's any more, it cannot be chosen. */
	if (setresgid((gid_t)-1, p->gid, (gid_t)-1) < 0)
		return err_sys(e, ERR_SYSTEM, "become group %u of the caller", (unsigned)p->gid);
	if (setresuid((uid_t)-1, p->uid, (uid_t)-1) < 0)
		return err_sys(e, ERR_SYSTEM, "become user %u, the caller", (unsigned)p->uid);
	if (check_ids((uid_t)-1, p->uid, 0, (gid_t)-1, p->gid, (gid_t)-1, e) < 0)
		return -1;
	return not_dumpable(e);
}

void priv_leave(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (uid == 0)
		return;
	/* To ids that are ours already: that takes no privilege. */
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		_exit(2);
}

int priv_become_root(struct err *e)
{
	if (setgroups(0, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "drop supplementary groups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "become root");
	if (check_ids(0, 0, 0, 0, 0, 0, e) < 0)
		return -1;
	return not_dumpable(e);
}

bool priv_has_cap(int cap)
{
	auto_caps caps = cap_get_proc();
	cap_flag_value_t set = CAP_CLEAR;

	return caps && cap_get_flag(caps, cap, CAP_PERMITTED, &set) == 0 && set == CAP_SET;
}

/* Exactly `want` permitted and effective, nothing inheritable: set and read back. */
static int set_caps(cap_t want, struct err *e)
{
	auto_caps now = NULL;

	if (cap_set_proc(want) < 0)
		return err_sys(e, ERR_SYSTEM, "give up capabilities");
	now = cap_get_proc();
	if (!now)
		return err_sys(e, ERR_SYSTEM, "read back capabilities");
	if (cap_compare(now, want) != 0)
		return err_set(e, ERR_BUG, "capabilities did not change as told");
	return 0;
}

/* Ambient ones live and die with the inheritable ones, but kernels are cheap to ask. */
static int clear_ambient(struct err *e)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "clear ambient capabilities");
	return 0;
}

int priv_limit_caps(uint64_t keep, struct err *e)
{
	auto_caps now = cap_get_proc(), want = cap_init();

	if (!now || !want)
		return err_sys(e, ERR_SYSTEM, "read capabilities");
	for (cap_value_t c = 0; c < 64 && c < cap_max_bits(); c++) {
		cap_flag_value_t has = CAP_CLEAR;

		if (!(keep & (UINT64_C(1) << c)))
			continue;
		if (cap_get_flag(now, c, CAP_PERMITTED, &has) < 0)
			return err_sys(e, ERR_SYSTEM, "look at capability %d", c);
		if (has == CAP_SET && (cap_set_flag(want, CAP_PERMITTED, 1, &c, CAP_SET) < 0 ||
				       cap_set_flag(want, CAP_EFFECTIVE, 1, &c, CAP_SET) < 0))
			return err_sys(e, ERR_SYSTEM, "choose capability %d", c);
	}
	if (clear_ambient(e) < 0)
		return -1;
	return set_caps(want, e);
}

/* prctl(2): EINVAL marks the first number past the kernel's last capability. */
static int empty_bounding_set(struct err *e)
{
	int c;

	for (c = 0; prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0; c++)
		;
	if (errno != EINVAL || c == 0)
		return err_sys(e, ERR_SYSTEM, "drop capability %d from the bounding set", c);
	for (c = 0;; c++) {
		int has = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

		if (has < 0)
			return 0;
		if (has > 0)
			return err_set(e, ERR_BUG, "capability %d stayed in the bounding set", c);
	}
}

int priv_drop_forever(uid_t uid, gid_t gid, struct err *e)
{
	/* uid 0 gives nothing at exec, nobody adds ambient capabilities, and both stay so. */
	static const unsigned long securebits =
		SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
		SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
		SECBIT_NO_SETUID_FIXUP_LOCKED;
	auto_caps none = cap_init();

	if (!none)
		return err_sys(e, ERR_SYSTEM, "allocate capabilities");
	if (uid == 0 || uid == (uid_t)-1 || gid == 0 || gid == (gid_t)-1)
		return err_set(e, ERR_BUG, "user or group %u/%u for the program", (unsigned)uid,
			       (unsigned)gid);
	/* These two need CAP_SETPCAP, so they come before the ids. */
	if (empty_bounding_set(e) < 0)
		return -1;
	if (prctl(PR_SET_SECUREBITS, securebits, 0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "set securebits");
	if (setgroups(0, NULL) < 0)
		return err_sys(e, ERR_SYSTEM, "drop supplementary groups");
	if (setresgid(gid, gid, gid) < 0)
		return err_sys(e, ERR_SYSTEM, "become group %u of the box", (unsigned)gid);
	if (setresuid(uid, uid, uid) < 0)
		return err_sys(e, ERR_SYSTEM, "become user %u of the box", (unsigned)uid);
	if (clear_ambient(e) < 0 || set_caps(none, e) < 0)
		return -1;
	/* Whatever filter there is, also when there is none. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return err_sys(e, ERR_SYSTEM, "set no_new_privs");
	if (check_ids(uid, uid, uid, gid, gid, gid, e) < 0)
		return -1;
	if (getgroups(0, NULL) != 0)
		return err_set(e, ERR_BUG, "supplementary groups stayed");
	return not_dumpable(e);
}
