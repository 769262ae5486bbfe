/* SPDX-License-Identifier: MIT */
/* The note beside each layer: what was in it and what was not kept. One table is the format. */
#include "imgfetch/layerinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/lineconf.h"
#include "common/num.h"
#include "common/path.h"
#include "common/text.h"

#define FIRST_LINE "isolate-layer 1"

enum field_type { FIELD_DIGEST, FIELD_ANY_DIGEST, FIELD_NUMBER, FIELD_FLAG };

/* Lines in their fixed order. */
static const struct field {
	const char *key;
	enum field_type type;
	size_t offset;
} fields[] = {
	{"diffid", FIELD_DIGEST, offsetof(struct layer_info, diffid)},
	{"blob", FIELD_ANY_DIGEST, offsetof(struct layer_info, blob)},
	{"blob-bytes", FIELD_NUMBER, offsetof(struct layer_info, blob_bytes)},
	{"entries", FIELD_NUMBER, offsetof(struct layer_info, unpack.entries)},
	{"files", FIELD_NUMBER, offsetof(struct layer_info, unpack.files)},
	{"bytes", FIELD_NUMBER, offsetof(struct layer_info, unpack.bytes)},
	{"directories", FIELD_NUMBER, offsetof(struct layer_info, unpack.directories)},
	{"symlinks", FIELD_NUMBER, offsetof(struct layer_info, unpack.symlinks)},
	{"hardlinks", FIELD_NUMBER, offsetof(struct layer_info, unpack.hardlinks)},
	{"fifos", FIELD_NUMBER, offsetof(struct layer_info, unpack.fifos)},
	{"whiteouts", FIELD_NUMBER, offsetof(struct layer_info, unpack.whiteouts)},
	{"opaques", FIELD_NUMBER, offsetof(struct layer_info, unpack.opaques)},
	{"opaque-root", FIELD_FLAG, offsetof(struct layer_info, unpack.opaque_root)},
	{"owners-kept", FIELD_FLAG, offsetof(struct layer_info, unpack.owners_kept)},
	{"dropped-setid", FIELD_NUMBER, offsetof(struct layer_info, unpack.dropped_setid)},
	{"dropped-devices", FIELD_NUMBER, offsetof(struct layer_info, unpack.dropped_devices)},
	{"dropped-sockets", FIELD_NUMBER, offsetof(struct layer_info, unpack.dropped_sockets)},
	{"dropped-xattrs", FIELD_NUMBER, offsetof(struct layer_info, unpack.dropped_xattrs)},
};

/* May be missing, behind the others: it came later. */
#define FILES_KEY "files-list"

ssize_t layerinfo_format(const struct layer_info *info, char *out, size_t size, struct err *e)
{
	struct text t = {.buf = out, .size = size};

	text_add(&t, FIRST_LINE "\n");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const void *p = (const char *)info + fields[i].offset;
		switch (fields[i].type) {
		case FIELD_DIGEST:
		case FIELD_ANY_DIGEST:
			text_addf(&t, "%s %s\n", fields[i].key, digest_text(p).s);
			break;
		case FIELD_NUMBER:
			text_addf(&t, "%s %" PRIu64 "\n", fields[i].key, *(const uint64_t *)p);
			break;
		case FIELD_FLAG:
			text_addf(&t, "%s %s\n", fields[i].key, *(const bool *)p ? "yes" : "no");
			break;
		}
	}
	if (info->has_files)
		text_addf(&t, FILES_KEY " %s\n", digest_text(&info->files).s);
	text_addf(&t, "end %zu\n", 1 + ARRAY_LEN(fields) + info->has_files);
	if (t.full)
		return err_set(e, ERR_BUG, "write the note of a layer: no room");
	return (ssize_t)t.len;
}

static int parse_value(const struct field *f, const char *value, void *p, struct err *e)
{
	switch (f->type) {
	case FIELD_DIGEST:
		return digest_parse(value, p, e);
	case FIELD_ANY_DIGEST:
		return digest_parse_any(value, p, e);
	case FIELD_NUMBER:
		return num_parse_u64(value, 0, UINT64_MAX, f->key, p, e);
	case FIELD_FLAG:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return err_set(e, ERR_VERIFY, "%s: neither yes nor no", f->key);
		*(bool *)p = *value == 'y';
		return 0;
	}
	return err_set(e, ERR_BUG, "unknown type of field");
}

/* Next line, which must be there. */
static int need_line(struct lineconf *lc, char **line, struct err *e)
{
	int r = lineconf_next(lc, line, e);

	if (r == 0)
		return err_set(e, ERR_VERIFY, "%s: it ends too early", lc->name);
	return r < 0 ? -1 : 0;
}

static int parse(struct lineconf *lc, struct layer_info *info, struct err *e)
{
	char *line, end[32];

	if (need_line(lc, &line, e) < 0)
		return -1;
	if (strcmp(line, FIRST_LINE) != 0)
		return err_set(e, ERR_VERIFY, "%s:1: not '" FIRST_LINE "'", lc->name);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		size_t key_len = strlen(f->key);
		if (need_line(lc, &line, e) < 0)
			return -1;
		if (strncmp(line, f->key, key_len) != 0 || line[key_len] != ' ')
			return err_set(e, ERR_VERIFY, "%s:%u: not '%s'", lc->name, lc->line,
				       f->key);
		if (parse_value(f, line + key_len + 1, (char *)info + f->offset, e) < 0)
			return err_wrap(e, "%s:%u", lc->name, lc->line);
	}
	if (need_line(lc, &line, e) < 0)
		return -1;
	if (strncmp(line, FILES_KEY " ", sizeof(FILES_KEY)) == 0) {
		info->has_files = true;
		if (digest_parse(line + sizeof(FILES_KEY), &info->files, e) < 0)
			return err_wrap(e, "%s:%u", lc->name, lc->line);
		if (need_line(lc, &line, e) < 0)
			return -1;
	}
	if (text_format(end, sizeof(end), "end %zu", 1 + ARRAY_LEN(fields) + info->has_files) < 0)
		return -1;
	if (strcmp(line, end) != 0)
		return err_set(e, ERR_VERIFY, "%s:%u: not '%s'", lc->name, lc->line, end);
	int r = lineconf_next(lc, &line, e);
	if (r > 0)
		return err_set(e, ERR_VERIFY, "%s:%u: lines after the end", lc->name, lc->line);
	return r;
}

int layerinfo_parse(const char *name, char *text, size_t len, struct layer_info *out, struct err *e)
{
	struct layer_info info = {0};
	struct lineconf lc;

	lineconf_init(&lc, name, text, len);
	if (parse(&lc, &info, e) < 0) {
		e->kind = ERR_VERIFY; /* whichever of the general parsers found it */
		return -1;
	}
	*out = info;
	return 0;
}

int layerinfo_read(const struct store *st, const struct digest *diffid, struct layer_info *out,
		   struct err *e)
{
	char rel[128], text[LAYERINFO_BYTES_MAX];
	struct layer_info info;

	if (text_format(rel, sizeof(rel), "layers/sha256/%s.info", diffid->hex) < 0)
		return err_sys(e, ERR_BUG, "name the note of a layer");
	auto_fd fd = path_open_beneath(st->fd, rel, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM,
			       "open '%s' in the store '%s'", rel, text_quote(st->path).s);
	ssize_t len = fdio_read_text(fd, text, sizeof(text));
	if (len < 0)
		return err_sys(e, ERR_VERIFY, "read '%s' in the store '%s'", rel,
			       text_quote(st->path).s);
	if (layerinfo_parse(rel, text, (size_t)len, &info, e) < 0)
		return err_wrap(e, "store '%s'", text_quote(st->path).s);
	if (!digest_equal(&info.diffid, diffid))
		return err_set(e, ERR_VERIFY, "'%s' is the note of another layer", rel);
	*out = info;
	return 0;
}
