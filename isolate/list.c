/* SPDX-License-Identifier: MIT */
/* --list: the boxes that are used, for people and as JSON. */
#include "isolate/list.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/jsonout.h"
#include "common/text.h"
#include "isolate/slots.h"

static const char *state_of(const struct slot *s)
{
	if (s->held)
		return s->record.running ? "running" : "busy";
	return s->record.running || !s->record.ready ? "stale" : "ready";
}

static int add(struct list *l, const struct slot *s, struct err *e)
{
	const struct lock_record *r = &s->record;
	struct list_row *grown = reallocarray(l->rows, l->count + 1, sizeof(*grown));

	if (!grown)
		return err_sys(e, ERR_SYSTEM, "allocate the list of boxes");
	l->rows = grown;
	l->rows[l->count++] = (struct list_row){
		.id = s->id,
		.owner = r->owner,
		.cg = r->cg,
		.once = r->once,
		.state = state_of(s),
		.since = s->since,
		.has_image = r->has_image,
		.image = r->image,
	};
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct list_row *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int list_read(const struct config *c, int lock_dir_fd, bool all, uid_t owner, struct list *out,
	      struct err *e)
{
	struct slots s = {0};
	struct slot slot;
	int rc = slots_open(lock_dir_fd, &s, e);

	while (rc == 0) {
		rc = slots_next(&s, UINT_MAX, &slot, e);
		if (rc <= 0)
			break;
		rc = all || slot.record.owner == owner ? slots_is_owned(c, &slot, e) : 0;
		if (rc > 0)
			rc = add(out, &slot, e);
	}
	slots_close(&s);
	if (rc == 0 && out->count > 0)
		qsort(out->rows, out->count, sizeof(*out->rows), by_id);
	return rc;
}

void list_fini(struct list *l)
{
	free(l->rows);
	*l = (struct list){0};
}

/* A time span in the unit in which it is a small number. */
static void add_age(struct text *t, time_t age_s)
{
	if (age_s < 120)
		text_addf(t, "%llds", (long long)MAX(age_s, 0));
	else if (age_s < 120 * 60)
		text_addf(t, "%lldmin", (long long)age_s / 60);
	else if (age_s < 48 * 60 * 60)
		text_addf(t, "%lldh", (long long)age_s / (60 * 60));
	else
		text_addf(t, "%lldd", (long long)age_s / (24 * 60 * 60));
}

static void print_text(const struct list *l, time_t now)
{
	printf("%10s %10s %-3s %-8s %8s %s\n", "BOX", "OWNER", "CG", "STATE", "SINCE", "IMAGE");
	for (size_t i = 0; i < l->count; i++) {
		const struct list_row *r = &l->rows[i];
		char buf[32];
		struct text age = TEXT_OVER(buf);

		add_age(&age, now - r->since);
		printf("%10u %10u %-3s %-8s %8s %s\n", r->id, (unsigned)r->owner,
		       r->cg ? "yes" : "no", r->state, buf,
		       r->has_image ? digest_text(&r->image).s : "-");
	}
}

static void print_json(const struct list *l)
{
	struct jsonout j = {.file = stdout};

	jsonout_open(&j, NULL, '[');
	for (size_t i = 0; i < l->count; i++) {
		const struct list_row *r = &l->rows[i];

		jsonout_open(&j, NULL, '{');
		jsonout_number(&j, "box_id", r->id);
		jsonout_number(&j, "owner_uid", r->owner);
		jsonout_bool(&j, "cg", r->cg);
		jsonout_bool(&j, "once", r->once);
		jsonout_string(&j, "image", r->has_image ? digest_text(&r->image).s : NULL);
		jsonout_string(&j, "state", r->state);
		jsonout_number(&j, "since_unix_s", (uint64_t)MAX(r->since, 0));
		jsonout_close(&j, '}');
	}
	jsonout_close(&j, ']');
}

int list_print(const struct list *l, bool json, struct err *e)
{
	if (json)
		print_json(l);
	else
		print_text(l, time(NULL));
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_sys(e, ERR_SYSTEM, "write to standard output");
	return 0;
}
