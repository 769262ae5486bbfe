/* SPDX-License-Identifier: MIT */
/* What the files of fixup share: names of the image, what each layer has there, what is to be seen
 * there. */
#ifndef IMGFETCH_FIXUP_IMPL_H
#define IMGFETCH_FIXUP_IMPL_H

#include "imgfetch/facts.h"
#include "imgfetch/fixup.h"
#include "imgfetch/whiteout.h"

enum what { WHAT_WHITEOUT, WHAT_DIR, WHAT_SYMLINK, WHAT_OTHER };

/* What one layer has at a name, or what was found that it would have had to have (a patch). */
struct at_layer {
	unsigned pos; /* height: twice the layer's number; one more for its patches */
	enum what what;
	bool opaque;  /* a directory that hides what is in those below */
	bool implied; /* a directory that says nothing about itself */
	size_t src_layer;
	char *src_path; /* owned; where in src_layer it is; NULL: at the name */
};

enum plan { PLAN_NOTHING, PLAN_DIR, PLAN_WHITEOUT, PLAN_LINK };

struct node {
	struct node *parent; /* NULL: the root */
	char *path;	     /* owned; "" */
	const char *name;    /* the last component of path */
	struct node *children, *sibling;
	struct at_layer *entries; /* owned; by pos, the lowest first */
	size_t entry_count, entry_room;
	enum plan plan;
	struct at_layer source; /* for plan; its src_path is borrowed, and never NULL */
	bool met, closed;	/* fixup_compare's: it is there; nobody can tell what is in it */
};

struct fixup_layer {
	struct digest diffid;
	int fd; /* O_PATH */
	struct facts facts;
	bool shown;
	bool again; /* the image has it once more, above */
	bool knows_opaques, has_opaques;
};

struct fixup {
	const struct store *st;
	struct fixup_layer *layers; /* bottom first */
	size_t layer_count, shown_count;
	struct node *root;
	void *index; /* tsearch(3) tree of all nodes by path; owns them */
	size_t node_count;
	size_t names_bytes;	/* of all paths and src_paths */
	uint64_t *steps;	/* taken so far; apart, since looking changes nothing else */
	uint64_t *copied_bytes; /* likewise; of contents and attributes */
	bool strict; /* a directory that its mode shuts is an error, not one without attributes */
};

/* Some kilobytes of archive can lead a million names through symbolic links, or have 500 layers
 * asked for each name of each other. Per image; ordinary ones stay far below. */
#define FIXUP_NODES_MAX	      200000
#define FIXUP_FACTS_BYTES_MAX ((size_t)64 << 20)
#define FIXUP_NAMES_BYTES_MAX ((size_t)64 << 20)
#define FIXUP_STEPS_MAX	      UINT64_C(2000000000)
/* What cannot be linked is copied: each name of a file that compresses to nothing could be. */
#define FIXUP_COPY_BYTES_MAX (UINT64_C(1) << 30)
/* What asking the file system counts, where a comparison in memory is one step. */
#define FIXUP_STEPS_ASK 500

/* Which entries count. */
struct view {
	unsigned limit; /* those up to this height */
	bool plain;	/* no patches, only layers that are stacked: what overlayfs sees */
};
#define VIEW_ALL	  ((struct view){.limit = UINT32_MAX})
#define VIEW_PLAIN	  ((struct view){.limit = UINT32_MAX, .plain = true})
#define PATCH_OF(layer)	  (2 * (unsigned)(layer) + 1)
#define VIEW_BELOW(layer) ((struct view){.limit = 2 * (unsigned)(layer)-1}) /* layer > 0 */
#define VIEW_WITH(layer)  ((struct view){.limit = PATCH_OF(layer)})

/* What is to be seen at a name. Pointers are valid until the node gets a patch. */
struct state {
	const struct at_layer *top;  /* NULL: nothing */
	const struct at_layer *meta; /* of a directory: the entry with its metadata */
	unsigned floor;		     /* of a directory: entries below do not show */
};

/* --- fixup.c --- */

/* As fixup_make, in this process. strict: see above; e->errnum is EACCES then. What was begun may
 * be left in image_fd. */
int fixup_settle(const struct store *st, const struct digest *layers, size_t count,
		 const struct digest *shown, size_t shown_count, int image_fd, bool strict,
		 bool *made, struct err *e) NODISCARD;

/* --- fixup_tree.c --- */

/* Take note of steps; ERR_VERIFY when they are too many. */
int fixup_spend(const struct fixup *f, uint64_t steps, struct err *e) NODISCARD;
/* The node of a canonical path if somebody has asked for it before, or NULL. */
struct node *fixup_find(const struct fixup *f, const char *path);
/* The node of a canonical path, with what the layers have there. NULL on error. */
struct node *fixup_node(struct fixup *f, const char *path, struct err *e);
/* Let the layer have something at the node that it has not, or has elsewhere. src_path is copied,
 * NULL for whiteouts. */
int fixup_patch(struct fixup *f, struct node *n, size_t layer, enum what what, bool opaque,
		bool implied, size_t src_layer, const char *src_path, struct err *e) NODISCARD;
/* What the layer itself has there, or NULL. */
const struct at_layer *fixup_own(const struct node *n, size_t layer);
/* State of a node below a directory of this floor. Pure, but that it takes steps. */
struct state fixup_look(const struct fixup *f, const struct node *n, unsigned floor, struct view v);
/* The same from the root down. */
struct state fixup_state(const struct fixup *f, const struct node *n, struct view v);
/* Follow the symbolic links on the way, and (whole) at the end, as a lookup with the image as root
 * directory would; out: ENTRY_PATH_MAX bytes. What is not there is taken as it stands. 1; 0: leads
 * nowhere (a circle, something that is no directory in between, too long); -1. */
int fixup_resolve(struct fixup *f, const char *path, bool whole, struct view v, char *out,
		  struct err *e);
/* The same for where one symbolic link at a node leads. */
int fixup_follow(struct fixup *f, const struct node *n, const struct at_layer *link, struct view v,
		 char *out, struct err *e);
/* Is a directory of the layer opaque? fd: O_PATH or not. */
int fixup_is_opaque(struct fixup *f, size_t layer, const char *path, bool *opaque, struct err *e);
/* Where in its layer the entry of a node is. Pure. */
const char *fixup_path(const struct node *n, const struct at_layer *en);
/* dir "/" name, both canonical, into out (ENTRY_PATH_MAX); false: too long. Pure. */
bool fixup_join(char *out, const char *dir, const char *name);

/* --- fixup_settle.c --- */

/* Hold the facts of a layer against those below it, all of which were settled before. ERR_VERIFY:
 * what they ask for cannot be. */
int fixup_settle_layer(struct fixup *f, size_t layer, struct err *e) NODISCARD;

/* --- fixup_write.c --- */

/* Compare what is to be seen with what overlayfs would show; *any: is something to be made? */
int fixup_plan(struct fixup *f, bool *any, struct err *e) NODISCARD;
/* Make it in the empty directory fd. */
int fixup_write(struct fixup *f, int fd, struct err *e) NODISCARD;

/* --- fixup_check.c --- */

/* Hold what fixup_plan found against the directory fd, where fixup_write made it once. */
int fixup_compare(struct fixup *f, int fd, layercheck_report report, void *arg,
		  struct layercheck_result *out, struct err *e) NODISCARD;

#endif
