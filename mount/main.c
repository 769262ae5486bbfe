/* SPDX-License-Identifier: MIT */
/* imgmount: mount, umount, unpack and list stored images. Never setuid.
 *
 * Theory of operation. One process, no children, everything with the caller's own rights. An image
 * is looked up in the store (reference -> digest -> descriptor -> layers), all of it through one
 * descriptor of the store, with owners checked. From then on only descriptors are used:
 *
 * mount: descriptor locked -> fds of the layers, or of the merged tree -> one detached overlay (or
 * bind) mount -> attached onto the fd of DIR. The lock goes with the process; the mount carries the
 * image's digest as its source, or is known by the directory it shows, and `imgfetch rm` looks for
 * that before it removes anything.
 *
 * umount: DIR -> mount id -> must be a mount that `mount` made -> umount2(2).
 *
 * unpack: descriptor locked -> the same fds -> merged tree beside DIR -> renamed to DIR.
 *
 * list: the mounts of this mount namespace that carry a digest.
 *
 * SIGINT, SIGTERM and SIGHUP end `unpack` after it has removed what it made; the other commands are
 * over before a signal could matter. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/imgmounts.h"
#include "common/jsonout.h"
#include "common/num.h"
#include "common/optab.h"
#include "common/ref.h"
#include "common/store.h"
#include "common/storepath.h"
#include "common/text.h"
#include "common/userns.h"
#include "mount/layers.h"
#include "mount/mnt.h"
#include "mount/overlay.h"
#include "mount/unpack.h"

#define PROGRAM "imgmount"

/* Exit statuses: those of imgfetch(1) where they apply. */
enum status {
	STATUS_OK = 0,
	STATUS_SYSTEM = 1,
	STATUS_USAGE = 2,
	STATUS_NOT_FOUND = 4,
	STATUS_VERIFY = 6,
	STATUS_STORE = 7,
	STATUS_BUSY = 9,
};

struct opts {
	const char *store; /* --store; NULL: the default one */
	bool has_owner;
	uid_t owner; /* --owner: of whom root takes a store */
	bool has_by;
	enum unpack_by by; /* --by */
	bool json;
	bool help;
	bool version;
};

/* Written by the signal handler only. */
static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
	stop_signal = number;
}

/* --- options --- */

static int parse_store(void *ctx, const char *value, struct err *e UNUSED)
{
	struct opts *o = ctx;

	o->store = value;
	return 0;
}

static int parse_owner(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;
	int uid;

	if (num_parse_int(value, 0, INT_MAX, "--owner", &uid, e) < 0)
		return -1;
	o->has_owner = true;
	o->owner = (uid_t)uid;
	return 0;
}

static int parse_by(void *ctx, const char *value, struct err *e)
{
	static const struct {
		const char *name;
		enum unpack_by by;
	} ways[] = {{"link", UNPACK_LINK}, {"reflink", UNPACK_REFLINK}, {"copy", UNPACK_COPY}};
	struct opts *o = ctx;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (strcmp(value, ways[i].name) == 0) {
			o->has_by = true;
			o->by = ways[i].by;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "--by: '%s' is not link, reflink or copy",
		       text_quote(value).s);
}

static int parse_json(void *ctx, const char *value UNUSED, struct err *e UNUSED)
{
	struct opts *o = ctx;

	o->json = true;
	return 0;
}

static int parse_help(void *ctx, const char *value UNUSED, struct err *e UNUSED)
{
	struct opts *o = ctx;

	o->help = true;
	return 0;
}

static int parse_version(void *ctx, const char *value UNUSED, struct err *e UNUSED)
{
	struct opts *o = ctx;

	o->version = true;
	return 0;
}

static const struct optab_row option_rows[] = {
	{"store", 0, OPTAB_REQUIRED, "DIR", "image store to use", parse_store},
	{"owner", 0, OPTAB_REQUIRED, "UID", "root: use a store that this user owns", parse_owner},
	{"by", 0, OPTAB_REQUIRED, "link|reflink|copy", "unpack: how files get there", parse_by},
	{"json", 0, OPTAB_NONE, NULL, "list: print JSON", parse_json},
	{"help", 'h', OPTAB_NONE, NULL, "show this help", parse_help},
	{"version", 0, OPTAB_NONE, NULL, "show the version", parse_version},
};

static const char usage_text[] =
	"Usage: " PROGRAM " [OPTION...] mount REF DIR    mount an image, read-only\n"
	"       " PROGRAM " [OPTION...] umount DIR       undo that\n"
	"       " PROGRAM " [OPTION...] unpack REF DIR   merge its layers into a directory\n"
	"       " PROGRAM " [OPTION...] list             show what is mounted\n"
	"REF is as for imgfetch: NAME[:TAG][@DIGEST], oci:DIR[:TAG] or sha256:DIGEST.\n"
	"\nOptions:\n";

/* --- image --- */

/* A stored image, opened and locked against removal. */
struct image {
	struct store store;
	struct imgdesc desc;
	int lock_fd;
	struct layers layers;
};
#define IMAGE_NONE ((struct image){.store = {.fd = -1}, .lock_fd = -1})

static void image_close(struct image *image)
{
	layers_close(&image->layers);
	cleanup_fd(&image->lock_fd);
	imgdesc_fini(&image->desc);
	store_close(&image->store);
}

/* 500 layers are more descriptors than the usual soft limit of 1024 leaves room for, with what the
 * caller may have open. Failing is no harm: then the open that is too much says so. */
static void raise_file_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
			return;
	}
}

/* As root with every directory above the store checked, whoever is to own it. */
static int open_store(const struct opts *o, const char *path, struct store *out, struct err *e)
{
	struct stat st;

	if (o->has_owner)
		return store_open(path, o->owner, false, out, e);
	if (storepath_open(path, out, e) == 0)
		return 0;
	/* Only for the hint: nothing is decided by it. */
	if (store_caller_is_root() && e->kind == ERR_CONFIG && stat(path, &st) == 0 &&
	    st.st_uid != 0)
		return err_wrap(e, "root uses stores of root, or of --owner=UID");
	return -1;
}

static int image_open(const struct opts *o, const char *name, struct image *image, struct err *e)
{
	char path[PATH_MAX];
	struct ref ref;
	struct digest manifest;

	if (ref_parse(name, &ref, e) < 0)
		return -1;
	if (storepath_pick(o->store, CONFIG_FILE, getenv("XDG_DATA_HOME"), getenv("HOME"), path,
			   sizeof(path), e) < 0)
		return -1;
	raise_file_limit();
	if (open_store(o, path, &image->store, e) < 0)
		return -1;
	if (store_resolve(&image->store, &ref, &manifest, e) < 0)
		return -1;
	if (store_read_image(&image->store, &manifest, &image->desc, &image->lock_fd, e) < 0)
		return -1;
	return layers_open(&image->store, &image->desc, &image->layers, e);
}

/* --- mount, umount, list --- */

static int need_root(const char *verb, struct err *e)
{
	if (geteuid() == 0)
		return 0;
	return err_set(e, ERR_DENIED,
		       "%s needs root: use sudo, or a namespace of your own (unshare -Urm), or "
		       "'" PROGRAM " unpack'",
		       verb);
}

/* O_PATH descriptor of the directory somebody named. */
static int open_dir_operand(const char *dir, struct err *e)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno == ENOENT || errno == ENOTDIR ? ERR_USAGE : ERR_SYSTEM,
			       "open the directory '%s'", text_quote(dir).s);
	return fd;
}

/* Is the object behind fd the top of an image's mount? 1 and *out, 0, -1. */
static int find_mount(int fd, const char *dir, struct imgmount_entry *out, struct err *e)
{
	struct statx stx;
	struct imgmounts m;
	int got;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s'", text_quote(dir).s);
	if (!(stx.stx_mask & STATX_MNT_ID))
		return err_set(e, ERR_SYSTEM, "this kernel does not tell mounts apart (5.8 does)");
	if (!(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	if (imgmounts_open(&m, e) < 0)
		return -1;
	while ((got = imgmounts_next(&m, out, e)) == 1) {
		if (out->mnt_id == stx.stx_mnt_id)
			break;
	}
	imgmounts_close(&m);
	return got;
}

static int cmd_mount(const struct opts *o, char **args, struct err *e)
{
	char source[sizeof(IMGMOUNTS_SOURCE) + DIGEST_TEXT_LEN];
	struct overlay_opts overlay = OVERLAY_OPTS_DEFAULT;
	struct imgmount_entry other;
	struct image image = IMAGE_NONE;
	int ret = -1;

	if (need_root("mount", e) < 0)
		return -1;
	auto_fd dir = open_dir_operand(args[1], e);
	if (dir < 0)
		return -1;
	int found = find_mount(dir, args[1], &other, e);
	if (found < 0)
		return -1;
	if (found)
		return err_set(e, ERR_BUSY, "an image is mounted on '%s' already",
			       text_quote(args[1]).s);
	auto_fd mnt = -1;
	if (image_open(o, args[0], &image, e) < 0)
		goto out;
	if (text_format(source, sizeof(source), IMGMOUNTS_SOURCE "%s",
			digest_text(&image.desc.digest).s) < 0) {
		(void)err_sys(e, ERR_BUG, "name the mount");
		goto out;
	}
	overlay.source = source;
	overlay.scratch_fd = dir;
	mnt = overlay_mount_opts(image.layers.fds, image.layers.count, &overlay, e);
	if (mnt >= 0)
		ret = mnt_attach(mnt, dir, args[1], e);
	if (ret < 0 && e->errnum == EPERM) {
		e->kind = ERR_DENIED;
		(void)err_wrap(e, "the right to mount is missing here (CAP_SYS_ADMIN)");
	}
out:
	/* The lock is held until the mount can be seen, so that no removal slips in between. */
	image_close(&image);
	return ret;
}

static int cmd_umount(const struct opts *o UNUSED, char **args, struct err *e)
{
	struct imgmount_entry entry;
	auto_fd dir = open_dir_operand(args[0], e);

	if (dir < 0)
		return -1;
	int found = find_mount(dir, args[0], &entry, e);
	if (found < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_USAGE, "no image is mounted on '%s'", text_quote(args[0]).s);
	if (need_root("umount", e) < 0)
		return -1;
	cleanup_fd(&dir); /* it would keep the mount busy itself */
	if (umount2(entry.dir, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno == EBUSY)
		return err_sys(e, ERR_BUSY, "umount '%s': somebody uses it",
			       text_quote(entry.dir).s);
	return err_sys(e, errno == EPERM ? ERR_DENIED : ERR_SYSTEM, "umount '%s'",
		       text_quote(entry.dir).s);
}

/* One mount: "image sha256:... DIR", or "layer" where a single layer is bound. */
static void print_mount(const struct imgmount_entry *entry)
{
	char dir[4 * sizeof(entry->dir)];
	struct text t = TEXT_OVER(dir);

	dir[0] = '\0';
	text_add_quoted(&t, entry->dir, strlen(entry->dir));
	printf("%s %s %s\n", entry->is_layer ? "layer" : "image", digest_text(&entry->digest).s,
	       dir);
}

static void print_mount_json(struct jsonout *j, const struct imgmount_entry *entry)
{
	jsonout_open(j, NULL, '{');
	jsonout_string(j, "kind", entry->is_layer ? "layer" : "image");
	jsonout_string(j, "digest", digest_text(&entry->digest).s);
	jsonout_string(j, "directory", entry->dir);
	jsonout_number(j, "mount_id", entry->mnt_id);
	jsonout_close(j, '}');
}

static int cmd_list(const struct opts *o, char **args UNUSED, struct err *e)
{
	struct jsonout j = {.file = stdout};
	struct imgmounts m;
	struct imgmount_entry entry;
	int got;

	if (imgmounts_open(&m, e) < 0)
		return -1;
	if (o->json)
		jsonout_open(&j, NULL, '[');
	while ((got = imgmounts_next(&m, &entry, e)) == 1) {
		if (o->json)
			print_mount_json(&j, &entry);
		else
			print_mount(&entry);
	}
	if (o->json && got == 0)
		jsonout_close(&j, ']');
	if (got == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		got = err_sys(e, ERR_SYSTEM, "write the list");
	imgmounts_close(&m);
	return got;
}

/* --- unpack --- */

/* Split a path into an open parent directory and a last component in buf. */
static int open_parent(const char *path, char buf[PATH_MAX], const char **name, struct err *e)
{
	char *resolved = NULL;
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	/* Where the last word is no name, ask the kernel for one. */
	if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		resolved = realpath(path, NULL);
	int ret = text_format(buf, PATH_MAX, "%s", resolved ? resolved : path);
	free(resolved);
	if (ret < 0)
		return err_sys(e, ERR_USAGE, "unpack to '%s'", text_quote(path).s);
	for (size_t len = strlen(buf); len > 1 && buf[len - 1] == '/'; len--)
		buf[len - 1] = '\0';
	char *slash = strrchr(buf, '/');
	*name = slash ? slash + 1 : buf;
	if ((*name)[0] == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return err_set(e, ERR_USAGE, "unpack to '%s': this is no name for a directory",
			       text_quote(path).s);
	if (!slash)
		return open_dir_operand(".", e);
	*slash = '\0';
	return open_dir_operand(slash == buf ? "/" : buf, e);
}

static int catch_signals(struct err *e)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};

	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		if (sigaction(signals[i], &sa, NULL) < 0)
			return err_sys(e, ERR_SYSTEM, "catch signal %d", signals[i]);
	}
	/* A file that ulimit(1) does not allow is an error: write(2) says EFBIG. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return err_sys(e, ERR_SYSTEM, "ignore SIGXFSZ");
	return 0;
}

static int cmd_unpack(const struct opts *o, char **args, struct err *e)
{
	const struct unpack_opts unpack = {.by = o->by, .stop = &stop_signal};
	char path[PATH_MAX];
	const char *name = NULL;
	struct image image = IMAGE_NONE;

	auto_fd parent = open_parent(args[1], path, &name, e);
	if (parent < 0 || catch_signals(e) < 0)
		return -1;
	int ret = image_open(o, args[0], &image, e);
	if (ret == 0) {
		userns_override_modes();
		ret = unpack_layers(&image.layers, parent, name, &unpack, e);
		if (ret < 0)
			(void)err_wrap(e, "unpack to '%s'", text_quote(args[1]).s);
	}
	image_close(&image);
	return ret;
}

/* --- command line --- */

static const struct command {
	const char *name;
	int arg_count;
	const char *args; /* for the message when there are more or fewer */
	int (*run)(const struct opts *o, char **args, struct err *e);
} commands[] = {
	{"mount", 2, "REF DIR", cmd_mount},
	{"umount", 1, "DIR", cmd_umount},
	{"unpack", 2, "REF DIR", cmd_unpack},
	{"list", 0, "no operands", cmd_list},
};

static const struct command *find_command(const char *name, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	(void)err_set(e, ERR_USAGE, "unknown command '%s'; see " PROGRAM " --help",
		      text_quote(name).s);
	return NULL;
}

static int print_help(struct err *e)
{
	if (fdio_write_all(STDOUT_FILENO, usage_text, strlen(usage_text)) < 0 ||
	    optab_print_help(option_rows, ARRAY_LEN(option_rows)) < 0)
		return err_sys(e, ERR_SYSTEM, "write the help");
	return 0;
}

static int print_version(struct err *e)
{
	static const char text[] = PROGRAM " " ISOLATE_OCI_VERSION "\n";

	if (fdio_write_all(STDOUT_FILENO, text, strlen(text)) < 0)
		return err_sys(e, ERR_SYSTEM, "write the version");
	return 0;
}

static int run(int argc, char **argv, struct err *e)
{
	struct opts o = {.store = NULL};
	int word, first;

	if (fdio_keep_stdio_open(e) < 0)
		return -1;
	(void)umask(077); /* what a directory is to be is set when it is ready */
	/* Options may stand before the command and after it. */
	if (optab_parse(option_rows, ARRAY_LEN(option_rows), argc, argv, &o, &word, e) < 0)
		return -1;
	if (word < argc && optab_parse(option_rows, ARRAY_LEN(option_rows), argc - word,
				       argv + word, &o, &first, e) < 0)
		return -1;
	if (o.help)
		return print_help(e);
	if (o.version)
		return print_version(e);
	if (word >= argc)
		return err_set(e, ERR_USAGE, "no command given; see " PROGRAM " --help");
	const struct command *c = find_command(argv[word], e);
	if (!c)
		return -1;
	if (argc - word - first != c->arg_count)
		return err_set(e, ERR_USAGE, "'%s' takes %s; see " PROGRAM " --help", c->name,
			       c->args);
	if (o.has_owner && !store_caller_is_root())
		return err_set(e, ERR_USAGE, "option '--owner' is for root");
	if (o.has_by && c->run != cmd_unpack)
		return err_set(e, ERR_USAGE, "option '--by' belongs to 'unpack'");
	if (o.json && c->run != cmd_list)
		return err_set(e, ERR_USAGE, "option '--json' belongs to 'list'");
	return c->run(&o, argv + word + first, e);
}

static enum status status_of(enum err_kind kind)
{
	switch (kind) {
	case ERR_USAGE:
		return STATUS_USAGE;
	case ERR_NOTFOUND:
		return STATUS_NOT_FOUND;
	case ERR_VERIFY:
		return STATUS_VERIFY;
	case ERR_CONFIG:
	case ERR_DISK:
		return STATUS_STORE;
	case ERR_BUSY:
		return STATUS_BUSY;
	default:
		return STATUS_SYSTEM;
	}
}

int main(int argc, char **argv)
{
	struct err e = {0};

	if (run(argc, argv, &e) == 0)
		return STATUS_OK;
	err_print(PROGRAM, &e);
	return (int)status_of(e.kind);
}
