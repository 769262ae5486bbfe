/* SPDX-License-Identifier: MIT */
/* Tar archives, honest and hostile, unpacked beside a tree that must not change. */
#include "imgfetch/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "tests/unit/tap.h"
#include "tests/unit/tarmake.h"

#define NOBODY 65534
/* In names of the archives: the absolute path of the tree outside. */
#define OUT "@OUT@"

static char base[256]; /* <tmp>/test_unpack.XXXXXX; the layer is base/layer, the rest is outside */

/* --- what a directory looks like, as text ------------------------------------------------------
 */

struct listing {
	char text[16384];
	size_t len;
};

static PRINTF(2, 3) void say(struct listing *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, fmt, ap);
	va_end(ap);
	l->len += (size_t)n < sizeof(l->text) - l->len ? (size_t)n : 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list_dir(int parent, const char *name, const char *shown, bool deep, struct listing *l);

static void set_mode(int dir, const char *name, mode_t mode)
{
	if (fchmodat(dir, name, mode, 0) < 0)
		abort();
}

/* One line: type and mode, name, and what is in it. deep: times, owners and links too. */
static void list_entry(int dir, const char *name, const char *shown, bool deep, struct listing *l)
{
	struct stat sb;
	char text[4096];

	if (fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		abort();
	switch (sb.st_mode & S_IFMT) {
	case S_IFDIR:
		list_dir(dir, name, shown, deep, l);
		return;
	case S_IFLNK: {
		ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);
		text[n < 0 ? 0 : n] = '\0';
		say(l, "l %s -> %s", shown, text);
		break;
	}
	case S_IFREG: {
		/* Through a second name of the file where its mode shuts us out. */
		mode_t mode = sb.st_mode & 07777;
		if (!(mode & S_IRUSR))
			set_mode(dir, name, 0600);
		auto_fd fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (!(mode & S_IRUSR))
			set_mode(dir, name, mode);
		text[n < 0 ? 0 : n] = '\0';
		say(l, "f%o %s=%s", (unsigned)mode, shown, sb.st_size < 64 ? text : "...");
		if (sb.st_nlink > 1)
			say(l, " x%u", (unsigned)sb.st_nlink);
		break;
	}
	case S_IFCHR:
		say(l, sb.st_rdev == 0 ? "w %s" : "DEVICE %s", shown);
		break;
	case S_IFIFO:
		say(l, "p%o %s", (unsigned)sb.st_mode & 07777, shown);
		break;
	default:
		say(l, "? %s", shown);
	}
	if (deep)
		say(l, " %u:%u %lld %u", sb.st_uid, sb.st_gid, (long long)sb.st_mtime,
		    (unsigned)sb.st_nlink);
	say(l, "\n");
}

static void list_dir(int parent, const char *name, const char *shown, bool deep, struct listing *l)
{
	struct stat sb;
	struct dirent **entries;
	char value[8];

	if (fstatat(parent, name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		abort();
	mode_t mode = sb.st_mode & 07777;
	if ((mode & 0700) != 0700)
		set_mode(parent, name, 0700);
	auto_fd fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int n = fd < 0 ? -1 : scandirat(fd, ".", &entries, NULL, by_name);
	if (n < 0)
		abort();
	say(l, "d%o %s/", (unsigned)mode, shown);
	if (fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y')
		say(l, " opaque");
	if (deep)
		say(l, " %u:%u %lld", sb.st_uid, sb.st_gid, (long long)sb.st_mtime);
	say(l, "\n");
	for (int i = 0; i < n; i++) {
		char path[8192];
		const char *d = entries[i]->d_name;
		if (strcmp(d, ".") != 0 && strcmp(d, "..") != 0) {
			snprintf(path, sizeof(path), "%s%s%s", shown, *shown ? "/" : "", d);
			list_entry(fd, d, path, deep, l);
		}
		free(entries[i]);
	}
	free(entries);
	if ((mode & 0700) != 0700)
		set_mode(parent, name, mode);
}

/* --- archives as rows of a table ---------------------------------------------------------------
 */

#define F(n, content)                                                                              \
	{                                                                                          \
		{.type = '0', .name = (n)}, (content)                                              \
	}
#define FM(n, m)                                                                                   \
	{                                                                                          \
		{.type = '0', .name = (n), .mode = (m)}, ""                                        \
	}
#define D(n)                                                                                       \
	{                                                                                          \
		{.type = '5', .name = (n)}, NULL                                                   \
	}
#define DM(n, m)                                                                                   \
	{                                                                                          \
		{.type = '5', .name = (n), .mode = (m)}, NULL                                      \
	}
#define L(n, target)                                                                               \
	{                                                                                          \
		{.type = '2', .name = (n), .link = (target)}, NULL                                 \
	}
#define H(n, target)                                                                               \
	{                                                                                          \
		{.type = '1', .name = (n), .link = (target)}, NULL                                 \
	}
#define P(n)                                                                                       \
	{                                                                                          \
		{.type = '6', .name = (n)}, NULL                                                   \
	}
#define C(n, maj, min)                                                                             \
	{                                                                                          \
		{.type = '3', .name = (n), .major = (maj), .minor = (min)}, NULL                   \
	}
#define B(n, maj, min)                                                                             \
	{                                                                                          \
		{.type = '4', .name = (n), .major = (maj), .minor = (min)}, NULL                   \
	}
#define ENTRIES_MAX 12

struct row {
	const char *name;
	struct {
		struct tarent ent;
		const char *content;
	} entries[ENTRIES_MAX];
	const char *tree; /* without the line of the root; NULL: refused */
	/* Fragment of the refusal; else what is left to the layers below, without the line of the
	 * root, or NULL. */
	const char *says;
};

#define LONG10	"0123456789"
#define LONG100 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10
#define LONG250 LONG100 LONG100 LONG10 LONG10 LONG10 LONG10 LONG10

static const struct row rows[] = {
	/* Ordinary archives. */
	{"nothing", {}, "", NULL},
	{"files and directories",
	 {D("./"), D("./a"), F("./a/f", "hello"), DM("./t", 01777), FM("./x", 0755)},
	 "d755 a/\nf644 a/f=hello\nd1777 t/\nf755 x=\n",
	 NULL},
	{"parents without entries", {F("a/b/c", "1")}, "d755 a/\nd755 a/b/\nf644 a/b/c=1\n", NULL},
	{"a directory after its children",
	 {F("a/b", "1"), DM("a", 0700)},
	 "d700 a/\nf644 a/b=1\n",
	 NULL},
	{"directories without any permission",
	 {DM("a", 01000), F("a/b", "1"), DM("a/c", 0111), F("a/c/d", "2")},
	 "d1000 a/\nf644 a/b=1\nd111 a/c/\nf644 a/c/d=2\n",
	 NULL},
	{"a file without any permission", {FM("a", 01000)}, "f1000 a=\n", NULL},
	{"setuid and setgid", {FM("a", 06755), DM("d", 02775)}, "f755 a=\nd775 d/\n", NULL},
	{"symbolic links anywhere",
	 {L("a", "/etc/passwd"), L("b", "../../../../etc"), L("c", "nowhere")},
	 "l a -> /etc/passwd\nl b -> ../../../../etc\nl c -> nowhere\n",
	 NULL},
	{"hard links",
	 {F("a", "1"), H("b", "a"), H("c", "./a"), H("d/e", "/b")},
	 "f644 a=1 x4\nf644 b=1 x4\nf644 c=1 x4\nd755 d/\nf644 d/e=1 x4\n",
	 NULL},
	{"a hard link to itself", {F("a", "1"), H("a", "a")}, "f644 a=1\n", NULL},
	{"a hard link replaces a file",
	 {F("a", "1"), F("b", "2"), H("b", "a")},
	 "f644 a=1 x2\nf644 b=1 x2\n",
	 NULL},
	{"a file behind a hard link is given anew",
	 {F("a", "1"), H("b", "a"), F("a", "2")},
	 "f644 a=2\nf644 b=1\n",
	 NULL},
	{"a hard link to a symbolic link",
	 {L("a", "x"), H("b", "a")},
	 "l a -> x\nl b -> x\n",
	 NULL},
	{"the last of a name wins", {F("a", "1"), F("./a", "2"), F("/a", "3")}, "f644 a=3\n", NULL},
	{"a fifo", {P("a"), F("b", "1")}, "p644 a\nf644 b=1\n", NULL},
	{"fifos keep the sticky bit, and no other such",
	 {{{.type = '6', .name = "a", .mode = 01622}, NULL},
	  {{.type = '6', .name = "b", .mode = 07700}, NULL}},
	 "p1622 a\np1700 b\n",
	 NULL},
	{"names of all bytes",
	 {F("new\nline", "1"), F("back\\slash", "2"), F("\xff\xfe", "3"), F("F\xc5\x91", "4"),
	  F(" ", "5")},
	 "f644  =5\nf644 F\xc5\x91=4\nf644 back\\slash=2\nf644 new\nline=1\nf644 \xff\xfe=3\n",
	 NULL},
	{"long names",
	 {F(LONG250, "1"), L("l", LONG250 "/" LONG250)},
	 "f644 " LONG250 "=1\nl l -> " LONG250 "/" LONG250 "\n",
	 NULL},
	{"a directory with a slash is one", {{{.type = '0', .name = "a/"}, ""}}, "d644 a/\n", NULL},
	{"devices are left out, and hard links to them",
	 {C("dev/null", 1, 3), B("dev/sda", 8, 0), H("dev/zero", "dev/null"), F("f", "1")},
	 "d755 dev/\nf644 f=1\n",
	 "implied dev\ngone dev/null\ngone dev/sda\ngone dev/zero\n"},

	/* Things that replace each other. */
	{"file over directory", {F("a/b/c", "1"), F("a", "2")}, "f644 a=2\n", NULL},
	{"link over directory", {F("a/b/c", "1"), L("a", "x")}, "l a -> x\n", NULL},
	{"fifo over directory", {F("a/b/c", "1"), P("a")}, "p644 a\n", NULL},
	{"hard link over directory",
	 {F("f", "1"), F("a/b/c", "1"), H("a", "f")},
	 "f644 a=1 x2\nf644 f=1 x2\n",
	 NULL},
	{"directory over file is opaque",
	 {F("a", "1"), D("a"), F("a/b", "2")},
	 "d755 a/ opaque\nf644 a/b=2\n",
	 NULL},
	{"directory over link is opaque",
	 {L("a", OUT), D("a"), F("a/b", "2")},
	 "d755 a/ opaque\nf644 a/b=2\n",
	 NULL},
	{"file over link", {L("a", OUT "/canary"), F("a", "2")}, "f644 a=2\n", NULL},
	{"file over fifo", {P("a"), F("a", "2")}, "f644 a=2\n", NULL},
	{"file over whiteout", {F(".wh.a", ""), F("a", "2")}, "f644 a=2\n", NULL},
	{"link over link", {L("a", OUT), L("a", "y")}, "l a -> y\n", NULL},
	{"directory, file, directory, with metadata of the last",
	 {DM("a", 0700), F("a/x", "1"), F("a", "2"), F("a/y", "3")},
	 NULL,
	 "below 'a', which is no directory"},
	{"an implied directory forgets what was there before",
	 {DM("a", 0700), F("a/x", "1"), F("a", "2"), D("a"), F("a/y", "3")},
	 "d755 a/ opaque\nf644 a/y=3\n",
	 NULL},

	/* Whiteouts. */
	{"a whiteout", {F("a/.wh.b", "")}, "d755 a/\nw a/b\n", NULL},
	{"a whiteout before its file",
	 {F("a/.wh.b", ""), F("a/b", "1")},
	 "d755 a/\nf644 a/b=1\n",
	 NULL},
	{"a whiteout after its file",
	 {F("a/b", "1"), F("a/.wh.b", "")},
	 "d755 a/\nf644 a/b=1\n",
	 NULL},
	{"a whiteout before its directory",
	 {F(".wh.a", ""), D("a"), F("a/b", "1")},
	 "d755 a/ opaque\nf644 a/b=1\n",
	 NULL},
	{"a whiteout before an implied directory",
	 {F(".wh.a", ""), F("a/b/c", "1")},
	 "d755 a/ opaque\nd755 a/b/\nf644 a/b/c=1\n",
	 NULL},
	{"a whiteout after its directory",
	 {D("a"), F("a/b", "1"), F(".wh.a", "")},
	 "d755 a/ opaque\nf644 a/b=1\n",
	 NULL},
	{"two whiteouts of one name", {F(".wh.a", ""), F(".wh.a", "")}, "w a\n", NULL},
	{"an opaque directory",
	 {F("a/b", "1"), F("a/.wh..wh..opq", "")},
	 "d755 a/ opaque\nf644 a/b=1\n",
	 NULL},
	{"an opaque directory, marker first",
	 {F("a/.wh..wh..opq", ""), DM("a", 0700), F("a/b", "1")},
	 "d700 a/ opaque\nf644 a/b=1\n",
	 NULL},
	{"whiteouts in an opaque directory would only be odd names",
	 {F("a/.wh.b", ""), F("a/c/.wh.d", ""), F("a/.wh..wh..opq", ""), F("ab/.wh.b", "")},
	 "d755 a/ opaque\nd755 a/c/\nd755 ab/\nw ab/b\n",
	 NULL},
	{"an opaque root",
	 {F("a", "1"), F(".wh.b", ""), F(".wh..wh..opq", "")},
	 "f644 a=1\n",
	 NULL},
	{"whiteouts may be hard links, as AUFS made them",
	 {F(".wh..wh.aufs", ""), H(".wh.a", ".wh..wh.aufs")},
	 "w a\n",
	 NULL},
	{"what AUFS kept for itself",
	 {D(".wh..wh.plnk"), F(".wh..wh.plnk/1.2", "x"), D(".wh..wh.orph"), F("a", "1")},
	 "f644 a=1\n",
	 NULL},
	{"whiteout of nothing", {F(".wh.", "")}, NULL, "whiteout of nothing"},
	{"whiteout of .", {F("a/.wh..", "")}, NULL, "whiteout of nothing"},
	{"whiteout of ..", {F("a/.wh...", "")}, NULL, "whiteout of nothing"},
	{"whiteout as a directory", {F(".wh.a/b", "")}, NULL, "whiteout as a directory"},
	{"whiteout through a link",
	 {L("a", "../b/c"), F("a/.wh.canary", "")},
	 "l a -> ../b/c\nd755 b/\nd755 b/c/\nw b/c/canary\n",
	 "implied b\nimplied b/c\n"},
	{"whiteout through an absolute link", {L("a", OUT), F("a/.wh.canary", "")}, "*", NULL},
	{"opaque through a link",
	 {L("a", "b"), F("a/.wh..wh..opq", "")},
	 "l a -> b\nd755 b/ opaque\n",
	 "implied b\n"},
	{"opaque root through a link",
	 {L("a", ".."), F("a/.wh..wh..opq", "")},
	 "l a -> ..\n",
	 NULL},
	{"opaque through an absolute link", {L("a", OUT), F("a/.wh..wh..opq", "")}, "*", NULL},
	{"a 0:0 device", {C("a", 0, 0)}, NULL, "character device 0:0"},
	{"a hard link to a whiteout",
	 {F(".wh.a", ""), H("b", ".wh.a")},
	 NULL,
	 "hard link to the whiteout"},
	{"a hard link to what a whiteout hides",
	 {F(".wh.a", ""), H("b", "a")},
	 NULL,
	 "deleted in this layer"},

	/* Ways out. */
	{"a name with ..", {F("../outside/canary", "evil")}, NULL, "'..'"},
	{"a name with .. in the middle",
	 {D("a"), F("a/../../outside/canary", "evil")},
	 NULL,
	 "'..'"},
	{"a name that is ..", {D("..")}, NULL, "'..'"},
	{"an absolute name lands inside", {F(OUT "/canary", "evil")}, "*", NULL},
	{"a name below a link", {L("a", OUT), F("a/canary", "evil")}, "*", NULL},
	{"a name below a relative link",
	 {L("a", "../outside"), F("a/new", "evil")},
	 "l a -> ../outside\nd755 outside/\nf644 outside/new=evil\n",
	 NULL},
	{"a name below a link to .",
	 {L("a", "."), F("a/b", "evil")},
	 "l a -> .\nf644 b=evil\n",
	 NULL},
	{"a name below a chain of links",
	 {D("d"), L("d/up", ".."), L("a", "d/up/../outside"), F("a/canary", "evil")},
	 "l a -> d/up/../outside\nd755 d/\nl d/up -> ..\nd755 outside/\nf644 outside/canary=evil\n",
	 NULL},
	{"a name below links that are there",
	 {D("x"), D("x/y"), L("x/z", "/x/./y//"), L("l", "x"), F("l/z/f", "1")},
	 "l l -> x\nd755 x/\nd755 x/y/\nf644 x/y/f=1\nl x/z -> /x/./y//\n",
	 NULL},
	{"a name below a link to a file",
	 {F("f", "1"), L("l", "f"), F("l/a", "2")},
	 NULL,
	 "below 'f', which is no directory"},
	{"a name below links in a circle",
	 {L("a", "b/c"), L("b", "./a"), F("a/x", "1")},
	 NULL,
	 "'a/x' leads through more than 40"},
	{"a name below a link that grows",
	 {L("a", LONG250 "/" LONG250 "/" LONG250 "/" LONG250 "/" LONG250 "/a"), F("a/x", "1")},
	 "*",
	 NULL},
	{"a name below a link to a long component",
	 {L("a", LONG250 "0123456"), F("a/x", "1")},
	 NULL,
	 "too long a name"},
	{"a directory that becomes a link",
	 {D("a"), F("a/x", "1"), L("a", OUT), F("a/canary", "evil")},
	 "*",
	 NULL},
	{"a directory deep below that becomes a link",
	 {F("a/b/c/x", "1"), L("a/b", "../d"), F("a/b/canary", "evil")},
	 "d755 a/\nl a/b -> ../d\nd755 d/\nf644 d/canary=evil\n",
	 NULL},
	{"the mode of a directory through a link",
	 {L("a", OUT), DM("a/", 0700)},
	 "d700 a/ opaque\n",
	 NULL},
	{"the mode of a directory through a parent link",
	 {L("a", "../"), DM("a/outside", 0700)},
	 "l a -> ../\nd700 outside/\n",
	 NULL},
	{"the root as a link", {L(".", OUT), F("canary", "evil")}, NULL, "given as something else"},
	{"the root with a slash as a link",
	 {L("/", OUT), F("canary", "evil")},
	 NULL,
	 "given as something else"},
	{"the root as a hard link", {F("a", "1"), H("./", "a")}, NULL, "given as something else"},
	{"the root as a file", {F("/.", "1")}, NULL, "given as something else"},
	{"a hard link to a name with ..", {H("a", "../outside/canary")}, NULL, "'..'"},
	{"a hard link to an absolute name", {H("a", OUT "/canary")}, "w a\n", NULL},
	{"a hard link through a link",
	 {L("l", "/x/y"), H("a", "l/canary")},
	 "w a\nl l -> /x/y\n",
	 "link a x/y/canary\n"},
	{"a hard link below a link",
	 {L("l", "d"), F("f", "1"), H("l/a", "f")},
	 "d755 d/\nf644 d/a=1 x2\nf644 f=1 x2\nl l -> d\n",
	 NULL},
	{"a hard link below a link out", {L("l", OUT), F("f", "1"), H("l/a", "f")}, "*", NULL},
	{"a hard link to a link, then a file over it",
	 {L("l", OUT "/canary"), H("a", "l"), F("a", "mine")},
	 "f644 a=mine\nl l -> " OUT "/canary\n",
	 NULL},
	{"a hard link to a directory", {D("d"), H("a", "d")}, NULL, "which is a directory"},
	{"a hard link to the root", {H("a", "/")}, NULL, "directory"},
	{"a hard link that removes its target",
	 {F("a/b", "1"), H("a", "a/b")},
	 NULL,
	 "takes the place of 'a/b'"},
	{"a hard link below what is a file here",
	 {F("f", "1"), H("a", "f/b")},
	 NULL,
	 "deleted in this layer"},
	{"a hard link to what an opaque directory hides",
	 {F("d/.wh..wh..opq", ""), H("a", "d/e/f")},
	 NULL,
	 "deleted in this layer"},

	/* What is left to the layers below. */
	{"hard links into layers below",
	 {H("a", "./missing"), H("d/b", "/a"), H("c", "d/b"), F("x", "1"), H("x", "y")},
	 "w a\nw c\nd755 d/\nw d/b\nw x\n",
	 "implied d\nlink a missing\nlink c missing\nlink d/b missing\nlink x y\n"},
	{"a hard link into a layer below, given anew",
	 {H("a", "x"), H("a", "y"), H("b", "x"), F("b", "1"), H("c", "x"), D("c"), H("d", "x"),
	  F(".wh.d", "")},
	 "w a\nf644 b=1\nd755 c/ opaque\nw d\n",
	 "link a y\nlink d x\n"},
	{"nothing is below a hard link into a layer below",
	 {H("a", "x"), F("a/b", "1")},
	 NULL,
	 "below 'a', which is no directory"},
	{"directories that are only implied",
	 {F("a/b/f", "1"), D("a"), F("c/.wh.g", ""), F("d/e", "1"), F("d", "2")},
	 "d755 a/\nd755 a/b/\nf644 a/b/f=1\nd755 c/\nw c/g\nf644 d=2\n",
	 "implied a/b\nimplied c\n"},
	{"directories with nothing below them",
	 {F(".wh.a", ""), F("a/b/f", "1"), F("c/f", "1"), F(".wh.c", ""), F("d/.wh..wh..opq", ""),
	  F("d/e/f", "1")},
	 "d755 a/ opaque\nd755 a/b/\nf644 a/b/f=1\nd755 c/ opaque\nf644 c/f=1\n"
	 "d755 d/ opaque\nd755 d/e/\nf644 d/e/f=1\n",
	 "implied a/b\nimplied d\nimplied d/e\n"},
	{"a device takes the place of what was there",
	 {F("a", "1"), C("a", 1, 3), C("b", 1, 3), F("b", "2"), F("c/d", "1"), C("c", 1, 3),
	  F(".wh.e", ""), C("e", 1, 3)},
	 "f644 b=2\nw e\n",
	 "gone a\ngone c\n"},
	{"a directory that takes a device's place hides what lies below both",
	 {C("a", 1, 3), D("a"), C("b", 1, 3), F("b/c", "1"), F("d/x", "1"), C("d", 1, 3), D("d")},
	 "d755 a/ opaque\nd755 b/ opaque\nf644 b/c=1\nd755 d/ opaque\n",
	 NULL},
	{"there is nothing to hide below what is no directory",
	 {F("a", "1"), F("a/.wh.b", ""), P("b"), F("b/.wh..wh..opq", ""), F(".wh.c", ""),
	  F("c/.wh.d", ""), F("c/d/.wh.e", ""), C("e", 1, 3), F("e/.wh.f", ""), F(".wh.f", ""),
	  F("f/.wh..wh..opq", ""), F("f/g", "1")},
	 "f644 a=1\np644 b\nw c\nd755 f/ opaque\nf644 f/g=1\n",
	 "gone e\n"},
	{"a symbolic link to nothing", {L("a", "")}, NULL, "no target"},
	{"a fifo below a link", {L("a", OUT), P("a/p")}, "*", NULL},
	{"a link below a link", {L("a", OUT), L("a/p", "x")}, "*", NULL},
	{"a name without bytes", {F("", "x")}, NULL, "without a name"},
	{"a directory without a name is the root", {D(""), F("a", "1")}, "f644 a=1\n", NULL},
	{"a component of 256 bytes", {F(LONG250 "123456", "x")}, NULL, "256 bytes"},
};

/* --- running it --------------------------------------------------------------------------------
 */

struct feeder {
	const struct tarmake *t;
	size_t at, piece;
};

static ssize_t feed(void *arg, const void **data, struct err *e)
{
	struct feeder *f = arg;
	size_t n = MIN(f->piece, f->t->len - f->at);

	(void)e;
	*data = f->t->data + f->at;
	f->at += n;
	return (ssize_t)n;
}

static int open_base(void)
{
	int fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

/* A fresh empty directory base/layer, open. */
static int fresh_layer(void)
{
	struct err e = {0};
	auto_fd b = open_base();

	if (path_remove_tree(b, "layer", &e) < 0 || mkdirat(b, "layer", 0700) < 0) {
		tap_note("%s", e.text);
		abort();
	}
	int fd = openat(b, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

/* Lines of the facts that the last archive left, but for the first, the last and the root's. */
static char last_facts[4096];

static void keep_facts(const struct facts *facts)
{
	auto_free char *text = NULL;
	struct err e = {0};
	size_t len;

	if (facts_format(facts, &text, &len, &e) < 0)
		abort();
	char *from = strchr(text, '\n') + 1, *end = strstr(text, "\nend ");
	*(end < from ? from : end + 1) = '\0';
	from += strncmp(from, "implied .\n", 10) == 0 ? 10 : 0;
	snprintf(last_facts, sizeof(last_facts), "%s", from);
}

static int unpack(const struct tarmake *t, size_t piece, const struct unpack_limits *limits,
		  struct unpack_info *info, struct err *e)
{
	static const struct unpack_limits defaults;
	struct feeder f = {.t = t, .piece = piece};
	auto_fd layer = fresh_layer();
	struct facts facts = {0};

	int rc = unpack_tar(layer, feed, &f, limits ? limits : &defaults, NULL, info, &facts, e);
	if (rc == 0)
		keep_facts(&facts);
	facts_fini(&facts);
	return rc;
}

static void list_layer(struct listing *l)
{
	auto_fd b = open_base();

	l->len = 0;
	l->text[0] = '\0';
	list_entry(b, "layer", "", false, l);
}

/* All of base but the layer. */
static void list_outside(struct listing *l)
{
	auto_fd b = open_base();

	l->len = 0;
	l->text[0] = '\0';
	list_entry(b, "outside", "outside", true, l);
	struct dirent **entries;
	int n = scandirat(b, ".", &entries, NULL, by_name);
	for (int i = 0; i < n; i++) {
		if (strcmp(entries[i]->d_name, "layer") != 0)
			say(l, "%s\n", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

/* s with OUT replaced by the real path; valid for two calls. */
static const char *expand(const char *s)
{
	static char bufs[2][16384];
	static unsigned turn;
	char *buf = bufs[turn++ % 2];
	const char *at;
	size_t len = 0;

	while ((at = strstr(s, OUT))) {
		len += (size_t)sprintf(buf + len, "%.*s%s/outside", (int)(at - s), s, base);
		s = at + strlen(OUT);
	}
	strcpy(buf + len, s);
	return buf;
}

static void make_row(const struct row *r, struct tarmake *t)
{
	for (size_t i = 0; i < ENTRIES_MAX && r->entries[i].ent.name; i++) {
		struct tarent ent = r->entries[i].ent;
		const char *content = r->entries[i].content;
		ent.name = expand(ent.name);
		if (ent.link)
			ent.link = expand(ent.link);
		/* So that what is not chowned shows. */
		ent.uid = geteuid();
		ent.gid = getegid();
		tarmake_add(t, &ent, content, content ? strlen(content) : 0);
	}
	tarmake_end(t);
}

static void test_row(struct tap *t, const struct row *r, size_t piece, const char *as)
{
	struct listing *got = calloc(1, sizeof(*got)), *before = calloc(1, sizeof(*before)),
		       *after = calloc(1, sizeof(*after));
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};

	if (!got || !before || !after)
		abort();
	make_row(r, &tar);
	list_outside(before);
	int rc = unpack(&tar, piece, NULL, &info, &e);
	list_outside(after);
	list_layer(got);
	if (r->tree) {
		bool ok = tap_int(t, rc, 0, "%s (%s, pieces of %zu)", r->name, as, piece);
		if (!ok)
			tap_note("%s", e.text);
		const char *tree = strchr(got->text, '\n');
		if (ok && strcmp(r->tree, "*") != 0)
			tap_str(t, tree ? tree + 1 : "", expand(r->tree), "... leaves this tree");
		if (ok && r->says)
			tap_str(t, last_facts, r->says, "... and this for the layers below");
	} else {
		tap_int(t, rc, -1, "%s (%s, pieces of %zu) is refused", r->name, as, piece);
		tap_int(t, e.kind, ERR_VERIFY, "... as bad data");
		tap_has(t, e.text, r->says, "... saying why");
	}
	if (!tap_str(t, after->text, before->text, "... and nothing outside changed"))
		abort();
	tarmake_free(&tar);
	free(got);
	free(before);
	free(after);
}

static void make_outside(void)
{
	auto_fd b = open_base();

	if (mkdirat(b, "outside", 0755) < 0 || mkdirat(b, "outside/dir", 0755) < 0)
		abort();
	auto_fd fd = openat(b, "outside/canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "alive", 5) != 5)
		abort();
}

/* --- single tests ------------------------------------------------------------------------------
 */

static int stat_in_layer(const char *name, struct stat *sb)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/layer/%s", base, name);
	return lstat(path, sb);
}

static void test_times(struct tap *t)
{
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};
	struct stat sb;

	static const struct tarent ents[] = {
		{.type = '5', .name = "./", .mtime = 1000},
		{.type = '5', .name = "d", .mtime = 2000},
		{.type = '0', .name = "d/f", .mtime = 3000},
		{.type = '2', .name = "d/l", .link = "x", .mtime = 4000},
		{.type = '0', .name = "i/f", .mtime = 5000},
		{.type = '0', .name = "old", .mtime = -77},
		{.type = '0', .name = "late", .mtime = INT64_C(1) << 33},
	};
	for (size_t i = 0; i < ARRAY_LEN(ents); i++)
		tarmake_add(&tar, &ents[i], NULL, 0);
	struct tarrecords r = {.len = 0};
	tarmake_record(&r, "mtime", "1234567890.123456789", 20);
	tarmake_pax(&tar, 'x', r.data, r.len);
	struct tarent pax = {.type = '0', .name = "pax"};
	tarmake_add(&tar, &pax, NULL, 0);
	tarmake_end(&tar);
	if (!tap_int(t, unpack(&tar, 512, NULL, &info, &e), 0, "an archive with times"))
		tap_note("%s", e.text);
	static const struct {
		const char *name;
		int64_t mtime;
	} want[] = {{".", 1000},
		    {"d", 2000},
		    {"d/f", 3000},
		    {"d/l", 4000},
		    {"i", 5000},
		    {"old", -77},
		    {"late", INT64_C(1) << 33},
		    {"pax", 1234567890}};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		if (stat_in_layer(want[i].name, &sb) < 0)
			abort();
		tap_int(t, sb.st_mtim.tv_sec, want[i].mtime, "... time of '%s'", want[i].name);
	}
	tap_int(t, sb.st_mtim.tv_nsec, 123456789, "... with nanoseconds");
	tap_u64(t, info.files, 5, "files are counted");
	tap_u64(t, info.directories, 2, "directories are counted");
	tap_u64(t, info.symlinks, 1, "links are counted");
	tap_u64(t, info.entries, 8, "entries are counted");
	tarmake_free(&tar);
}

/* A fraction goes further from 1970, also with the minus sign that has no second. The record may be
 * anywhere among the extensions of its entry, and in any number of pieces. */
static void test_early_times(struct tap *t)
{
	static const struct {
		const char *text;
		int64_t sec;
		long nsec;
	} want[] = {
		{"-1.25", -2, 750000000},
		{"-0.25", -1, 750000000},
		{"0.25", 0, 250000000},
		{"-3", -3, 0},
		{"-3.0", -3, 0},
		{"-86400.0000000019", -86401, 999999999},
		{"-5.999999999", -6, 1},
		{"-.5", -1, 500000000},
		{"-2000000000.5", -2000000001, 500000000},
	};
	static const size_t pieces[] = {1, 500, 512, 700, 4096, 1 << 20};
	char name[32], longname[300];
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};
	struct stat sb;

	memset(longname, 'n', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct tarrecords r = {.len = 0};
		struct tarent ent = {.type = '0', .name = name};
		snprintf(name, sizeof(name), "f%zu", i);
		/* Data that look like a header, and a header of more than a block. */
		tarmake_add(&tar, &(struct tarent){.type = '0', .name = "data"}, longname, i * 37);
		tarmake_record(&r, "comment", longname, sizeof(longname) - 1);
		if (i % 3 == 1)
			tarmake_record(&r, "mtime", "7", 1);
		tarmake_record(&r, "mtime", want[i].text, strlen(want[i].text));
		tarmake_record(&r, "SCHILY.xattr.user.z", longname, 220);
		tarmake_pax(&tar, 'x', r.data, r.len);
		if (i % 2) /* another extension in between */
			tarmake_add(&tar, &(struct tarent){.type = 'L', .name = "././@LongLink"},
				    name, strlen(name) + 1);
		tarmake_add(&tar, &ent, NULL, 0);
	}
	tarmake_end(&tar);
	for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
		if (!tap_int(t, unpack(&tar, pieces[p], NULL, &info, &e), 0,
			     "times before 1970, in pieces of %zu", pieces[p]))
			tap_note("%s", e.text);
		for (size_t i = 0; i < ARRAY_LEN(want); i++) {
			snprintf(name, sizeof(name), "f%zu", i);
			if (stat_in_layer(name, &sb) < 0)
				abort();
			tap_int(t, sb.st_mtim.tv_sec, want[i].sec, "... %s", want[i].text);
			tap_int(t, sb.st_mtim.tv_nsec, want[i].nsec, "... with nanoseconds");
		}
	}
	tarmake_free(&tar);
}

static void test_root_mode(struct tap *t)
{
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};
	struct stat sb;
	struct tarent root = {.type = '5', .name = "./", .mode = 02750};

	tarmake_end(&tar);
	tap_int(t, unpack(&tar, 512, NULL, &info, &e), 0, "no entry for the root");
	if (stat_in_layer(".", &sb) < 0)
		abort();
	tap_int(t, sb.st_mode & 07777, 0755, "... makes it 0755");
	tar.len = 0;
	tarmake_add(&tar, &root, NULL, 0);
	tarmake_end(&tar);
	tap_int(t, unpack(&tar, 512, NULL, &info, &e), 0, "an entry for the root");
	if (stat_in_layer(".", &sb) < 0)
		abort();
	tap_int(t, sb.st_mode & 07777, 0750, "... gives its mode");
	tap_u64(t, info.dropped_setid, 1, "... and a dropped bit is counted");
	tarmake_free(&tar);
}

static void test_owners(struct tap *t)
{
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};
	struct stat sb;
	static const struct tarent ents[] = {
		{.type = '5', .name = "d", .uid = 11, .gid = 12},
		{.type = '0', .name = "d/f", .uid = 13, .gid = 14, .mode = 01755},
		{.type = '2', .name = "d/l", .link = "f", .uid = 15, .gid = 16},
		{.type = '6', .name = "d/p", .uid = 17, .gid = 18},
		{.type = '0', .name = "big", .uid = 3000000, .gid = 4000000000},
	};
	const char *const names[] = {"d", "d/f", "d/l", "d/p", "big"};

	for (size_t i = 0; i < ARRAY_LEN(ents); i++)
		tarmake_add(&tar, &ents[i], NULL, 0);
	tarmake_end(&tar);
	bool root = geteuid() == 0;
	if (!tap_int(t, unpack(&tar, 512, NULL, &info, &e), 0, "an archive with owners"))
		tap_note("%s", e.text);
	tap_int(t, info.owners_kept, root, "... they are kept by root alone");
	for (size_t i = 0; i < ARRAY_LEN(ents); i++) {
		if (stat_in_layer(names[i], &sb) < 0)
			abort();
		tap_u64(t, sb.st_uid, root ? ents[i].uid : geteuid(), "... user of '%s'", names[i]);
		tap_u64(t, sb.st_gid, root ? ents[i].gid : getegid(), "... group of '%s'",
			names[i]);
	}
	if (stat_in_layer("d/f", &sb) < 0)
		abort();
	tap_int(t, sb.st_mode & 07777, 01755, "... the mode is not lost");
	tar.len = 0;
	struct tarent mad = {.type = '0', .name = "f", .uid = UINT32_MAX};
	tarmake_add(&tar, &mad, NULL, 0);
	tarmake_end(&tar);
	tap_int(t, unpack(&tar, 512, NULL, &info, &e), root ? -1 : 0, "user 2^32-1");
	tarmake_free(&tar);
}

static void test_xattrs(struct tap *t)
{
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};
	char path[PATH_MAX], value[64];
	struct tarrecords r = {.len = 0};
	struct tarent file = {.type = '0', .name = "f", .mode = 0444};
	struct tarent dir = {.type = '5', .name = "d"};

	tarmake_record(&r, "SCHILY.xattr.user.keep", "a\0b=c", 5);
	tarmake_record(&r, "LIBARCHIVE.xattr.user.k64", "eAB5", 4); /* base 64 */
	tarmake_record(&r, "SCHILY.xattr.user.taken-back", "", 0);
	tarmake_record(&r, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	tarmake_record(&r, "SCHILY.xattr.user.overlay.redirect", "/etc", 4);
	tarmake_record(&r, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	tarmake_record(&r, "SCHILY.xattr.security.capability", "\1\0\0\2", 4);
	tarmake_record(&r, "SCHILY.xattr.system.posix_acl_access", "\2\0\0\0", 4);
	tarmake_pax(&tar, 'x', r.data, r.len);
	tarmake_add(&tar, &file, NULL, 0);
	tarmake_pax(&tar, 'x', r.data, r.len);
	tarmake_add(&tar, &dir, NULL, 0);
	tarmake_end(&tar);
	if (!tap_int(t, unpack(&tar, 512, NULL, &info, &e), 0, "an archive with attributes"))
		tap_note("%s", e.text);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/layer/%s", base, i ? "d" : "f");
		ssize_t n = lgetxattr(path, "user.keep", value, sizeof(value));
		tap_ok(t, n == 5 && memcmp(value, "a\0b=c", 5) == 0, "... user.keep is kept");
		n = lgetxattr(path, "user.k64", value, sizeof(value));
		tap_ok(t, n == 3 && memcmp(value, "x\0y", 3) == 0, "... user.k64 too");
		n = llistxattr(path, value, sizeof(value));
		tap_ok(t, n == sizeof("user.keep") + sizeof("user.k64"), "... and nothing else");
	}
	tap_u64(t, info.dropped_xattrs, 12, "... the others are counted");
	tarmake_free(&tar);
}

static void test_pax(struct tap *t)
{
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};
	struct stat sb;
	struct tarrecords r = {.len = 0};
	char *name = malloc(3000);

	if (!name)
		abort();
	for (size_t i = 0; i < 2999; i++)
		name[i] = i % 200 == 199 ? '/' : 'n';
	name[2999] = '\0';
	tarmake_record(&r, "comment", "for all", 7);
	tarmake_pax(&tar, 'g', r.data, r.len);
	r.len = 0;
	tarmake_record(&r, "path", name, 2999);
	tarmake_pax(&tar, 'x', r.data, r.len);
	struct tarent f = {.type = '0', .name = "short"};
	tarmake_add(&tar, &f, "1", 1);
	/* Names that are no UTF-8, which the format says they are. */
	r.len = 0;
	tarmake_record(&r, "path", "\xff\xfe", 2);
	tarmake_record(&r, "linkpath", "\xfe\xff", 2);
	tarmake_pax(&tar, 'x', r.data, r.len);
	struct tarent l = {.type = '2', .name = "short", .link = "target"};
	tarmake_add(&tar, &l, NULL, 0);
	r.len = 0;
	tarmake_record(&r, "size", "6", 1);
	tarmake_pax(&tar, 'x', r.data, r.len);
	struct tarent s = {.type = '0', .name = "sized"};
	tarmake_add(&tar, &s, "sixsix", 6);
	tarmake_end(&tar);
	if (!tap_int(t, unpack(&tar, 1000, NULL, &info, &e), 0, "pax records"))
		tap_note("%s", e.text);
	char path[PATH_MAX], target[16] = "";
	tap_int(t, stat_in_layer(name, &sb), 0, "... a path of 2999 bytes");
	snprintf(path, sizeof(path), "%s/layer/\xff\xfe", base);
	tap_int(t, readlink(path, target, sizeof(target) - 1), 2, "... a path of raw bytes");
	tap_str(t, target, "\xfe\xff", "... and a target of raw bytes");
	tap_ok(t, stat_in_layer("sized", &sb) == 0 && sb.st_size == 6, "... a size");
	tarmake_free(&tar);
	free(name);
}

/* The three ways of GNU tar to write a sparse file into pax records: 1 MB, "mid" in the middle. */
static void make_sparse(struct tarmake *tar, int minor)
{
	static const struct {
		const char *key, *value;
	} records[3][8] = {
		{{"GNU.sparse.size", "1000000"},
		 {"GNU.sparse.numblocks", "2"},
		 {"GNU.sparse.offset", "500000"},
		 {"GNU.sparse.numbytes", "3"},
		 {"GNU.sparse.offset", "1000000"},
		 {"GNU.sparse.numbytes", "0"}},
		{{"GNU.sparse.size", "1000000"},
		 {"GNU.sparse.numblocks", "2"},
		 {"GNU.sparse.map", "500000,3,1000000,0"},
		 {"GNU.sparse.name", "sparse"}},
		{{"GNU.sparse.major", "1"},
		 {"GNU.sparse.minor", "0"},
		 {"GNU.sparse.name", "sparse"},
		 {"GNU.sparse.realsize", "1000000"}},
	};
	/* Format 1.0: the map is the first block of the data. */
	unsigned char block[1024] = "2\n500000\n3\n1000000\n0\n";
	struct tarrecords r = {.len = 0};
	struct tarent f = {.type = '0', .name = minor == 0 ? "sparse" : "GNUSparseFile.0/sparse"};

	for (size_t i = 0; records[minor][i].key; i++)
		tarmake_record(&r, records[minor][i].key, records[minor][i].value,
			       strlen(records[minor][i].value));
	tarmake_pax(tar, 'x', r.data, r.len);
	memcpy(block + 512, "mid", 3);
	tarmake_add(tar, &f, minor == 2 ? block : block + 512, minor == 2 ? 515 : 3);
	tarmake_end(tar);
}

static void test_sparse(struct tap *t)
{
	static const char *const formats[] = {"0.0", "0.1", "1.0"};
	struct unpack_info info;
	struct err e = {0};
	struct stat sb;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/layer/sparse", base);
	for (int i = 0; i < 3; i++) {
		struct tarmake tar = {0};
		char data[8] = "";
		make_sparse(&tar, i);
		if (!tap_int(t, unpack(&tar, 1000, NULL, &info, &e), 0, "a sparse file, format %s",
			     formats[i]))
			tap_note("%s", e.text);
		tap_ok(t, stat_in_layer("sparse", &sb) == 0 && sb.st_size == 1000000,
		       "... has its size");
		tap_ok(t, sb.st_blocks < 100, "... and its holes");
		auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
		tap_ok(t,
		       fd >= 0 && pread(fd, data, 4, 499999) == 4 && memcmp(data, "\0mid", 4) == 0,
		       "... and its data");
		tap_u64(t, info.bytes, 1000000, "... counted as large as it looks");
		struct unpack_limits l = {.bytes = 999999};
		tap_int(t, unpack(&tar, 1000, &l, &info, &e), -1,
			"... refused when that is too large");
		tap_has(t, e.text, "larger than 999999 bytes", "... with the limit");
		tarmake_free(&tar);
	}
}

static void expect_refused(struct tap *t, const char *name, const struct tarmake *tar,
			   const struct unpack_limits *l, const char *fragment)
{
	struct unpack_info info;
	struct err e = {0};

	tap_int(t, unpack(tar, 700, l, &info, &e), -1, "%s is refused", name);
	tap_int(t, e.kind, ERR_VERIFY, "... as bad data");
	tap_has(t, e.text, fragment, "... saying why");
}

static void test_broken(struct tap *t)
{
	struct tarmake tar = {0};
	struct tarrecords r = {.len = 0};
	struct tarent f = {.type = '0', .name = "f"};
	char garbage[2048];

	memset(garbage, 'g', sizeof(garbage));
	tarmake_bytes(&tar, garbage, sizeof(garbage));
	expect_refused(t, "garbage", &tar, NULL, "broken tar");

	tar.len = 0;
	tarmake_add(&tar, &f, garbage, 2000);
	size_t whole = tar.len;
	unsigned refused = 0, tried = 0;
	for (size_t len = 1; len < whole; len += 37) {
		struct tarmake cut = {.data = tar.data, .len = len};
		struct unpack_info info;
		struct err e = {0};
		tried++;
		/* What is padding may be missing, as for every reader of tar. */
		if (unpack(&cut, 700, NULL, &info, &e) == -1 || len >= 512 + 2000)
			refused++;
		else
			tap_note("cut at %zu of %zu was taken", len, whole);
	}
	tap_u64(t, refused, tried, "an archive cut inside a file is refused");
	tar.data[130] ^= 1;
	expect_refused(t, "a header with a wrong checksum", &tar, NULL, "broken tar");

	tar.len = 0;
	f.size_claim = UINT64_C(1) << 40;
	tarmake_add(&tar, &f, "x", 1);
	expect_refused(t, "a file of 1 TiB", &tar, NULL, "larger than");
	tar.len = 0;
	f.size_claim = UINT64_C(1) << 63;
	tarmake_add(&tar, &f, "x", 1);
	expect_refused(t, "a file of -2^63 bytes", &tar, NULL, "");
	f.size_claim = 0;
	static const char *const sizes[] = {"-1", "99999999999999999999", "9223372036854775807"};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		tar.len = 0;
		r.len = 0;
		tarmake_record(&r, "size", sizes[i], strlen(sizes[i]));
		tarmake_pax(&tar, 'x', r.data, r.len);
		tarmake_add(&tar, &f, "x", 1);
		tarmake_end(&tar);
		expect_refused(t, sizes[i], &tar, NULL, "");
	}
	tar.len = 0;
	tarmake_pax(&tar, 'x', "999 path=x\n", 11);
	tarmake_add(&tar, &f, "x", 1);
	tarmake_end(&tar);
	expect_refused(t, "a pax record longer than its header", &tar, NULL, "broken tar");
	tar.len = 0;
	tarmake_pax(&tar, 'x', "0 path=x\n", 9);
	tarmake_add(&tar, &f, "x", 1);
	tarmake_end(&tar);
	expect_refused(t, "a pax record of no length", &tar, NULL, "broken tar");
	tar.len = 0;
	struct tarent pax = {.type = 'x', .name = "x", .size_claim = UINT64_C(1) << 32};
	tarmake_add(&tar, &pax, "x", 1);
	expect_refused(t, "a pax header of 4 GiB", &tar, NULL, "broken tar");
	tarmake_free(&tar);
}

static void test_limits(struct tap *t)
{
	struct tarmake tar = {0};
	struct unpack_limits l = {.entries = 3};

	for (int i = 0; i < 4; i++) {
		char name[2] = {(char)('a' + i), 0};
		struct tarent f = {.type = '0', .name = name};
		tarmake_add(&tar, &f, "12345", 5);
	}
	tarmake_end(&tar);
	expect_refused(t, "a fourth entry of three", &tar, &l, "more than 3 entries");
	l = (struct unpack_limits){.bytes = 19};
	expect_refused(t, "20 bytes of 19", &tar, &l, "larger than 19 bytes");
	struct unpack_info info;
	struct err e = {0};
	l = (struct unpack_limits){.bytes = 20, .entries = 4};
	tap_int(t, unpack(&tar, 700, &l, &info, &e), 0, "20 bytes of 20, 4 entries of 4");

	tar.len = 0;
	struct tarent deep = {.type = '0', .name = "a/b/c/d"};
	tarmake_add(&tar, &deep, "", 0);
	l = (struct unpack_limits){.depth = 3};
	expect_refused(t, "a depth of 4 of 3", &tar, &l, "more than 3 components");
	l = (struct unpack_limits){.path_bytes = 7};
	expect_refused(t, "a name of 8 bytes of 7", &tar, &l, "7 bytes or more");
	tar.len = 0;
	struct tarent link = {.type = '1', .name = "x", .link = "a/b/c/d"};
	tarmake_add(&tar, &link, "", 0);
	expect_refused(t, "a link target of 8 bytes of 7", &tar, &l, "7 bytes or more");
	tarmake_free(&tar);
}

/* A file system that takes no more links of a file, to the end of this process. */
static void refuse_links(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_linkat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMLINK),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {.len = ARRAY_LEN(code), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
		abort();
}

static void test_too_many_links(struct tap *t)
{
	static const struct row r = {"", {F("a", "1"), H("b", "a")}, NULL, NULL};
	struct tarmake tar = {0};
	struct unpack_info info;
	struct err e = {0};

	refuse_links();
	make_row(&r, &tar);
	tap_int(t, unpack(&tar, 1 << 16, NULL, &info, &e), -1, "too many links");
	tap_int(t, e.kind, ERR_DISK, "... are the file system's fault");
	tap_has(t, e.text, "link 'b': the store's file system takes no more than the 1 hard",
		"... and said to be");
	tarmake_free(&tar);
}

static void test_all(struct tap *t, const char *as)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(t, &rows[i], 100, as);
		test_row(t, &rows[i], 1 << 16, as);
	}
	test_times(t);
	test_early_times(t);
	test_root_mode(t);
	test_owners(t);
	test_xattrs(t);
	test_pax(t);
	test_sparse(t);
	test_broken(t);
	test_limits(t);
}

static void make_base(uid_t owner)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(base, sizeof(base), "%s/test_unpack.XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
	if (!mkdtemp(base) || chown(base, owner, owner) < 0 || chmod(base, 0755) < 0)
		abort();
}

static void remove_base(void)
{
	struct err e = {0};
	char *slash = strrchr(base, '/');

	*slash = '\0';
	auto_fd fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || path_remove_tree(fd, slash + 1, &e) < 0)
		tap_note("left behind: %s/%s: %s", base, slash + 1, e.text);
}

int main(void)
{
	struct tap t = {0};

	make_base(geteuid());
	make_outside();
	test_all(&t, geteuid() == 0 ? "root" : "user");
	if (geteuid() != 0) {
		test_too_many_links(&t);
		remove_base();
		return tap_done(&t);
	}
	remove_base();

	/* All of it again without privileges. */
	make_base(NOBODY);
	if (setegid(NOBODY) < 0 || seteuid(NOBODY) < 0)
		abort();
	make_outside();
	test_all(&t, "user");
	test_too_many_links(&t);
	if (seteuid(0) < 0 || setegid(0) < 0)
		abort();
	remove_base();
	return tap_done(&t);
}
