/* SPDX-License-Identifier: MIT */
/* Fuzz target: a layer's entries, unpacked beside a file that must not change.
 *
 * The input is a list of entries, one a line, from which a well-formed tar is made: type, name and,
 * after a tab, link target. '@' stands for the absolute path of what lies outside. fuzz_unpack
 * gives the bytes of an archive; this one gets deeper into what good headers can do together. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/unpack.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/tarmake.h"
#include "tests/unit/tree.h"

const char fuzz_name[] = "entries";

#define ENTRIES_MAX 40
#define CANARY	    "canary"

static char base_path[256]; /* holds layer/ and out/keep; made once, removed at exit */
static int base_fd = -1;
static struct stat before; /* of out/keep */

static void clean_up(void)
{
	struct err e;

	if (path_remove_contents(base_fd, ".", &e) < 0 || rmdir(base_path) < 0)
		fprintf(stderr, "cannot remove '%s'\n", base_path);
}

static void prepare(void)
{
	auto_fd out = -1, keep = -1;

	/* In memory where that is possible: thousands of files are made and removed. */
	if (access("/dev/shm", W_OK) == 0)
		FUZZ_MUST(setenv("TMPDIR", "/dev/shm", 1) == 0);
	base_fd = tree_base(base_path, sizeof(base_path));
	FUZZ_MUST(atexit(clean_up) == 0);
	out = tree_dir(base_fd, "out");
	keep = openat(out, "keep", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FUZZ_MUST(keep >= 0 && write(keep, CANARY, sizeof(CANARY)) == sizeof(CANARY));
	FUZZ_MUST(fstat(keep, &before) == 0);
}

static void check_outside(void)
{
	char text[64] = "";
	auto_fd keep = openat(base_fd, "out/keep", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	auto_dir dir = opendir(base_path);
	struct stat st;
	unsigned names = 0;

	FUZZ_MUST(keep >= 0 && dir && fstat(keep, &st) == 0);
	FUZZ_MUST(st.st_ino == before.st_ino && st.st_mode == before.st_mode && st.st_nlink == 1 &&
		  st.st_uid == before.st_uid && st.st_size == before.st_size &&
		  st.st_ctim.tv_sec == before.st_ctim.tv_sec &&
		  st.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
	FUZZ_MUST(read(keep, text, sizeof(text)) == sizeof(CANARY) && strcmp(text, CANARY) == 0);
	while (readdir(dir))
		names++;
	FUZZ_MUST(names == 4); /* ".", "..", "layer" and "out" */
	FUZZ_MUST(fstatat(base_fd, "out", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 2);
}

/* s with each '@' replaced; cut where it gets too long. */
static const char *expand(const char *s, char *buf, size_t size)
{
	struct text t = {.buf = buf, .size = size};

	buf[0] = '\0';
	for (; *s; s++) {
		if (*s == '@')
			text_addf(&t, "%s/out", base_path);
		else
			text_add_bytes(&t, s, 1);
	}
	return buf;
}

static void add_line(struct tarmake *tar, char *line)
{
	static char name[8192], link[8192];
	char *tab = strchr(line, '\t');
	struct tarent ent = {.type = line[0] ? line[0] : '0'};
	bool has_data = ent.type == '0';

	if (tab)
		*tab = '\0';
	ent.name = expand(line[0] ? line + 1 : line, name, sizeof(name));
	ent.link = expand(tab ? tab + 1 : "", link, sizeof(link));
	if (!tab)
		ent.link = NULL;
	tarmake_add(tar, &ent, has_data ? "data" : NULL, has_data ? 4 : 0);
}

struct whole {
	const void *data;
	size_t len;
};

static ssize_t read_whole(void *arg, const void **data, struct err *e UNUSED)
{
	struct whole *w = arg;
	size_t len = w->len;

	*data = w->data;
	w->len = 0;
	return (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct unpack_limits limits = {.entries = 1000, .bytes = 1 << 20};
	char *text = fuzz_string(data, size), *rest = text, *line;
	struct tarmake tar = {0};
	struct unpack_info info;
	struct facts facts = {0};
	struct whole w;
	struct err e = {0};
	auto_fd layer = -1;

	if (base_fd < 0)
		prepare();
	for (int n = 0; n < ENTRIES_MAX && (line = strsep(&rest, "\n")); n++)
		add_line(&tar, line);
	tarmake_end(&tar);
	w = (struct whole){tar.data, tar.len};
	layer = tree_dir(base_fd, "layer");
	if (unpack_tar(layer, read_whole, &w, &limits, NULL, &info, &facts, &e) < 0)
		FUZZ_MUST(e.kind == ERR_VERIFY || e.kind == ERR_DISK);
	for (size_t i = 0; i < facts.count; i++)
		FUZZ_MUST(facts_find(&facts, facts.list[i].kind, facts.list[i].path));
	facts_fini(&facts);
	check_outside();
	FUZZ_MUST(path_remove_tree(base_fd, "layer", &e) == 0);
	tarmake_free(&tar);
	free(text);
	return 0;
}
