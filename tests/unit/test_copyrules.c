/* SPDX-License-Identifier: MIT */
/* isolate/copyrules: what --copy-in and --copy-out mean. */
#include "isolate/copyrules.h"

#include "tests/unit/tap.h"

static const struct row {
	bool out;
	const char *value, *outside, *inside; /* outside NULL: refused */
} rows[] = {
	{false, "sol.py", "sol.py", "sol.py"},
	{false, "/home/u/sol.py", "/home/u/sol.py", "sol.py"},
	{false, "../sub/42.py=sol.py", "../sub/42.py", "sol.py"},
	{false, "a=b=c", "a=b", "c"},
	{false, "x=lib/deep/x", "x", "lib/deep/x"},
	{true, "out.txt", "out.txt", "out.txt"},
	{true, "lib/out.txt", "out.txt", "lib/out.txt"},
	{true, "out=../results/a=b", "../results/a=b", "out"},
	{false, "..x=...", "..x", "..."},
	{false, "", NULL, NULL},
	{false, "=x", NULL, NULL},
	{false, "x=", NULL, NULL},
	{false, "dir/", NULL, NULL},
	{false, "dir/=x", NULL, NULL},
	{false, "..", NULL, NULL},
	{false, "dir/..=x", NULL, NULL},
	{false, "x=../x", NULL, NULL},
	{false, "x=a/../x", NULL, NULL},
	{false, "x=/box/x", NULL, NULL},
	{false, "x=./x", NULL, NULL},
	{false, "x=a//x", NULL, NULL},
	{false, "x=a/", NULL, NULL},
	{true, "", NULL, NULL},
	{true, "=x", NULL, NULL},
	{true, "x=", NULL, NULL},
	{true, "x=/tmp/", NULL, NULL},
	{true, "../x", NULL, NULL},
	{true, "/etc/passwd", NULL, NULL},
};

int main(void)
{
	struct copyrules many = {0};
	struct tap t = {0};
	struct err e = {0};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct copyrules c = {0};

		e = (struct err){0};
		rc = r->out ? copyrules_add_out(&c, r->value, &e)
			    : copyrules_add_in(&c, r->value, &e);
		tap_int(&t, rc, r->outside ? 0 : -1, "'%s': accepted or not", r->value);
		if (rc == 0 && r->outside) {
			tap_str(&t, c.rules[0].outside, r->outside, "'%s': outside", r->value);
			tap_str(&t, c.rules[0].inside, r->inside, "'%s': inside", r->value);
			tap_int(&t, c.rules[0].out, r->out, "'%s': direction", r->value);
		} else if (!r->outside) {
			tap_int(&t, e.kind, ERR_USAGE, "'%s': kind", r->value);
		}
		copyrules_fini(&c);
	}
	rc = 0;
	for (int i = 0; rc == 0 && i < COPYRULES_MAX; i++)
		rc = copyrules_add_in(&many, "x", &e);
	tap_int(&t, rc, 0, "as many as there may be");
	tap_int(&t, copyrules_add_out(&many, "x", &e), -1, "not one more");
	copyrules_fini(&many);
	return tap_done(&t);
}
