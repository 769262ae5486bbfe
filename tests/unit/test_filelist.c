/* SPDX-License-Identifier: MIT */
/* Lines of a layer's list of files, digests of contents, and the tree that a list describes. */
#include "imgfetch/filelist.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "imgfetch/filehash.h"
#include "imgfetch/filetree.h"
#include "imgfetch/sha256.h"
#include "tests/unit/tap.h"

#define HEX0 "0000000000000000000000000000000000000000000000000000000000000000"
#define HEXA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Lines that are right: read and written again they are the same. */
static void test_right(struct tap *t)
{
	static const char *const good[] = {
		"f 0644 0:0 1234567890.000000001 - 12 " HEXA " usr/bin/x",
		"f 7777 - -1.999999999 " HEX0 " 9223372036854775807 " HEXA " a",
		"d 0755 1:2 0.000000000 - .",
		"d 1777 4294967295:0 0.000000000 " HEXA " tmp",
		"l - 0.000000000 ../x\\x20y/\\x5c. a/b\\x0ac",
		"l 0:0 0.000000000 . a",
		"p 0600 - 0.000000000 run/fifo",
		"h usr/bin/x usr/bin/y",
		"w etc/\\xff",
		"n dev/null",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char line[1024], again[1024];
		struct text out = TEXT_OVER(again);
		struct file_entry f;
		struct err e = {0};

		snprintf(line, sizeof(line), "%s", good[i]);
		if (!tap_ok(t, filelist_parse(line, &f, &e) == 0, "'%s' is a line", good[i])) {
			tap_note("%s", e.text);
			continue;
		}
		filelist_format(&f, &out);
		snprintf(line, sizeof(line), "%s\n", good[i]);
		tap_str(t, again, line, "... and is written so");
	}
}

static void test_wrong(struct tap *t)
{
	static const struct {
		const char *line, *why;
	} bad[] = {
		{"", "unknown type"},
		{"x a", "unknown type"},
		{"n", "no name"},
		{"n .", "the root is no directory"},
		{"ff a", "unknown type"},
		{"w", "no name"},
		{"w ", "without a name"},
		{"w .", "root"},
		{"w /a", "plain form"},
		{"w a/", "plain form"},
		{"w a//b", "plain form"},
		{"w ./a", "plain form"},
		{"w a/../b", ".."},
		{"w a b", "escape"},
		{"w a\\x20b ", "escape"},
		{"w \\x41", "escape"},
		{"w \\x00", "escape"},
		{"w \\xFF", "escape"},
		{"w \\x2", "escape"},
		{"w \xff", "escape"},
		{"h a", "too few"},
		{"h . a", "root"},
		{"h a ..", ".."},
		{"d 755 - 0.000000000 - a", "mode"},
		{"d 0758 - 0.000000000 - a", "mode"},
		{"d 0755 0 0.000000000 - a", "owner"},
		{"d 0755 00:0 0.000000000 - a", "owner"},
		{"d 0755 0:4294967296 0.000000000 - a", "owner"},
		{"d 0755 - 0 - a", "time"},
		{"d 0755 - 0.00000000 - a", "time"},
		{"d 0755 - -0.000000000 - a", "time"},
		{"d 0755 - +1.000000000 - a", "time"},
		{"d 0755 - 9223372036854775808.000000000 - a", "time"},
		{"d 0755 - 0.000000000 aa a", "attributes"},
		{"d 0755 - 0.000000000 -", "too few"},
		{"f 0755 - 0.000000000 - 01 " HEXA " a", "size"},
		{"f 0755 - 0.000000000 - 9223372036854775808 " HEXA " a", "size"},
		{"f 0755 - 0.000000000 - 1 AA a", "digest"},
		{"f 0755 - 0.000000000 - 1 " HEXA " .", "root"},
		{"l - 0.000000000  a", "target"},
		{"l - 0.000000000 \\x0 a", "target"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char line[1024];
		struct file_entry f;
		struct err e = {0};

		snprintf(line, sizeof(line), "%s", bad[i].line);
		tap_ok(t,
		       filelist_parse(line, &f, &e) < 0 && e.kind == ERR_VERIFY &&
			       strstr(e.text, bad[i].why),
		       "'%s' is refused: %s", bad[i].line, e.text);
	}
}

/* --- contents ------------------------------------------------------------------------------ */

/* One piece of a file: so many bytes, all of this value; '\0' as a hole where that is asked for. */
struct piece {
	size_t len;
	char byte;
};

static void hash(struct tap *t, const struct piece *pieces, size_t count, bool holes, size_t step,
		 struct digest *out)
{
	struct err e = {0};
	auto_filehash h = filehash_new(&e);
	bool ok = h != NULL;

	for (size_t i = 0; ok && i < count; i++) {
		auto_free char *data = malloc(pieces[i].len + 1);

		if (!data)
			abort();
		memset(data, pieces[i].byte, pieces[i].len);
		if (holes && pieces[i].byte == '\0') {
			ok = filehash_hole(h, pieces[i].len, &e) == 0;
			continue;
		}
		for (size_t at = 0; ok && at < pieces[i].len; at += step)
			ok = filehash_data(h, data + at, MIN(step, pieces[i].len - at), &e) == 0;
	}
	ok = ok && filehash_end(h, out, &e) == 0;
	if (!ok)
		tap_ok(t, false, "digest of contents: %s", e.text);
}

static void test_contents(struct tap *t)
{
#define B ((size_t)FILEHASH_BLOCK)
	static const struct {
		const char *name;
		struct piece p[4];
		bool plain; /* an ordinary SHA-256 */
	} files[] = {
		{"nothing", {{0, 0}}, true},
		{"a few zeros", {{100, 0}}, true},
		{"bytes", {{3, 'a'}}, true},
		{"a block of bytes", {{B, 'a'}}, true},
		{"zeros, less than a block", {{B - 1, 'a'}, {B, 0}, {5, 'b'}}, true},
		{"zeros over a border", {{B - 10, 'a'}, {20, 0}, {2 * B, 'b'}}, true},
		{"a block of zeros", {{B, 'a'}, {B, 0}, {B, 'b'}}, false},
		{"zeros at the begin", {{3 * B, 0}, {1, 'b'}}, false},
		{"zeros at the end", {{1, 'b'}, {3 * B, 0}}, false},
		{"only zeros", {{2 * B, 0}}, false},
		{"one more zero", {{2 * B + 1, 0}}, false},
	};
	struct digest seen[ARRAY_LEN(files)];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const struct piece *p = files[i].p;
		struct digest whole = {0}, bytes = {0}, holes = {0}, sha = {0};
		struct err e = {0};
		auto_sha256 plain = sha256_new(&e);

		hash(t, p, ARRAY_LEN(files[i].p), false, SIZE_MAX / 2, &whole);
		hash(t, p, ARRAY_LEN(files[i].p), false, 1000, &bytes);
		hash(t, p, ARRAY_LEN(files[i].p), true, 4096, &holes);
		tap_str(t, bytes.hex, whole.hex, "%s: in small pieces", files[i].name);
		tap_str(t, holes.hex, whole.hex, "%s: with holes", files[i].name);
		for (size_t k = 0; plain && k < ARRAY_LEN(files[i].p); k++) {
			auto_free char *data = malloc(p[k].len + 1);

			if (!data)
				abort();
			memset(data, p[k].byte, p[k].len);
			if (sha256_update(plain, data, p[k].len, &e) < 0)
				abort();
		}
		if (!plain || sha256_final(plain, &sha, &e) < 0)
			abort();
		tap_ok(t, digest_equal(&sha, &whole) == files[i].plain, "%s: %s SHA-256",
		       files[i].name, files[i].plain ? "a plain" : "not the plain");
		seen[i] = whole;
	}
	tap_ok(t, !digest_equal(&seen[7], &seen[8]), "where the zeros are makes a difference");
}

static void test_xattrs(struct tap *t)
{
	char path[] = "/tmp/test_filelist.XXXXXX";
	struct digest a = {0}, b = {0};
	struct err e = {0};
	auto_fd fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		abort();
	(void)unlink(path); /* nothing else needs the name */
	tap_ok(t, filehash_xattrs(fd, &a, &e) == 0, "a file without attributes");
	if (fsetxattr(fd, "user.b", "1", 1, 0) < 0 && errno == EOPNOTSUPP) {
		tap_note("no user attributes in /tmp");
		return;
	}
	tap_ok(t, fsetxattr(fd, "user.a", "2", 1, 0) == 0 && filehash_xattrs(fd, &a, &e) == 1,
	       "two attributes");
	tap_ok(t,
	       fremovexattr(fd, "user.b") == 0 && fsetxattr(fd, "user.b", "1", 1, 0) == 0 &&
		       filehash_xattrs(fd, &b, &e) == 1 && digest_equal(&a, &b),
	       "their order makes no difference");
	tap_ok(t,
	       fsetxattr(fd, "user.a", "", 0, 0) == 0 && filehash_xattrs(fd, &b, &e) == 1 &&
		       !digest_equal(&a, &b),
	       "a value does");
}

/* --- trees --------------------------------------------------------------------------------- */

#define ATTRS "- 0.000000000"

static int add_name(void *arg, const char *path, struct err *e UNUSED)
{
	struct text *t = arg;

	text_addf(t, "%s%s", t->len ? " " : "", path);
	return 0;
}

/* What is in the tree that these lines describe, apart from what `asked` names. */
static void test_tree(struct tap *t)
{
#define D "d 0755 " ATTRS " - "
#define F "f 0644 " ATTRS " - 1 " HEXA " "
#define W "w "
	static const struct {
		const char *lines, *asked, *closed, *missing;
	} trees[] = {
		{F "a\n" F "b\n" D ".", "", "", "a b"},
		{F "a\n" F "a\n" D ".", "", "", "a"},
		{F "d/x\n" F "d/y\n" D "d\n" D ".", "", "", "d"},
		{F "d/x\n" F "d/y\n" D "d\n" D ".", "d d/y", "", "d/x"},
		{F "d/x\n" D "d\n" D ".", "d", "d", ""},
		{F "d/e/x\n" D "d/e\n" D "d\n" D ".", "d", "d", ""},
		/* what takes a directory's place takes all away */
		{F "d/x\n" F "d/e/y\n" F "d\n" D ".", "d", "", ""},
		{F "d/e/y\n" F "d\n" F "d/e/z\n" D "d/e\n" D "d\n" D ".", "d d/e", "", "d/e/z"},
		{F "d/e/y\n" F "d\n" F "d/x\n" D "d\n" D ".", "d", "", "d/x"},
		{F "d/e/y\n" F "d\n" D "d\n" D ".", "d", "", ""},
		{F "d/e/y\n"
		   "l " ATTRS " x d\n" D ".",
		 "d", "", ""},
		{F "d/y\n" W "d\n" D ".", "d", "", ""},
		{F "d/y\n" F "a\n"
		   "h a d\n" D ".",
		 "d a", "", ""},
		/* a directory again keeps its own */
		{D "d\n" F "d/y\n" D "d\n" D ".", "d", "", "d/y"},
		/* what becomes a directory is no file any more */
		{F "d\n" F "d/y\n" D "d\n" D ".", "d", "", "d/y"},
		/* nothing is left of it, until there is something again */
		{F "a\nn a\n" F "b\n" D ".", "b", "", ""},
		{F "d/e/y\n" D "d\nn d\n" D ".", "", "", ""},
		{F "d/y\nn d\n" F "d/x\n" D "d\n" D ".", "d", "", "d/x"},
		{F "a\nn a\n" F "a\n" D ".", "", "", "a"},
		{"n a\n" D ".", "", "", ""},
		/* a link keeps the file whose other name gets another one */
		{F "a\n"
		   "h a b\n" F "a\n" D ".",
		 "a b", "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		char lines[4096], asked[64], missing[64];
		char *rest = lines, *line, *word;
		struct text got = TEXT_OVER(missing);
		struct err e = {0};
		auto_filetree tree = filetree_new(&e);
		bool ok = tree != NULL;
		struct file_entry f;

		snprintf(lines, sizeof(lines), "%s", trees[i].lines);
		snprintf(asked, sizeof(asked), "%s", trees[i].asked);
		while (ok && (line = strsep(&rest, "\n")))
			ok = filelist_parse(line, &f, &e) == 0 && filetree_add(tree, &f, &e) == 0;
		ok = ok && filetree_end(tree, &e) == 0;
		rest = asked;
		while (ok && (word = strsep(&rest, " ")))
			ok = !*word || filetree_look(tree, word);
		if (ok && *trees[i].closed)
			filetree_close_dir(tree, trees[i].closed);
		ok = ok && filetree_missing(tree, add_name, &got, &e) == 0;
		if (!tap_ok(t, ok, "tree %zu", i))
			tap_note("%s", e.text);
		tap_str(t, missing, trees[i].missing, "... misses");
	}
}

static void test_tree_links(struct tap *t)
{
	static const char *const wrong[] = {
		"h a b",
		D "a\nh a b",
		W "a\nh a b",
		F "a/b\nh a b",
		F "a/x\n" F "a\nh a/x c",
		F "a/x\n" D ".",
	};
	char lines[1024];
	struct err e = {0};
	struct file_entry f;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		auto_filetree tree = filetree_new(&e);
		char *rest = lines, *line;
		bool ok = tree != NULL;

		snprintf(lines, sizeof(lines), "%s", wrong[i]);
		while (ok && (line = strsep(&rest, "\n")))
			ok = filelist_parse(line, &f, &e) == 0 && filetree_add(tree, &f, &e) == 0;
		tap_ok(t, tree && (!ok || filetree_end(tree, &e) < 0) && e.kind == ERR_VERIFY,
		       "refused: %s", e.text);
	}
	auto_filetree tree = filetree_new(&e);
	char a[] = F "a", b[] = "h a b", c[] = F "a";

	tap_ok(t,
	       tree && filelist_parse(a, &f, &e) == 0 && filetree_add(tree, &f, &e) == 0 &&
		       filelist_parse(b, &f, &e) == 0 && filetree_add(tree, &f, &e) == 0 &&
		       filetree_look(tree, "a") == filetree_look(tree, "b"),
	       "two names of one file");
	tap_ok(t,
	       tree && filelist_parse(c, &f, &e) == 0 && filetree_add(tree, &f, &e) == 0 &&
		       filetree_look(tree, "a") != filetree_look(tree, "b"),
	       "... until one is made anew");
}

int main(void)
{
	struct tap t = {0};

	test_right(&t);
	test_wrong(&t);
	test_contents(&t);
	test_xattrs(&t);
	test_tree(&t);
	test_tree_links(&t);
	return tap_done(&t);
}
