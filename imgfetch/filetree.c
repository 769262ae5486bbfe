/* SPDX-License-Identifier: MIT */
/* Nodes in one array, children behind their parents, found by a hash of parent and name. What takes
 * a directory's place makes all below it void at once, by a new epoch of its node: an archive that
 * replaces a large directory again and again costs nothing more. */
#include "imgfetch/filetree.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "imgfetch/whiteout.h"

#define NO_FILE UINT32_MAX /* a directory that has not had its line yet */
#define NO_NODE UINT32_MAX
#define ROOT	0

struct node {
	char *name; /* owned */
	uint32_t parent;
	uint32_t parent_epoch; /* void if the parent has another one by now */
	uint32_t epoch;
	uint32_t file; /* or NO_FILE */
	bool seen, closed;
	bool gone; /* void itself, until something is made there again */
};

struct filetree {
	struct node *nodes;
	uint32_t node_count, node_room;
	struct filetree_file **files; /* each on its own: pointers to them are given out */
	uint32_t file_count, file_room;
	uint32_t *slots; /* node + 1, or 0; at most half of them are used */
	uint32_t slot_count;
};

static int out_of_memory(struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "remember what a layer should hold");
}

/* --- nodes --------------------------------------------------------------------------------- */

static uint32_t *find_slot(const struct filetree *t, uint32_t parent, const char *name, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ parent; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
	for (uint32_t i = (uint32_t)(h ^ (h >> 32));; i++) {
		uint32_t *slot = &t->slots[i & (t->slot_count - 1)];
		const struct node *n = *slot ? &t->nodes[*slot - 1] : NULL;

		if (!n || (n->parent == parent && strlen(n->name) == len &&
			   memcmp(n->name, name, len) == 0))
			return slot;
	}
}

static int grow_slots(struct filetree *t, struct err *e)
{
	uint32_t *old = t->slots;

	if (t->slot_count / 2 > t->node_count)
		return 0;
	if (t->slot_count > UINT32_MAX / 4)
		return err_set(e, ERR_VERIFY, "too many entries");
	t->slot_count *= 2;
	t->slots = calloc(t->slot_count, sizeof(*t->slots));
	if (!t->slots) {
		t->slots = old;
		t->slot_count /= 2;
		return out_of_memory(e);
	}
	for (uint32_t i = 1; i < t->node_count; i++) {
		const struct node *n = &t->nodes[i];
		*find_slot(t, n->parent, n->name, strlen(n->name)) = i + 1;
	}
	free(old);
	return 0;
}

static int add_node(struct filetree *t, uint32_t parent, const char *name, size_t len,
		    uint32_t *out, struct err *e)
{
	if (grow_slots(t, e) < 0)
		return -1;
	if (t->node_count == t->node_room) {
		uint32_t room = t->node_room ? 2 * t->node_room : 64;
		struct node *p = reallocarray(t->nodes, room, sizeof(*p));
		if (!p)
			return out_of_memory(e);
		t->nodes = p;
		t->node_room = room;
	}
	char *copy = strndup(name, len);
	if (!copy)
		return out_of_memory(e);
	if (parent != NO_NODE)
		*find_slot(t, parent, name, len) = t->node_count + 1;
	*out = t->node_count++;
	t->nodes[*out] = (struct node){.name = copy, .parent = parent, .file = NO_FILE};
	return 0;
}

static enum file_type type_of(const struct filetree *t, uint32_t node)
{
	uint32_t file = t->nodes[node].file;

	return file == NO_FILE ? FILE_DIR : t->files[file]->want.type;
}

/* The child of that name that is there now, or NO_NODE. */
static uint32_t find_child(const struct filetree *t, uint32_t parent, const char *name, size_t len)
{
	uint32_t slot = *find_slot(t, parent, name, len);

	if (!slot || t->nodes[slot - 1].parent_epoch != t->nodes[parent].epoch ||
	    t->nodes[slot - 1].gone)
		return NO_NODE;
	return slot - 1;
}

static uint32_t find(const struct filetree *t, const char *path)
{
	uint32_t at = ROOT;

	while (*path && at != NO_NODE) {
		size_t len = strcspn(path, "/");

		at = find_child(t, at, path, len);
		path += len + (path[len] == '/');
	}
	return at;
}

/* The child of that name, made or called back from what was void. */
static int use_child(struct filetree *t, uint32_t parent, const char *name, size_t len,
		     uint32_t *out, struct err *e)
{
	uint32_t slot = *find_slot(t, parent, name, len);

	if (!slot) {
		if (add_node(t, parent, name, len, out, e) < 0)
			return -1;
	} else {
		*out = slot - 1;
		t->nodes[*out].gone = false;
		if (t->nodes[*out].parent_epoch == t->nodes[parent].epoch)
			return 0;
		t->nodes[*out].epoch++;
		t->nodes[*out].file = NO_FILE;
	}
	t->nodes[*out].parent_epoch = t->nodes[parent].epoch;
	return 0;
}

/* The node of a path; whatever is on the way becomes a directory, as it did when it was made. */
static int use(struct filetree *t, const char *path, uint32_t *out, struct err *e)
{
	uint32_t at = ROOT;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (type_of(t, at) != FILE_DIR)
			t->nodes[at].file = NO_FILE;
		if (use_child(t, at, path, len, &at, e) < 0)
			return -1;
		path += len + (path[len] == '/');
	}
	*out = at;
	return 0;
}

/* --- files --------------------------------------------------------------------------------- */

static int add_file(struct filetree *t, const struct file_entry *f, uint32_t *out, struct err *e)
{
	struct filetree_file *file = calloc(1, sizeof(*file));

	if (!file)
		return out_of_memory(e);
	file->want = *f;
	file->want.path = NULL;
	file->want.target = f->target ? strdup(f->target) : NULL;
	if (t->file_count == t->file_room) {
		uint32_t room = t->file_room ? 2 * t->file_room : 64;
		struct filetree_file **p = reallocarray(t->files, room, sizeof(*p));
		if (p) {
			t->files = p;
			t->file_room = room;
		}
	}
	if (t->file_count == t->file_room || (f->target && !file->want.target)) {
		free((char *)(uintptr_t)file->want.target);
		free(file);
		return out_of_memory(e);
	}
	*out = t->file_count++;
	t->files[*out] = file;
	return 0;
}

/* The file that a link is another name of. */
static int find_target(struct filetree *t, const char *path, uint32_t *out, struct err *e)
{
	uint32_t node = find(t, path);

	if (node == NO_NODE || type_of(t, node) == FILE_DIR || type_of(t, node) == FILE_WHITEOUT)
		return err_set(e, ERR_VERIFY, "a link to a file that is not there by then");
	*out = t->nodes[node].file;
	return 0;
}

static void remove_node(struct filetree *t, const char *path)
{
	uint32_t node = find(t, path);

	if (node == NO_NODE)
		return;
	t->nodes[node].epoch++;
	t->nodes[node].file = NO_FILE;
	t->nodes[node].gone = true;
}

int filetree_add(struct filetree *t, const struct file_entry *f, struct err *e)
{
	uint32_t file, node;

	if (f->type == FILE_NOTHING) {
		remove_node(t, f->path);
		return 0;
	}
	if (f->type == FILE_LINK ? find_target(t, f->target, &file, e) < 0
				 : add_file(t, f, &file, e) < 0)
		return -1;
	if (use(t, f->path, &node, e) < 0)
		return -1;
	if (f->type != FILE_DIR)
		t->nodes[node].epoch++;
	t->nodes[node].file = file;
	return 0;
}

/* --- the whole ----------------------------------------------------------------------------- */

struct filetree *filetree_new(struct err *e)
{
	struct filetree *t = calloc(1, sizeof(*t));
	uint32_t root;

	if (t) {
		t->slot_count = 128;
		t->slots = calloc(t->slot_count, sizeof(*t->slots));
	}
	if (!t || !t->slots) {
		(void)out_of_memory(e); /* told by the NULL */
		free(t);
		return NULL;
	}
	if (add_node(t, NO_NODE, "", 0, &root, e) < 0) {
		filetree_free(t);
		return NULL;
	}
	t->nodes[ROOT].seen = true;
	return t;
}

void filetree_free(struct filetree *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->node_count; i++)
		free(t->nodes[i].name);
	for (uint32_t i = 0; i < t->file_count; i++) {
		free((char *)(uintptr_t)t->files[i]->want.target);
		free(t->files[i]);
	}
	free(t->nodes);
	free(t->files);
	free(t->slots);
	free(t);
}

struct filetree_file *filetree_look(struct filetree *t, const char *path)
{
	uint32_t node = find(t, path);

	if (node == NO_NODE || t->nodes[node].file == NO_FILE)
		return NULL;
	t->nodes[node].seen = true;
	return t->files[t->nodes[node].file];
}

void filetree_close_dir(struct filetree *t, const char *path)
{
	uint32_t node = find(t, path);

	if (node != NO_NODE)
		t->nodes[node].closed = true;
}

static int path_of(const struct filetree *t, uint32_t node, char *out, size_t size)
{
	uint32_t way[ENTRY_DEPTH_MAX];
	struct text path = {.buf = out, .size = size};
	size_t depth = 0;

	out[0] = '\0';
	for (; node != ROOT && depth < ARRAY_LEN(way); node = t->nodes[node].parent)
		way[depth++] = node;
	while (depth-- > 0) {
		text_add(&path, t->nodes[way[depth]].name);
		if (depth > 0)
			text_add(&path, "/");
	}
	return path.full ? -1 : 0;
}

/* Call fn for nodes that are there; those of void directories are skipped. */
static int each_there(const struct filetree *t, bool (*wanted)(const struct filetree *, uint32_t),
		      int (*fn)(void *arg, const char *path, struct err *e), void *arg,
		      struct err *e)
{
	auto_free bool *there = calloc(t->node_count, sizeof(*there));
	char path[ENTRY_PATH_MAX];

	if (!there)
		return out_of_memory(e);
	there[ROOT] = true;
	for (uint32_t i = 0; i < t->node_count; i++) {
		const struct node *n = &t->nodes[i];

		if (i != ROOT)
			there[i] = there[n->parent] && !n->gone &&
				   n->parent_epoch == t->nodes[n->parent].epoch;
		if (!there[i] || !wanted(t, i))
			continue;
		if (path_of(t, i, path, sizeof(path)) < 0)
			return err_set(e, ERR_BUG, "a path is too long");
		if (fn(arg, path, e) < 0)
			return -1;
	}
	return 0;
}

static bool is_bare(const struct filetree *t, uint32_t i)
{
	return t->nodes[i].file == NO_FILE;
}

static bool is_missing(const struct filetree *t, uint32_t i)
{
	const struct node *n = &t->nodes[i];

	return !n->seen && t->nodes[n->parent].seen && !t->nodes[n->parent].closed;
}

static int refuse_bare(void *arg UNUSED, const char *path, struct err *e)
{
	return err_set(e, ERR_VERIFY, "no line for the directory '%s'", text_quote(path).s);
}

int filetree_end(struct filetree *t, struct err *e)
{
	return each_there(t, is_bare, refuse_bare, NULL, e);
}

int filetree_missing(const struct filetree *t,
		     int (*fn)(void *arg, const char *path, struct err *e), void *arg,
		     struct err *e)
{
	return each_there(t, is_missing, fn, arg, e);
}
