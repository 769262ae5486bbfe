/* SPDX-License-Identifier: MIT */
/* isolate: run a program in a box of its own.
 *
 * Theory of operation
 * -------------------
 * The program is setuid root and called by anybody. Everything it inherits is suspect (entry.c),
 * everything on the command line is hostile, and so are the box's directory, an image in the
 * caller's own store, and, once started, the program in the box.
 *
 * One process start of isolate does one thing: --init, --run or --cleanup of one box, or all three
 * of one that is there for that long (--once). In order:
 *   1. entry.c   makes the inherited state harmless; the environment is put aside as data.
 *   2. opts.c    parses the command line, opening nothing. --help and --version end here.
 *   3. priv.c    notes who calls and turns into him: the effective ids are the caller's from here
 *                on, root's only between priv_as_root and priv_as_caller.
 *   4. meta.c    opens the meta file, as the caller.
 *   5. config.c  reads the configuration, as root, if nobody else can have written it.
 *   6. lock.c    takes the box's lock: one isolate at a time works in a box. The lock file says
 *                whose the box is. slots.c takes that of a free box where none is named, and counts
 *                a user's boxes. From here on signals wait (keeper.c).
 *   7. box.c     makes, removes or readies <box_root>/<id>. What is in box/ is removed as the
 *                caller.
 * --list reads the lock files instead (list.c), without taking a lock.
 * --check and --check-config go no further than 4 and then their own way (check.c): what is tried
 * there as root is in children with namespaces of their own, or undone when a descriptor is closed.
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
 * With --tty-hack, a fourth: the relay (tty.c), the caller in all ids, carries bytes between his
 * terminal and that of the program, until nobody has the latter open any more.
 * Proxy and inside report to the keeper over a SOCK_SEQPACKET pair (run.h): what failed, that the
 * program is about to start, how it ended.
 *
 * A box of --once has a lock file and ids as others have, but nothing on disk: its files are in a
 * detached tmpfs that goes with the processes of the run. Its record says `once`, and when the
 * keeper was killed nobody needs to tidy up: whoever looks for a free box may have it.
 *
 * --copy-in and --copy-out (copyio.c) are the keeper's work, before the program can see the box and
 * after its last process has ended: outside as the caller, inside as the owner of the box's files,
 * who with --once is the box's user. What --once redirects is opened even before a box is taken, as
 * the caller, and only put in place by `inside`.
 *
 * Before a run begins the lock file gets `running = 1`, and 0 when the box is tidy again. A keeper
 * that was killed leaves 1: whoever takes the box next first kills what is left (its control group,
 * processes of its user), and makes its files the owner's again.
 *
 * Runs are in main_run.c, all else that is a command is here.
 *
 * Errors are values (common/err.h) on their way to finish(), the only place that prints them, into
 * the meta file and onto stderr; the exit status is 2 then. Those of --copy-out come too late for
 * that: main_run.c prints them, and the meta file tells how the run went. The program's own
 * failures are verdicts (verdict.c), exit status 1.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "isolate/check.h"
#include "isolate/image.h"
#include "isolate/keeper.h"
#include "isolate/list.h"
#include "isolate/main_impl.h"
#include "isolate/slots.h"
#include "isolate/sweep.h"

#define EXIT_SANDBOX 2

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

void call_tell(const struct call *c, const char *what, const char *value)
{
	if (c->opts.verbose > 0)
		(void)dprintf(STDERR_FILENO, "%s: %s %s\n", PROG, what, value); /* only a hint */
}

void call_tell_place(const struct call *c)
{
	if (c->place)
		call_tell(c, "control groups:", cgroup_place_name(c->place));
}

int call_find_place(struct call *c, struct err *e)
{
	if (c->place)
		return 0;
	return cgroup_find(c->config.cg_root, c->config.cg_move_processes, &c->place, e);
}

/* --- what a dead keeper left ----------------------------------------------------------------- */

int call_end_leftovers(struct call *c, struct err *e)
{
	if (!c->lock.record.running)
		return 0;
	if (c->lock.record.cg &&
	    (call_find_place(c, e) < 0 || cgroup_sweep(c->place, c->box.id, e) < 0))
		return -1;
	return sweep_processes(c->box.uid, e);
}

/* --- --init and --cleanup -------------------------------------------------------------------- */

int call_check_owner(const struct call *c, bool root_may, struct err *e)
{
	const struct lock_record *r = &c->lock.record;

	if (!r->exists || r->once || r->owner == c->priv.uid || (root_may && c->priv.root))
		return 0;
	return err_set(e, ERR_DENIED, "box %u belongs to another user (%u)", c->box.id,
		       (unsigned)r->owner);
}

/* Lock files may lie where a reboot clears them. What is on disk still tells whose a box was. */
static int check_unrecorded(const struct call *c, struct err *e)
{
	uid_t owner;
	int found;

	if ((c->lock.record.exists && !c->lock.record.once) || c->priv.root)
		return 0;
	found = box_files_owner(&c->box, &owner, e);
	if (found <= 0 || owner == c->priv.uid)
		return found < 0 ? -1 : 0;
	return err_set(e, ERR_DENIED,
		       "box %u belongs to another user (%u), by its files: root can --cleanup it",
		       c->box.id, (unsigned)owner);
}

int call_check_caller(const struct call *c, struct err *e)
{
	if (c->box.uid != c->priv.uid)
		return 0;
	return err_set(
		e, ERR_CONFIG,
		"user id %u is the caller's and that of box %u: isolate --check-config tells "
		"more",
		(unsigned)c->box.uid, c->box.id);
}

int call_check_restricted(const struct call *c, struct err *e)
{
	if (c->config.restricted_init && !c->priv.root)
		return err_set(e, ERR_DENIED, "only root may make boxes here (restricted_init)");
	return 0;
}

/* Clients of version 1 look for these words at the beginning of the line. */
#define BOX_EXISTS "Box already exists"

static int may_init(const struct call *c, struct err *e)
{
	if (call_check_caller(c, e) < 0)
		return -1;
	if (call_check_restricted(c, e) < 0)
		return -1;
	if (call_check_owner(c, true, e) < 0 || check_unrecorded(c, e) < 0)
		return -1;
	if (c->config.init_refuse && c->lock.record.exists && c->lock.record.ready)
		return err_set(e, ERR_BUSY, BOX_EXISTS ": %s", c->box.path);
	return 0;
}

int call_check_rw(const struct call *c, struct err *e)
{
	if (box_fits_memory(&c->opts.image_rw, c->config.tmp_bytes))
		return 0;
	return err_set(e, ERR_CONFIG,
		       "--image-rw: more than tmp_size in the configuration, or than one file for "
		       "4 KiB of it");
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
	if (strlen(image.store.path) > LOCK_STORE_PATH_MAX ||
	    text_format(r->store_path, sizeof(r->store_path), "%s", image.store.path) < 0 ||
	    strcspn(r->store_path, "\r\n") != strlen(r->store_path)) {
		image_close(&image);
		return err_set(e, ERR_CONFIG, "the path of the image store is unusable");
	}
	call_tell(c, "image:", digest_text(&image.digest).s);
	image_close(&image);
	return 0;
}

int call_register_box(struct call *c, bool was_his, struct err *e)
{
	unsigned max = was_his || c->priv.root ? 0 : c->config.max_boxes;

	return slots_register(&c->config, c->lock_dir_fd, c->box.id, &c->lock, max, e);
}

/* As root. */
static int make_box(struct call *c, const struct lock_record *fresh, struct err *e)
{
	struct lock_record *r = &c->lock.record;
	const struct lock_record before = *r;
	struct lock_disk old = r->exists ? r->disk : (struct lock_disk){0};
	bool was_his = r->exists && !r->once && r->owner == fresh->owner;

	if (call_end_leftovers(c, e) < 0)
		return -1;
	/* A group of this name is of no use to anybody, and lock files can be lost. */
	if (c->opts.limits.cg &&
	    (call_find_place(c, e) < 0 || cgroup_sweep(c->place, c->box.id, e) < 0))
		return -1;
	/* Owner first: a box half made must not be anybody's. */
	*r = *fresh;
	if (call_register_box(c, was_his, e) < 0) {
		*r = before;
		return -1;
	}
	if (box_unbound(&c->box, &old, e) < 0 || box_remove(&c->box, &c->priv, e) < 0 ||
	    box_create(&c->box, &c->priv, e) < 0)
		return -1;
	if (box_bound(&c->box, &c->priv, &r->disk, e) < 0)
		return -1;
	if (r->rw.bytes && box_make_rw(&c->box, &r->rw, e) < 0)
		return -1;
	if (r->has_image && box_write_image(&c->box, r->store_path, &r->image, e) < 0)
		return -1;
	r->ready = true;
	return lock_write(&c->lock, e);
}

/* As root. A box that is half removed must not be run. */
static int unmake_box(struct call *c, struct err *e)
{
	struct lock_record *r = &c->lock.record;

	if (r->exists) {
		if (call_end_leftovers(c, e) < 0)
			return -1;
		r->ready = false;
		r->running = false;
		if (lock_write(&c->lock, e) < 0)
			return -1;
	}
	if (box_unbound(&c->box, &r->disk, e) < 0 || box_remove(&c->box, &c->priv, e) < 0)
		return -1;
	*r = (struct lock_record){0};
	return lock_write(&c->lock, e);
}

/* Who was told that it failed does not clean up. What fails here is found by the next --init. */
static void undo_init(struct call *c)
{
	struct err ignored;

	if (priv_as_root(&c->priv, &ignored) < 0 || unmake_box(c, &ignored) < 0 ||
	    priv_as_caller(&c->priv, &ignored) < 0)
		return;
}

static int do_init(struct call *c, struct err *e)
{
	struct lock_record fresh = {
		.exists = true,
		.owner = c->priv.uid,
		.cg = c->opts.limits.cg,
		.disk.room = c->opts.disk_given ? c->opts.disk : c->opts.quota,
		.disk.all = c->opts.disk_given,
		.rw = c->opts.image_rw,
	};

	if (may_init(c, e) < 0 || (c->opts.image && pin_image(c, &fresh, e) < 0))
		return -1;
	if (call_check_rw(c, e) < 0 || priv_as_root(&c->priv, e) < 0 ||
	    box_plan_bound(&c->box, c->config.tmp_bytes, &fresh.disk, e) < 0)
		return -1;
	if (make_box(c, &fresh, e) < 0) {
		/* Which one it was, nobody knows. Automatic boxes were nobody's before; one that
		 * was refused must not be written down as somebody's even for a moment. */
		if (c->opts.box_auto && c->lock.record.exists && !c->lock.record.once)
			undo_init(c);
		return -1;
	}
	if (priv_as_caller(&c->priv, e) < 0)
		return -1;
	call_tell_place(c);
	if (print_line(c->box.path, e) == 0)
		return 0;
	undo_init(c);
	return -1;
}

static int do_cleanup(struct call *c, struct err *e)
{
	if (call_check_owner(c, true, e) < 0 || check_unrecorded(c, e) < 0 ||
	    priv_as_root(&c->priv, e) < 0 || unmake_box(c, e) < 0)
		return -1;
	return priv_as_caller(&c->priv, e);
}

/* --- the frame ------------------------------------------------------------------------------- */

/* As the caller: his file, his umask. */
static int open_meta(struct call *c, struct err *e)
{
	mode_t ours = umask(c->entry.umask);
	int rc = meta_open(&c->meta, c->opts.meta, c->opts.meta_json, e);

	(void)umask(ours); /* returns the other one */
	c->meta.has_box = !c->opts.box_auto;
	c->meta.box_id = c->opts.box_id;
	return rc;
}

/* The files of --once: his, too. May wait for the other end of a fifo, and can be interrupted. */
static int open_stdio(struct call *c, struct err *e)
{
	mode_t ours = umask(c->entry.umask);
	int rc = redirect_open(&c->opts.redirect, c->stdio, e);

	(void)umask(ours); /* returns the other one */
	return rc;
}

/* As root: configuration, the box's lock file and directory. */
static int open_box(struct call *c, int *lock_fd, struct err *e)
{
	if (config_read(&c->config, e) < 0)
		return -1;
	c->lock_dir_fd = config_open_dir(c->config.lock_root, 0700, e);
	if (c->lock_dir_fd < 0)
		return err_wrap(e, "lock_root");
	if (c->opts.box_auto) {
		if (slots_take(&c->config, c->lock_dir_fd, c->priv.uid, &c->lock, &c->box, e) < 0)
			return -1;
		c->opts.box_id = c->meta.box_id = c->box.id;
		c->meta.has_box = true;
		return 0;
	}
	if (c->opts.box_id >= c->config.num_boxes)
		return err_set(e, ERR_USAGE, "box id %u is out of range: boxes are 0 to %u",
			       c->opts.box_id, c->config.num_boxes - 1);
	return lock_open(c->lock_dir_fd, c->opts.box_id, lock_fd, e);
}

/* Who has no business in the box is told so before he holds its lock: he could keep it, stopped or
 * blocked in a write, and the owner out. What is read without the lock may change, so the same is
 * asked again with it. */
static int check_stranger(struct call *c, int lock_fd, struct err *e)
{
	struct err ignored;

	if (lock_read(lock_fd, c->opts.box_id, &c->lock.record, &ignored) < 0)
		return 0;
	return call_check_owner(c, c->opts.mode != MODE_RUN, e);
}

/* Who finds a free number by trying passes over any box of which he is told this: also over one
 * that somebody else is making right now. */
static int say_existing(const struct call *c, struct err *e)
{
	if (c->opts.mode == MODE_INIT && c->config.init_refuse)
		return err_wrap(e, BOX_EXISTS);
	return -1;
}

/* Waiting is done as the caller, who can end it by a signal. */
static int lock_box(struct call *c, int lock_fd, struct err *e)
{
	c->lock.fd = lock_fd;
	c->box.id = c->opts.box_id; /* for what is said before box_open */
	if (check_stranger(c, lock_fd, e) < 0 ||
	    lock_take(lock_fd, c->opts.box_id, c->opts.wait, &c->lock, e) < 0)
		return say_existing(c, e);
	return 0;
}

/* "v2 /sys/fs/cgroup/isolate": scripts want the path. */
static int print_cg_root(struct call *c, struct err *e)
{
	char name[CONFIG_PATH_MAX + 64];

	if (priv_as_root(&c->priv, e) < 0 || config_read(&c->config, e) < 0 ||
	    cgroup_locate(c->config.cg_root, c->config.cg_move_processes, name, sizeof(name), e) <
		    0 ||
	    priv_as_caller(&c->priv, e) < 0)
		return -1;
	return print_line(strchr(name, ' ') + 1, e);
}

/* without: why there is no privilege, or NULL. */
static int do_check(const struct call *c, const struct err *without, int *rc, struct err *e)
{
	const struct check_ask ask = {
		.cg = c->opts.limits.cg,
		.quota = c->opts.quota_given,
		.image = c->opts.image,
		.json = c->opts.json,
		.env = c->entry.env,
	};
	bool fit;

	if (check_machine(&ask, without ? NULL : &c->priv, without, &fit, e) < 0)
		return -1;
	*rc = fit ? 0 : 1;
	return 0;
}

/* Root sees all boxes, others their own. */
static int list_boxes(struct call *c, struct err *e)
{
	bool all = c->priv.root && !c->opts.as_uid_given;
	struct list list = {0};
	int rc = -1;

	if (priv_as_root(&c->priv, e) == 0 && config_read(&c->config, e) == 0) {
		c->lock_dir_fd = config_open_dir(c->config.lock_root, 0700, e);
		if (c->lock_dir_fd < 0)
			(void)err_wrap(e, "lock_root");
		else
			rc = list_read(&c->config, c->lock_dir_fd, all, c->priv.uid, &list, e);
	}
	priv_leave();
	if (rc == 0)
		rc = list_print(&list, c->opts.json, e);
	list_fini(&list);
	return rc;
}

static int act(struct call *c, int *rc, struct err *e)
{
	int lock_fd = -1;

	if (c->opts.mode == MODE_CHECK)
		return do_check(c, NULL, rc, e);
	if (c->opts.mode == MODE_CHECK_CONFIG)
		return check_config(&c->priv, e);
	if (c->opts.mode == MODE_PRINT_CG_ROOT)
		return print_cg_root(c, e);
	if (c->opts.mode == MODE_LIST)
		return list_boxes(c, e);
	if (priv_as_root(&c->priv, e) < 0 || open_box(c, &lock_fd, e) < 0 ||
	    priv_as_caller(&c->priv, e) < 0)
		return -1;
	if (!c->opts.box_auto && lock_box(c, lock_fd, e) < 0)
		return -1;
	if (keeper_block_signals(e) < 0)
		return -1;
	/* Only now: the box may have been made or removed while we waited. */
	if (!c->opts.box_auto && (priv_as_root(&c->priv, e) < 0 ||
				  box_open(&c->config, c->opts.box_id, &c->box, e) < 0 ||
				  priv_as_caller(&c->priv, e) < 0))
		return -1;
	switch (c->opts.mode) {
	case MODE_INIT:
		return do_init(c, e);
	case MODE_CLEANUP:
		return do_cleanup(c, e);
	case MODE_RUN:
	case MODE_ONCE:
		return call_run(c, rc, e);
	default:
		return err_set(e, ERR_BUG, "unknown command");
	}
}

static int begin(struct call *c, struct err *e)
{
	bool runs = opts_runs(&c->opts);

	if (runs && redirect_check_stdio(&c->opts.redirect, e) < 0)
		return -1;
	if (entry_take_fds(&c->entry, c->opts.inherit_fds && runs, e) < 0)
		return -1;
	return priv_start(&c->priv, e);
}

static int prepare(struct call *c, struct err *e)
{
	if (priv_as_root(&c->priv, e) < 0 || entry_raise_limits(e) < 0 ||
	    priv_as_caller(&c->priv, e) < 0)
		return -1;
	if (c->opts.as_uid_given && priv_act_as(&c->priv, c->opts.as_uid, c->opts.as_gid, e) < 0)
		return -1;
	if (c->opts.meta && open_meta(c, e) < 0)
		return -1;
	if (c->opts.mode == MODE_ONCE && open_stdio(c, e) < 0)
		return -1;
	return 0;
}

/* Help and version touch nothing. */
static int print_info(const struct call *c, struct err *e)
{
	priv_leave();
	/* Clients read the first line, some of them its last word. */
	if (c->opts.mode == MODE_VERSION)
		return print_line("The process isolator " ISOLATE_COMPAT_VERSION "\n" PROG
				  "-oci " ISOLATE_OCI_VERSION,
				  e);
	if (opts_print_help() < 0)
		return err_sys(e, ERR_SYSTEM, "write to standard output");
	return 0;
}

static int finish(struct call *c, const struct err *failure, int rc)
{
	struct err e;
	bool exists;

	/* First of all: what is said below may block, for as long as the caller likes. */
	redirect_close(c->stdio);
	cgroup_place_free(c->place);
	box_close(&c->box);
	lock_close(&c->lock);
	cleanup_fd(&c->lock_dir_fd);
	if (failure) {
		priv_leave();
		/* The first error is the one to tell. When it was the meta file's, this one is the
		 * same. */
		if (meta_write_error(&c->meta, failure, &e) < 0 &&
		    strcmp(e.text, failure->text) != 0)
			err_print(PROG, &e);
		exists = strncmp(failure->text, BOX_EXISTS, strlen(BOX_EXISTS)) == 0;
		err_print(exists ? "" : PROG, failure);
		rc = EXIT_SANDBOX;
	}
	meta_close(&c->meta);
	config_fini(&c->config);
	opts_fini(&c->opts);
	return rc;
}

int main(int argc, char **argv)
{
	struct call c = {
		.meta = {.fd = -1},
		.stdio = {-1, -1, -1},
		.lock_dir_fd = -1,
		.lock = {.fd = -1},
		.box = {.root_fd = -1, .dir_fd = -1},
	};
	struct err e, without;
	int rc = 0;

	/* Before anything looks at argv: execve(2) allows an empty one. */
	if (argc < 1 || entry_clean(&c.entry, &e) < 0 || opts_parse(argc, argv, &c.opts, &e) < 0) {
		if (argc < 1)
			(void)err_set(&e, ERR_USAGE, "called without arguments");
		return finish(&c, &e, 0);
	}
	if (c.opts.mode == MODE_HELP || c.opts.mode == MODE_VERSION)
		return finish(&c, print_info(&c, &e) < 0 ? &e : NULL, 0);
	if (begin(&c, &e) < 0) {
		/* That there is no privilege is a thing to find, too. */
		if (c.opts.mode != MODE_CHECK || e.kind != ERR_DENIED)
			return finish(&c, &e, 0);
		priv_leave();
		without = e;
		if (do_check(&c, &without, &rc, &e) < 0)
			return finish(&c, &e, 0);
		return finish(&c, NULL, rc);
	}
	if (prepare(&c, &e) < 0 || act(&c, &rc, &e) < 0)
		return finish(&c, &e, 0);
	return finish(&c, NULL, rc);
}
