/* SPDX-License-Identifier: MIT */
/* isolate/dirrules: the grammar of --dir and the order of rules. */
#include "isolate/dirrules.h"

#include "tests/unit/tap.h"

static const struct good_row {
	const char *rule, *in, *out;
	unsigned flags;
} good_rows[] = {
	{"etc", "etc", "/etc", 0},
	{"/etc", "etc", "/etc", 0},
	{"//etc/./ssl//", "etc/ssl", "/etc/ssl", 0},
	{"a=/b", "a", "/b", 0},
	{"a=/b:rw", "a", "/b", DIR_RW},
	{"a=/b:rw:dev:noexec:maybe:norec", "a", "/b",
	 DIR_RW | DIR_DEV | DIR_NOEXEC | DIR_MAYBE | DIR_NOREC},
	{"a:rw", "a", "/a", DIR_RW},
	{"a=/b/../c", "a", "/b/../c", 0},
	{"a=./box", "a", "./box", 0},
	{"a=./x/y:rw", "a", "./x/y", DIR_RW},
	{"a=/b=c", "a", "/b=c", 0},
	{"proc=proc:fs", "proc", "proc", DIR_FS},
	{"sys=sysfs:fs", "sys", "sysfs", DIR_FS},
	{"dev/shm=tmpfs:fs:rw", "dev/shm", "tmpfs", DIR_FS | DIR_RW},
	{"dev/pts=devpts:fs", "dev/pts", "devpts", DIR_FS},
	{"dev=dev:fs", "dev", "dev", DIR_FS},
	{"tmp:tmp", "tmp", NULL, DIR_TMP},
	{"tmp=:tmp", "tmp", NULL, DIR_TMP},
	{"tmp:tmp:noexec", "tmp", NULL, DIR_TMP | DIR_NOEXEC},
	{"a..b/..c/d..", "a..b/..c/d..", "/a..b/..c/d..", 0},
	{"a=", "a", NULL, DIR_REMOVED},
	{"a=:rw", "a", NULL, DIR_REMOVED},
	{"a b=/c d", "a b", "/c d", 0},
};

static const struct bad_row {
	const char *rule, *says;
} bad_rows[] = {
	{"", "no directory inside"},
	{"/", "no directory inside"},
	{".", "no directory inside"},
	{"=/x", "no directory inside"},
	{"..", "'..' is not allowed"},
	{"a/../b=/x", "'..' is not allowed"},
	{"a/..", "'..' is not allowed"},
	{"../a", "'..' is not allowed"},
	{"a=b", "must start with"},
	{"a=.", "must start with"},
	{"a=../b", "must start with"},
	{"a=/b:", "unknown option ''"},
	{"a=/b::rw", "unknown option ''"},
	{"a=/b:RW", "unknown option 'RW'"},
	{"a=/b:rwx", "unknown option 'rwx'"},
	{"a=/b:rw,dev", "unknown option 'rw,dev'"},
	{"a=/b:\x1b[2J", "unknown option '\\x1b[2J'"},
	{"a=ext4:fs", "none of proc"},
	{"a=/b:fs", "none of proc"},
	{"a=proc/:fs", "none of proc"},
	{"a:fs", "none of proc"},
	{"sys=sysfs:fs:rw", "always read-only"},
	{"a=/b:tmp", "nothing outside"},
	{"a:tmp:fs", "'tmp' goes with"},
	{"a:tmp:maybe", "'tmp' goes with"},
};

static const struct dirrule *last(const struct dirrules *r)
{
	return r->count ? &r->rules[r->count - 1] : NULL;
}

static void test_grammar(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(good_rows); i++) {
		const struct good_row *row = &good_rows[i];
		struct dirrules r = {0};
		struct err e = {0};

		tap_int(t, dirrules_add(&r, row->rule, &e), 0, "'%s': %s", row->rule, e.text);
		if (tap_int(t, (int)r.count, 1, "'%s': one rule", row->rule)) {
			tap_str(t, last(&r)->in, row->in, "'%s': in", row->rule);
			tap_str(t, last(&r)->out, row->out, "'%s': out", row->rule);
			tap_int(t, last(&r)->flags, row->flags, "'%s': flags", row->rule);
		}
		dirrules_fini(&r);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];
		struct dirrules r = {0};
		struct err e = {0};

		tap_int(t, dirrules_add(&r, row->rule, &e), -1, "'%s' is refused", row->rule);
		tap_int(t, e.kind, ERR_USAGE, "'%s': kind", row->rule);
		tap_has(t, e.text, row->says, "'%s': text", row->rule);
		tap_int(t, (int)r.count, 0, "'%s': no rule", row->rule);
		dirrules_fini(&r);
	}
}

/* "in in in", removed ones as "-in". */
static void list(const struct dirrules *r, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < r->count; i++) {
		int n = snprintf(buf + len, size - len, "%s%s%s", i ? " " : "",
				 r->rules[i].flags & DIR_REMOVED ? "-" : "", r->rules[i].in);
		if (n < 0 || (size_t)n >= size - len)
			abort();
		len += (size_t)n;
	}
}

static const struct order_row {
	bool image;
	const char *add[4], *want;
} order_rows[] = {
	{false, {NULL}, "box bin dev dev/shm lib lib64 proc tmp usr"},
	{true, {NULL}, "box dev dev/shm proc tmp"},
	{false, {"etc"}, "box bin dev dev/shm lib lib64 proc tmp usr etc"},
	{false, {"/bin=/opt/bin"}, "box bin dev dev/shm lib lib64 proc tmp usr"},
	{false, {"tmp=", "a=/a"}, "box bin dev dev/shm lib lib64 proc -tmp usr a"},
	{false, {"tmp=", "a=/a", "tmp=/x"}, "box bin dev dev/shm lib lib64 proc tmp usr a"},
	{true, {"a=/a", "b=/b", "a=/c"}, "box dev dev/shm proc tmp a b"},
	{true, {"none="}, "box dev dev/shm proc tmp -none"},
};

static void test_order(struct tap *t)
{
	char buf[512];

	for (size_t i = 0; i < ARRAY_LEN(order_rows); i++) {
		const struct order_row *row = &order_rows[i];
		struct dirrules r = {0};
		struct err e = {0};
		int rc = dirrules_init(&r, row->image, &e);

		for (size_t j = 0; j < ARRAY_LEN(row->add) && row->add[j]; j++)
			rc |= dirrules_add(&r, row->add[j], &e);
		tap_int(t, rc, 0, "order %zu", i);
		list(&r, buf, sizeof(buf));
		tap_str(t, buf, row->want, "order %zu: list", i);
		dirrules_fini(&r);
	}
}

static void test_caps(struct tap *t)
{
	static char longest[5000];
	struct dirrules r = {0};
	struct err e = {0};
	char rule[32];
	int n = 0;

	memset(longest, 'a', sizeof(longest) - 1);
	tap_int(t, dirrules_add(&r, longest, &e), -1, "rule of 5000 bytes");
	longest[300] = '\0';
	tap_int(t, dirrules_add(&r, longest, &e), -1, "name of 300 bytes");
	for (; n < 10000; n++) {
		if (snprintf(rule, sizeof(rule), "d%d=/x", n) < 0)
			abort();
		if (dirrules_add(&r, rule, &e))
			break;
	}
	tap_int(t, n, 256, "number of rules is bounded");
	tap_int(t, dirrules_add(&r, "d7=/y", &e), 0, "replacing goes on");
	dirrules_fini(&r);
}

int main(void)
{
	struct tap t = {0};

	test_grammar(&t);
	test_order(&t);
	test_caps(&t);
	return tap_done(&t);
}
