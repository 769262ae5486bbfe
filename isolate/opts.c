/* SPDX-License-Identifier: MIT */
/* The command line of isolate. */
#include "isolate/opts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/num.h"
#include "common/optab.h"
#include "common/ref.h"
#include "common/text.h"

/* Kilobytes in the command line; more than the address space has anyway. */
#define KIB_MAX	  (UINT64_C(1) << 50)
#define COUNT_MAX INT32_MAX
/* FILTER_ALL. Callers say 65535 for all, also for those that are yet to come. */
#define SYSCALLS_ALL 31
/* A few blocks, or nothing could be made at all. */
#define DISK_MIN (16 * 1024)

/* --- one parser for each option -------------------------------------------------------------- */

static int set_mode(struct opts *o, enum opts_mode mode, struct err *e)
{
	if (o->mode != MODE_NONE && o->mode != mode)
		return err_set(e, ERR_USAGE,
			       "only one of --init, --run, --cleanup and the like "
			       "can be done at a time");
	o->mode = mode;
	return 0;
}

#define MODE_OPTION(name, value)                                                                   \
	static int name(void *ctx, const char *v UNUSED, struct err *e)                            \
	{                                                                                          \
		return set_mode(ctx, value, e);                                                    \
	}
MODE_OPTION(opt_init, MODE_INIT)
MODE_OPTION(opt_run, MODE_RUN)
MODE_OPTION(opt_cleanup, MODE_CLEANUP)
MODE_OPTION(opt_once, MODE_ONCE)
MODE_OPTION(opt_list, MODE_LIST)
MODE_OPTION(opt_print_cg_root, MODE_PRINT_CG_ROOT)
MODE_OPTION(opt_check, MODE_CHECK)
MODE_OPTION(opt_check_config, MODE_CHECK_CONFIG)
MODE_OPTION(opt_version, MODE_VERSION)
MODE_OPTION(opt_help, MODE_HELP)

#define FLAG_OPTION(name, member)                                                                  \
	static int name(void *ctx, const char *v UNUSED, struct err *e UNUSED)                     \
	{                                                                                          \
		((struct opts *)ctx)->member = true;                                               \
		return 0;                                                                          \
	}
FLAG_OPTION(opt_stderr_to_stdout, redirect.err_to_out)
FLAG_OPTION(opt_full_env, env.full)
FLAG_OPTION(opt_no_default_dirs, no_default_dirs)
FLAG_OPTION(opt_no_image_env, no_image_env)
FLAG_OPTION(opt_cg, limits.cg)
FLAG_OPTION(opt_no_cg_timing, no_cg_timing)
FLAG_OPTION(opt_share_net, share_net)
FLAG_OPTION(opt_inherit_fds, inherit_fds)
FLAG_OPTION(opt_tty_hack, tty_hack)
FLAG_OPTION(opt_special_files, special_files)
FLAG_OPTION(opt_wait, wait)
FLAG_OPTION(opt_silent, silent)
FLAG_OPTION(opt_json, json)

static int opt_cg_timing(void *ctx, const char *v UNUSED, struct err *e UNUSED)
{
	((struct opts *)ctx)->no_cg_timing = false;
	return 0;
}

static int opt_verbose(void *ctx, const char *v UNUSED, struct err *e UNUSED)
{
	((struct opts *)ctx)->verbose++;
	return 0;
}

/* A file or directory name; empty ones are mistakes of a script. */
static int set_text(const char **out, const char *name, const char *v, struct err *e)
{
	if (!*v)
		return err_set(e, ERR_USAGE, "%s needs a name, not an empty text", name);
	*out = v;
	return 0;
}

#define TEXT_OPTION(fn, name, member)                                                              \
	static int fn(void *ctx, const char *v, struct err *e)                                     \
	{                                                                                          \
		return set_text(&((struct opts *)ctx)->member, name, v, e);                        \
	}
TEXT_OPTION(opt_meta, "--meta", meta)
TEXT_OPTION(opt_stdin, "--stdin", redirect.in)
TEXT_OPTION(opt_stdout, "--stdout", redirect.out)
TEXT_OPTION(opt_stderr, "--stderr", redirect.err)
TEXT_OPTION(opt_chdir, "--chdir", chdir)

#define SECONDS_OPTION(fn, name, member)                                                           \
	static int fn(void *ctx, const char *v, struct err *e)                                     \
	{                                                                                          \
		return num_parse_seconds(v, name, &((struct opts *)ctx)->member, e);               \
	}
SECONDS_OPTION(opt_time, "--time", limits.cpu_ns)
SECONDS_OPTION(opt_wall_time, "--wall-time", limits.wall_ns)
SECONDS_OPTION(opt_extra_time, "--extra-time", limits.extra_ns)

static int set_kib(uint64_t *out_bytes, const char *name, const char *v, struct err *e)
{
	uint64_t kib;

	if (num_parse_u64(v, 0, KIB_MAX, name, &kib, e) < 0)
		return -1;
	*out_bytes = kib * 1024;
	return 0;
}

#define KIB_OPTION(fn, name, member)                                                               \
	static int fn(void *ctx, const char *v, struct err *e)                                     \
	{                                                                                          \
		return set_kib(&((struct opts *)ctx)->member, name, v, e);                         \
	}
KIB_OPTION(opt_mem, "--mem", limits.as_bytes)
KIB_OPTION(opt_stack, "--stack", limits.stack_bytes)
KIB_OPTION(opt_fsize, "--fsize", limits.fsize_bytes)
KIB_OPTION(opt_core, "--core", limits.core_bytes)

static int opt_cg_mem(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;

	o->cg_mem_given = true;
	return set_kib(&o->limits.cg_mem_bytes, "--cg-mem", v, e);
}

/* The kernel takes no less than 1 ms of a period of 100 ms. */
#define CPU_MILLI_MIN 10
#define CPU_MILLI_MAX (UINT64_C(1000) * 1000)

static int opt_cpus(void *ctx, const char *v, struct err *e)
{
	uint64_t milli;

	if (num_parse_milli(v, CPU_MILLI_MAX, "--cpus", &milli, e) < 0)
		return -1;
	if (milli < CPU_MILLI_MIN && strspn(v, "0.") != strlen(v))
		return err_set(e, ERR_USAGE, "--cpus: the least is 0.01");
	((struct opts *)ctx)->limits.cpu_milli = milli;
	return 0;
}

/* Cut "A,B" at the comma: *second is B, or NULL. */
static int split_pair(const char *v, const char *name, char *first, size_t size,
		      const char **second, struct err *e)
{
	size_t len = strcspn(v, ",");

	if (text_format(first, size, "%.*s", (int)len, v) < 0)
		return err_set(e, ERR_USAGE, "%s: '%s' is too long", name, text_quote(v).s);
	*second = v[len] ? v + len + 1 : NULL;
	return 0;
}

static int opt_quota(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;
	uint64_t blocks, inodes;
	char first[32];
	const char *second;

	if (split_pair(v, "--quota", first, sizeof(first), &second, e) < 0)
		return -1;
	if (!second)
		return err_set(e, ERR_USAGE, "--quota needs KIB,N (N files), not '%s'",
			       text_quote(v).s);
	if (num_parse_u64(first, 0, KIB_MAX, "--quota", &blocks, e) < 0 ||
	    num_parse_u64(second, 0, COUNT_MAX, "--quota", &inodes, e) < 0)
		return -1;
	o->quota = (struct room){.bytes = blocks * 1024, .inodes = inodes};
	o->quota_given = true;
	return 0;
}

/* SIZE[,N]: bytes with a suffix, and files, or else in proportion. */
static int parse_room(const char *v, const char *name, struct room *out, struct err *e)
{
	struct room room = {0};
	char first[32];
	const char *second;

	if (split_pair(v, name, first, sizeof(first), &second, e) < 0 ||
	    num_parse_size(first, name, &room.bytes, e) < 0)
		return -1;
	if (room.bytes < DISK_MIN || room.bytes > KIB_MAX)
		return err_set(e, ERR_USAGE, "%s: '%s' is less than 16K, or too much", name,
			       text_quote(v).s);
	room.inodes = MAX(room.bytes / 4096, 1024);
	if (second && num_parse_u64(second, 8, COUNT_MAX, name, &room.inodes, e) < 0)
		return -1;
	*out = room;
	return 0;
}

static int opt_disk(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;

	o->disk_given = true;
	return parse_room(v, "--disk", &o->disk, e);
}

static int opt_image_rw(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;

	o->image_rw_given = true;
	return parse_room(v, "--image-rw", &o->image_rw, e);
}

static int opt_open_files(void *ctx, const char *v, struct err *e)
{
	return num_parse_u64(v, 0, COUNT_MAX, "--open-files",
			     &((struct opts *)ctx)->limits.open_files, e);
}

static int opt_processes(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;

	o->limits.processes = 0;
	if (!v)
		return 0;
	return num_parse_u64(v, 0, COUNT_MAX, "--processes", &o->limits.processes, e);
}

static int opt_box_id(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;
	uint64_t id = 0;

	o->box_auto = strcmp(v, "auto") == 0;
	o->box_numbered = !o->box_auto;
	if (!o->box_auto && num_parse_u64(v, 0, INT32_MAX - 1, "--box-id", &id, e) < 0)
		return -1;
	o->box_id = (unsigned)id;
	return 0;
}

static int opt_as_uid(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;
	uint64_t id;

	if (num_parse_u64(v, 0, UINT32_MAX - 1, "--as-uid", &id, e) < 0)
		return -1;
	o->as_uid = (uid_t)id;
	o->as_uid_given = true;
	return 0;
}

static int opt_as_gid(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;
	uint64_t id;

	if (num_parse_u64(v, 0, UINT32_MAX - 1, "--as-gid", &id, e) < 0)
		return -1;
	o->as_gid = (gid_t)id;
	o->as_gid_given = true;
	return 0;
}

static int opt_syscalls(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;
	uint64_t flags;

	if (num_parse_u64(v, 0, UINT16_MAX, "--syscalls", &flags, e) < 0)
		return -1;
	o->syscalls = (unsigned)flags & SYSCALLS_ALL;
	o->syscalls_given = true;
	return 0;
}

static int opt_env(void *ctx, const char *v, struct err *e)
{
	return envrules_add(&((struct opts *)ctx)->env, v, e);
}

/* Only collected: which defaults the rules change is known when it is known whether there is an
 * image. What is malformed is found by opts_parse all the same. */
static int opt_dir(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;
	const char **grown = reallocarray(o->dirs, o->dir_count + 1, sizeof(*grown));

	if (!grown)
		return err_sys(e, ERR_SYSTEM, "allocate memory for --dir");
	o->dirs = grown;
	o->dirs[o->dir_count++] = v;
	return 0;
}

static int opt_copy_in(void *ctx, const char *v, struct err *e)
{
	return copyrules_add_in(&((struct opts *)ctx)->copies, v, e);
}

static int opt_copy_out(void *ctx, const char *v, struct err *e)
{
	return copyrules_add_out(&((struct opts *)ctx)->copies, v, e);
}

static int opt_image(void *ctx, const char *v, struct err *e)
{
	struct ref ref;

	if (ref_parse(v, &ref, e) < 0)
		return err_wrap(e, "--image");
	((struct opts *)ctx)->image = v;
	return 0;
}

static int opt_meta_format(void *ctx, const char *v, struct err *e)
{
	struct opts *o = ctx;

	o->meta_json = strcmp(v, "json") == 0;
	if (!o->meta_json && strcmp(v, "text") != 0)
		return err_set(e, ERR_USAGE, "--meta-format: '%s' is neither text nor json",
			       text_quote(v).s);
	return 0;
}

/* --- the table ------------------------------------------------------------------------------- */

#define HEADING(text)                                                                              \
	{                                                                                          \
		.help = text                                                                       \
	}

static const struct optab_row table[] = {
	HEADING("Commands"),
	{"init", 0, OPTAB_NONE, NULL, "make a box and print its directory", opt_init},
	{"run", 0, OPTAB_NONE, NULL, "run the command after -- in the box", opt_run},
	{"cleanup", 0, OPTAB_NONE, NULL, "remove the box", opt_cleanup},
	{"once", 0, OPTAB_NONE, NULL, "all three in one, in a box of its own", opt_once},
	{"list", 0, OPTAB_NONE, NULL, "print the boxes that are used (root: everybody's)",
	 opt_list},
	{"print-cg-root", 0, OPTAB_NONE, NULL, "print where control groups are made",
	 opt_print_cg_root},
	{"check", 0, OPTAB_NONE, NULL, "tell whether this machine is fit for boxes", opt_check},
	{"check-config", 0, OPTAB_NONE, NULL, "look for errors in the configuration file",
	 opt_check_config},
	{"version", 0, OPTAB_NONE, NULL, "print the version", opt_version},
	{"help", 'h', OPTAB_NONE, NULL, "print this text", opt_help},

	HEADING("Which box"),
	{"box-id", 'b', OPTAB_REQUIRED, "N", "number of the box, default 0, or auto", opt_box_id},
	{"wait", 0, OPTAB_NONE, NULL, "wait while the box is busy", opt_wait},
	{"cg", 0, OPTAB_NONE, NULL, "meter and limit by a control group", opt_cg},
	{"as-uid", 0, OPTAB_REQUIRED, "N", "act for this user (root only)", opt_as_uid},
	{"as-gid", 0, OPTAB_REQUIRED, "N", "act for this group (root only)", opt_as_gid},

	HEADING("Root file system"),
	{"image", 0, OPTAB_REQUIRED, "REF", "use this stored image as the root", opt_image},
	{"image-rw", 0, OPTAB_REQUIRED, "SIZE[,N]", "let the command write so much to it (--init)",
	 opt_image_rw},
	{"no-image-env", 0, OPTAB_NONE, NULL, "without the image's environment", opt_no_image_env},
	{"dir", 'd', OPTAB_REQUIRED, "RULE", "IN=OUT[:options], IN, or IN= (remove)", opt_dir},
	{"no-default-dirs", 'D', OPTAB_NONE, NULL, "only what --dir says", opt_no_default_dirs},
	{"special-files", 0, OPTAB_NONE, NULL, "keep links, fifos, sockets, devices in the box",
	 opt_special_files},

	HEADING("Limits (sizes in KiB, times in seconds with fractions, 0 = none)"),
	{"time", 't', OPTAB_REQUIRED, "S", "CPU time", opt_time},
	{"wall-time", 'w', OPTAB_REQUIRED, "S", "wall clock time", opt_wall_time},
	{"extra-time", 'x', OPTAB_REQUIRED, "S", "with --time: kill at the later of both",
	 opt_extra_time},
	{"mem", 'm', OPTAB_REQUIRED, "K", "address space of each process", opt_mem},
	{"cg-mem", 0, OPTAB_REQUIRED, "K", "memory of all processes together", opt_cg_mem},
	{"cpus", 0, OPTAB_REQUIRED, "N", "processors' worth of time, fractions allowed", opt_cpus},
	{"processes", 'p', OPTAB_OPTIONAL, "N", "processes and threads; default 1", opt_processes},
	{"stack", 'k', OPTAB_REQUIRED, "K", "stack of each process", opt_stack},
	{"fsize", 'f', OPTAB_REQUIRED, "K", "size of each file written", opt_fsize},
	{"disk", 0, OPTAB_REQUIRED, "SIZE[,N]", "bytes (or 5M, 1G) and files in the box (--init)",
	 opt_disk},
	{"quota", 'q', OPTAB_REQUIRED, "KIB,N", "disk quota of the box, by quotas (--init)",
	 opt_quota},
	{"open-files", 'n', OPTAB_REQUIRED, "N", "open files of each process; default 1024",
	 opt_open_files},
	{"core", 0, OPTAB_REQUIRED, "K", "size of core dumps; default none", opt_core},

	HEADING("The program's world"),
	{"stdin", 'i', OPTAB_REQUIRED, "FILE", "input from this file (--run: in the box)",
	 opt_stdin},
	{"stdout", 'o', OPTAB_REQUIRED, "FILE", "output to this file (--run: in the box)",
	 opt_stdout},
	{"stderr", 'r', OPTAB_REQUIRED, "FILE", "error output to this file (likewise)", opt_stderr},
	{"copy-in", 0, OPTAB_REQUIRED, "FILE[=NAME]", "copy it into the box before the run",
	 opt_copy_in},
	{"copy-out", 0, OPTAB_REQUIRED, "NAME[=FILE]", "copy it out of the box after the run",
	 opt_copy_out},
	{"stderr-to-stdout", 0, OPTAB_NONE, NULL, "standard error where standard output goes",
	 opt_stderr_to_stdout},
	{"chdir", 'c', OPTAB_REQUIRED, "DIR", "working directory, from /box", opt_chdir},
	{"env", 'E', OPTAB_REQUIRED, "VAR[=VALUE]", "set, pass on, or with = only, remove",
	 opt_env},
	{"full-env", 'e', OPTAB_NONE, NULL, "pass on the whole environment", opt_full_env},
	{"share-net", 0, OPTAB_NONE, NULL, "share the host's network", opt_share_net},
	{"inherit-fds", 0, OPTAB_NONE, NULL, "pass on open files other than 0, 1, 2",
	 opt_inherit_fds},
	{"tty-hack", 0, OPTAB_NONE, NULL, "on a terminal, give it one of its own", opt_tty_hack},
	{"syscalls", 0, OPTAB_REQUIRED, "FLAGS", "sum of restrictions on system calls",
	 opt_syscalls},

	HEADING("Results"),
	{"meta", 'M', OPTAB_REQUIRED, "FILE", "write figures and status there; - is stdout",
	 opt_meta},
	{"meta-format", 0, OPTAB_REQUIRED, "text|json", "of the meta file; json has all figures",
	 opt_meta_format},
	{"json", 0, OPTAB_NONE, NULL, "print what --check or --list tell as JSON", opt_json},
	{"cg-timing", 0, OPTAB_NONE, NULL, "CPU time by the group (default with --cg)",
	 opt_cg_timing},
	{"no-cg-timing", 0, OPTAB_NONE, NULL, "CPU time by process even with --cg",
	 opt_no_cg_timing},
	{"silent", 's', OPTAB_NONE, NULL, "nothing on stderr but sandbox errors", opt_silent},
	{"verbose", 'v', OPTAB_NONE, NULL, "tell on stderr what is done", opt_verbose},
};

/* --- after the table ------------------------------------------------------------------------- */

static int check_conflicts(const struct opts *o, int operands, struct err *e)
{
	if (o->mode == MODE_NONE)
		return err_set(
			e, ERR_USAGE,
			"nothing to do: give --once, --init, --run or --cleanup (see --help)");
	if (opts_runs(o) && operands == 0)
		return err_set(e, ERR_USAGE, "%s needs a command: isolate %s -- CMD ARGS",
			       o->mode == MODE_RUN ? "--run" : "--once",
			       o->mode == MODE_RUN ? "--run" : "--once");
	if (!opts_runs(o) && operands > 0)
		return err_set(e, ERR_USAGE, "'%s': only --run and --once take a command",
			       text_quote(o->command[0]).s);
	if (o->mode == MODE_ONCE && o->box_numbered)
		return err_set(e, ERR_USAGE, "--once takes any free box, not one by --box-id");
	if (o->box_auto && o->mode != MODE_INIT && o->mode != MODE_ONCE)
		return err_set(e, ERR_USAGE,
			       "--box-id=auto is for --init, which prints the box it took");
	if ((o->box_auto || o->mode == MODE_ONCE) && o->wait)
		return err_set(e, ERR_USAGE,
			       "--wait waits for one box, not for --once or --box-id=auto");
	if (o->copies.count > 0 && !opts_runs(o))
		return err_set(e, ERR_USAGE, "--copy-in and --copy-out are for --run and --once");
	if (o->json && o->mode != MODE_CHECK && o->mode != MODE_LIST)
		return err_set(e, ERR_USAGE, "--json goes with --check and --list");
	if (o->cg_mem_given && !o->limits.cg)
		return err_set(e, ERR_USAGE, "--cg-mem needs --cg");
	if (o->meta_json && !o->meta)
		return err_set(e, ERR_USAGE, "--meta-format=json needs --meta");
	if (o->limits.cpu_milli && !o->limits.cg)
		return err_set(e, ERR_USAGE, "--cpus needs --cg");
	if (o->mode == MODE_ONCE && o->quota_given)
		return err_set(e, ERR_USAGE, "--quota is for --init: --once takes --disk");
	if (o->image_rw_given && !o->image && o->mode != MODE_RUN)
		return err_set(e, ERR_USAGE, "--image-rw needs --image");
	if (o->disk_given && o->quota_given)
		return err_set(e, ERR_USAGE, "--disk and --quota exclude each other");
	if (o->redirect.err && o->redirect.err_to_out)
		return err_set(e, ERR_USAGE, "--stderr and --stderr-to-stdout exclude each other");
	if (o->as_uid_given != o->as_gid_given)
		return err_set(e, ERR_USAGE, "--as-uid and --as-gid must be given together");
	return 0;
}

bool opts_runs(const struct opts *o)
{
	return o->mode == MODE_RUN || o->mode == MODE_ONCE;
}

/* `--run ls -l`: the option is ours, as it always was, and we do not know it. */
static int hint_at_dashes(const struct opts *o, int argc, char **argv, struct err *e)
{
	const struct err why = *e;

	if (!opts_runs(o) || why.kind != ERR_USAGE)
		return -1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return -1;
	}
	return err_set(e, why.kind, "%s (options of the command itself go behind a --)", why.text);
}

int opts_parse(int argc, char **argv, struct opts *out, struct err *e)
{
	struct dirrules checked = {0};
	int first;

	*out = (struct opts){.limits = {.processes = 1, .open_files = 1024}};
	/* An option behind the command is one, as it always was: a limit that only became an
	 * argument of the program would hold nothing. */
	if (optab_parse_mixed(table, ARRAY_LEN(table), argc, argv, out, &first, e) < 0)
		return hint_at_dashes(out, argc, argv, e);
	/* Before anything is asked of the rest of the line. */
	if (out->mode == MODE_HELP || out->mode == MODE_VERSION)
		return 0;
	out->command = argv + first;
	if (check_conflicts(out, argc - first, e) < 0)
		return -1;
	out->limits.figures = out->meta_json;
	out->box_auto = out->box_auto || out->mode == MODE_ONCE;
	if (opts_dirrules(out, out->image != NULL, &checked, e) < 0)
		return -1;
	dirrules_fini(&checked);
	return 0;
}

void opts_fini(struct opts *o)
{
	free(o->dirs);
	o->dirs = NULL;
	o->dir_count = 0;
	envrules_fini(&o->env);
	copyrules_fini(&o->copies);
}

int opts_dirrules(const struct opts *o, bool image, struct dirrules *out, struct err *e)
{
	struct dirrules r = {0};
	int rc = o->no_default_dirs ? 0 : dirrules_init(&r, image, e);

	for (size_t i = 0; rc == 0 && i < o->dir_count; i++)
		rc = dirrules_add(&r, o->dirs[i], e);
	if (rc < 0)
		dirrules_fini(&r);
	else
		*out = r;
	return rc;
}

int opts_print_help(void)
{
	static const char usage[] = "Usage: isolate [OPTIONS] --init\n"
				    "       isolate [OPTIONS] --run -- COMMAND [ARGUMENTS]\n"
				    "       isolate [OPTIONS] --cleanup\n"
				    "       isolate [OPTIONS] --once -- COMMAND [ARGUMENTS]\n\n";

	if (fdio_write_all(STDOUT_FILENO, usage, sizeof(usage) - 1) < 0)
		return -1;
	return optab_print_help(table, ARRAY_LEN(table));
}
