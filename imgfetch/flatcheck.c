/* SPDX-License-Identifier: MIT */
/* Directory by directory: what the layers have there, the topmost first, makes a list of what is to
 * show; then the list is held against the tree. Written apart from mount/unpack.c, which goes from
 * the bottom up and removes again what is hidden, so that neither repeats a mistake of the other.
 */
#include "imgfetch/flatcheck.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/alike.h"
#include "mount/layers.h"

/* A directory of the tree, and which layers it is merged from, topmost first. */
struct folder {
	struct folder *next;
	char *path; /* owned; "" the root */
	uint16_t *layers;
	size_t layer_count;
};

/* What the layers have at one name of a directory. */
struct shown {
	char *name;	  /* owned */
	uint16_t *layers; /* owned; of anything but a directory there is one */
	size_t layer_count;
	mode_t type;
	dev_t dev;
	ino_t ino;
	bool hidden; /* by a whiteout: it is not to show */
	bool closed; /* nothing below adds to it */
	bool met;
};

struct check {
	const struct layers *layers;
	int tree;
	layercheck_report report;
	void *arg;
	struct layercheck_result r;
	bool owners;
	struct folder *todo; /* owned */

	/* The directory at hand. */
	const struct folder *at;
	void *names;	   /* tsearch(3) tree of struct shown; owns them */
	struct err *fault; /* of a callback of twalk_r(3) */
	bool failed;
};

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "check a merged tree");
}

static int tell(struct check *c, const char *name, struct layercheck_problem *p, struct err *e)
{
	auto_free char *path = NULL;

	if (asprintf(&path, "%s%s%s", c->at->path, *c->at->path && *name ? "/" : "", name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	p->path = path;
	c->r.problems++;
	return c->report(c->arg, p, e);
}

/* --- what is to show ----------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void free_shown(void *p)
{
	struct shown *s = p;

	free(s->name);
	free(s->layers);
	free(s);
}

static void free_folder(struct folder *f)
{
	free(f->path);
	free(f->layers);
	free(f);
}

static int add_layer(struct shown *s, size_t layer, struct err *e)
{
	uint16_t *longer = reallocarray(s->layers, s->layer_count + 1, sizeof(*longer));

	if (!longer)
		return no_memory(e);
	s->layers = longer;
	longer[s->layer_count++] = (uint16_t)layer;
	return 0;
}

static bool is_opaque(int parent, const char *name)
{
	char value[2];
	auto_fd fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1 &&
	       value[0] == 'y';
}

/* A layer has this name in the directory; those above it came before. */
static int add_name(struct check *c, size_t layer, int dir, const char *name, struct err *e)
{
	const struct shown key = {.name = (char *)name};
	struct shown *const *found = tfind(&key, &c->names, compare_names);
	struct shown *s = found ? *found : NULL;
	struct stat st;

	if (s && s->closed)
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' of a layer", text_quote(name).s);
	if (s && !S_ISDIR(st.st_mode)) {
		s->closed = true;
		return 0;
	}
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (s)
			s->name = strdup(name);
		if (!s || !s->name || !tsearch(s, &c->names, compare_names)) {
			if (s)
				free_shown(s);
			return no_memory(e);
		}
		s->type = st.st_mode & S_IFMT;
		s->dev = st.st_dev;
		s->ino = st.st_ino;
		s->hidden = S_ISCHR(st.st_mode) && st.st_rdev == 0;
	}
	s->closed = !S_ISDIR(st.st_mode) || is_opaque(dir, name);
	return add_layer(s, layer, e);
}

static int open_folder(const struct check *c, size_t layer, int flags)
{
	const char *path = c->at->path;

	return path_open_beneath(c->layers->fds[layer], *path ? path : ".", flags | O_DIRECTORY, 0);
}

/* To read names is one permission, to look at what they are names of another. */
static bool may_look(int dir)
{
	return dir >= 0 && faccessat(dir, ".", F_OK, 0) == 0;
}

/* 1, or 0: the caller may not read the directory. */
static int add_names(struct check *c, size_t layer, struct err *e)
{
	auto_fd opened = open_folder(c, layer, O_RDONLY);
	int fd = opened;
	auto_dir dir = may_look(opened) ? fdopendir(opened) : NULL;
	const struct dirent *d;

	if (!dir && errno == EACCES)
		return 0;
	if (!dir)
		return err_sys(e, ERR_SYSTEM, "list '%s' of a layer", text_quote(c->at->path).s);
	opened = -1; /* the stream's now */
	while (errno = 0, (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (add_name(c, layer, fd, d->d_name, e) < 0)
			return -1;
	}
	return errno == 0
		       ? 1
		       : err_sys(e, ERR_SYSTEM, "list '%s' of a layer", text_quote(c->at->path).s);
}

/* --- what is there ------------------------------------------------------------------------- */

static int remember_folder(struct check *c, struct shown *s, struct err *e)
{
	const char *above = c->at->path;
	struct folder *f = calloc(1, sizeof(*f));

	if (!f)
		return no_memory(e);
	if (asprintf(&f->path, "%s%s%s", above, *above ? "/" : "", s->name) < 0) {
		free(f);
		return no_memory(e);
	}
	f->layers = take_ptr(s->layers);
	f->layer_count = s->layer_count;
	s->layer_count = 0;
	f->next = c->todo;
	c->todo = f;
	return 0;
}

/* got against what the layer has at the same path; name: "." for the directory itself. */
static int compare_file(struct check *c, size_t layer, const struct alike_file *got,
			struct layercheck_problem *p, struct err *e)
{
	auto_fd dir = open_folder(c, layer, O_PATH);
	struct alike_file want = {.parent = dir, .name = got->name};
	/* Of the directory itself one may ask even if it is closed. */
	const char *asked = strcmp(got->name, ".") == 0 ? "" : got->name;
	struct alike_result r;

	if (dir < 0 || fstatat(dir, asked, &want.st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' of a layer", text_quote(got->name).s);
	alike_compare(&want, got, c->owners, &r);
	c->r.bytes += r.bytes;
	c->r.unreadable += r.unread && !S_ISDIR(want.st.st_mode); /* those: check_folder */
	p->changes = r.changes;
	p->details = r.details;
	return 0;
}

static int compare_name(struct check *c, int dir, const char *name, struct err *e)
{
	const struct shown key = {.name = (char *)name};
	struct shown *const *found = tfind(&key, &c->names, compare_names);
	struct alike_file got = {.parent = dir, .name = name};
	struct layercheck_problem p = {.what = "changed"};

	c->r.entries++;
	if (fstatat(dir, name, &got.st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' of a merged tree", text_quote(name).s);
	if (!found || (*found)->hidden) {
		p.what = "added";
		return tell(c, name, &p, e);
	}
	struct shown *s = *found;
	s->met = true;
	/* Another name of the layer's own file, which was looked at there. */
	if (s->dev == got.st.st_dev && s->ino == got.st.st_ino)
		return 0;
	if (S_ISDIR(s->type) && S_ISDIR(got.st.st_mode))
		return remember_folder(c, s, e);
	if (s->type != (got.st.st_mode & S_IFMT))
		p.changes = 1U << CHANGE_TYPE;
	else if (compare_file(c, s->layers[0], &got, &p, e) < 0)
		return -1;
	return p.changes ? tell(c, name, &p, e) : 0;
}

static void on_missing(const void *node, VISIT which, void *closure)
{
	struct check *c = closure;
	const struct shown *s = *(struct shown *const *)node;
	struct layercheck_problem p = {.what = "missing"};

	if ((which == postorder || which == leaf) && !c->failed && !s->met && !s->hidden)
		c->failed = tell(c, s->name, &p, c->fault) < 0;
}

static int compare_names_there(struct check *c, int fd, struct err *e)
{
	auto_fd listed = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir dir = listed < 0 ? NULL : fdopendir(listed);
	const struct dirent *d;

	if (!dir)
		return err_sys(e, ERR_SYSTEM, "list a merged tree");
	listed = -1; /* the stream's now */
	while (errno = 0, (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (compare_name(c, fd, d->d_name, e) < 0)
			return -1;
	}
	if (errno != 0)
		return err_sys(e, ERR_SYSTEM, "list a merged tree");
	c->fault = e;
	twalk_r(c->names, on_missing, c);
	return c->failed ? -1 : 0;
}

static int check_folder(struct check *c, struct err *e)
{
	const char *path = *c->at->path ? c->at->path : ".";
	auto_fd place = path_open_beneath(c->tree, path, O_PATH | O_DIRECTORY, 0);
	struct alike_file got = {.parent = place, .name = "."};
	struct layercheck_problem p = {.what = "changed"};

	if (place < 0 || fstat(place, &got.st) < 0)
		return err_sys(e, ERR_SYSTEM, "open '%s' of a merged tree", text_quote(path).s);
	if (compare_file(c, c->at->layers[0], &got, &p, e) < 0 ||
	    (p.changes && tell(c, "", &p, e) < 0))
		return -1;
	auto_fd fd = path_open_beneath(c->tree, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && errno != EACCES)
		return err_sys(e, ERR_SYSTEM, "open '%s' of a merged tree", text_quote(path).s);
	int r = may_look(fd);
	for (size_t i = 0; r > 0 && i < c->at->layer_count; i++)
		r = add_names(c, c->at->layers[i], e);
	if (r == 0)
		c->r.unreadable++;
	return r > 0 ? compare_names_there(c, fd, e) : r;
}

/* --- the whole ----------------------------------------------------------------------------- */

/* The root directory, of all layers down to one that hides those below it. */
static int begin(struct check *c, struct err *e)
{
	struct shown root = {.name = (char *)""};
	const struct folder nowhere = {.path = (char *)""};

	c->at = &nowhere;
	for (size_t i = 0; i < c->layers->count && !root.closed; i++) {
		root.closed = is_opaque(c->layers->fds[i], ".");
		if (add_layer(&root, i, e) < 0) {
			free(root.layers);
			return -1;
		}
	}
	int r = remember_folder(c, &root, e);
	free(root.layers);
	return r;
}

static int run(struct check *c, struct err *e)
{
	int r = begin(c, e);

	while (r == 0 && c->todo) {
		struct folder *f = c->todo;

		c->todo = f->next;
		c->at = f;
		r = check_folder(c, e);
		tdestroy(c->names, free_shown);
		c->names = NULL;
		free_folder(f);
	}
	while (c->todo) {
		struct folder *f = c->todo;

		c->todo = f->next;
		free_folder(f);
	}
	return r;
}

int flatcheck_run(const struct store *st, const struct imgdesc *d, int tree_fd,
		  layercheck_report report, void *arg, struct layercheck_result *out, struct err *e)
{
	struct layers layers;
	struct check c = {.layers = &layers,
			  .tree = tree_fd,
			  .report = report,
			  .arg = arg,
			  .owners = st->owner == 0 && store_caller_is_root()};

	if (layers_open_stored(st, d, &layers, e) < 0)
		return -1;
	int r = run(&c, e);
	layers_close(&layers);
	if (r == 0)
		*out = c.r;
	return r;
}
