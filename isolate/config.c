/* SPDX-License-Identifier: MIT */
/* The configuration file, isolate.cf(5). */
#include "isolate/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/lineconf.h"
#include "common/num.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/cpulist.h"

static const struct config defaults = {
	.box_root = "/var/lib/isolate/boxes",
	.lock_root = "/run/isolate/locks",
	.cg_root = "auto",
	.image_root = "/var/lib/isolate/images",
	.first_uid = 60000,
	.first_gid = 60000,
	.num_boxes = 1000,
	.syscall_flags = CONFIG_FLAGS_ALL,
	.tmp_bytes = UINT64_C(256) << 20,
	.user_images = true,
	.share_net = WHO_ALL,
};

/* --- values ---------------------------------------------------------------------------------- */

static int set_text(char out[CONFIG_PATH_MAX], const char *key, const char *value, struct err *e)
{
	if (text_format(out, CONFIG_PATH_MAX, "%s", value) < 0)
		return err_set(e, ERR_CONFIG, "%s is too long", key);
	return 0;
}

static int set_path(char out[CONFIG_PATH_MAX], const char *key, const char *value, struct err *e)
{
	if (value[0] != '/')
		return err_set(e, ERR_CONFIG, "%s must be an absolute path, not '%s'", key,
			       text_quote(value).s);
	return set_text(out, key, value, e);
}

static int set_u32(uint32_t *out, const char *key, const char *value, uint32_t min, uint32_t max,
		   struct err *e)
{
	uint64_t v;

	if (num_parse_u64(value, min, max, key, &v, e) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

/* One of two words; *out tells whether it was the second. */
static int set_choice(bool *out, const char *key, const char *value, const char *first,
		      const char *second, struct err *e)
{
	if (strcmp(value, first) != 0 && strcmp(value, second) != 0)
		return err_set(e, ERR_CONFIG, "%s must be '%s' or '%s', not '%s'", key, first,
			       second, text_quote(value).s);
	*out = strcmp(value, second) == 0;
	return 0;
}

/* 1.x and 2.x write 0 and 1 for these; we take words too. */
static int set_bool(bool *out, const char *key, const char *value, struct err *e)
{
	if (strcmp(value, "0") == 0 || strcmp(value, "1") == 0)
		return set_choice(out, key, value, "0", "1", e);
	return set_choice(out, key, value, "no", "yes", e);
}

/* --- keys ------------------------------------------------------------------------------------ */

static int key_box_root(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_path(c->box_root, key, v, e);
}

static int key_lock_root(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_path(c->lock_root, key, v, e);
}

static int key_cg_root(struct config *c, const char *key, const char *v, struct err *e)
{
	if (strcmp(v, "auto") != 0 && strncmp(v, "auto:/", 6) != 0 && strncmp(v, "v1:/", 4) != 0 &&
	    v[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "%s must be 'auto', 'auto:/FILE', '/DIRECTORY' or 'v1:/NAME', not "
			       "'%s'",
			       key, text_quote(v).s);
	return set_text(c->cg_root, key, v, e);
}

static int key_cg_move_processes(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_bool(&c->cg_move_processes, key, v, e);
}

static int key_image_root(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_path(c->image_root, key, v, e);
}

static int key_image_owner(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_u32(&c->image_owner, key, v, 0, CONFIG_ID_HIGHEST, e);
}

static int key_first_uid(struct config *c, const char *key, const char *v, struct err *e)
{
	c->ids_given = true;
	return set_u32(&c->first_uid, key, v, CONFIG_ID_LOWEST, CONFIG_ID_HIGHEST, e);
}

static int key_first_gid(struct config *c, const char *key, const char *v, struct err *e)
{
	c->ids_given = true;
	return set_u32(&c->first_gid, key, v, CONFIG_ID_LOWEST, CONFIG_ID_HIGHEST, e);
}

static int key_num_boxes(struct config *c, const char *key, const char *v, struct err *e)
{
	c->num_given = true;
	return set_u32(&c->num_boxes, key, v, 1, INT32_MAX, e);
}

static int key_subid_user(struct config *c, const char *key, const char *v, struct err *e)
{
	if (!*v || strchr(v, ':'))
		return err_set(e, ERR_CONFIG, "%s must be the name of a user, not '%s'", key,
			       text_quote(v).s);
	if (text_format(c->subid_user, sizeof(c->subid_user), "%s", v) < 0)
		return err_set(e, ERR_CONFIG, "%s is too long", key);
	return 0;
}

static int key_max_boxes(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_u32(&c->max_boxes, key, v, 0, INT32_MAX, e);
}

static int key_syscall_flags(struct config *c, const char *key, const char *v, struct err *e)
{
	/* Configurations out there have 65535 for "all", also those that are yet to come. */
	if (set_u32(&c->syscall_flags, key, v, 0, UINT16_MAX, e) < 0)
		return -1;
	c->syscall_flags &= CONFIG_FLAGS_ALL;
	return 0;
}

static int key_tmp_size(struct config *c, const char *key, const char *v, struct err *e)
{
	if (num_parse_size(v, key, &c->tmp_bytes, e) < 0)
		return -1;
	/* To tmpfs a size of 0 means no limit at all. */
	if (c->tmp_bytes == 0)
		return err_set(e, ERR_CONFIG, "%s must not be 0", key);
	return 0;
}

static int key_user_images(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_bool(&c->user_images, key, v, e);
}

static int key_init_existing(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_choice(&c->init_refuse, key, v, "reset", "refuse", e);
}

static int key_restricted_init(struct config *c, const char *key, const char *v, struct err *e)
{
	return set_bool(&c->restricted_init, key, v, e);
}

static int key_share_net(struct config *c, const char *key, const char *v, struct err *e)
{
	static const char *const words[] = {
		[WHO_NOBODY] = "no",
		[WHO_ROOT] = "root",
		[WHO_ALL] = "yes",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(v, words[i]) == 0) {
			c->share_net = (enum config_who)i;
			return 0;
		}
	}
	return err_set(e, ERR_CONFIG, "%s must be 'yes', 'root' or 'no', not '%s'", key,
		       text_quote(v).s);
}

/* cg_parent: 1.x named the parent of its control groups with it, ours is found through cg_root. */
static int key_ignored(struct config *c UNUSED, const char *key UNUSED, const char *v UNUSED,
		       struct err *e UNUSED)
{
	return 0;
}

/* --- boxN.cpus, boxN.mems -------------------------------------------------------------------- */

static struct config_pin *add_pin(struct config *c, unsigned box_id, struct err *e)
{
	struct config_pin *grown;

	for (size_t i = 0; i < c->pin_count; i++) {
		if (c->pins[i].box_id == box_id)
			return &c->pins[i];
	}
	grown = reallocarray(c->pins, c->pin_count + 1, sizeof(*grown));
	if (!grown) {
		(void)err_sys(e, ERR_SYSTEM, "allocate memory for the configuration");
		return NULL;
	}
	c->pins = grown;
	grown[c->pin_count] = (struct config_pin){.box_id = box_id};
	return &grown[c->pin_count++];
}

static int set_list(char **out, const char *key, const char *value, struct err *e)
{
	struct cpulist checked;
	char *copy;

	if (cpulist_parse(value, key, &checked, e) < 0)
		return -1;
	copy = strdup(value);
	if (!copy)
		return err_sys(e, ERR_SYSTEM, "allocate memory for the configuration");
	free(*out);
	*out = copy;
	return 0;
}

/* 1 when key is one of these, 0 when it is none. */
static int set_pin(struct config *c, const char *key, const char *value, struct err *e)
{
	struct config_pin *pin;
	struct err ignored;
	char number[16];
	uint64_t id;
	size_t len;
	bool mems;

	if (strncmp(key, "box", 3) != 0)
		return 0;
	len = strcspn(key + 3, ".");
	mems = strcmp(key + 3 + len, ".mems") == 0;
	if ((!mems && strcmp(key + 3 + len, ".cpus") != 0) ||
	    text_format(number, sizeof(number), "%.*s", (int)len, key + 3) < 0 ||
	    num_parse_u64(number, 0, INT32_MAX - 1, key, &id, &ignored) < 0)
		return 0;
	pin = add_pin(c, (unsigned)id, e);
	if (!pin || set_list(mems ? &pin->mems : &pin->cpus, key, value, e) < 0)
		return -1;
	return 1;
}

struct config_pin config_find_pin(const struct config *c, unsigned box_id)
{
	for (size_t i = 0; i < c->pin_count; i++) {
		if (c->pins[i].box_id == box_id)
			return c->pins[i];
	}
	return (struct config_pin){.box_id = box_id};
}

void config_fini(struct config *c)
{
	for (size_t i = 0; i < c->pin_count; i++) {
		free(c->pins[i].cpus);
		free(c->pins[i].mems);
	}
	free(c->pins);
	c->pins = NULL;
	c->pin_count = 0;
}

/* --- the table ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*set)(struct config *c, const char *key, const char *value, struct err *e);
} keys[] = {
	{"box_root", key_box_root},
	{"lock_root", key_lock_root},
	{"cg_root", key_cg_root},
	{"cg_move_processes", key_cg_move_processes},
	{"image_root", key_image_root},
	{"image_owner", key_image_owner},
	{"first_uid", key_first_uid},
	{"first_gid", key_first_gid},
	{"num_boxes", key_num_boxes},
	{"subid_user", key_subid_user},
	{"max_boxes_per_user", key_max_boxes},
	{"syscall_flags", key_syscall_flags},
	{"tmp_size", key_tmp_size},
	{"user_images", key_user_images},
	{"init_existing", key_init_existing},
	{"restricted_init", key_restricted_init},
	{"share_net", key_share_net},
	{"cg_parent", key_ignored},
};

/* --- the file -------------------------------------------------------------------------------- */

static int set_key(struct config *c, const char *key, const char *value, struct err *e)
{
	int pin = set_pin(c, key, value, e);

	if (pin != 0)
		return pin < 0 ? -1 : 0;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(key, keys[i].name) != 0)
			continue;
		if (keys[i].set(c, keys[i].name, value, e) < 0) {
			e->kind = ERR_CONFIG; /* num says ERR_USAGE, which is not the caller's */
			return -1;
		}
		return 0;
	}
	return err_set(e, ERR_CONFIG, "unknown key '%s'", text_quote(key).s);
}

/* What no line by itself can tell. */
static int check_ids(const struct config *c, struct err *e)
{
	if (*c->subid_user && c->ids_given)
		return err_set(e, ERR_CONFIG,
			       "subid_user takes the ids from /etc/subuid and /etc/subgid: give "
			       "either that or first_uid and first_gid");
	if (!*c->subid_user && ((uint64_t)c->first_uid + c->num_boxes - 1 > CONFIG_ID_HIGHEST ||
				(uint64_t)c->first_gid + c->num_boxes - 1 > CONFIG_ID_HIGHEST))
		return err_set(e, ERR_CONFIG,
			       "first_uid or first_gid plus num_boxes goes beyond the last user "
			       "id");
	return 0;
}

int config_parse(const char *name, char *text, size_t len, struct config *out, struct err *e)
{
	struct config c = defaults;
	struct lineconf lc;
	char *key, *value;
	int got;

	lineconf_init(&lc, name, text, len);
	while ((got = lineconf_next_pair(&lc, &key, &value, e)) > 0) {
		if (set_key(&c, key, value, e) < 0) {
			got = err_wrap(e, "%s:%u", name, lc.line);
			break;
		}
	}
	if (got == 0 && check_ids(&c, e) < 0)
		got = err_wrap(e, "%s", name);
	if (got < 0) {
		config_fini(&c);
		return -1;
	}
	*out = c;
	return 0;
}

/* --- --check-config -------------------------------------------------------------------------- */

/* Keys seen, to notice the second of a kind. Who has more is not told about those. */
#define SEEN_MAX 512

struct seen {
	const char *key;
	unsigned line;
};

/* The line where the key was before, or 0. Keys stay in the text. */
static unsigned seen_before(struct seen seen[SEEN_MAX], size_t *count, const char *key,
			    unsigned line)
{
	for (size_t i = 0; i < *count; i++) {
		unsigned before = seen[i].line;

		if (strcmp(seen[i].key, key) != 0)
			continue;
		seen[i].line = line;
		return before;
	}
	if (*count < SEEN_MAX)
		seen[(*count)++] = (struct seen){.key = key, .line = line};
	return 0;
}

static void tell_odd(const char *key, unsigned line, unsigned before,
		     const struct config_sink *sink)
{
	char text[256];

	if (strcmp(key, "cg_parent") == 0)
		sink->tell(sink->ctx, line, false,
			   "cg_parent means nothing any more: cg_root says where control groups "
			   "are made");
	if (before > 0 &&
	    text_format(text, sizeof(text), "%s was set in line %u already: this line counts", key,
			before) == 0)
		sink->tell(sink->ctx, line, false, text);
}

/* The message of lineconf begins with "name:line: ", which the sink adds itself. */
static const char *without_place(const char *text, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(text, name, len) != 0 || text[len] != ':')
		return text;
	text += len + 1;
	text += strspn(text, "0123456789");
	return strncmp(text, ": ", 2) == 0 ? text + 2 : text;
}

static void note_ids(struct config_lines *l, const char *key, unsigned line)
{
	bool both = strcmp(key, "subid_user") == 0;

	if (both || strcmp(key, "first_uid") == 0)
		l->uids = line;
	if (both || strcmp(key, "first_gid") == 0)
		l->gids = line;
}

unsigned config_check(const char *name, char *text, size_t len, struct config *out,
		      struct config_lines *lines, const struct config_sink *sink)
{
	struct config c = defaults;
	struct seen seen[SEEN_MAX];
	size_t seen_count = 0;
	unsigned errors = 0;
	struct lineconf lc;
	char *key, *value;
	struct err e;
	int got;

	*lines = (struct config_lines){0};
	lineconf_init(&lc, name, text, len);
	while ((got = lineconf_next_pair(&lc, &key, &value, &e)) != 0) {
		if (got < 0 || set_key(&c, key, value, &e) < 0) {
			errors++;
			sink->tell(sink->ctx, lc.line, true, without_place(e.text, name));
			continue;
		}
		note_ids(lines, key, lc.line);
		tell_odd(key, lc.line, seen_before(seen, &seen_count, key, lc.line), sink);
	}
	if (check_ids(&c, &e) < 0) {
		errors++;
		sink->tell(sink->ctx, 0, true, e.text);
	}
	*out = c;
	return errors;
}

/* --- reading --------------------------------------------------------------------------------- */

int config_read_text(char *text, size_t size, size_t *len, struct err *e)
{
	static const char path[] = CONFIG_FILE;
	const char *base = strrchr(path, '/') + 1;
	auto_fd dir_fd = -1, fd = -1;
	char dir[sizeof(path)];
	ssize_t got;

	memcpy(dir, path, sizeof(path));
	dir[base - path] = '\0';
	dir_fd = path_open_trusted_dir(dir, 0, false, e);
	if (dir_fd < 0)
		return err_wrap(e, "configuration file '%s'", path);
	/* O_NONBLOCK: whatever lies there must not make us wait. */
	fd = path_open_beneath(dir_fd, base, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return errno == ENOENT
			       ? err_set(e, ERR_CONFIG,
					 "there is no configuration file '%s': make install puts it there",
					 path)
			       : err_sys(e, ERR_CONFIG, "open configuration file '%s'", path);
	if (path_check_trusted_file(fd, 0, path, e) < 0)
		return err_wrap(e, "configuration file");
	got = fdio_read_text(fd, text, size);
	if (got < 0)
		return err_sys(e, ERR_CONFIG, "read configuration file '%s'", path);
	*len = (size_t)got;
	return 0;
}

int config_read(struct config *out, struct err *e)
{
	char text[CONFIG_TEXT_MAX + 1];
	struct config c;
	size_t len;

	if (config_read_text(text, sizeof(text), &len, e) < 0 ||
	    config_parse(CONFIG_FILE, text, len, &c, e) < 0)
		return -1;
	if (config_read_subids(&c, e) < 0) {
		config_fini(&c);
		return -1;
	}
	*out = c;
	return 0;
}

/* Make the directories of path that are missing. Each existing part is opened as trusted, so that
 * nothing is ever made in a directory that somebody else can write. */
static int make_missing(const char *path, mode_t mode, struct err *e)
{
	char part[CONFIG_PATH_MAX];
	size_t len = strlen(path), end = 0;

	while (end < len) {
		size_t start = end + strspn(path + end, "/");
		auto_fd parent = -1, made = -1;
		struct err ignored;
		char name[CONFIG_PATH_MAX];
		bool last;
		int there;

		if (start == len)
			break;
		end = start + strcspn(path + start, "/");
		last = path[end + strspn(path + end, "/")] == '\0';
		memcpy(part, path, end);
		part[end] = '\0';
		there = path_open_trusted_dir(part, 0, false, &ignored);
		if (there >= 0) {
			cleanup_fd(&there);
			continue;
		}
		part[MAX(start, 1) - 1] = '\0';
		parent = path_open_trusted_dir(start > 1 ? part : "/", 0, false, e);
		if (parent < 0)
			return -1;
		memcpy(name, path + start, end - start);
		name[end - start] = '\0';
		made = path_make_dir(parent, name, last ? mode : 0755);
		if (made < 0 || fchmodat(parent, name, last ? mode : 0755, 0) < 0)
			return err_sys(e, ERR_CONFIG, "make directory '%s'", text_quote(path).s);
	}
	return 0;
}

int config_open_dir(const char *path, mode_t mode, struct err *e)
{
	struct err first;
	int fd = path_open_trusted_dir(path, 0, false, &first);

	if (fd < 0 && first.errnum == ENOENT) {
		if (make_missing(path, mode, e) < 0)
			return -1;
		return path_open_trusted_dir(path, 0, false, e);
	}
	if (fd < 0)
		*e = first;
	return fd;
}
