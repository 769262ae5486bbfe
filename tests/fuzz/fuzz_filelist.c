/* SPDX-License-Identifier: MIT */
/* Fuzz target: lines of a layer's list of files, and the tree that they describe. */
#include "imgfetch/filelist.h"

#include "common/cleanup.h"
#include "imgfetch/filetree.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "filelist";

/* What is taken has one spelling, and names nothing outside of the layer. */
static void check_line(char *line, struct filetree *tree)
{
	char again[2048];
	struct text out = TEXT_OVER(again);
	auto_free char *before = strdup(line);
	struct file_entry f;
	struct err e = {0};
	size_t len;

	FUZZ_MUST(before);
	if (filelist_parse(line, &f, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_VERIFY && e.text[0]);
		return;
	}
	FUZZ_MUST(f.path[0] != '/' && !strstr(f.path, "//") && strcmp(f.path, "..") != 0 &&
		  strncmp(f.path, "../", 3) != 0 && !strstr(f.path, "/../"));
	FUZZ_MUST(f.path[0] || f.type == FILE_DIR);
	FUZZ_MUST((f.target != NULL) == (f.type == FILE_LINK || f.type == FILE_SYMLINK));
	filelist_format(&f, &out);
	len = strlen(before);
	FUZZ_MUST(out.full || (out.len == len + 1 && memcmp(again, before, len) == 0));
	if (filetree_add(tree, &f, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_VERIFY && f.type == FILE_LINK);
		return;
	}
	const struct filetree_file *file = filetree_look(tree, f.path);
	FUZZ_MUST(file &&
		  (f.type == FILE_LINK ? file->want.type != FILE_DIR : file->want.type == f.type));
}

/* Nobody misses what cannot be found, or was asked for. */
static int check_missing(void *arg, const char *path, struct err *e UNUSED)
{
	size_t *count = arg;

	FUZZ_MUST(*path && path[0] != '/');
	++*count;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = fuzz_string(data, size);
	char *rest = text, *line;
	struct err e = {0};
	auto_filetree tree = filetree_new(&e);
	size_t count = 0;

	FUZZ_MUST(tree);
	while ((line = strsep(&rest, "\n")))
		check_line(line, tree);
	FUZZ_MUST(filetree_missing(tree, check_missing, &count, &e) == 0);
	FUZZ_MUST(filetree_end(tree, &e) == 0 || e.kind == ERR_VERIFY);
	return 0;
}
