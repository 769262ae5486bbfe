/* SPDX-License-Identifier: MIT */
/* common/text: the bounded builder, and what quoting lets through. */
#include "common/text.h"

#include <errno.h>

#include "tests/unit/tap.h"

static const struct quote_row {
	const char *in;
	size_t len; /* 0: up to the NUL */
	const char *want;
} quote_rows[] = {
	{"plain text", 0, "plain text"},
	{"", 0, ""},
	{"a\nb\tc\rd", 0, "a\\x0ab\\x09c\\x0dd"},
	{"\x1b]0;title\x07", 0, "\\x1b]0;title\\x07"},
	{"back\\slash", 0, "back\\x5cslash"},
	{"\x7f", 0, "\\x7f"},
	{"a\0b", 3, "a\\x00b"},
	{"gr\xc3\xbc\xc3\x9f", 0, "gr\xc3\xbc\xc3\x9f"},
	{"\xe2\x82\xac \xf0\x9f\x90\x8d", 0, "\xe2\x82\xac \xf0\x9f\x90\x8d"},
	{"\xc2\x9b[31m", 0, "\\xc2\\x9b[31m"},		 /* C1 control CSI in UTF-8 */
	{"\x9b[31m", 0, "\\x9b[31m"},			 /* the same as a bare byte */
	{"\xc0\xaf", 0, "\\xc0\\xaf"},			 /* overlong slash */
	{"\xe0\x80\xaf", 0, "\\xe0\\x80\\xaf"},		 /* overlong slash */
	{"\xf0\x80\x80\xaf", 0, "\\xf0\\x80\\x80\\xaf"}, /* overlong slash */
	{"\xed\xa0\x80", 0, "\\xed\\xa0\\x80"},		 /* surrogate */
	{"\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
	{"\xe2\x82", 0, "\\xe2\\x82"},			 /* cut in the middle */
	{"\xe2\x80\xae"
	 "txt.exe",
	 0, "\\xe2\\x80\\xaetxt.exe"}, /* right-to-left override */
	{"\xff\xfe", 0, "\\xff\\xfe"},
};

static void test_builder(struct tap *t)
{
	char b[8], one[1] = {'x'};
	struct text x = TEXT_OVER(b);

	tap_str(t, b, "", "builder: starts empty");
	text_add(&x, "abc");
	text_addf(&x, "%d", 42);
	tap_str(t, b, "abc42", "builder: text and format");
	tap_int(t, (int64_t)x.len, 5, "builder: length");
	text_add(&x, "67");
	tap_ok(t, !x.full, "builder: exactly full is not over");
	tap_str(t, b, "abc4267", "builder: exactly full");
	text_add(&x, "");
	tap_ok(t, !x.full, "builder: nothing more fits always");
	text_add(&x, "8");
	tap_ok(t, x.full, "builder: one byte too many");
	tap_str(t, b, "abc4267", "builder: keeps what fitted");

	x = TEXT_OVER(b);
	text_addf(&x, "%s", "1234567890");
	tap_ok(t, x.full && x.len == 7, "builder: format is cut");
	tap_str(t, b, "1234567", "builder: cut format is terminated");
	text_addf(&x, "zz");
	text_add_quoted(&x, "q", 1);
	tap_str(t, b, "1234567", "builder: nothing is added after a cut");

	x = TEXT_OVER(one);
	text_add(&x, "a");
	tap_ok(t, x.full && one[0] == '\0', "builder: room for the NUL only");

	x = TEXT_OVER(b);
	text_add_quoted(&x, "abcd\n", 5);
	tap_str(t, b, "abcd", "quoted: an escape that does not fit is left out whole");
	x = TEXT_OVER(b);
	text_add_quoted(&x, "abcdef\xc3\xbc", 8);
	tap_str(t, b, "abcdef", "quoted: so is a character");
}

static void test_quote_cut(struct tap *t)
{
	char long_name[2000];
	struct text_quoted q;

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	q = text_quote(long_name);
	tap_int(t, (int64_t)strlen(q.s), 259, "quote: long input is cut to 256 bytes and '...'");
	tap_ok(t, strcmp(q.s + 256, "...") == 0, "quote: a cut is marked");
	long_name[256] = '\0';
	tap_int(t, (int64_t)strlen(text_quote(long_name).s), 256, "quote: 256 bytes fit");
	memset(long_name, '\n', 200);
	q = text_quote(long_name);
	tap_int(t, (int64_t)strlen(q.s), 259, "quote: escapes count as they are printed");
}

static void test_format(struct tap *t)
{
	char b[6];

	tap_int(t, text_format(b, sizeof(b), "%s", "12345"), 0, "format: fits");
	tap_str(t, b, "12345", "format: result");
	errno = 0;
	tap_int(t, text_format(b, sizeof(b), "%s", "123456"), -1, "format: one byte too long");
	tap_int(t, errno, ENAMETOOLONG, "format: errno");
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(quote_rows); i++) {
		const struct quote_row *r = &quote_rows[i];
		size_t len = r->len ? r->len : strlen(r->in);

		tap_str(&t, text_quote_bytes(r->in, len).s, r->want, "quote: row %zu", i);
	}
	test_builder(&t);
	test_quote_cut(&t);
	test_format(&t);
	return tap_done(&t);
}
