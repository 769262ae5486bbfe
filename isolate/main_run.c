/* SPDX-License-Identifier: MIT */
/* --run: everything is made ready, the keeper runs the program, everything is tidied up. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/copyio.h"
#include "isolate/image.h"
#include "isolate/keeper.h"
#include "isolate/main_impl.h"
#include "isolate/rootfs.h"
#include "isolate/seccomp.h"
#include "isolate/verdict.h"
#include "mount/mnt.h"

struct run {
	struct image image;
	bool has_image;
	struct dirrules rules;
	struct copyio copies;
	bool has_copies; /* copies is open */
	bool begun;	 /* the box is marked as running by us: tidy_box must follow */
	struct box_use use;
	struct rootfs *rootfs;
	struct cgroup *cgroup;
	char **env;
	struct tty tty;
	struct outcome outcome;
};

static int check_box(const struct call *c, struct err *e)
{
	const struct lock_record *r = &c->lock.record;

	if (c->opts.mode == MODE_ONCE)
		return call_check_caller(c, e) < 0 ? -1 : call_check_restricted(c, e);
	if (!r->exists || !r->ready || c->box.dir_fd < 0)
		return err_set(e, ERR_CONFIG, "box %u is not initialised: isolate --init it first",
			       c->box.id);
	if (call_check_caller(c, e) < 0 || call_check_owner(c, false, e) < 0)
		return -1;
	if (r->cg != c->opts.limits.cg)
		return err_set(e, ERR_USAGE, "box %u was initialised %s --cg: run it so, too",
			       c->box.id, r->cg ? "with" : "without");
	return 0;
}

/* The bounds of a box are made by --init. --quota may be given again, and means nothing then, as
 * with the well-known tool; --disk must be the same. */
static int check_disk(const struct call *c, struct err *e)
{
	const struct lock_disk *d = &c->lock.record.disk;
	const struct opts *o = &c->opts;

	if (!o->disk_given || o->mode == MODE_ONCE ||
	    (d->all && d->room.bytes == o->disk.bytes && d->room.inodes == o->disk.inodes))
		return 0;
	return err_set(e, ERR_USAGE,
		       "box %u was initialised %s --disk: it is --init that bounds a box",
		       c->box.id, d->all ? "with another" : "without");
}

/* Likewise: an image is written to through what --init made, as long as there is the box. */
static int check_rw(const struct call *c, struct err *e)
{
	const struct room *made = &c->lock.record.rw, *asked = &c->opts.image_rw;

	if (!c->opts.image_rw_given)
		return 0;
	if (c->opts.mode == MODE_ONCE)
		return call_check_rw(c, e);
	if (made->bytes == asked->bytes && made->inodes == asked->inodes)
		return 0;
	return err_set(e, ERR_USAGE,
		       "box %u was initialised %s --image-rw: give it to --init, with --image",
		       c->box.id, made->bytes ? "with another" : "without");
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
	call_tell(c, "image:", digest_text(&run->image.digest).s);
	return image_open(&run->image, &c->priv, e);
}

/* Whose are the files in the box? On disk they are the caller's, however the program sees them. */
static struct priv files_owner(const struct call *c)
{
	if (c->opts.mode == MODE_ONCE)
		return (struct priv){.uid = c->box.uid, .gid = c->box.gid};
	return c->priv;
}

/* While the working directory is still the caller's. As him. */
static int open_copies(struct call *c, struct run *run, struct err *e)
{
	if (c->opts.copies.count == 0)
		return 0;
	run->copies.umask = c->entry.umask;
	run->copies.caller = c->priv;
	run->copies.box = files_owner(c);
	run->has_copies = true;
	return copyio_open(&run->copies, &c->opts.copies, e);
}

/* The files of the box, as they are on disk. */
static int open_files(const struct call *c, const struct run *run, struct err *e)
{
	int fd = c->opts.mode == MODE_ONCE
			 ? fcntl(run->use.mnt_fd, F_DUPFD_CLOEXEC, 3)
			 : path_open_beneath(c->box.dir_fd, "box", O_PATH | O_DIRECTORY, 0);

	return fd < 0 ? err_sys(e, ERR_SYSTEM, "open '%s/box'", c->box.path) : fd;
}

/* Before the program can see the box. As root. */
static int copy_in(const struct call *c, const struct run *run, struct err *e)
{
	auto_fd files_fd = -1;
	struct err worse;
	int rc;

	if (!run->has_copies)
		return 0;
	files_fd = open_files(c, run, e);
	if (files_fd < 0 || priv_as_caller(&c->priv, e) < 0)
		return -1;
	rc = copyio_in(&run->copies, files_fd, e);
	if (priv_as_root(&c->priv, &worse) < 0) {
		*e = worse;
		return -1;
	}
	return rc;
}

/* The run is over and its verdict written. *rc becomes 1 when the program has not left what was
 * asked for, and 2 when that cannot be put where it was to go. As the caller. */
static void copy_out(const struct call *c, const struct run *run, int *rc)
{
	uint64_t fsize = c->opts.limits.fsize_bytes;
	auto_fd files_fd = -1;
	struct err e;

	if (!run->has_copies || run->outcome.killed == KILL_SIGNAL)
		return;
	files_fd = open_files(c, run, &e);
	if (files_fd >= 0 &&
	    copyio_out(&run->copies, files_fd, fsize > 0 ? fsize : COPYIO_BYTES_MAX, &e) == 0)
		return;
	if (files_fd >= 0 && copyio_is_programs_fault(&e)) {
		/* A program that failed has told why by that. */
		if (!c->opts.silent && *rc == 0)
			err_print(PROG, &e);
		*rc = MAX(*rc, 1);
		return;
	}
	err_print(PROG, &e);
	*rc = 2;
}

/* A box of --once was nobody's, and is this caller's as long as the run takes. What an earlier one
 * left, killed, are processes at most. As root. */
static int ready_once(struct call *c, struct run *run, struct err *e)
{
	struct lock_record *r = &c->lock.record;
	struct lock_disk disk = {
		.room = c->opts.disk_given ? c->opts.disk : c->opts.quota,
		.all = c->opts.disk_given,
	};

	if (!box_fits_memory(&disk.room, c->config.tmp_bytes))
		return err_set(e, ERR_CONFIG,
			       "--once keeps the box in memory: at most tmp_size, and one file for "
			       "4 KiB of it");
	if (!disk.room.bytes)
		disk.room.bytes = c->config.tmp_bytes;
	if (call_end_leftovers(c, e) < 0)
		return -1;
	/* Lock files can be lost. */
	if (c->opts.limits.cg && cgroup_sweep(c->place, c->box.id, e) < 0)
		return -1;
	*r = (struct lock_record){
		.exists = true,
		.owner = c->priv.uid,
		.cg = c->opts.limits.cg,
		.once = true,
		.disk = disk,
		.running = true,
		.has_image = run->has_image,
		.image = run->image.digest,
		.image_own = run->image.own,
	};
	if (call_register_box(c, false, e) < 0)
		return -1;
	run->begun = true;
	if (box_begin_in_memory(&c->box, &r->disk.room, &run->use, e) < 0)
		return -1;
	if (c->opts.image_rw_given && box_open_rw_in_memory(&c->opts.image_rw, &run->use, e) < 0)
		return -1;
	return copy_in(c, run, e);
}

/* The box is ours to use: first what a dead keeper left, then the mark that we are at work, then
 * the files. As root. */
static int ready_box(struct call *c, struct run *run, struct err *e)
{
	struct lock_record *r = &c->lock.record;

	if (c->opts.limits.cg && call_find_place(c, e) < 0)
		return -1;
	if (c->opts.mode == MODE_ONCE)
		return ready_once(c, run, e);
	if (box_check_bound(&c->box, &r->disk, e) < 0)
		return -1;
	if (r->running) {
		struct box_use none = BOX_USE_NONE;

		if (call_end_leftovers(c, e) < 0 ||
		    box_end_use(&c->box, &c->priv, c->opts.special_files, &none, e) < 0)
			return -1;
	}
	r->running = true;
	run->begun = true;
	if (lock_write(&c->lock, e) < 0 || copy_in(c, run, e) < 0)
		return -1;
	if (box_begin_use(&c->box, &c->priv, &run->use, e) < 0)
		return -1;
	return r->rw.bytes ? box_open_rw(&c->box, &run->use, e) : 0;
}

/* The image's variables, over a home that exists in every box. */
static int build_env(const struct call *c, struct run *run, struct err *e)
{
	static char home[] = "HOME=/box";
	char *vars[IMGDESC_ENV_MAX + 1] = {home};
	size_t count = 0;

	if (run->has_image && !c->opts.no_image_env) {
		count = 1 + run->image.desc.env_count;
		for (size_t i = 1; i < count; i++)
			vars[i] = run->image.desc.env[i - 1];
	}
	return envrules_build(&c->opts.env, c->entry.env, vars, count, &run->env, e);
}

/* As the caller: everything he names is opened with his rights. */
static int ready_root(struct call *c, struct run *run, struct err *e)
{
	const struct lock_disk *d = &c->lock.record.disk;
	const struct rootfs_spec spec = {
		.rules = &run->rules,
		.image = run->has_image ? &run->image.layers : NULL,
		.store_fd = run->has_image ? run->image.store.fd : -1,
		.rw_fd = run->use.rw_fd,
		.rw_inodes = c->opts.mode == MODE_ONCE ? c->opts.image_rw.inodes
						       : c->lock.record.rw.inodes,
		.rw_owner = run->image.store.owner,
		.box_mnt_fd = run->use.mnt_fd,
		/* Without a directory on disk there is nothing beside box/: the caller is refused.
		 */
		.box_dir_fd = c->opts.mode == MODE_ONCE ? run->use.mnt_fd : c->box.dir_fd,
		.stage_fd = run->use.stage_fd,
		.uid = c->box.uid,
		.gid = c->box.gid,
		.tmp.bytes = d->all ? MIN(d->room.bytes, c->config.tmp_bytes) : c->config.tmp_bytes,
		.tmp.inodes =
			d->all ? MIN(d->room.inodes, mnt_tmpfs_inodes(c->config.tmp_bytes)) : 0,
	};

	if (build_env(c, run, e) < 0)
		return -1;
	return rootfs_prepare(&spec, &c->priv, &run->rootfs, e);
}

static unsigned filter_flags(const struct call *c)
{
	return c->opts.syscalls_given ? c->opts.syscalls : c->config.syscall_flags;
}

/* The configuration's part of the limits. */
static void pin_box(struct call *c)
{
	struct config_pin pin = config_find_pin(&c->config, c->box.id);

	c->opts.limits.cpu_list = pin.cpus;
	c->opts.limits.mem_list = pin.mems;
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
		.stdio = o->mode == MODE_ONCE ? c->stdio : NULL,
		.tty = &run->tty,
		.chdir = o->chdir,
		.argv = o->command,
		.env = run->env,
		.search_path = run->has_image,
		.share_net = o->share_net,
		.filter_flags = filter_flags(c),
		.pass_fds = c->entry.fds,
		.pass_count = c->entry.fd_count,
	};

	pin_box(c);
	if (o->limits.cg && cgroup_create(c->place, c->box.id, &o->limits, &run->cgroup, e) < 0)
		return -1;
	spec.cgroup = run->cgroup;
	return keeper_run(&spec, &run->outcome, e);
}

static int end_use(struct call *c, struct run *run, struct err *e)
{
	if (c->opts.mode == MODE_ONCE)
		return run->use.mnt_fd < 0 ? 0 : box_end_in_memory(&run->use, e);
	return box_end_use(&c->box, &c->priv, c->opts.special_files, &run->use, e);
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
	run->use.left = c->opts.limits.figures ? &run->outcome.usage.box_bytes : NULL;
	if (!stuck && end_use(c, run, slot) < 0) {
		tidy = false;
		rc = -1;
		slot = &more;
	}
	if (tidy && c->opts.mode == MODE_ONCE)
		c->lock.record = (struct lock_record){0};
	if (tidy) {
		c->lock.record.running = false;
		if (lock_write(&c->lock, slot) < 0)
			rc = -1;
	}
	return rc;
}

/* Has something no room left that --disk, --quota or --image-rw bounds? */
static bool disk_is_full(const struct call *c, const struct run *run)
{
	const struct room *room = &c->lock.record.disk.room;

	return (room->bytes + room->inodes > 0 && box_is_full(&run->use)) ||
	       (run->use.rw_fd >= 0 && mnt_is_full(run->use.rw_fd));
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
		call_tell_place(c);
		rc = ready_root(c, run, e);
	}
	if (priv_as_root(&c->priv, &worse) < 0) {
		*e = worse;
		return -1;
	}
	if (rc == 0)
		rc = start_and_watch(c, run, e);
	if (rc == 0 && disk_is_full(c, run))
		run->outcome.disk_hit = true;
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
	if (v->status == RUN_OK && u->cpu_missed)
		(void)dprintf(STDERR_FILENO,
			      "OK (%llu.%03llu sec wall; without --cg-timing nobody knows what "
			      "several processes used)\n",
			      (unsigned long long)(u->wall_ns / NSEC_PER_SEC),
			      (unsigned long long)(u->wall_ns / NSEC_PER_MSEC % 1000));
	else if (v->status == RUN_OK)
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

/* --tty-hack */
static int open_tty(const struct call *c, struct run *run, struct err *e)
{
	const struct redirect *r = &c->opts.redirect;
	unsigned inherited = 0;

	if (!c->opts.tty_hack)
		return 0;
	if (!r->in)
		inherited |= 1U << STDIN_FILENO;
	if (!r->out)
		inherited |= 1U << STDOUT_FILENO;
	if (!r->err && !r->err_to_out)
		inherited |= 1U << STDERR_FILENO;
	return tty_open(&run->tty, inherited, e);
}

/* *rc: exit status of a run that came to its end. */
int call_run(struct call *c, int *rc, struct err *e)
{
	struct run run = {.image = IMAGE_NONE, .use = BOX_USE_NONE, .tty = TTY_NONE};
	struct verdict verdict;
	int done = check_box(c, e);

	if (done == 0)
		done = check_disk(c, e);
	if (done == 0)
		done = check_rw(c, e);
	if (done == 0)
		done = check_net(c, e);
	if (done == 0)
		done = find_image(c, &run, e);
	if (done == 0)
		done = opts_dirrules(&c->opts, run.has_image, &run.rules, e);
	if (done == 0)
		done = check_uring(c, &run.rules, e);
	if (done == 0)
		done = open_tty(c, &run, e);
	if (done == 0)
		done = open_copies(c, &run, e);
	if (done == 0)
		done = use_box(c, &run, e);
	tty_end(&run.tty);
	if (done == 0) {
		verdict_judge(&run.outcome, &c->opts.limits, &verdict);
		done = meta_write_run(&c->meta, &run.outcome, &verdict,
				      run.has_image ? digest_text(&run.image.digest).s : NULL, e);
	}
	if (done == 0) {
		tell_verdict(c, &verdict, &run.outcome.usage);
		*rc = verdict.rc;
		copy_out(c, &run, rc);
	}
	copyio_close(&run.copies);
	box_forget_use(&run.use);
	envrules_free_env(run.env);
	dirrules_fini(&run.rules);
	image_close(&run.image);
	return done;
}
