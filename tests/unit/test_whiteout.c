/* SPDX-License-Identifier: MIT */
/* Canonical names and the meaning of .wh. names. */
#include "imgfetch/whiteout.h"

#include "tests/unit/tap.h"

static const struct name_case {
	const char *raw;
	const char *path;     /* NULL: refused */
	const char *fragment; /* of the refusal */
} names[] = {
	{"a", "a", NULL},
	{"./a/b", "a/b", NULL},
	{"/a/b", "a/b", NULL},
	{"//a///b//", "a/b", NULL},
	{"././a/./b/.", "a/b", NULL},
	{".", "", NULL},
	{"./", "", NULL},
	{"/", "", NULL},
	{"/.", "", NULL},
	{"...", "...", NULL},
	{"..a/b..", "..a/b..", NULL},
	{"a b\n\\\xff", "a b\n\\\xff", NULL},
	{"", NULL, "without a name"},
	{"..", NULL, "'..'"},
	{"../a", NULL, "'..'"},
	{"a/../b", NULL, "'..'"},
	{"a/..", NULL, "'..'"},
	{"/../a", NULL, "'..'"},
};

static void test_names(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct name_case *c = &names[i];
		struct entry_name n;
		struct err e = {0};
		int r = entry_name_parse(c->raw, ENTRY_PATH_MAX, ENTRY_DEPTH_MAX, &n, &e);
		if (!c->path) {
			tap_int(t, r, -1, "name '%s' is refused", c->raw);
			tap_int(t, e.kind, ERR_VERIFY, "... as bad data");
			tap_has(t, e.text, c->fragment, "... saying why");
			continue;
		}
		if (!tap_int(t, r, 0, "name '%s' is taken", c->raw))
			continue;
		tap_str(t, n.path, c->path, "... and is canonical");
		tap_u64(t, n.len, strlen(c->path), "... with its length");
		const char *slash = strrchr(c->path, '/');
		tap_u64(t, n.base, slash ? (size_t)(slash + 1 - c->path) : 0, "... and base");
	}
}

static void test_limits(struct tap *t)
{
	struct entry_name n;
	struct err e = {0};
	char raw[2 * ENTRY_PATH_MAX];

	memset(raw, 'x', 256);
	raw[255] = '\0';
	tap_int(t, entry_name_parse(raw, ENTRY_PATH_MAX, 4, &n, &e), 0,
		"255 bytes are a component");
	raw[255] = 'x';
	raw[256] = '\0';
	tap_int(t, entry_name_parse(raw, ENTRY_PATH_MAX, 4, &n, &e), -1, "256 bytes are not");
	tap_int(t, entry_name_parse("a/b/c/d", ENTRY_PATH_MAX, 4, &n, &e), 0, "depth 4 of 4");
	tap_int(t, entry_name_parse("a/b/c/d/e", ENTRY_PATH_MAX, 4, &n, &e), -1, "depth 5 of 4");
	tap_has(t, e.text, "4 components", "... is refused with the limit");
	tap_int(t, entry_name_parse("abcdefgh", 9, 4, &n, &e), -1, "9 bytes with the slash to be");
	tap_int(t, entry_name_parse("abcdefg", 9, 4, &n, &e), 0, "8 of 9 bytes");
	for (size_t i = 0; i + 2 < sizeof(raw); i += 2)
		memcpy(raw + i, "a/", 3);
	tap_int(t, entry_name_parse(raw, 1 << 20, 1 << 20, &n, &e), -1,
		"limits beyond the buffer do not help");
}

static const struct mark_case {
	const char *raw;
	int kind; /* -1: refused */
	const char *path;
} marks[] = {
	{"a/b", WHITEOUT_NONE, "a/b"},
	{"a.wh.b", WHITEOUT_NONE, "a.wh.b"},
	{".wh", WHITEOUT_NONE, ".wh"},
	{"a/.wh.b", WHITEOUT_HIDE, "a/b"},
	{".wh.b", WHITEOUT_HIDE, "b"},
	{".wh..b", WHITEOUT_HIDE, ".b"},
	{".wh....", WHITEOUT_HIDE, "..."},
	{"a/.wh.b/", WHITEOUT_HIDE, "a/b"},
	{".wh.wh.b", WHITEOUT_HIDE, "wh.b"},
	{"a/.wh..wh..opq", WHITEOUT_OPAQUE, "a"},
	{"a/b/.wh..wh..opq", WHITEOUT_OPAQUE, "a/b"},
	{".wh..wh..opq", WHITEOUT_OPAQUE, ""},
	{".wh..wh.plnk", WHITEOUT_IGNORE, NULL},
	{".wh..wh.plnk/12.34", WHITEOUT_IGNORE, NULL},
	{".wh..wh.aufs", WHITEOUT_IGNORE, NULL},
	{"a/.wh..wh.orph/b", WHITEOUT_IGNORE, NULL},
	{".wh..wh..opqx", WHITEOUT_IGNORE, NULL},
	{".wh..wh.", WHITEOUT_IGNORE, NULL},
	{".wh.", -1, NULL},
	{"a/.wh.", -1, NULL},
	{".wh..", -1, NULL},
	{".wh...", -1, NULL},
	{".wh.a/b", -1, NULL},
	{"a/.wh.b/c", -1, NULL},
	{".wh./b", -1, NULL},
	{"a/.wh..wh..opq/b", WHITEOUT_IGNORE, NULL},
};

static void test_marks(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const struct mark_case *c = &marks[i];
		struct entry_name n;
		struct err e = {0};
		enum whiteout_kind kind = WHITEOUT_NONE;
		if (!tap_int(t, entry_name_parse(c->raw, ENTRY_PATH_MAX, 256, &n, &e), 0,
			     "'%s' is a name", c->raw))
			continue;
		int r = whiteout_decode(&n, &kind, &e);
		if (c->kind < 0) {
			tap_int(t, r, -1, "... refused as a whiteout");
			tap_int(t, e.kind, ERR_VERIFY, "... as bad data");
			continue;
		}
		tap_int(t, r, 0, "... is understood");
		tap_int(t, kind, c->kind, "... for what it is");
		if (!c->path)
			continue;
		tap_str(t, n.path, c->path, "... of");
		tap_u64(t, n.len, strlen(c->path), "... length");
		const char *slash = strrchr(c->path, '/');
		tap_u64(t, n.base, slash ? (size_t)(slash + 1 - c->path) : 0, "... base");
	}
}

int main(void)
{
	struct tap t = {0};

	test_names(&t);
	test_limits(&t);
	test_marks(&t);
	return tap_done(&t);
}
