/* SPDX-License-Identifier: MIT */
/* imgfetch list, inspect, flatten: what the store holds. */
#include <stdio.h>
#include <stdlib.h>

#include "common/jsonout.h"
#include "common/storepath.h"
#include "common/text.h"
#include "imgfetch/command.h"
#include "imgfetch/flatten.h"
#include "imgfetch/report.h"

int command_store_fault(struct err *e)
{
	if (e->kind == ERR_CONFIG || e->kind == ERR_DENIED)
		e->kind = ERR_DISK;
	return -1;
}

/* An ordinary user may look at the system's store as well. */
static int open_system(struct store *st, struct err *e)
{
	char root[4096];

	if (storepath_system(CONFIG_FILE, root, sizeof(root), e) < 0)
		return -1;
	return storepath_open(root, st, e);
}

static bool may_fall_back(const struct opts *o, const struct err *why)
{
	return why->kind == ERR_NOTFOUND && !o->store && !store_caller_is_root();
}

int command_list(const struct opts *o, const char *path, struct err *e)
{
	struct err why, ignored;
	struct store st;
	int r = storepath_open(path, &st, &why);

	if (r < 0 && may_fall_back(o, &why))
		r = open_system(&st, &ignored);
	/* Before the first pull there is nothing to list; a store that was named has to be there.
	 */
	if (r < 0 && why.kind == ERR_NOTFOUND && !o->store)
		return report_list(NULL, o->json, stdout, e);
	if (r < 0) {
		*e = why;
		return command_store_fault(e);
	}
	r = report_list(&st, o->json, stdout, e);
	store_close(&st);
	return r;
}

int command_inspect(const struct opts *o, const char *path, struct err *e)
{
	struct err why, ignored;
	struct store st;
	int r = storepath_open(path, &st, &why);

	if (r < 0) {
		command_store_fault(&why);
	} else {
		r = report_inspect(&st, &o->ref, o->json, stdout, &why);
		store_close(&st);
	}
	if (r < 0 && may_fall_back(o, &why) && open_system(&st, &ignored) == 0) {
		r = report_inspect(&st, &o->ref, o->json, stdout, &ignored);
		store_close(&st);
	}
	if (r < 0)
		*e = why;
	return r;
}

static void say_flattened(bool remove, bool changed)
{
	if (remove)
		puts(changed ? "removed the merged tree" : "there was no merged tree");
	else
		puts(changed ? "merged its layers into one tree" : "that was done already");
}

static void json_flattened(const struct opts *o, const struct flatten_result *done)
{
	struct jsonout j = {.file = stdout};

	jsonout_open(&j, NULL, '{');
	jsonout_string(&j, "reference", ref_text(&o->ref).s);
	jsonout_string(&j, "digest", digest_text(&done->digest).s);
	jsonout_bool(&j, "flat", !o->remove);
	jsonout_bool(&j, "changed", done->changed);
	jsonout_close(&j, '}');
}

int command_flatten(const struct opts *o, const char *path, struct err *e)
{
	struct flatten_result done;
	struct store st;
	int r;

	if (storepath_open(path, &st, e) < 0)
		return command_store_fault(e);
	r = o->remove ? flatten_remove(&st, &o->ref, &done, e)
		      : flatten_make(&st, &o->ref, o->no_sync, &done, e);
	store_close(&st);
	if (r < 0)
		return err_wrap(e, "flatten '%s'", text_quote(ref_text(&o->ref).s).s);
	if (o->json)
		json_flattened(o, &done);
	else if (!o->quiet)
		say_flattened(o->remove, done.changed);
	return 0;
}
