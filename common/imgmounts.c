/* SPDX-License-Identifier: MIT */
/* Which images are mounted in this mount namespace, as /proc/self/mountinfo tells it. */
#include "common/imgmounts.h"

#include <errno.h>
#include <string.h>

#include "common/num.h"
#include "common/text.h"

#define LAYER_DIR "/layers/sha256/"
#define IMAGE_DIR "/images/sha256/"
#define FLAT_DIR  "/flat/tree"

/* Fields of a line of mountinfo, proc_pid_mountinfo(5). After OPTIONS come optional fields, a lone
 * "-", and then three more. */
enum field { FIELD_ID, FIELD_PARENT, FIELD_DEV, FIELD_ROOT, FIELD_DIR, FIELD_OPTIONS, FIELD_COUNT };

/* Undo the \ooo by which the kernel writes blanks, newlines and backslashes. */
static void unescape_octal(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static bool take_digest(const char *hex, struct digest *out)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct err ignored = {0};

	return strlen(hex) == DIGEST_HEX_LEN &&
	       text_format(text, sizeof(text), "sha256:%s", hex) == 0 &&
	       digest_parse(text, out, &ignored) == 0;
}

/* ".../images/sha256/<manifest>/flat/tree": the merged tree of an image. */
static bool take_flat(const char *root, size_t len, struct digest *out)
{
	const size_t flat = strlen(FLAT_DIR);
	const size_t tail = strlen(IMAGE_DIR) + DIGEST_HEX_LEN + flat;
	char hex[DIGEST_HEX_LEN + 1];

	if (len < tail || strcmp(root + len - flat, FLAT_DIR) != 0 ||
	    strncmp(root + len - tail, IMAGE_DIR, strlen(IMAGE_DIR)) != 0)
		return false;
	memcpy(hex, root + len - flat - DIGEST_HEX_LEN, DIGEST_HEX_LEN);
	hex[DIGEST_HEX_LEN] = '\0';
	return take_digest(hex, out);
}

/* Does this mount show an image (its source says so, or its root is a merged tree) or a layer (its
 * root is one)? */
static bool recognise(const char *root, const char *type, const char *source,
		      struct imgmount_entry *out)
{
	struct err ignored = {0};
	size_t prefix = strlen(IMGMOUNTS_SOURCE);

	if (strcmp(type, "overlay") == 0) {
		out->is_layer = false;
		return strncmp(source, IMGMOUNTS_SOURCE, prefix) == 0 &&
		       digest_parse(source + prefix, &out->digest, &ignored) == 0;
	}
	size_t len = strlen(root);
	if (take_flat(root, len, &out->digest)) {
		out->is_layer = false;
		return true;
	}
	size_t tail = strlen(LAYER_DIR) + DIGEST_HEX_LEN;
	if (len < tail || strncmp(root + len - tail, LAYER_DIR, strlen(LAYER_DIR)) != 0)
		return false;
	out->is_layer = true;
	return take_digest(root + len - DIGEST_HEX_LEN, &out->digest);
}

bool imgmounts_parse_line(char *line, struct imgmount_entry *out)
{
	char *fields[FIELD_COUNT];
	char *rest = line;
	struct imgmount_entry entry = {0};
	struct err ignored = {0};

	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < FIELD_COUNT; i++) {
		fields[i] = strsep(&rest, " ");
		if (!fields[i])
			return false;
	}
	const char *optional;
	do {
		optional = strsep(&rest, " ");
	} while (optional && strcmp(optional, "-") != 0);
	const char *type = strsep(&rest, " ");
	char *source = strsep(&rest, " ");
	if (!type || !source)
		return false;
	unescape_octal(fields[FIELD_ROOT]);
	unescape_octal(fields[FIELD_DIR]);
	unescape_octal(source);
	if (!recognise(fields[FIELD_ROOT], type, source, &entry) ||
	    num_parse_u64(fields[FIELD_ID], 0, UINT64_MAX, "mount id", &entry.mnt_id, &ignored) <
		    0 ||
	    text_format(entry.dir, sizeof(entry.dir), "%s", fields[FIELD_DIR]) < 0)
		return false;
	*out = entry;
	return true;
}

int imgmounts_open(struct imgmounts *m, struct err *e)
{
	*m = (struct imgmounts){.file = fopen("/proc/self/mountinfo", "re")};
	if (!m->file)
		return err_sys(e, ERR_SYSTEM, "open '/proc/self/mountinfo'");
	return 0;
}

int imgmounts_next(struct imgmounts *m, struct imgmount_entry *out, struct err *e)
{
	for (;;) {
		errno = 0;
		if (getline(&m->line, &m->size, m->file) < 0)
			break;
		if (imgmounts_parse_line(m->line, out))
			return 1;
	}
	if (errno != 0 || ferror(m->file))
		return err_sys(e, ERR_SYSTEM, "read '/proc/self/mountinfo'");
	return 0;
}

void imgmounts_close(struct imgmounts *m)
{
	cleanup_file(&m->file);
	free(m->line);
	*m = (struct imgmounts){0};
}

int imgmounts_find(const struct imgdesc *image, struct imgmount_entry *out, struct err *e)
{
	struct imgmounts m;
	struct imgmount_entry entry;
	int found = 0;

	if (imgmounts_open(&m, e) < 0)
		return -1;
	while (found == 0) {
		int got = imgmounts_next(&m, &entry, e);
		if (got <= 0) {
			imgmounts_close(&m);
			return got;
		}
		if (!entry.is_layer)
			found = digest_equal(&entry.digest, &image->digest);
		for (size_t i = 0; entry.is_layer && i < image->layer_count; i++)
			found |= digest_equal(&entry.digest, &image->layers[i]);
	}
	imgmounts_close(&m);
	*out = entry;
	return 1;
}
