/* SPDX-License-Identifier: MIT */
/* isolate/idfiles: whose an id is. */
#include "isolate/idfiles.h"

#include "tests/unit/tap.h"

static const struct find_row {
	const char *name, *text;
	int want;
	uint32_t first, count;
} find_rows[] = {
	{"empty file", "", 0, 0, 0},
	{"the user", "a:1:2\nbox:100000:65536\n", 1, 100000, 65536},
	{"without a newline at the end", "box:100000:65536", 1, 100000, 65536},
	{"the first line counts", "box:5000:10\nbox:9000:20\n", 1, 5000, 10},
	{"a name that begins so", "boxer:5000:10\nbo:1:1\n", 0, 0, 0},
	{"a number is another user", "1000:5000:10\n", 0, 0, 0},
	{"no count", "box:5000\n", -1, 0, 0},
	{"count 0", "box:5000:0\n", -1, 0, 0},
	{"a sign", "box:-1:10\n", -1, 0, 0},
	{"letters behind", "box:5000:10x\n", -1, 0, 0},
	{"beyond the last id", "box:4294967290:6\n", -1, 0, 0},
	{"up to the last id", "box:4294967290:5\n", 1, 4294967290, 5},
	{"wraps around", "box:18446744073709551617:5\n", -1, 0, 0},
};

static void test_find(struct tap *t, const struct find_row *r)
{
	struct idrange got = {0};
	struct err e = {0};

	tap_int(t, idfiles_find_subid("f", r->text, strlen(r->text), "box", &got, &e), r->want,
		"find: %s", r->name);
	tap_u64(t, got.first, r->first, "find: %s: first", r->name);
	tap_u64(t, got.count, r->count, "find: %s: count", r->name);
	if (r->want < 0)
		tap_str(t, e.text, "f: the line of 'box' is malformed", "find: %s: message",
			r->name);
}

/* The range is 1000 to 1099. */
static const struct overlap_row {
	const char *name, *text;
	unsigned owners;
	const char *who;
	uint32_t id;
} user_rows[] =
	{
		{"nobody", "root:x:0:0::/:/bin/sh\n", 0, "", 0},
		{"the first id", "a:x:999:1\nb:x:1000:1\n", 1, "b", 1000},
		{"the last id", "a:x:1099:1\nb:x:1100:1\n", 1, "a", 1099},
		{"two", "a:x:1001:1\nb:x:1000:1\n", 2, "a", 1001},
		{"groups", "g:x:1001:a,b\n", 1, "g", 1001},
		{"lines of NIS and others", "+\n+@g::::\n\nx:1000\ny:x:1000x:1\n:::\n", 0, "", 0},
},
  subid_rows[] = {
	  {"nobody", "a:1100:100\nb:900:100\n", 0, "", 0},
	  {"before and into", "a:900:101\n", 1, "a", 1000},
	  {"within", "a:1050:1\n", 1, "a", 1050},
	  {"around", "a:0:4294967294\n", 1, "a", 1000},
	  {"over the end", "a:1099:65536\n", 1, "a", 1099},
	  {"nothing", "a:1050:0\n", 0, "", 0},
	  {"his own", "box:1000:100\n", 0, "", 0},
	  {"malformed", "a:1050\na:b:c\n", 0, "", 0},
};

static void test_overlap(struct tap *t, const struct overlap_row *r, bool users)
{
	static const struct idrange range = {1000, 100};
	struct idoverlap got;
	size_t len = strlen(r->text);
	bool found = users ? idfiles_users_in(r->text, len, &range, &got)
			   : idfiles_subids_in(r->text, len, &range, "box", &got);
	const char *what = users ? "users" : "subids";

	tap_int(t, found, r->owners > 0, "%s: %s", what, r->name);
	tap_u64(t, got.owners, r->owners, "%s: %s: how many", what, r->name);
	tap_str(t, got.name, r->who, "%s: %s: who", what, r->name);
	tap_u64(t, got.id, r->id, "%s: %s: which", what, r->name);
}

static void test_long_name(struct tap *t)
{
	char text[256];
	struct idoverlap got;

	memset(text, 'n', 200);
	memcpy(text + 200, ":x:1000:", 8);
	tap_ok(t, idfiles_users_in(text, 208, &(struct idrange){1000, 1}, &got),
	       "long name: is found");
	tap_u64(t, strlen(got.name), IDFILES_NAME_MAX - 1, "long name: is cut");
}

static void test_names(struct tap *t)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{"", false},
		{"box", true},
		{"box:x:1:\n", true},
		{"a:x:1:\nbox\n", true},
		{"boxer:x:1\n", false},
		{"a:box:1\n", false},
		{"bo", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		tap_int(t, idfiles_has_name(rows[i].text, strlen(rows[i].text), "box"),
			rows[i].want, "name in '%s'", rows[i].text);
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(find_rows); i++)
		test_find(&t, &find_rows[i]);
	for (size_t i = 0; i < ARRAY_LEN(user_rows); i++)
		test_overlap(&t, &user_rows[i], true);
	for (size_t i = 0; i < ARRAY_LEN(subid_rows); i++)
		test_overlap(&t, &subid_rows[i], false);
	test_long_name(&t);
	test_names(&t);
	return tap_done(&t);
}
