/* SPDX-License-Identifier: MIT */
/* isolate/cpulist: the kernel's lists of processors. */
#include "isolate/cpulist.h"

#include "tests/unit/tap.h"

static const struct row {
	const char *s;
	int rc;
	unsigned count;
	unsigned has, lacks;
} rows[] = {
	{"0", 0, 1, 0, 1},	     {"0-3,8", 0, 5, 8, 4},
	{"1023", 0, 1, 1023, 1022},  {"0-1023", 0, 1024, 63, 1024},
	{"3,3,1-3", 0, 3, 2, 0},     {"7-7", 0, 1, 7, 6},
	{"", -1, 0, 0, 0},	     {",", -1, 0, 0, 0},
	{"1,", -1, 0, 0, 0},	     {",1", -1, 0, 0, 0},
	{"1-", -1, 0, 0, 0},	     {"-1", -1, 0, 0, 0},
	{"3-1", -1, 0, 0, 0},	     {"1 2", -1, 0, 0, 0},
	{"1024", -1, 0, 0, 0},	     {"0-1024", -1, 0, 0, 0},
	{"4294967296", -1, 0, 0, 0}, {"18446744073709551616", -1, 0, 0, 0},
	{"0-31:1/2", -1, 0, 0, 0},   {"all", -1, 0, 0, 0},
};

int main(void)
{
	struct tap t = {0};
	struct cpulist a, b;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct cpulist l;

		if (!tap_int(&t, cpulist_parse(r->s, "box1.cpus", &l, &e), r->rc, "'%s': status",
			     r->s) ||
		    r->rc < 0)
			continue;
		tap_u64(&t, cpulist_count(&l), r->count, "'%s': count", r->s);
		tap_ok(&t, cpulist_has(&l, r->has) && !cpulist_has(&l, r->lacks), "'%s': members",
		       r->s);
	}
	if (cpulist_parse("1-3", "a", &a, &e) == 0 && cpulist_parse("0-200", "b", &b, &e) == 0)
		tap_ok(&t, cpulist_within(&a, &b) && !cpulist_within(&b, &a), "within");
	return tap_done(&t);
}
