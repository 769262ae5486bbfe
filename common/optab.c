/* SPDX-License-Identifier: MIT */
/* One const table per program is its command line: parsing and --help come from it. */
#include "common/optab.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/text.h"

/* A parser of our own and not getopt_long(3): that one keeps its state in globals, cannot say which
 * of its complaints it has, and reads POSIXLY_CORRECT. test_optab holds the two side by side. */
struct walk {
	const struct optab_row *rows;
	size_t count;
	int argc;
	char **argv;
	int at; /* argument being looked at */
	void *ctx;
};

/* The row whose long name is the len bytes at name, or the only one that begins so. */
static const struct optab_row *find_long(const struct walk *w, const char *name, size_t len,
					 struct err *e)
{
	const struct optab_row *found = NULL, *other = NULL;

	for (size_t i = 0; i < w->count; i++) {
		const struct optab_row *row = &w->rows[i];

		if (!row->name || strncmp(row->name, name, len) != 0)
			continue;
		if (row->name[len] == '\0')
			return row;
		if (!found)
			found = row;
		else if (!other)
			other = row;
	}
	if (other && len > 0) {
		(void)err_set(e, ERR_USAGE, "option '--%s' is ambiguous: '--%s' or '--%s'",
			      text_quote_bytes(name, len).s, found->name, other->name);
		return NULL;
	}
	if (!found || len == 0) {
		(void)err_set(e, ERR_USAGE, "unknown option '--%s'", text_quote_bytes(name, len).s);
		return NULL;
	}
	return found;
}

static const struct optab_row *find_letter(const struct walk *w, char letter, struct err *e)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->rows[i].name && w->rows[i].letter == letter)
			return &w->rows[i];
	}
	(void)err_set(e, ERR_USAGE, "unknown option '-%s'", text_quote_bytes(&letter, 1).s);
	return NULL;
}

/* The argument that a row of kind OPTAB_REQUIRED takes from the next word; NULL at the end. */
static const char *next_word(struct walk *w)
{
	if (w->at + 1 >= w->argc)
		return NULL;
	return w->argv[++w->at];
}

static int take_long(struct walk *w, const char *word, struct err *e)
{
	const char *name = word + 2, *eq = strchr(name, '='), *value = eq ? eq + 1 : NULL;
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct optab_row *row = find_long(w, name, len, e);

	if (!row)
		return -1;
	if (row->arg == OPTAB_NONE && value)
		return err_set(e, ERR_USAGE, "option '--%s' takes no argument", row->name);
	if (row->arg == OPTAB_REQUIRED && !value) {
		value = next_word(w);
		if (!value)
			return err_set(e, ERR_USAGE, "option '--%s' needs an argument", row->name);
	}
	return row->parse(w->ctx, value, e);
}

static int take_cluster(struct walk *w, const char *word, struct err *e)
{
	for (const char *p = word + 1; *p; p++) {
		const struct optab_row *row = find_letter(w, *p, e);
		const char *value = NULL;
		bool last = false;

		if (!row)
			return -1;
		if (row->arg != OPTAB_NONE) {
			last = true;
			if (p[1])
				value = p + 1;
			else if (row->arg == OPTAB_REQUIRED && !(value = next_word(w)))
				return err_set(e, ERR_USAGE, "option '-%c' needs an argument",
					       row->letter);
		}
		if (row->parse(w->ctx, value, e) < 0)
			return -1;
		if (last)
			break;
	}
	return 0;
}

/* With `mixed`, operands are put into the slots of words that have been read, the first ones, and
 * when all is read, before those that follow a `--`. */
static int parse(struct walk *w, bool mixed, int *first_arg, struct err *e)
{
	int operands = 0;

	/* execve(2) allowed an empty argv before Linux 5.18, which made argv[1] the environment
	 * (CVE-2021-4034): nothing is read from argv that argc does not cover. */
	if (w->argc < 1) {
		*first_arg = 0;
		return 0;
	}
	for (w->at = 1; w->at < w->argc; w->at++) {
		char *word = w->argv[w->at];

		if (word[0] != '-' || word[1] == '\0') {
			if (!mixed)
				break;
			w->argv[1 + operands++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			w->at++;
			break;
		}
		if ((word[1] == '-' ? take_long(w, word, e) : take_cluster(w, word, e)) < 0)
			return -1;
	}
	*first_arg = w->at - operands;
	memmove(w->argv + *first_arg, w->argv + 1, (size_t)operands * sizeof(*w->argv));
	return 0;
}

int optab_parse(const struct optab_row *rows, size_t count, int argc, char **argv, void *ctx,
		int *first_arg, struct err *e)
{
	struct walk w = {.rows = rows, .count = count, .argc = argc, .argv = argv, .ctx = ctx};

	return parse(&w, false, first_arg, e);
}

int optab_parse_mixed(const struct optab_row *rows, size_t count, int argc, char **argv, void *ctx,
		      int *first_arg, struct err *e)
{
	struct walk w = {.rows = rows, .count = count, .argc = argc, .argv = argv, .ctx = ctx};

	return parse(&w, true, first_arg, e);
}

#define HELP_WIDTH  80
#define HELP_INDENT 27

/* Add the words of help from column `col` on, breaking lines before HELP_WIDTH. */
static void add_wrapped(struct text *t, const char *help, size_t col)
{
	bool first = true;

	while (*help) {
		size_t len = strcspn(help, " ");

		if (!first && col + 1 + len > HELP_WIDTH) {
			text_addf(t, "\n%*s", HELP_INDENT, "");
			col = HELP_INDENT;
			first = true;
		}
		if (!first) {
			text_add(t, " ");
			col++;
		}
		text_add_bytes(t, help, len);
		col += len;
		first = false;
		help += len;
		help += strspn(help, " ");
	}
	text_add(t, "\n");
}

static void add_row(struct text *t, const struct optab_row *row)
{
	char left_buf[HELP_WIDTH + 1];
	struct text left = TEXT_OVER(left_buf);
	const char *metavar = row->metavar ? row->metavar : "ARG";

	if (row->letter)
		text_addf(&left, "  -%c, --%s", row->letter, row->name);
	else
		text_addf(&left, "      --%s", row->name);
	if (row->arg == OPTAB_REQUIRED)
		text_addf(&left, "=%s", metavar);
	else if (row->arg == OPTAB_OPTIONAL)
		text_addf(&left, "[=%s]", metavar);
	text_add(t, left.buf);
	if (left.len + 2 > HELP_INDENT)
		text_addf(t, "\n%*s", HELP_INDENT, "");
	else
		text_addf(t, "%*s", HELP_INDENT - (int)left.len, "");
	add_wrapped(t, row->help, HELP_INDENT);
}

int optab_print_help(const struct optab_row *rows, size_t count)
{
	char buf[16 * 1024];
	struct text t = TEXT_OVER(buf);

	for (size_t i = 0; i < count; i++) {
		if (!rows[i].help)
			continue;
		if (rows[i].name)
			add_row(&t, &rows[i]);
		else
			text_addf(&t, "%s%s\n", i > 0 ? "\n" : "", rows[i].help);
	}
	if (t.full) {
		errno = EOVERFLOW;
		return -1;
	}
	return fdio_write_all(STDOUT_FILENO, t.buf, t.len);
}
