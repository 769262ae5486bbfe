/* SPDX-License-Identifier: MIT */
/* All names and images that a store knows. */
#include "imgfetch/refs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"

/* refs/<host>/<repo>/:<tag> */
#define REF_PATH_MAX (5 + REF_HOST_MAX + 1 + REF_REPO_MAX + 2 + STORE_REF_FILE_MAX + 1)

/* Folders still to be read, by their path below the store: a stack, since names nest. */
struct walk {
	const struct store *st;
	struct refs *out;
	char **todo;
	size_t count, room;
};

static int push(struct walk *w, const char *path, struct err *e)
{
	if (w->count == REFS_MAX)
		return err_set(e, ERR_CONFIG, "too many folders in the store's refs");
	if (w->count == w->room) {
		size_t room = MAX(2 * w->room, 64);
		char **p = reallocarray(w->todo, room, sizeof(*p));

		if (!p)
			return err_sys(e, ERR_SYSTEM, "list the store");
		w->todo = p;
		w->room = room;
	}
	w->todo[w->count] = strdup(path);
	if (!w->todo[w->count])
		return err_sys(e, ERR_SYSTEM, "list the store");
	w->count++;
	return 0;
}

/* The digest in a file below refs/; false if there is none. */
static bool read_digest(const struct store *st, const char *path, struct digest *out)
{
	char text[DIGEST_TEXT_LEN + 3];
	struct err ignored;
	auto_fd fd = path_open_beneath(st->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0 || fdio_read_text(fd, text, sizeof(text)) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return digest_parse(text, out, &ignored) == 0;
}

/* Path of a file to the name it stands for, checked by parsing it as a user's word. */
static bool name_of(const char *path, char *out, size_t size, struct ref *parsed)
{
	const char *file = strrchr(path, '/') + 1;
	struct err ignored;

	const char *mark = ":", *rest = file + 1;

	if (strncmp(file, "@sha512-", 8) == 0) {
		mark = "@sha512:";
		rest = file + 8;
	} else if (file[0] == '@') {
		mark = "@sha256:";
	}
	if (text_format(out, size, "%.*s%s%s", (int)(file - 1 - (path + 5)), path + 5, mark, rest) <
	    0)
		return false;
	return ref_parse(out, parsed, &ignored) == 0 && parsed->kind == REF_REGISTRY;
}

static int add(struct walk *w, const char *path, struct err *e)
{
	struct ref_entry en = {0};
	auto_free struct ref *parsed = calloc(1, sizeof(*parsed));
	struct ref_entry *list;
	char name[REF_PATH_MAX + 16];

	if (!parsed)
		return err_sys(e, ERR_SYSTEM, "list the store");
	if (!name_of(path, name, sizeof(name), parsed) || !read_digest(w->st, path, &en.digest))
		return 0;
	if (w->out->count == REFS_MAX)
		return err_set(e, ERR_CONFIG, "too many names in the store");
	en.by_digest = parsed->has_digest;
	list = reallocarray(w->out->entries, w->out->count + 1, sizeof(*list));
	if (!list)
		return err_sys(e, ERR_SYSTEM, "list the store");
	w->out->entries = list;
	en.name = strdup(name);
	en.path = strdup(path);
	list[w->out->count++] = en; /* refs_fini frees what there is of it */
	if (!en.name || !en.path)
		return err_sys(e, ERR_SYSTEM, "list the store");
	return 0;
}

/* -1 with errno: ENOENT where nothing was pulled yet. */
static DIR *open_dir(const struct store *st, const char *path)
{
	auto_fd fd = path_open_beneath(st->fd, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		fd = -1; /* the stream's now */
	return d;
}

static int read_folder(struct walk *w, const char *path, struct err *e)
{
	auto_dir d = open_dir(w->st, path);
	struct dirent *de;
	char below[REF_PATH_MAX];

	if (!d)
		/* Gone, no folder, or a link: nothing of ours. */
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : err_sys(e, ERR_SYSTEM, "open '%s' in the store",
					 text_quote(path).s);
	while (errno = 0, (de = readdir(d))) {
		if (de->d_name[0] == '.' ||
		    text_format(below, sizeof(below), "%s/%s", path, de->d_name) < 0)
			continue;
		bool is_file = de->d_name[0] == ':' || de->d_name[0] == '@';
		if ((is_file ? add(w, below, e) : push(w, below, e)) < 0)
			return -1;
	}
	if (errno)
		return err_sys(e, ERR_SYSTEM, "read '%s' in the store", text_quote(path).s);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ref_entry *)a)->name, ((const struct ref_entry *)b)->name);
}

int refs_read(const struct store *st, struct refs *out, struct err *e)
{
	struct refs refs = {0};
	struct walk w = {.st = st, .out = &refs};
	int r = push(&w, "refs", e);

	while (r == 0 && w.count > 0) {
		auto_free char *path = w.todo[--w.count];

		r = read_folder(&w, path, e);
	}
	while (w.count > 0)
		free(w.todo[--w.count]);
	free(w.todo);
	if (r < 0) {
		refs_fini(&refs);
		return -1;
	}
	if (refs.count > 0)
		qsort(refs.entries, refs.count, sizeof(*refs.entries), by_name);
	*out = refs;
	return 0;
}

void refs_fini(struct refs *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->entries[i].name);
		free(r->entries[i].path);
	}
	free(r->entries);
	*r = (struct refs){0};
}

static int by_digest(const void *a, const void *b)
{
	return strcmp(((const struct digest *)a)->hex, ((const struct digest *)b)->hex);
}

int refs_read_images(const struct store *st, struct digest **out, size_t *count, struct err *e)
{
	auto_dir d = open_dir(st, "images/sha256");
	auto_free struct digest *list = NULL;
	struct dirent *de;
	struct err ignored;
	size_t n = 0;

	if (!d && errno != ENOENT)
		return err_sys(e, ERR_SYSTEM, "open 'images/sha256' in the store");
	while (d && (errno = 0, (de = readdir(d)))) {
		char text[DIGEST_TEXT_LEN + 1];
		struct digest found, *longer;

		if (text_format(text, sizeof(text), "sha256:%s", de->d_name) < 0 ||
		    digest_parse(text, &found, &ignored) < 0)
			continue;
		longer = n < REFS_MAX ? reallocarray(list, n + 1, sizeof(*list)) : NULL;
		if (!longer)
			return err_sys(e, ERR_SYSTEM, "list the images of the store");
		list = longer;
		list[n++] = found;
	}
	if (d && errno)
		return err_sys(e, ERR_SYSTEM, "read 'images/sha256' in the store");
	if (n > 0)
		qsort(list, n, sizeof(*list), by_digest);
	*out = take_ptr(list);
	*count = n;
	return 0;
}
