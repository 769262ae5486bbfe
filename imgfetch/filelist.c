/* SPDX-License-Identifier: MIT */
/* Lines of a layer's list of files: strict reader and writer. Each entry has exactly one spelling.
 */
#include "imgfetch/filelist.h"

#include <inttypes.h>
#include <string.h>

#include "common/exact.h"
#include "common/num.h"
#include "imgfetch/whiteout.h"

#define NONE "-" /* no owner kept, no attributes */

/* The fields of each type of line, in order. */
enum field { F_END, F_MODE, F_OWNER, F_MTIME, F_SIZE, F_CONTENT, F_XATTRS, F_TARGET, F_LINKED };

#define FIELDS_MAX 7

static const struct {
	enum file_type type;
	enum field fields[FIELDS_MAX]; /* the path comes behind them */
} lines[] = {
	{FILE_REGULAR, {F_MODE, F_OWNER, F_MTIME, F_XATTRS, F_SIZE, F_CONTENT, F_END}},
	{FILE_DIR, {F_MODE, F_OWNER, F_MTIME, F_XATTRS, F_END}},
	{FILE_SYMLINK, {F_OWNER, F_MTIME, F_TARGET, F_END}},
	{FILE_FIFO, {F_MODE, F_OWNER, F_MTIME, F_END}},
	{FILE_LINK, {F_LINKED, F_END}},
	{FILE_WHITEOUT, {F_END}},
	{FILE_NOTHING, {F_END}},
};

static int fault(struct err *e, const char *what)
{
	return err_set(e, ERR_VERIFY, "%s", what);
}

/* --- writer -------------------------------------------------------------------------------- */

static void add_name(struct text *t, const char *s)
{
	if (!*s)
		text_add(t, "."); /* the root, which has no name */
	exact_add(t, s, false);
}

static void add_field(struct text *t, enum field field, const struct file_entry *f)
{
	text_add(t, " ");
	switch (field) {
	case F_MODE:
		text_addf(t, "%04o", (unsigned)f->mode);
		break;
	case F_OWNER:
		if (f->has_owner)
			text_addf(t, "%u:%u", (unsigned)f->uid, (unsigned)f->gid);
		else
			text_add(t, NONE);
		break;
	case F_MTIME:
		text_addf(t, "%" PRId64 ".%09" PRIu32, f->mtime_s, f->mtime_ns);
		break;
	case F_SIZE:
		text_addf(t, "%" PRIu64, f->size);
		break;
	case F_CONTENT:
		text_add(t, f->content.hex);
		break;
	case F_XATTRS:
		text_add(t, f->has_xattrs ? f->xattrs.hex : NONE);
		break;
	case F_TARGET:
	case F_LINKED:
		add_name(t, f->target);
		break;
	case F_END:
		break;
	}
}

void filelist_format(const struct file_entry *f, struct text *out)
{
	size_t i = 0;

	while (lines[i].type != f->type)
		i++;
	text_addf(out, "%c", (char)f->type);
	for (const enum field *p = lines[i].fields; *p != F_END; p++)
		add_field(out, *p, f);
	text_add(out, " ");
	add_name(out, f->path);
	text_add(out, "\n");
}

/* --- reader -------------------------------------------------------------------------------- */

/* A path of the layer in its one canonical form. */
static int parse_path(char *word, bool root_ok, const char **out, struct err *e)
{
	struct entry_name name;

	if (strcmp(word, ".") == 0) {
		*out = "";
		return root_ok ? 0 : fault(e, "the root is no directory");
	}
	if (!exact_parse(word, false))
		return fault(e, "a name with a wrong escape or a byte that needs one");
	if (entry_name_parse(word, ENTRY_PATH_MAX, ENTRY_DEPTH_MAX, &name, e) < 0)
		return -1;
	if (name.len == 0 || strcmp(name.path, word) != 0)
		return fault(e, "a name that is not in its plain form");
	*out = word;
	return 0;
}

/* A decimal number without leading zeros. */
static bool parse_number(const char *s, uint64_t max, uint64_t *out)
{
	struct err ignored;

	return (s[0] != '0' || s[1] == '\0') && num_parse_u64(s, 0, max, "", out, &ignored) == 0;
}

static bool parse_mode(const char *s, mode_t *out)
{
	mode_t mode = 0;

	if (strlen(s) != 4 || s[strspn(s, "01234567")] != '\0')
		return false;
	for (; *s; s++)
		mode = mode * 8 + (mode_t)(*s - '0');
	*out = mode;
	return true;
}

static bool parse_owner(char *s, struct file_entry *f)
{
	char *colon = strchr(s, ':');
	uint64_t uid, gid;

	if (strcmp(s, NONE) == 0)
		return true;
	if (!colon)
		return false;
	*colon = '\0';
	if (!parse_number(s, UINT32_MAX, &uid) || !parse_number(colon + 1, UINT32_MAX, &gid))
		return false;
	f->has_owner = true;
	f->uid = (uid_t)uid;
	f->gid = (gid_t)gid;
	return true;
}

static bool parse_mtime(char *s, struct file_entry *f)
{
	bool minus = s[0] == '-';
	char *dot = strchr(s, '.');
	uint64_t n;

	if (!dot || strlen(dot + 1) != 9 || dot[1 + strspn(dot + 1, "0123456789")] != '\0')
		return false;
	*dot = '\0';
	if (!parse_number(s + minus, INT64_MAX, &n) || (minus && n == 0))
		return false;
	f->mtime_s = minus ? -(int64_t)n : (int64_t)n;
	f->mtime_ns = 0;
	for (const char *p = dot + 1; *p; p++)
		f->mtime_ns = f->mtime_ns * 10 + (uint32_t)(*p - '0');
	return true;
}

static bool parse_hex(const char *s, struct digest *out)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct err ignored;

	return text_format(text, sizeof(text), "sha256:%s", s) == 0 &&
	       digest_parse(text, out, &ignored) == 0;
}

static bool parse_xattrs(const char *s, struct file_entry *f)
{
	if (strcmp(s, NONE) == 0)
		return true;
	f->has_xattrs = true;
	return parse_hex(s, &f->xattrs);
}

static int parse_target(char *word, struct file_entry *f, struct err *e)
{
	if (!exact_parse(word, false) || !*word || strlen(word) >= ENTRY_PATH_MAX)
		return fault(e, "a wrong target of a symbolic link");
	f->target = word;
	return 0;
}

static int parse_field(enum field field, char *word, struct file_entry *f, struct err *e)
{
	switch (field) {
	case F_MODE:
		return parse_mode(word, &f->mode) ? 0 : fault(e, "a wrong mode");
	case F_OWNER:
		return parse_owner(word, f) ? 0 : fault(e, "a wrong owner");
	case F_MTIME:
		return parse_mtime(word, f) ? 0 : fault(e, "a wrong time");
	case F_SIZE:
		return parse_number(word, INT64_MAX, &f->size) ? 0 : fault(e, "a wrong size");
	case F_CONTENT:
		return parse_hex(word, &f->content) ? 0 : fault(e, "a wrong digest");
	case F_XATTRS:
		return parse_xattrs(word, f) ? 0 : fault(e, "a wrong digest of attributes");
	case F_TARGET:
		return parse_target(word, f, e);
	case F_LINKED:
		return parse_path(word, false, &f->target, e);
	case F_END:
		break;
	}
	return err_set(e, ERR_BUG, "unknown field %d", (int)field);
}

int filelist_parse(char *line, struct file_entry *out, struct err *e)
{
	struct file_entry f = {0};
	char *rest = line;
	const char *type = strsep(&rest, " ");
	size_t i = 0;

	while (i < ARRAY_LEN(lines) && (type[0] != (char)lines[i].type || type[1] != '\0'))
		i++;
	if (i == ARRAY_LEN(lines))
		return fault(e, "unknown type of line");
	f.type = lines[i].type;
	for (const enum field *p = lines[i].fields; *p != F_END; p++) {
		char *word = strsep(&rest, " ");

		if (!word || !rest)
			return fault(e, "too few fields");
		if (parse_field(*p, word, &f, e) < 0)
			return -1;
	}
	if (!rest || parse_path(rest, f.type == FILE_DIR, &f.path, e) < 0)
		return rest ? -1 : fault(e, "no name");
	*out = f;
	return 0;
}
