/* SPDX-License-Identifier: MIT */
/* common/lineconf: pairs, comments, and lines that must not pass. */
#include "common/lineconf.h"

#include "tests/unit/tap.h"

/* What reading all pairs gives: "key>value;" for each, then "end" or the error's text. */
static const struct pair_row {
	const char *name;
	const char *text;
	size_t len; /* 0: up to the NUL */
	const char *want;
} pair_rows[] = {
	{"empty", "", 0, "end"},
	{"one", "a = b\n", 0, "a>b;end"},
	{"tight", "a=b\n", 0, "a>b;end"},
	{"white space", "\t  a \t =\t b c \t\n", 0, "a>b c;end"},
	{"empty value", "a =\n", 0, "a>;end"},
	{"value with =", "a = b=c\n", 0, "a>b=c;end"},
	{"value with #", "a = b # c\n", 0, "a>b # c;end"},
	{"comments and blanks", "# x\n\n   # y = z\n \t\na=b\n", 0, "a>b;end"},
	{"section", "[isolate]\na=b\n  [x y]\n", 0, "a>b;end"},
	{"dos line ends", "a = b\r\n\r\nc = d\r\n", 0, "a>b;c>d;end"},
	{"order", "b = 1\na = 2\nb = 3\n", 0, "b>1;a>2;b>3;end"},
	{"no =", "a = b\nfoo\n", 0, "a>b;f:2: 'foo' is not 'key = value'"},
	{"open section", "[foo\n", 0, "f:1: '[foo' is not 'key = value'"},
	{"no key", "\n = x\n", 0, "f:2: there is no key before '='"},
	{"no newline", "a = b\nc = d", 0, "a>b;f:2: file ends in the middle of a line"},
	{"no newline in a comment", "# x", 0, "f:1: file ends in the middle of a line"},
	{"NUL", "a = b\nc = d\0e\n", 14, "a>b;f:2: line holds a NUL byte"},
	{"NUL after the last line", "a = b\n\0", 7, "a>b;f:2: line holds a NUL byte"},
	{"NUL in a comment", "#\0\n", 3, "f:1: line holds a NUL byte"},
	{"escape in a message", "\x1b[2J\n", 0, "f:1: '\\x1b[2J' is not 'key = value'"},
};

static void test_pairs(struct tap *t, const struct pair_row *r)
{
	char text[256], got[2048] = "";
	size_t len = r->len ? r->len : strlen(r->text), at = 0;
	struct lineconf lc;
	struct err e = {0};
	char *key, *value;
	int rc;

	memcpy(text, r->text, len);
	text[len] = '\0';
	lineconf_init(&lc, "f", text, len);
	while ((rc = lineconf_next_pair(&lc, &key, &value, &e)) == 1)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s>%s;", key, value);
	snprintf(got + at, sizeof(got) - at, "%s", rc == 0 ? "end" : e.text);
	tap_str(t, got, r->want, "pairs: %s", r->name);
	if (rc < 0)
		tap_int(t, e.kind, ERR_CONFIG, "pairs: %s: kind", r->name);
}

static void test_lines(struct tap *t)
{
	char text[] = "  one \n\n#two\nthree\n";
	struct lineconf lc;
	struct err e = {0};
	char *line;

	lineconf_init(&lc, "f", text, sizeof(text) - 1);
	tap_ok(t, lineconf_next(&lc, &line, &e) == 1 && lc.line == 1, "lines: first");
	tap_str(t, line, "  one ", "lines: as it is");
	tap_ok(t, lineconf_next(&lc, &line, &e) == 1 && lc.line == 2, "lines: blank one");
	tap_str(t, line, "", "lines: blank");
	tap_ok(t, lineconf_next(&lc, &line, &e) == 1, "lines: comments are lines");
	tap_str(t, line, "#two", "lines: comment");
	tap_ok(t, lineconf_next(&lc, &line, &e) == 1 && lc.line == 4, "lines: last");
	tap_int(t, lineconf_next(&lc, &line, &e), 0, "lines: end");
	tap_int(t, lineconf_next(&lc, &line, &e), 0, "lines: end again");
	tap_str(t, line, "three", "lines: the end leaves the output alone");
}

static void test_long_line(struct tap *t, size_t len, bool newline, int want)
{
	char text[10000];
	struct lineconf lc;
	struct err e = {0};
	char *line;

	memset(text, 'x', sizeof(text));
	if (newline)
		text[len] = '\n';
	text[len + newline] = '\0';
	lineconf_init(&lc, "f", text, len + newline);
	tap_int(t, lineconf_next(&lc, &line, &e), want, "long line: %zu bytes%s", len,
		newline ? "" : " without newline");
	if (want < 0)
		tap_str(t, e.text, "f:1: line is too long", "long line: %zu: message", len);
}

/* Each bad line is told once, and what is good behind it is read. */
static void test_go_on(struct tap *t)
{
	char text[9000] = "a = 1\nfoo\n= 2\nb = 3\n";
	char got[512] = "", *key, *value;
	size_t len = strlen(text), at = 0;
	struct lineconf lc;
	struct err e = {0};
	int rc;

	memset(text + len, 'x', 8193);
	memcpy(text + len + 8193, "\nn\0l = 1\nc = 4\nend", 18);
	lineconf_init(&lc, "f", text, len + 8193 + 18);
	while ((rc = lineconf_next_pair(&lc, &key, &value, &e)) != 0)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s;", rc > 0 ? key : e.text);
	tap_str(t, got,
		"a;f:2: 'foo' is not 'key = value';f:3: there is no key before '=';b;"
		"f:5: line is too long;f:6: line holds a NUL byte;c;"
		"f:8: file ends in the middle of a line;",
		"errors: the next call goes on behind them");
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(pair_rows); i++)
		test_pairs(&t, &pair_rows[i]);
	test_lines(&t);
	test_go_on(&t);
	test_long_line(&t, 8192, true, 1);
	test_long_line(&t, 8193, true, -1);
	test_long_line(&t, 8193, false, -1);
	return tap_done(&t);
}
