/* SPDX-License-Identifier: MIT */
/* Tar stream -> layer directory: libarchive reads, layerdir writes, this file decides. */
#include "imgfetch/unpack.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "imgfetch/filehash.h"
#include "imgfetch/layerdir.h"
#include "imgfetch/rawheader.h"
#include "imgfetch/whiteout.h"

#define ENTRIES_DEFAULT	  UINT64_C(2000000)
#define BYTES_DEFAULT	  (UINT64_C(64) << 30)
#define RATIO_DEFAULT	  250
#define SKIPPED_PATHS_MAX 512 /* devices that hard links may point to */
/* What one header may take, extensions and sparse map included. libarchive makes 48 bytes out of as
 * little as 4 of a map, and has no limit of its own (3.6). */
#define HEADER_BYTES_MAX   (UINT64_C(8) << 20)
#define XATTRS_KEPT_PREFIX "user."
#define XATTRS_OVERLAY	   "user.overlay."

struct unpack {
	struct archive *a;
	struct archive_entry *entry; /* libarchive's; valid until the next header */
	struct layerdir *dir;
	struct listwriter *list;
	struct filehash *hash; /* of the file at hand; NULL without a list */
	struct unpack_limits limits;
	struct unpack_info info;
	unpack_read read;
	void *read_arg;
	struct err *read_err; /* what read said, once it failed */
	bool read_failed;
	uint64_t bytes;	      /* logical, of all files so far */
	uint64_t fed;	      /* bytes of the stream */
	bool in_header;	      /* reading one, or at the begin of a file's data, where maps are */
	uint64_t header_from; /* fed when that began */
	struct rawheader raw; /* of the entry at hand */
	bool in_raw;	      /* reading that */
	bool between;	      /* entries or behind a file's data: only padding can be missing now */

	/* The entry at hand. */
	struct entry_name name, target;
	struct entry_meta meta;
	bool root_mode_given;

	/* Names of device nodes that were not made. */
	char *skipped[SKIPPED_PATHS_MAX];
	size_t skipped_count;
};

struct unpack_limits unpack_limits_default(const struct unpack_limits *l)
{
	struct unpack_limits d = *l;

	if (d.entries == 0)
		d.entries = ENTRIES_DEFAULT;
	if (d.bytes == 0)
		d.bytes = BYTES_DEFAULT;
	if (d.path_bytes == 0 || d.path_bytes > ENTRY_PATH_MAX)
		d.path_bytes = ENTRY_PATH_MAX;
	if (d.depth == 0)
		d.depth = ENTRY_DEPTH_MAX;
	if (d.ratio == 0)
		d.ratio = RATIO_DEFAULT;
	return d;
}

static la_ssize_t feed(struct archive *a, void *arg, const void **data)
{
	static const char zeros[512];
	struct unpack *u = arg;

	if (u->in_raw && rawheader_keep(&u->raw, u->read_err) < 0) {
		u->read_failed = true;
		archive_set_error(a, ENOMEM, "stopped");
		return ARCHIVE_FATAL;
	}
	ssize_t n = u->read(u->read_arg, data, u->read_err);

	if (n < 0) {
		u->read_failed = true;
		archive_set_error(a, EIO, "stopped");
		return ARCHIVE_FATAL;
	}
	/* umoci 0.4.7 ends its layers right after the last file's last byte, and readers in Go do
	 * not mind: up to a full block we add what it left out. Never within a file. */
	if (n == 0 && u->between && u->fed % sizeof(zeros) != 0) {
		n = (ssize_t)(sizeof(zeros) - u->fed % sizeof(zeros));
		*data = zeros;
	}
	rawheader_feed(&u->raw, n > 0 ? *data : NULL, (size_t)n);
	u->fed += (uint64_t)n;
	if (u->in_header && u->fed - u->header_from > HEADER_BYTES_MAX) {
		(void)err_set(u->read_err, ERR_VERIFY, "a header of more than %llu MiB",
			      (unsigned long long)(HEADER_BYTES_MAX >> 20));
		u->read_failed = true;
		archive_set_error(a, EFBIG, "stopped");
		return ARCHIVE_FATAL;
	}
	return n;
}

static void begin_header(struct unpack *u)
{
	u->in_header = true;
	u->header_from = u->fed;
}

/* What libarchive said. Its own words are English, but may hold names from the archive. */
static int archive_fail(struct unpack *u, struct err *e)
{
	if (u->read_failed)
		return -1;
	const char *why = archive_error_string(u->a);
	return err_set(e, ERR_VERIFY, "broken tar archive (%s)", text_quote(why ? why : "?").s);
}

static bool xattr_kept(const char *name)
{
	return strncmp(name, XATTRS_KEPT_PREFIX, strlen(XATTRS_KEPT_PREFIX)) == 0 &&
	       strncmp(name, XATTRS_OVERLAY, strlen(XATTRS_OVERLAY)) != 0;
}

/* With an empty value a pax header takes a record back (POSIX): no tool that reads layers with Go's
 * archive/tar makes such an attribute. */
static bool xattr_given(const char *name, size_t size)
{
	return size > 0 && xattr_kept(name);
}

/* Count what cannot be kept; true when something can. on_file: a file or directory. */
static bool sort_xattrs(struct unpack *u, bool on_file)
{
	const char *name;
	const void *value;
	size_t size;
	bool any = false;

	if (archive_entry_xattr_reset(u->entry) == 0)
		return false;
	while (archive_entry_xattr_next(u->entry, &name, &value, &size) == ARCHIVE_OK) {
		if (on_file && xattr_given(name, size))
			any = true;
		else
			u->info.dropped_xattrs++;
	}
	return any;
}

static int set_xattrs(struct unpack *u, int fd, struct err *e)
{
	const char *name;
	const void *value;
	size_t size;

	(void)archive_entry_xattr_reset(u->entry); /* a count, known to be above 0 */
	while (archive_entry_xattr_next(u->entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!xattr_given(name, size))
			continue;
		if (fsetxattr(fd, name, value, size, 0) == 0)
			continue;
		switch (errno) {
		case EOPNOTSUPP:
		case ENOSPC: /* ext4: no room in the one block that an inode's attributes have */
		case E2BIG:
		case ERANGE:
			u->info.dropped_xattrs++;
			break;
		default:
			return err_sys(e, layerdir_errno_kind(errno),
				       "set an extended attribute of '%s'",
				       text_quote(u->name.path).s);
		}
	}
	return 0;
}

static int write_at(int fd, const void *data, size_t len, int64_t offset, int64_t *pos)
{
	if (offset != *pos && lseek(fd, offset, SEEK_SET) < 0)
		return -1;
	if (fdio_write_all(fd, data, len) < 0)
		return -1;
	*pos = offset + (int64_t)len;
	return 0;
}

/* What the archive leaves out, and what it gives. */
static int hash_data(struct unpack *u, int64_t hole, const void *data, size_t len, struct err *e)
{
	if (!u->hash)
		return 0;
	if (hole > 0 && filehash_hole(u->hash, (uint64_t)hole, e) < 0)
		return -1;
	return filehash_data(u->hash, data, len, e);
}

static int copy_data(struct unpack *u, int fd, int64_t size, struct err *e)
{
	int64_t pos = 0;

	for (;;) {
		const void *data;
		size_t len;
		la_int64_t offset;
		u->between = pos == size;
		begin_header(u);
		int r = archive_read_data_block(u->a, &data, &len, &offset);
		u->between = u->in_header = false;
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK)
			return archive_fail(u, e);
		if (len == 0)
			continue;
		/* Sparse maps are the archive's own claim. */
		if (offset < pos || offset > size || (int64_t)len > size - offset)
			return err_set(e, ERR_VERIFY, "data of '%s' outside its size",
				       text_quote(u->name.path).s);
		if (hash_data(u, offset - pos, data, len, e) < 0)
			return -1;
		if (write_at(fd, data, len, offset, &pos) < 0)
			goto write_failed;
	}
	if (pos < size && ftruncate(fd, size) < 0)
		goto write_failed;
	return hash_data(u, size - pos, NULL, 0, e);
write_failed:
	return err_sys(e, layerdir_errno_kind(errno), "write '%s'", text_quote(u->name.path).s);
}

static int do_file(struct unpack *u, struct err *e)
{
	int64_t size = archive_entry_size(u->entry);
	bool xattrs = sort_xattrs(u, true);
	struct digest content = {0};

	if (size < 0 || (uint64_t)size > u->limits.bytes - u->bytes)
		return err_set(e, ERR_VERIFY,
			       "'%s' makes it larger than %llu bytes (max_layer_size)",
			       text_quote(u->name.path).s, (unsigned long long)u->limits.bytes);
	u->bytes += (uint64_t)size;
	if (u->limits.image_bytes &&
	    atomic_fetch_add(u->limits.image_bytes, (uint64_t)size) + (uint64_t)size >
		    u->limits.image_bytes_max)
		return err_set(e, ERR_VERIFY,
			       "'%s' makes the image larger than %llu bytes (max_image_size)",
			       text_quote(u->name.path).s,
			       (unsigned long long)u->limits.image_bytes_max);
	auto_fd fd = layerdir_make_file(u->dir, &u->name, &u->meta, xattrs, e);
	if (fd < 0)
		return -1;
	if (size > 0 && copy_data(u, fd, size, e) < 0)
		return -1;
	if (xattrs && set_xattrs(u, fd, e) < 0)
		return -1;
	if (u->hash && filehash_end(u->hash, &content, e) < 0)
		return -1;
	if (layerdir_close_file(u->dir, &fd, &u->name, &u->meta, xattrs, &content, e) < 0)
		return -1;
	u->info.files++;
	u->info.bytes += (uint64_t)size;
	return 0;
}

/* Of several entries of a directory the last counts. */
static int clear_xattrs(struct unpack *u, int fd, struct err *e)
{
	char names[XATTR_LIST_MAX];
	ssize_t len = flistxattr(fd, names, sizeof(names));

	if (len < 0 && errno != EOPNOTSUPP)
		goto failed;
	for (const char *n = names; len > 0 && n < names + len; n += strlen(n) + 1) {
		if (xattr_kept(n) && fremovexattr(fd, n) < 0)
			goto failed;
	}
	return 0;
failed:
	return err_sys(e, layerdir_errno_kind(errno), "remove an extended attribute of '%s'",
		       text_quote(u->name.path).s);
}

static int do_dir(struct unpack *u, struct err *e)
{
	bool again, xattrs;

	if (layerdir_make_dir(u->dir, &u->name, &u->meta, &again, e) < 0)
		return -1;
	u->info.directories++;
	if (u->name.len == 0)
		u->root_mode_given = true;
	xattrs = sort_xattrs(u, true);
	if (!xattrs && !again)
		return 0;
	auto_fd fd = layerdir_open_dir(u->dir, &u->name, e);
	if (fd < 0 || (again && clear_xattrs(u, fd, e) < 0))
		return -1;
	return xattrs ? set_xattrs(u, fd, e) : 0;
}

static int do_symlink(struct unpack *u, struct err *e)
{
	const char *target = archive_entry_symlink(u->entry);

	if (!target || *target == '\0')
		return err_set(e, ERR_VERIFY, "the symbolic link '%s' has no target",
			       text_quote(u->name.path).s);
	if (strlen(target) >= ENTRY_PATH_MAX)
		return err_set(e, ERR_VERIFY, "the target of the symbolic link '%s' is too long",
			       text_quote(u->name.path).s);
	(void)sort_xattrs(u, false); /* user.* is for files and directories, xattr(7) */
	u->info.symlinks++;
	return layerdir_make_symlink(u->dir, &u->name, target, &u->meta, e);
}

static bool was_skipped(const struct unpack *u, const char *path)
{
	for (size_t i = 0; i < u->skipped_count; i++) {
		if (strcmp(u->skipped[i], path) == 0)
			return true;
	}
	return false;
}

/* A box gets its devices from its own /dev; a layer with nodes would be a way to the machine's. */
static int skip_device(struct unpack *u, struct err *e)
{
	if (layerdir_drop(u->dir, &u->name, &u->meta, e) < 0)
		return -1;
	u->info.dropped_devices++;
	if (u->skipped_count < SKIPPED_PATHS_MAX && !was_skipped(u, u->name.path)) {
		char *copy = strdup(u->name.path);
		if (!copy)
			return err_sys(e, ERR_SYSTEM, "remember a device node");
		u->skipped[u->skipped_count++] = copy;
	}
	return 0;
}

static int do_device(struct unpack *u, mode_t type, struct err *e)
{
	if (type == AE_IFCHR && archive_entry_rdevmajor(u->entry) == 0 &&
	    archive_entry_rdevminor(u->entry) == 0)
		return err_set(e, ERR_VERIFY,
			       "'%s' is a character device 0:0, which would hide a file",
			       text_quote(u->name.path).s);
	return skip_device(u, e);
}

static int do_link(struct unpack *u, const char *raw_target, struct err *e)
{
	enum whiteout_kind kind;

	if (entry_name_parse(raw_target, u->limits.path_bytes, u->limits.depth, &u->target, e) < 0)
		return err_wrap(e, "hard link '%s'", text_quote(u->name.path).s);
	struct entry_name decoded = u->target;
	if (whiteout_decode(&decoded, &kind, e) < 0)
		return err_wrap(e, "hard link '%s'", text_quote(u->name.path).s);
	if (kind != WHITEOUT_NONE)
		return err_set(e, ERR_VERIFY, "'%s' is a hard link to the whiteout '%s'",
			       text_quote(u->name.path).s, text_quote(u->target.path).s);
	if (layerdir_resolve(u->dir, &u->target, false, e) < 0)
		return err_wrap(e, "hard link '%s'", text_quote(u->name.path).s);
	if (was_skipped(u, u->target.path))
		return skip_device(u, e);
	/* Its metadata are those of the file, which the first entry gave. */
	if (layerdir_make_link(u->dir, &u->name, &u->target, &u->meta, e) < 0)
		return -1;
	u->info.hardlinks++;
	return 0;
}

static int read_meta(struct unpack *u, struct err *e)
{
	mode_t perm = archive_entry_perm(u->entry);
	int64_t uid = archive_entry_uid(u->entry), gid = archive_entry_gid(u->entry);

	if (perm & (S_ISUID | S_ISGID))
		u->info.dropped_setid++;
	u->meta = (struct entry_meta){
		.mode = perm & (0777 | S_ISVTX),
		.mtime = {.tv_sec = archive_entry_mtime(u->entry),
			  .tv_nsec = archive_entry_mtime_nsec(u->entry)},
	};
	if (u->meta.mtime.tv_nsec < 0 || u->meta.mtime.tv_nsec > 999999999)
		u->meta.mtime.tv_nsec = 0;
	/* Of times before 1970 libarchive does not tell what their fraction means. */
	if (u->meta.mtime.tv_sec <= 0 && u->meta.mtime.tv_nsec > 0)
		(void)rawheader_mtime(&u->raw, &u->meta.mtime); /* else as it is */
	if (!u->info.owners_kept)
		return 0;
	/* (uid_t)-1 means "leave it" to chown(2). */
	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return err_set(e, ERR_VERIFY, "'%s' belongs to an owner that cannot be (%lld:%lld)",
			       text_quote(u->name.path).s, (long long)uid, (long long)gid);
	u->meta.uid = (uid_t)uid;
	u->meta.gid = (gid_t)gid;
	return 0;
}

static int do_entry(struct unpack *u, struct err *e)
{
	const char *raw = archive_entry_pathname(u->entry);
	const char *link = archive_entry_hardlink(u->entry);
	mode_t type = archive_entry_filetype(u->entry);
	enum whiteout_kind kind;

	if (++u->info.entries > u->limits.entries)
		return err_set(e, ERR_VERIFY, "more than %llu entries (max_entries)",
			       (unsigned long long)u->limits.entries);
	/* Some tar programs wrote the root so; others have always taken it for that. */
	if (raw && *raw == '\0' && !link && type == AE_IFDIR)
		raw = ".";
	if (entry_name_parse(raw ? raw : "", u->limits.path_bytes, u->limits.depth, &u->name, e) <
	    0)
		return err_wrap(e, "'%s'", text_quote(raw ? raw : "").s);
	if (whiteout_decode(&u->name, &kind, e) < 0 || read_meta(u, e) < 0)
		return -1;
	if (kind != WHITEOUT_IGNORE &&
	    layerdir_resolve(u->dir, &u->name, kind == WHITEOUT_OPAQUE, e) < 0)
		return -1;
	switch (kind) {
	case WHITEOUT_HIDE:
		return layerdir_whiteout(u->dir, &u->name, &u->meta, e);
	case WHITEOUT_OPAQUE:
		return layerdir_opaque(u->dir, &u->name, &u->meta, e);
	case WHITEOUT_IGNORE:
		return 0;
	case WHITEOUT_NONE:
		break;
	}
	/* CVE-2021-29136: an archive whose "." is a symbolic link moved the root itself. */
	if (u->name.len == 0 && (link || type != AE_IFDIR))
		return err_set(e, ERR_VERIFY, "the root directory is given as something else");
	if (link)
		return do_link(u, link, e);
	switch (type) {
	case AE_IFREG:
		return do_file(u, e);
	case AE_IFDIR:
		return do_dir(u, e);
	case AE_IFLNK:
		return do_symlink(u, e);
	case AE_IFIFO:
		(void)sort_xattrs(u, false);
		u->info.fifos++;
		return layerdir_make_fifo(u->dir, &u->name, &u->meta, e);
	case AE_IFCHR:
	case AE_IFBLK:
		return do_device(u, type, e);
	case AE_IFSOCK:
		u->info.dropped_sockets++;
		return layerdir_drop(u->dir, &u->name, &u->meta, e);
	default:
		return err_set(e, ERR_VERIFY, "'%s' is of an unknown type",
			       text_quote(u->name.path).s);
	}
}

static int open_archive(struct unpack *u, struct err *e)
{
	u->a = archive_read_new();
	if (!u->a || archive_read_support_filter_none(u->a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(u->a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(u->a) != ARCHIVE_OK)
		return err_set(e, ERR_SYSTEM, "start libarchive: %s",
			       u->a ? archive_error_string(u->a) : "out of memory");
	if (archive_read_open(u->a, u, NULL, feed, NULL) != ARCHIVE_OK)
		return archive_fail(u, e);
	return 0;
}

/* A warning means that libarchive ignored something it did not understand: what we made of it then
 * might not be what others make of the same digest. One kind is known: a name in a pax record is to
 * be UTF-8, which libarchive converts to the locale's character set, and where it cannot it says so
 * and takes the bytes as they are, which is what we want. Its option hdrcharset=BINARY would say
 * that better, but 3.6 has no converter for it; therefore unpack_tar sees to the C locale, into
 * which nothing but ASCII can be converted. */
static bool is_raw_name(struct unpack *u)
{
	const char *why = archive_error_string(u->a);

	return why && strstr(why, "can't be converted from UTF-8 to current locale");
}

static int read_entries(struct unpack *u, struct err *e)
{
	for (;;) {
		u->between = u->in_raw = true;
		begin_header(u);
		rawheader_begin(&u->raw, (uint64_t)archive_filter_bytes(u->a, 0));
		int r = archive_read_next_header(u->a, &u->entry);
		u->between = u->in_header = u->in_raw = false;
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && !(r == ARCHIVE_WARN && is_raw_name(u)))
			return archive_fail(u, e);
		if (do_entry(u, e) < 0)
			return -1;
		/* Data that nobody wanted are no part of the next header. */
		u->between = true;
		r = archive_read_data_skip(u->a);
		u->between = false;
		if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
			return archive_fail(u, e);
	}
}

static int run(struct unpack *u, int layer_fd, struct facts *facts, struct err *e)
{
	struct layerdir_counts counts;

	if (u->list && !(u->hash = filehash_new(e)))
		return -1;
	u->dir = layerdir_new(layer_fd, u->info.owners_kept, u->list, e);
	if (!u->dir || open_archive(u, e) < 0 || read_entries(u, e) < 0)
		return -1;
	if (!u->root_mode_given && fchmod(layer_fd, 0755) < 0)
		return err_sys(e, layerdir_errno_kind(errno), "set the mode of the root directory");
	if (layerdir_finish(u->dir, &counts, facts, e) < 0)
		return -1;
	u->info.whiteouts = counts.whiteouts;
	u->info.opaques = counts.opaques;
	u->info.opaque_root = counts.opaque_root;
	u->info.owners_kept = u->info.owners_kept && !counts.owners_lost;
	return 0;
}

int unpack_tar(int layer_fd, unpack_read read, void *arg, const struct unpack_limits *limits,
	       struct listwriter *list, struct unpack_info *info, struct facts *facts,
	       struct err *e)
{
	struct facts found = {0};

	auto_free struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return err_sys(e, ERR_SYSTEM, "start unpacking");
	u->limits = unpack_limits_default(limits);
	u->list = list;
	u->read = read;
	u->read_arg = arg;
	u->read_err = e;
	u->info.owners_kept = geteuid() == 0;
	umask(0);
	locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c_locale == (locale_t)0)
		return err_sys(e, ERR_SYSTEM, "use the C locale");
	locale_t saved_locale = uselocale(c_locale);
	int r = run(u, layer_fd, &found, e);
	if (r == 0) {
		*info = u->info;
		*facts = found;
	} else {
		facts_fini(&found);
		if (u->limits.image_bytes)
			atomic_fetch_sub(u->limits.image_bytes, u->bytes);
	}
	layerdir_free(u->dir);
	filehash_free(u->hash);
	rawheader_fini(&u->raw);
	if (u->a)
		(void)archive_read_free(u->a); /* frees whatever state it is in */
	for (size_t i = 0; i < u->skipped_count; i++)
		free(u->skipped[i]);
	uselocale(saved_locale);
	freelocale(c_locale);
	return r;
}
