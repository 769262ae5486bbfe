/* SPDX-License-Identifier: MIT */
/* common/num: what is a number, what is none, and where ranges end. */
#include "common/num.h"

#include "tests/unit/tap.h"

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a)

static const struct u64_row {
	const char *s;
	uint64_t min, max;
	int rc;
	uint64_t want;
} u64_rows[] = {
	{"0", 0, 10, 0, 0},
	{"10", 0, 10, 0, 10},
	{"007", 0, 10, 0, 7},
	{"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
	{"18446744073709551616", 0, UINT64_MAX, -1, 0},
	{"99999999999999999999999", 0, UINT64_MAX, -1, 0},
	{"11", 0, 10, -1, 0},
	{"4", 5, 10, -1, 0},
	{"", 0, 10, -1, 0},
	{" 1", 0, 10, -1, 0},
	{"1 ", 0, 10, -1, 0},
	{"1\n", 0, 10, -1, 0},
	{"+1", 0, 10, -1, 0},
	{"-1", 0, UINT64_MAX, -1, 0},
	{"-0", 0, 10, -1, 0},
	{"0x1", 0, 10, -1, 0},
	{"1e3", 0, UINT64_MAX, -1, 0},
	{"1x", 0, 10, -1, 0},
	{"1.0", 0, 10, -1, 0},
	{"abc", 0, 10, -1, 0},
	{"nan", 0, 10, -1, 0},
	{"inf", 0, 10, -1, 0},
	{"\xd9\xa1", 0, 10, -1, 0}, /* an Arabic one */
};

static const struct seconds_row {
	const char *s;
	int rc;
	uint64_t want_ns;
} seconds_rows[] = {
	{"0", 0, 0},
	{"2", 0, UINT64_C(2000000000)},
	{"0.25", 0, UINT64_C(250000000)},
	{".5", 0, UINT64_C(500000000)},
	{"1.", 0, UINT64_C(1000000000)},
	{"0.000000001", 0, 1},
	{"0.0000000019", 0, 1},
	{"0.00000000000000000000000000000000000009", 0, 0},
	{"1000000000", 0, UINT64_C(1000000000) * UINT64_C(1000000000)},
	{"1000000000.0", 0, UINT64_C(1000000000) * UINT64_C(1000000000)},
	{"1000000000.1", -1, 0},
	{"1000000001", -1, 0},
	{"99999999999999999999", -1, 0},
	{"", -1, 0},
	{".", -1, 0},
	{"..5", -1, 0},
	{"1.2.3", -1, 0},
	{"1,5", -1, 0},
	{"-1", -1, 0},
	{"+1", -1, 0},
	{" 1", -1, 0},
	{"1s", -1, 0},
	{"1e+06", 0, UINT64_C(1000000) * UINT64_C(1000000000)},
	{"1.23457E6", 0, UINT64_C(1234570) * UINT64_C(1000000000)},
	{"1e-05", 0, 10000},
	{"0.2e1", 0, UINT64_C(2000000000)},
	{".5e1", 0, UINT64_C(5000000000)},
	{"2.e0", 0, UINT64_C(2000000000)},
	{"19e-10", 0, 1},
	{"19e-99", 0, 0},
	{"0e99", 0, 0},
	{"1e9", 0, UINT64_C(1000000000) * UINT64_C(1000000000)},
	{"1.1e9", -1, 0},
	{"1e30", -1, 0},
	{"1e99", -1, 0},
	{"1e100", -1, 0},
	{"1e", -1, 0},
	{"1e+", -1, 0},
	{"1e+-1", -1, 0},
	{"1e1.5", -1, 0},
	{"1e1 ", -1, 0},
	{"e1", -1, 0},
	{".e1", -1, 0},
	{"nan", -1, 0},
	{"inf", -1, 0},
	{"abc", -1, 0},
	{"0x1p3", -1, 0},
};

static const struct milli_row {
	const char *s;
	int rc;
	uint64_t want;
} milli_rows[] = {
	{"1", 0, 1000}, {"0.5", 0, 500},     {".25", 0, 250},  {"4", 0, 4000},
	{"0", 0, 0},	{"1.2349", 0, 1234}, {"4.001", -1, 0}, {"5", -1, 0},
	{"", -1, 0},	{"1x", -1, 0},	     {"-1", -1, 0},    {"1,5", -1, 0},
};

static const struct size_row {
	const char *s;
	int rc;
	uint64_t want_bytes;
} size_rows[] = {
	{"0", 0, 0},
	{"1", 0, 1},
	{"1k", 0, 1024},
	{"1K", 0, 1024},
	{"256M", 0, UINT64_C(256) << 20},
	{"3g", 0, UINT64_C(3) << 30},
	{"2T", 0, UINT64_C(2) << 40},
	{"16777215T", 0, UINT64_C(16777215) << 40},
	{"16777216T", -1, 0},
	{"18446744073709551615", 0, UINT64_MAX},
	{"18446744073709551615K", -1, 0},
	{"1KB", -1, 0},
	{"1 K", -1, 0},
	{"K", -1, 0},
	{"", -1, 0},
	{"1.5G", -1, 0},
	{"-1K", -1, 0},
	{"1P", -1, 0},
};

static void test_int(struct tap *t)
{
	struct err e = {0};
	int v = -7;

	tap_ok(t, num_parse_int("60", 1, 100, "-p", &v, &e) == 0 && v == 60, "int: in range");
	v = -7;
	tap_ok(t, num_parse_int("101", 1, 100, "-p", &v, &e) == -1 && v == -7, "int: too large");
	tap_ok(t, num_parse_int("2147483648", 0, INT32_MAX, "-p", &v, &e) == -1 && v == -7,
	       "int: one more than int holds");
	tap_ok(t, num_parse_int("2147483647", 0, INT32_MAX, "-p", &v, &e) == 0 && v == INT32_MAX,
	       "int: the largest");
	tap_ok(t, num_parse_int("-1", -5, 5, "-p", &v, &e) == -1, "int: no sign is read");
	tap_int(t, num_parse_int("1", -5, -2, "-p", &v, &e), -1, "int: a range without numbers");
	tap_int(t, e.kind, ERR_BUG, "int: ... is the caller's fault");
}

int main(void)
{
	struct tap t = {0};
	struct err e = {0};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_LEN(u64_rows); i++) {
		const struct u64_row *r = &u64_rows[i];

		v = UNTOUCHED;
		tap_int(&t, num_parse_u64(r->s, r->min, r->max, "--x", &v, &e), r->rc,
			"u64: '%s' status", r->s);
		tap_u64(&t, v, r->rc ? UNTOUCHED : r->want, "u64: '%s' value", r->s);
	}
	for (size_t i = 0; i < ARRAY_LEN(seconds_rows); i++) {
		const struct seconds_row *r = &seconds_rows[i];

		v = UNTOUCHED;
		tap_int(&t, num_parse_seconds(r->s, "--time", &v, &e), r->rc,
			"seconds: '%s' status", r->s);
		tap_u64(&t, v, r->rc ? UNTOUCHED : r->want_ns, "seconds: '%s' value", r->s);
	}
	for (size_t i = 0; i < ARRAY_LEN(milli_rows); i++) {
		const struct milli_row *r = &milli_rows[i];

		v = UNTOUCHED;
		tap_int(&t, num_parse_milli(r->s, 4000, "--cpus", &v, &e), r->rc,
			"milli: '%s' status", r->s);
		tap_u64(&t, v, r->rc ? UNTOUCHED : r->want, "milli: '%s' value", r->s);
	}
	for (size_t i = 0; i < ARRAY_LEN(size_rows); i++) {
		const struct size_row *r = &size_rows[i];

		v = UNTOUCHED;
		tap_int(&t, num_parse_size(r->s, "--size", &v, &e), r->rc, "size: '%s' status",
			r->s);
		tap_u64(&t, v, r->rc ? UNTOUCHED : r->want_bytes, "size: '%s' value", r->s);
	}
	test_int(&t);
	tap_ok(&t, num_parse_u64("1\x1b[2J", 0, 9, "--x", &v, &e) < 0 && e.kind == ERR_USAGE,
	       "message: kind is usage");
	tap_str(&t, e.text, "--x: '1\\x1b[2J' is not a whole number from 0 to 9",
		"message: names the option, escapes the value, gives the range");
	return tap_done(&t);
}
