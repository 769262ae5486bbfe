/* SPDX-License-Identifier: MIT */
/* Lists of processors or memory nodes as the kernel writes them: "0-3,8". */
#include "isolate/cpulist.h"

#include "common/text.h"

#define WORD_BITS (8 * sizeof(unsigned long))

/* Digits from *s on into *out; *s moves behind them. */
static bool take_number(const char **s, unsigned *out)
{
	unsigned n = 0;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		n = n * 10 + (unsigned)(**s - '0');
		if (n >= CPULIST_MAX)
			return false;
	}
	*out = n;
	return true;
}

int cpulist_parse(const char *s, const char *what, struct cpulist *out, struct err *e)
{
	struct cpulist l = {0};
	const char *p = s;

	for (;; p++) {
		unsigned first, last;
		bool ok = take_number(&p, &first);

		last = first;
		if (ok && *p == '-') {
			p++;
			ok = take_number(&p, &last) && first <= last;
		}
		if (!ok || (*p && *p != ','))
			return err_set(e, ERR_CONFIG,
				       "%s: '%s' is not a list like 0-3,8 of numbers up to %d",
				       what, text_quote(s).s, CPULIST_MAX - 1);
		for (unsigned n = first; n <= last; n++)
			l.bits[n / WORD_BITS] |= 1UL << (n % WORD_BITS);
		if (!*p)
			break;
	}
	*out = l;
	return 0;
}

bool cpulist_has(const struct cpulist *l, unsigned n)
{
	return n < CPULIST_MAX && (l->bits[n / WORD_BITS] >> (n % WORD_BITS) & 1);
}

unsigned cpulist_count(const struct cpulist *l)
{
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(l->bits); i++)
		count += (unsigned)__builtin_popcountl(l->bits[i]);
	return count;
}

bool cpulist_within(const struct cpulist *part, const struct cpulist *whole)
{
	for (size_t i = 0; i < ARRAY_LEN(part->bits); i++)
		if (part->bits[i] & ~whole->bits[i])
			return false;
	return true;
}
