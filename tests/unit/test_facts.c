/* SPDX-License-Identifier: MIT */
/* Unit test of imgfetch/facts: the list, its text form, and texts that are none. */
#include "imgfetch/facts.h"

#include "common/cleanup.h"
#include "tests/unit/tap.h"

#define MAGIC "isolate-facts 1\n"

static const struct row {
	const char *name, *text;
	const char *fragment; /* NULL: accepted */
} rows[] = {
	{"empty list", MAGIC "end 1\n", NULL},
	{"the root", MAGIC "implied .\nend 2\n", NULL},
	{"each kind", MAGIC "implied .\nimplied a\ngone a\nlink a b/c\nend 5\n", NULL},
	{"escapes", MAGIC "link \\x20a\\x0a b\\x5c\\xff\nend 2\n", NULL},
	{"no text", "", ":1: the file is cut off"},
	{"other version", "isolate-facts 2\nend 1\n", ":1: not 'isolate-facts 1'"},
	{"no end", MAGIC "gone a\n", ":3: the file is cut off"},
	{"no last newline", MAGIC "end 1", "cut off"},
	{"end counts too little", MAGIC "gone a\nend 1\n", "'end' does not count"},
	{"end of no number", MAGIC "end x\n", "'end' does not count"},
	{"end with a zero", MAGIC "end 01\n", "'end' does not count"},
	{"text after the end", MAGIC "end 1\ngone a\n", "text after"},
	{"unknown key", MAGIC "lost a\nend 2\n", ":2: unknown key"},
	{"blank line", MAGIC "\nend 2\n", "no value"},
	{"root gone", MAGIC "gone .\nend 2\n", "no canonical name"},
	{"no name", MAGIC "gone \nend 2\n", "no canonical name"},
	{"no second name", MAGIC "link a\nend 2\n", "too many or too few"},
	{"two names", MAGIC "gone a b\nend 2\n", "too many or too few"},
	{"three names", MAGIC "link a b c\nend 2\n", "no canonical name"},
	{"absolute name", MAGIC "gone /a\nend 2\n", "no canonical name"},
	{"name that climbs", MAGIC "gone a/../b\nend 2\n", "no canonical name"},
	{"name with a dot", MAGIC "gone ./a\nend 2\n", "no canonical name"},
	{"slash at the end", MAGIC "gone a/\nend 2\n", "no canonical name"},
	{"target that climbs", MAGIC "link a ../b\nend 2\n", "no canonical name"},
	{"raw control byte", MAGIC "gone a\033\nend 2\n", "no canonical name"},
	{"escaped NUL", MAGIC "gone a\\x00\nend 2\n", "no canonical name"},
	{"escaped plain byte", MAGIC "gone \\x41\nend 2\n", "no canonical name"},
	{"escape cut short", MAGIC "gone a\\x2\nend 2\n", "no canonical name"},
	{"twice", MAGIC "gone a\ngone a\nend 3\n", ":3: out of order"},
	{"names out of order", MAGIC "gone b\ngone a\nend 3\n", "out of order"},
	{"kinds out of order", MAGIC "gone a\nimplied b\nend 3\n", "out of order"},
};

static void check_row(struct tap *t, const struct row *row)
{
	char text[256], *again = NULL;
	struct facts f = {0};
	struct err e = {0};
	size_t len = strlen(row->text), again_len = 0;

	memcpy(text, row->text, len + 1);
	int r = facts_parse("facts", text, len, &f, &e);
	if (row->fragment) {
		tap_ok(t, r < 0 && e.kind == ERR_VERIFY && strstr(e.text, row->fragment),
		       "%s: refused: %s", row->name, e.text);
		return;
	}
	tap_ok(t, r == 0, "%s: accepted %s", row->name, r < 0 ? e.text : "");
	if (r == 0 && facts_format(&f, &again, &again_len, &e) == 0)
		tap_str(t, again, row->text, "and written as it was");
	free(again);
	facts_fini(&f);
}

static void check_list(struct tap *t)
{
	struct facts f = {0};
	struct err e = {0};
	char *text = NULL;
	size_t len;

	tap_ok(t,
	       facts_add(&f, FACT_LINK, "z", "first", &e) == 0 &&
		       facts_add(&f, FACT_LINK, "a b", "c", &e) == 0 &&
		       facts_add(&f, FACT_IMPLIED, "", NULL, &e) == 0 &&
		       facts_add(&f, FACT_LINK, "z", "last", &e) == 0 &&
		       facts_add(&f, FACT_GONE, "\n", NULL, &e) == 0,
	       "facts are added");
	facts_sort(&f);
	tap_ok(t, facts_format(&f, &text, &len, &e) == 0, "and written");
	tap_str(t, text, MAGIC "implied .\ngone \\x0a\nlink a\\x20b c\nlink z last\nend 5\n",
		"sorted, the last of each name");
	const struct fact *z = facts_find(&f, FACT_LINK, "z");
	tap_ok(t, z && strcmp(z->target, "last") == 0, "one is found");
	tap_ok(t, !facts_find(&f, FACT_GONE, "z") && facts_find(&f, FACT_IMPLIED, ""),
	       "by kind and name");
	free(text);
	facts_fini(&f);
}

static void check_below(struct tap *t)
{
	static const struct {
		const char *path;
		bool has;
	} asked[] = {{"a", true},  {"a/b", true}, {"a/b/c", false}, {"d", false}, {"d-e", true},
		     {"x", false}, {"l", false},  {"", false},	    {"zz", false}};
	struct facts f = {0};
	struct err e = {0};

	tap_ok(t,
	       facts_add(&f, FACT_GONE, "a/b/c", NULL, &e) == 0 &&
		       facts_add(&f, FACT_GONE, "a-", NULL, &e) == 0 &&
		       facts_add(&f, FACT_GONE, "a", NULL, &e) == 0 &&
		       facts_add(&f, FACT_GONE, "d", NULL, &e) == 0 &&
		       facts_add(&f, FACT_GONE, "d-e/f", NULL, &e) == 0 &&
		       facts_add(&f, FACT_GONE, "d0/f", NULL, &e) == 0 &&
		       facts_add(&f, FACT_IMPLIED, "x/y", NULL, &e) == 0 &&
		       facts_add(&f, FACT_LINK, "l/m", "n", &e) == 0,
	       "facts of several places");
	facts_sort(&f);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		tap_int(t, facts_has_below(&f, FACT_GONE, asked[i].path), asked[i].has,
			"below '%s'", asked[i].path);
	facts_fini(&f);
}

static void check_limit(struct tap *t)
{
	char name[4001];
	struct facts f = {0};
	struct err e = {0};
	size_t added = 0, len = 0;
	char *text = NULL;

	memset(name, '\n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	while (facts_add(&f, FACT_GONE, name, NULL, &e) == 0)
		added++;
	tap_ok(t, e.kind == ERR_VERIFY && added > 1000, "too many are refused: %s", e.text);
	tap_ok(t, facts_format(&f, &text, &len, &e) == 0 && len <= FACTS_BYTES_MAX,
	       "what was taken can be written");
	free(text);
	facts_fini(&f);
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&t, &rows[i]);
	check_below(&t);
	check_list(&t);
	check_limit(&t);
	return tap_done(&t);
}
