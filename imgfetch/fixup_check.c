/* SPDX-License-Identifier: MIT */
/* A fix-up layer of the store against the plan for it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/text.h"
#include "imgfetch/alike.h"
#include "imgfetch/fixup_impl.h"
#include "imgfetch/treewalk.h"

struct compare {
	struct fixup *f;
	layercheck_report report;
	void *arg;
	struct layercheck_result r;
	bool owners; /* layers and fix-up keep them */
};

static int tell(struct compare *c, const struct layercheck_problem *p, struct err *e)
{
	c->r.problems++;
	return c->report(c->arg, p, e);
}

/* Against what the node is a link to, or has its metadata from. */
static int compare_source(struct compare *c, const struct node *n, const struct alike_file *got,
			  struct layercheck_problem *p, struct err *e)
{
	const char *path = n->source.src_path, *slash = strrchr(path, '/');
	int layer = c->f->layers[n->source.src_layer].fd;
	auto_free char *dir = strndup(path, slash ? (size_t)(slash - path) : 0);
	struct alike_file want = {.name = slash ? slash + 1 : *path ? path : "."};
	struct alike_result r;

	if (!dir)
		return err_sys(e, ERR_SYSTEM, "check a fix-up layer");
	auto_fd parent = *dir ? path_open_beneath(layer, dir, O_PATH | O_DIRECTORY, 0)
			      : openat(layer, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	want.parent = parent;
	if (parent < 0 || fstatat(parent, want.name, &want.st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s' of a layer", text_quote(path).s);
	alike_compare(&want, got, c->owners, &r);
	c->r.bytes += r.bytes;
	c->r.unreadable += r.unread && !S_ISDIR(want.st.st_mode); /* those are told by the walk */
	p->changes = r.changes;
	p->details = r.details;
	return 0;
}

/* path: what is there. 1: go on below it. */
static int compare(struct compare *c, const char *path, const struct alike_file *got, struct err *e)
{
	struct node *n = fixup_find(c->f, path);
	struct layercheck_problem p = {.path = path, .what = "changed"};

	c->r.entries++;
	if (!n || n->plan == PLAN_NOTHING) {
		p.what = "added";
		return tell(c, &p, e);
	}
	n->met = true;
	if (n->plan == PLAN_WHITEOUT) {
		if (!S_ISCHR(got->st.st_mode) || got->st.st_rdev != 0)
			p.changes = 1U << CHANGE_TYPE;
	} else if (compare_source(c, n, got, &p, e) < 0) {
		return -1;
	}
	if (p.changes && tell(c, &p, e) < 0)
		return -1;
	if (p.changes & (1U << CHANGE_TYPE)) {
		n->closed = true;
		return 0;
	}
	return 1;
}

static int on_entry(void *arg, const struct treewalk_entry *w, struct err *e)
{
	const struct alike_file got = {.parent = w->parent, .name = w->name, .st = w->st};

	return compare(arg, w->path, &got, e);
}

static int on_closed(void *arg, const char *path, struct err *e UNUSED)
{
	struct compare *c = arg;
	struct node *n = fixup_find(c->f, path);

	c->r.unreadable++;
	if (n)
		n->closed = true;
	return 0;
}

/* As deep as a path has components: ENTRY_DEPTH_MAX. */
static int find_missing(struct compare *c, const struct node *n, struct err *e)
{
	const struct layercheck_problem p = {.path = n->path, .what = "missing"};

	if (n->plan == PLAN_NOTHING)
		return 0;
	if (!n->met)
		return tell(c, &p, e);
	for (const struct node *child = n->children; child && !n->closed; child = child->sibling)
		if (find_missing(c, child, e) < 0)
			return -1;
	return 0;
}

int fixup_compare(struct fixup *f, int fd, layercheck_report report, void *arg,
		  struct layercheck_result *out, struct err *e)
{
	static const struct treewalk_ops ops = {on_entry, on_closed};
	struct compare c = {.f = f,
			    .report = report,
			    .arg = arg,
			    .owners = f->st->owner == 0 && store_caller_is_root()};
	struct alike_file root = {.parent = fd, .name = "."};

	if (fstat(fd, &root.st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at a fix-up layer");
	if (compare(&c, "", &root, e) < 0 || treewalk(fd, &ops, &c, e) < 0 ||
	    find_missing(&c, f->root, e) < 0)
		return -1;
	*out = c.r;
	return 0;
}
