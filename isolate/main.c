/* SPDX-License-Identifier: MIT */
/* isolate: run a program in a box of its own.
 *
 * Theory of operation
 * -------------------
 * The program is setuid root and called by anybody. Everything it inherits is suspect (entry.c),
 * everything on the command line is hostile, and so are the box's directory, an image in the
 * caller's own store, and, once started, the program in the box.
 *
 * One process start of isolate does one thing: --init, --run or --cleanup of one box. In order:
 *   1. entry.c   makes the inherited state harmless; the environment is put aside as data.
 *   2. opts.c    parses the command line, opening nothing. --help and --version end here.
 *   3. priv.c    notes who calls and turns into him: the effective ids are the caller's from here
 *                on, root's only between priv_as_root and priv_as_caller.
 *   4. meta.c    opens the meta file, as the caller.
 *   5. config.c  reads the configuration, as root, if nobody else can have written it.
 *   6. lock.c    takes the box's lock: one isolate at a time works in a box. The lock file says
 *                whose the box is. From here on signals wait (keeper.c).
 *   7. box.c     makes, removes or readies <box_root>/<id>.
 *
 * A run has three processes:
 *   keeper  this one. In the host's namespaces, outside the box's control group. Real user id: the
 *           caller's, so that he can signal it; effective: root, with the few capabilities that
 *           tidying up needs. Waits in one poll(2) for reports, the proxy's end, timers, signals.
 *   proxy   pid 1 of new pid, mount, network, ipc and uts namespaces. Root in all ids; builds the
 *           root file system (rootfs.c), clones the program's process, sheds all capabilities but
 *           that to kill, and reaps. When the program ends, or the keeper says so, it kills and
 *           reaps everybody else, tells what all of them used, and exits. Dies with the keeper
 *           (parent death signal), and everything in the box with it.
 *   inside  the program's process: enters the group, limits itself, becomes the box's user for
 *           good, opens redirections as that, loads the filter, executes (inside.c: one flat list).
 * Both children report to the keeper over a SOCK_SEQPACKET pair (run.h): what failed, that the
 * program is about to start, how it ended.
 *
 * Before a run begins the lock file gets `running = 1`, and 0 when the box is tidy again. A keeper
 * that was killed leaves 1: whoever takes the box next first kills what is left (its control group,
 * processes of its user), and makes its files the owner's again.
 *
 * Errors are values (common/err.h) on their way to finish(), the only place that prints them, into
 * the meta file and onto stderr; the exit status is 2 then. The program's own failures are verdicts
 * (verdict.c), exit status 1.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "isolate/box.h"
#include "isolate/cgroup.h"
#include "isolate/check.h"
#include "isolate/config.h"
#include "isolate/entry.h"
#include "isolate/image.h"
#include "isolate/keeper.h"
#include "isolate/lock.h"
#include "isolate/meta.h"
#include "isolate/opts.h"
#include "isolate/priv.h"
#include "isolate/rootfs.h"
#include "isolate/seccomp.h"
#include "isolate/sweep.h"
#include "isolate/verdict.h"

#define PROG "isolate"

#define EXIT_SANDBOX 2

/* Everything about this call. */
struct call {
	struct entry entry;
	struct opts opts;
	struct priv priv;
	struct config config;
	struct meta meta;
	struct lock lock;
	struct box box;
	struct cgroup_place *place; /* with control groups, when needed */
};

/* --- small things ---------------------------------------------------------------------------- */

static int print_line(const char *line, struct err *e)
{
	char buf[CONFIG_PATH_MAX + 64];
	struct text t = TEXT_OVER(buf);

	text_addf(&t, "%s\n", line);
	if (t.full || fdio_write_all(STDOUT_FILENO, buf, t.len) < 0)
		return err_sys(e, ERR_SYSTEM, "write to standard output");
	return 0;
}

/* With -v: what is being done. As the caller, whose file it is. */
static void tell(const struct call *c, const char *what, const char *value)
{
	if (c->opts.verbose > 0)
		(void)dprintf(STDERR_FILENO, "%s: %s %s\n", PROG, what, value); /* only a hint */
}

static void tell_place(const struct call *c)
{
	if (c->place)
		tell(c, "control groups:", cgroup_place_name(c->place));
}

/* As root. */
static int find_place(struct call *c, struct err *e)
{
	if (c->place)
		return 0;
	return cgroup_find(c->config.cg_root, &c->place, e);
}

/* --- what a dead keeper left ----------------------------------------------------------------- */

/* As root. The files are put in order by the caller of this, or removed. */
static int end_leftovers(struct call *c, struct err *e)
{
	if (!c->lock.record.running)
		return 0;
	if (c->lock.record.cg && (find_place(c, e) < 0 || cgroup_sweep(c->place, c->box.id, e) < 0))
		return -1;
	return sweep_processes(c->box.uid, e);
}

/* --- --init and --cleanup -------------------------------------------------------------------- */

/* Somebody else's box is his; root may do away with it. */
static int check_owner(const struct call *c, bool root_may, struct err *e)
{
	const struct lock_record *r = &c->lock.record;

	if (!r->exists || r->owner == c->priv.uid || (root_may && c->priv.root))
		return 0;
	return err_set(e, ERR_DENIED, "box %u belongs to another user (%u)", c->box.id,
		       (unsigned)r->owner);
}

/* Lock files may lie where a reboot clears them. What is on disk still tells whose a box was. */
static int check_unrecorded(const struct call *c, struct err *e)
{
	uid_t owner;
	int found;

	if (c->lock.record.exists || c->priv.root)
		return 0;
	found = box_files_owner(&c->box, &owner, e);
	if (found <= 0 || owner == c->priv.uid)
		return found < 0 ? -1 : 0;
	return err_set(e, ERR_DENIED,
		       "box %u belongs to another user (%u), by its files: root can --cleanup it",
		       c->box.id, (unsigned)owner);
}

/* The ids of boxes should be nobody's (--check-config looks through them all). What is in a box
 * could do to its caller whatever it wants if it were him. */
static int check_caller(const struct call *c, struct err *e)
{
	if (c->box.uid != c->priv.uid)
		return 0;
	return err_set(
		e, ERR_CONFIG,
		"user id %u is the caller's and that of box %u: isolate --check-config tells "
		"more",
		(unsigned)c->box.uid, c->box.id);
}

static int may_init(const struct call *c, struct err *e)
{
	if (check_caller(c, e) < 0)
		return -1;
	if (c->config.restricted_init && !c->priv.root)
		return err_set(e, ERR_DENIED, "only root may --init boxes here (restricted_init)");
	if (check_owner(c, true, e) < 0 || check_unrecorded(c, e) < 0)
		return -1;
	if (c->config.init_refuse && c->lock.record.exists && c->lock.record.ready)
		return err_set(e, ERR_BUSY, "Box already exists: %s", c->box.path);
	return 0;
}

/* The image that --init --image pins, found with the caller's rights. */
static int pin_image(struct call *c, struct lock_record *r, struct err *e)
{
	struct image image = IMAGE_NONE;

	if (image_find(&c->config, &c->priv, c->entry.env, c->opts.image, &image, e) < 0)
		return -1;
	r->has_image = true;
	r->image = image.digest;
	r->image_own = image.own;
	/* One line of the lock file and of the box's `image`. */
	if (text_format(r->store_path, sizeof(r->store_path), "%s", image.store.path) < 0 ||
	    strcspn(r->store_path, "\r\n") != strlen(r->store_path)) {
		image_close(&image);
		return err_set(e, ERR_CONFIG, "the path of the image store is unusable");
	}
	tell(c, "image:", digest_text(&image.digest).s);
	image_close(&image);
	return 0;
}

/* As root. */
static int make_box(struct call *c, const struct lock_record *fresh, struct err *e)
{
	struct lock_record *r = &c->lock.record;

	if (end_leftovers(c, e) < 0)
		return -1;
	/* A group of this name is of no use to anybody, and lock files can be lost. */
	if (c->opts.limits.cg && (find_place(c, e) < 0 || cgroup_sweep(c->place, c->box.id, e) < 0))
		return -1;
	/* Owner first: a box half made must not be anybody's. */
	*r = *fresh;
	if (lock_write(&c->lock, e) < 0 || box_remove(&c->box, e) < 0 ||
	    box_create(&c->box, &c->priv, e) < 0)
		return -1;
	if (r->has_image && box_write_image(&c->box, r->store_path, &r->image, e) < 0)
		return -1;
	r->ready = true;
	return lock_write(&c->lock, e);
}

static int do_init(struct call *c, struct err *e)
{
	struct lock_record fresh = {.exists = true, .owner = c->priv.uid, .cg = c->opts.limits.cg};

	if (may_init(c, e) < 0 || (c->opts.image && pin_image(c, &fresh, e) < 0))
		return -1;
	if (priv_as_root(&c->priv, e) < 0 || make_box(c, &fresh, e) < 0 ||
	    priv_as_caller(&c->priv, e) < 0)
		return -1;
	tell_place(c);
	return print_line(c->box.path, e);
}

static int do_cleanup(struct call *c, struct err *e)
{
	struct lock_record *r = &c->lock.record;

	if (check_owner(c, true, e) < 0 || check_unrecorded(c, e) < 0 ||
	    priv_as_root(&c->priv, e) < 0)
		return -1;
	if (r->exists) {
		if (end_leftovers(c, e) < 0)
			return -1;
		r->ready = false;
		r->running = false;
		if (lock_write(&c->lock, e) < 0)
			return -1;
	}
	if (box_remove(&c->box, e) < 0)
		return -1;
	*r = (struct lock_record){0};
	if (lock_write(&c->lock, e) < 0)
		return -1;
	return priv_as_caller(&c->priv, e);
}

/* --- --run ----------------------------------------------------------------------------------- */

struct run {
	struct image image;
	bool has_image;
	struct dirrules rules;
	bool begun; /* the box is marked as running by us: tidy_box must follow */
	struct box_use use;
	struct rootfs *rootfs;
	struct cgroup *cgroup;
	char **env;
	struct outcome outcome;
};

static int check_box(const struct call *c, struct err *e)
{
	const struct lock_record *r = &c->lock.record;

	if (!r->exists || !r->ready || c->box.dir_fd < 0)
		return err_set(e, ERR_CONFIG, "box %u is not initialised: isolate --init it first",
			       c->box.id);
	if (check_caller(c, e) < 0 || check_owner(c, false, e) < 0)
		return -1;
	if (r->cg != c->opts.limits.cg)
		return err_set(e, ERR_USAGE, "box %u was initialised %s --cg: run it so, too",
			       c->box.id, r->cg ? "with" : "without");
	return 0;
}

static int find_image(struct call *c, struct run *run, struct err *e)
{
	const struct lock_record *r = &c->lock.record;

	if (c->opts.image) {
		if (image_find(&c->config, &c->priv, c->entry.env, c->opts.image, &run->image, e) <
		    0)
			return -1;
		run->has_image = true;
		if (r->has_image && !digest_equal(&r->image, &run->image.digest))
			return err_set(e, ERR_USAGE,
				       "box %u was initialised with image %s, which --image does "
				       "not mean (now)",
				       c->box.id, digest_text(&r->image).s);
	} else if (r->has_image) {
		if (image_find_pinned(&c->config, &c->priv, r->image_own, r->store_path, &r->image,
				      &run->image, e) < 0)
			return -1;
		run->has_image = true;
	}
	if (!run->has_image)
		return 0;
	tell(c, "image:", digest_text(&run->image.digest).s);
	return image_open(&run->image, &c->priv, e);
}

/* The box is ours to use: first what a dead keeper left, then the mark that we are at work, then
 * the files. As root. */
static int ready_box(struct call *c, struct run *run, struct err *e)
{
	struct lock_record *r = &c->lock.record;

	if (c->opts.limits.cg && find_place(c, e) < 0)
		return -1;
	if (r->running) {
		struct box_use none = BOX_USE_NONE;

		if (end_leftovers(c, e) < 0 ||
		    box_end_use(&c->box, &c->priv, c->opts.special_files, &none, e) < 0)
			return -1;
	}
	r->running = true;
	run->begun = true;
	if (lock_write(&c->lock, e) < 0)
		return -1;
	return box_begin_use(&c->box, &c->priv, &run->use, e);
}

/* As the caller: everything he names is opened with his rights. */
static int ready_root(struct call *c, struct run *run, struct err *e)
{
	const struct rootfs_spec spec = {
		.rules = &run->rules,
		.image = run->has_image ? &run->image.layers : NULL,
		.store_fd = run->has_image ? run->image.store.fd : -1,
		.box_mnt_fd = run->use.mnt_fd,
		.box_dir_fd = c->box.dir_fd,
		.stage_fd = run->use.stage_fd,
		.uid = c->box.uid,
		.gid = c->box.gid,
		.tmp_bytes = c->config.tmp_bytes,
	};
	bool image_env = run->has_image && !c->opts.no_image_env;

	if (envrules_build(&c->opts.env, c->entry.env, image_env ? run->image.desc.env : NULL,
			   image_env ? run->image.desc.env_count : 0, &run->env, e) < 0)
		return -1;
	return rootfs_prepare(&spec, &c->priv, &run->rootfs, e);
}

static unsigned filter_flags(const struct call *c)
{
	return c->opts.syscalls_given ? c->opts.syscalls : c->config.syscall_flags;
}

/* As root. */
static int start_and_watch(struct call *c, struct run *run, struct err *e)
{
	const struct opts *o = &c->opts;
	struct run_spec spec = {
		.priv = &c->priv,
		.uid = c->box.uid,
		.gid = c->box.gid,
		.limits = &o->limits,
		.cg_timing = o->limits.cg && !o->no_cg_timing,
		.rootfs = run->rootfs,
		.redirect = &o->redirect,
		.chdir = o->chdir,
		.argv = o->command,
		.env = run->env,
		.search_path = run->has_image,
		.share_net = o->share_net,
		.filter_flags = filter_flags(c),
		.pass_fds = c->entry.fds,
		.pass_count = c->entry.fd_count,
	};

	if (o->limits.cg && cgroup_create(c->place, c->box.id, &o->limits, &run->cgroup, e) < 0)
		return -1;
	spec.cgroup = run->cgroup;
	return keeper_run(&spec, &run->outcome, e);
}

/* After the run or a failure on the way to it. The first error is the one to tell, and a box that
 * is not tidy, or not empty, keeps `running` set. As root. */
static int tidy_box(struct call *c, struct run *run, bool failed, struct err *e)
{
	bool stuck = failed && e->kind == ERR_BUSY;
	struct err more, *slot = failed ? &more : e;
	int rc = failed ? -1 : 0;
	bool tidy = !stuck;

	if (run->cgroup && cgroup_destroy(run->cgroup, slot) < 0) {
		tidy = false;
		rc = -1;
		slot = &more;
	}
	run->cgroup = NULL;
	rootfs_free(run->rootfs);
	run->rootfs = NULL;
	if (!stuck && box_end_use(&c->box, &c->priv, c->opts.special_files, &run->use, slot) < 0) {
		tidy = false;
		rc = -1;
		slot = &more;
	}
	if (tidy) {
		c->lock.record.running = false;
		if (lock_write(&c->lock, slot) < 0)
			rc = -1;
	}
	return rc;
}

/* Whatever happens once the box is in use, tidy_box follows. */
static int use_box(struct call *c, struct run *run, struct err *e)
{
	struct err worse;
	int rc;

	if (priv_as_root(&c->priv, e) < 0)
		return -1;
	rc = ready_box(c, run, e);
	if (rc == 0)
		rc = priv_as_caller(&c->priv, e);
	if (rc == 0) {
		tell_place(c);
		rc = ready_root(c, run, e);
	}
	if (priv_as_root(&c->priv, &worse) < 0) {
		*e = worse;
		return -1;
	}
	if (rc == 0)
		rc = start_and_watch(c, run, e);
	if (run->begun)
		rc = tidy_box(c, run, rc < 0, e);
	if (priv_as_caller(&c->priv, &worse) < 0) {
		*e = worse;
		return -1;
	}
	return rc;
}

static void tell_verdict(const struct call *c, const struct verdict *v, const struct usage *u)
{
	if (c->opts.silent && v->status != RUN_XX)
		return;
	/* Nobody can be told if this fails. */
	if (v->status == RUN_OK)
		(void)dprintf(STDERR_FILENO, "OK (%llu.%03llu sec real, %llu.%03llu sec wall)\n",
			      (unsigned long long)(u->cpu_ns / NSEC_PER_SEC),
			      (unsigned long long)(u->cpu_ns / NSEC_PER_MSEC % 1000),
			      (unsigned long long)(u->wall_ns / NSEC_PER_SEC),
			      (unsigned long long)(u->wall_ns / NSEC_PER_MSEC % 1000));
	else
		(void)dprintf(STDERR_FILENO, "%s\n", v->message);
}

/* The host's network is more than a caller has himself, where users are kept from it by a firewall
 * or by their own uid; with it come the abstract sockets of every service on the machine. */
static int check_net(const struct call *c, struct err *e)
{
	if (!c->opts.share_net || c->config.share_net == WHO_ALL ||
	    (c->config.share_net == WHO_ROOT && c->priv.root))
		return 0;
	return err_set(e, ERR_DENIED, "--share-net is not allowed here (share_net = %s)",
		       c->config.share_net == WHO_ROOT ? "root" : "no");
}

/* The filter does not see what io_uring opens, and with which mode: a program could leave a set-id
 * file of the box's user outside (seccomp.c). */
static int check_uring(const struct call *c, const struct dirrules *r, struct err *e)
{
	if (c->priv.root || (filter_flags(c) & FILTER_IO_URING))
		return 0;
	for (size_t i = 0; i < r->count; i++) {
		if ((r->rules[i].flags & DIR_RW) && r->rules[i].out && r->rules[i].out[0] == '/')
			return err_set(e, ERR_DENIED,
				       "--dir '%s': with io_uring allowed (--syscalls), only root "
				       "may bind directories writable",
				       text_quote(r->rules[i].in).s);
	}
	return 0;
}

/* *rc: exit status of a run that came to its end. */
static int do_run(struct call *c, int *rc, struct err *e)
{
	struct run run = {.image = IMAGE_NONE, .use = BOX_USE_NONE};
	struct verdict verdict;
	int done = check_box(c, e);

	if (done == 0)
		done = check_net(c, e);
	if (done == 0)
		done = find_image(c, &run, e);
	if (done == 0)
		done = opts_dirrules(&c->opts, run.has_image, &run.rules, e);
	if (done == 0)
		done = check_uring(c, &run.rules, e);
	if (done == 0)
		done = use_box(c, &run, e);
	if (done == 0) {
		verdict_judge(&run.outcome, &c->opts.limits, &verdict);
		done = meta_write_run(&c->meta, &run.outcome, &verdict,
				      run.has_image ? digest_text(&run.image.digest).s : NULL, e);
	}
	if (done == 0) {
		tell_verdict(c, &verdict, &run.outcome.usage);
		*rc = verdict.rc;
	}
	envrules_free_env(run.env);
	dirrules_fini(&run.rules);
	image_close(&run.image);
	return done;
}

/* --- the frame ------------------------------------------------------------------------------- */

/* As the caller: his file, his umask. */
static int open_meta(struct call *c, struct err *e)
{
	mode_t ours = umask(c->entry.umask);
	int rc = meta_open(&c->meta, c->opts.meta, e);

	(void)umask(ours); /* returns the other one */
	return rc;
}

/* As root: configuration, the box's lock file and directory. */
static int open_box(struct call *c, int *lock_fd, struct err *e)
{
	auto_fd lock_dir = -1;

	if (config_read(&c->config, e) < 0)
		return -1;
	if (c->opts.mode == MODE_PRINT_CG_ROOT)
		return find_place(c, e);
	lock_dir = config_open_dir(c->config.lock_root, 0700, e);
	if (lock_dir < 0)
		return err_wrap(e, "lock_root");
	if (c->opts.box_id >= c->config.num_boxes)
		return err_set(e, ERR_USAGE, "box id %u is out of range: boxes are 0 to %u",
			       c->opts.box_id, c->config.num_boxes - 1);
	return lock_open(lock_dir, c->opts.box_id, lock_fd, e);
}

/* Who has no business in the box is told so before he holds its lock: he could keep it, stopped or
 * blocked in a write, and the owner out. What is read without the lock may change, so the same is
 * asked again with it. */
static int check_stranger(struct call *c, int lock_fd, struct err *e)
{
	struct err ignored;

	if (lock_read(lock_fd, c->opts.box_id, &c->lock.record, &ignored) < 0)
		return 0;
	return check_owner(c, c->opts.mode != MODE_RUN, e);
}

/* "v2 /sys/fs/cgroup/isolate": scripts want the path. */
static int print_cg_root(const struct call *c, struct err *e)
{
	const char *name = cgroup_place_name(c->place), *path = strchr(name, ' ');

	return print_line(path ? path + 1 : name, e);
}

static int act(struct call *c, int *rc, struct err *e)
{
	int lock_fd = -1;

	if (c->opts.mode == MODE_CHECK_CONFIG)
		return check_config(&c->priv, e);
	if (priv_as_root(&c->priv, e) < 0 || open_box(c, &lock_fd, e) < 0 ||
	    priv_as_caller(&c->priv, e) < 0)
		return -1;
	if (c->opts.mode == MODE_PRINT_CG_ROOT)
		return print_cg_root(c, e);
	/* Waiting is done as the caller, who can end it by a signal. */
	c->lock.fd = lock_fd;
	if (check_stranger(c, lock_fd, e) < 0 ||
	    lock_take(lock_fd, c->opts.box_id, c->opts.wait, &c->lock, e) < 0)
		return -1;
	if (keeper_block_signals(e) < 0)
		return -1;
	/* Only now: the box may have been made or removed while we waited. */
	if (priv_as_root(&c->priv, e) < 0 || box_open(&c->config, c->opts.box_id, &c->box, e) < 0 ||
	    priv_as_caller(&c->priv, e) < 0)
		return -1;
	switch (c->opts.mode) {
	case MODE_INIT:
		return do_init(c, e);
	case MODE_CLEANUP:
		return do_cleanup(c, e);
	case MODE_RUN:
		return do_run(c, rc, e);
	default:
		return err_set(e, ERR_BUG, "unknown command");
	}
}

static int prepare(struct call *c, struct err *e)
{
	if (c->opts.mode == MODE_RUN && redirect_check_stdio(&c->opts.redirect, e) < 0)
		return -1;
	if (entry_take_fds(&c->entry, c->opts.inherit_fds && c->opts.mode == MODE_RUN, e) < 0)
		return -1;
	if (priv_start(&c->priv, e) < 0)
		return -1;
	if (priv_as_root(&c->priv, e) < 0 || entry_raise_limits(e) < 0 ||
	    priv_as_caller(&c->priv, e) < 0)
		return -1;
	if (c->opts.as_uid_given && priv_act_as(&c->priv, c->opts.as_uid, c->opts.as_gid, e) < 0)
		return -1;
	if (c->opts.meta && open_meta(c, e) < 0)
		return -1;
	return 0;
}

/* Help and version touch nothing. */
static int print_info(const struct call *c, struct err *e)
{
	priv_leave();
	if (c->opts.mode == MODE_VERSION)
		return print_line(PROG "-oci " ISOLATE_OCI_VERSION, e);
	if (opts_print_help() < 0)
		return err_sys(e, ERR_SYSTEM, "write to standard output");
	return 0;
}

static int finish(struct call *c, const struct err *failure, int rc)
{
	struct err e;

	/* First of all: what is said below may block, for as long as the caller likes. */
	cgroup_place_free(c->place);
	box_close(&c->box);
	lock_close(&c->lock);
	if (failure) {
		priv_leave();
		/* The first error is the one to tell. */
		if (meta_write_error(&c->meta, failure, &e) < 0)
			err_print(PROG, &e);
		err_print(PROG, failure);
		rc = EXIT_SANDBOX;
	}
	meta_close(&c->meta);
	opts_fini(&c->opts);
	return rc;
}

int main(int argc, char **argv)
{
	struct call c = {
		.meta = {.fd = -1},
		.lock = {.fd = -1},
		.box = {.root_fd = -1, .dir_fd = -1},
	};
	struct err e;
	int rc = 0;

	/* Before anything looks at argv: execve(2) allows an empty one. */
	if (argc < 1 || entry_clean(&c.entry, &e) < 0 || opts_parse(argc, argv, &c.opts, &e) < 0) {
		if (argc < 1)
			(void)err_set(&e, ERR_USAGE, "called without arguments");
		return finish(&c, &e, 0);
	}
	if (c.opts.mode == MODE_HELP || c.opts.mode == MODE_VERSION)
		return finish(&c, print_info(&c, &e) < 0 ? &e : NULL, 0);
	if (prepare(&c, &e) < 0 || act(&c, &rc, &e) < 0)
		return finish(&c, &e, 0);
	return finish(&c, NULL, rc);
}
