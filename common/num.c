/* SPDX-License-Identifier: MIT */
/* Strict numbers from text: the whole string, decimal, in range, or an error. */
#include "common/num.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from *s on into *out; *s moves behind them. False when there is none or it overflows. */
static bool take_digits(const char **s, uint64_t *out)
{
	uint64_t v = 0;

	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); (*s)++) {
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

int num_parse_u64(const char *s, uint64_t min, uint64_t max, const char *what, uint64_t *out,
		  struct err *e)
{
	const char *p = s;
	uint64_t v;

	if (!take_digits(&p, &v) || *p || v < min || v > max)
		return err_set(e, ERR_USAGE,
			       "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, what,
			       text_quote(s).s, min, max);
	*out = v;
	return 0;
}

int num_parse_int(const char *s, int min, int max, const char *what, int *out, struct err *e)
{
	uint64_t v;

	if (max < 0)
		return err_set(e, ERR_BUG, "%s: no range of numbers", what);
	if (num_parse_u64(s, (uint64_t)MAX(min, 0), (uint64_t)max, what, &v, e) < 0)
		return -1;
	*out = (int)v;
	return 0;
}

/* An exponent as printf("%g") writes it: e, an optional sign, one or two digits, the end. */
static bool parse_exponent(const char *s, int *out)
{
	int sign = s[1] == '-' ? -1 : 1, v = 0;
	const char *p = s + (s[1] == '-' || s[1] == '+' ? 2 : 1), *first = p;

	for (; is_digit(*p) && p < first + 2; p++)
		v = v * 10 + (*p - '0');
	*out = sign * v;
	return (*s == 'e' || *s == 'E') && p > first && !*p;
}

/* A number with an optional fraction and exponent, in 1/10^9; false when it is none, or is above
 * max. */
static bool parse_nano(const char *s, uint64_t max, uint64_t *out)
{
	size_t len = strspn(s, "0123456789."), whole = strcspn(s, "."), n;
	int exponent = 0;
	uint64_t limit, v = 0;

	whole = MIN(whole, len);
	n = whole < len ? len - 1 : len; /* digits */
	if (n == 0 || (whole < len && memchr(s + whole + 1, '.', len - whole - 1)) ||
	    (s[len] && !parse_exponent(s + len, &exponent)) ||
	    __builtin_mul_overflow(max, NSEC_PER_SEC, &limit))
		return false;
	/* As many digits as there are before the point once that is moved to where the unit is. */
	for (int64_t i = 0; i < (int64_t)whole + exponent + 9; i++) {
		size_t at = (size_t)i < whole ? (size_t)i : (size_t)i + 1;
		uint64_t digit = (size_t)i < n ? (uint64_t)(s[at] - '0') : 0;

		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	if (v > limit)
		return false;
	*out = v;
	return true;
}

#define SECONDS_MAX UINT64_C(1000000000)

int num_parse_seconds(const char *s, const char *what, uint64_t *out_ns, struct err *e)
{
	if (parse_nano(s, SECONDS_MAX, out_ns))
		return 0;
	return err_set(e, ERR_USAGE, "%s: '%s' is not a number of seconds from 0 to %" PRIu64, what,
		       text_quote(s).s, SECONDS_MAX);
}

int num_parse_milli(const char *s, uint64_t max_milli, const char *what, uint64_t *out_milli,
		    struct err *e)
{
	uint64_t nano;

	if (!parse_nano(s, max_milli / 1000, &nano))
		return err_set(e, ERR_USAGE, "%s: '%s' is not a number from 0 to %" PRIu64, what,
			       text_quote(s).s, max_milli / 1000);
	*out_milli = nano / 1000000;
	return 0;
}

int num_parse_size(const char *s, const char *what, uint64_t *out_bytes, struct err *e)
{
	const char *p = s;
	uint64_t v, bytes;
	unsigned shift = 0;
	bool ok = take_digits(&p, &v);

	if (ok && *p) {
		switch (*p++) {
		case 'k':
		case 'K':
			shift = 10;
			break;
		case 'm':
		case 'M':
			shift = 20;
			break;
		case 'g':
		case 'G':
			shift = 30;
			break;
		case 't':
		case 'T':
			shift = 40;
			break;
		default:
			ok = false;
		}
	}
	if (!ok || *p || __builtin_mul_overflow(v, UINT64_C(1) << shift, &bytes))
		return err_set(e, ERR_USAGE,
			       "%s: '%s' is not a number of bytes (K, M, G or T may follow)", what,
			       text_quote(s).s);
	*out_bytes = bytes;
	return 0;
}
