/* SPDX-License-Identifier: MIT */
/* common/optab: rows of command lines, and thousands of them side by side with getopt_long. */
#include "common/optab.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/text.h"
#include "tests/unit/tap.h"

#define PARSER(id)                                                                                 \
	static int parse_##id(void *ctx, const char *value, struct err *e)                         \
	{                                                                                          \
		(void)e; /* never fails */                                                         \
		text_addf(ctx, "%s%s%s;", #id, value ? "=" : "", value ? value : "");              \
		return 0;                                                                          \
	}
PARSER(box)
PARSER(cg)
PARSER(cgmem)
PARSER(proc)
PARSER(time)
PARSER(verbose)
PARSER(stdin)
PARSER(stdout)
PARSER(stderr)

static int parse_bad(void *ctx, const char *value, struct err *e)
{
	(void)ctx; /* fails always */
	return err_set(e, ERR_USAGE, "--bad: '%s' is bad", value);
}

static const struct optab_row rows[] = {
	{NULL, 0, OPTAB_NONE, NULL, "Commands:", NULL},
	{"box-id", 'b', OPTAB_REQUIRED, "N", "number of the box", parse_box},
	{"cg", 0, OPTAB_NONE, NULL, "use control groups", parse_cg},
	{"cg-mem", 0, OPTAB_REQUIRED, "K", "memory of the whole box", parse_cgmem},
	{"processes", 'p', OPTAB_OPTIONAL, "N", "how many processes", parse_proc},
	{NULL, 0, OPTAB_NONE, NULL, "Others:", NULL},
	{"time", 't', OPTAB_REQUIRED, "S", "seconds", parse_time},
	{"verbose", 'v', OPTAB_NONE, NULL, "say more", parse_verbose},
	{"stdin", 'i', OPTAB_REQUIRED, "FILE", NULL, parse_stdin},
	{"stdout", 'o', OPTAB_REQUIRED, "FILE", NULL, parse_stdout},
	{"stderr-to-a-name-that-is-long", 0, OPTAB_OPTIONAL, "FILE",
	 "a help text of so many words that it cannot go on one line of eighty columns",
	 parse_stderr},
	{"bad", 0, OPTAB_REQUIRED, "X", "never good", parse_bad},
};

/* Result: "first operand's index|what was parsed", or the error's text. */
static const struct line_row {
	const char *argv[8];
	const char *want;
} line_rows[] = {
	{{NULL}, "0|"},
	{{"p"}, "1|"},
	{{"p", "-b7"}, "2|box=7;"},
	{{"p", "-b", "7"}, "3|box=7;"},
	{{"p", "--box-id", "7"}, "3|box=7;"},
	{{"p", "--box-id=7"}, "2|box=7;"},
	{{"p", "--box-id="}, "2|box=;"},
	{{"p", "-b", ""}, "3|box=;"},
	{{"p", "-b", "--cg"}, "3|box=--cg;"},
	{{"p", "--box-id", "--"}, "3|box=--;"},
	{{"p", "-p"}, "2|proc;"},
	{{"p", "-p60"}, "2|proc=60;"},
	{{"p", "-p", "60"}, "2|proc;"},
	{{"p", "--processes"}, "2|proc;"},
	{{"p", "--processes=60"}, "2|proc=60;"},
	{{"p", "--processes", "60"}, "2|proc;"},
	{{"p", "--processes="}, "2|proc=;"},
	{{"p", "-vvp3"}, "2|verbose;verbose;proc=3;"},
	{{"p", "-vb", "3", "-v"}, "4|verbose;box=3;verbose;"},
	{{"p", "-v", "x", "-v"}, "2|verbose;"},
	{{"p", "-v", "--", "-v"}, "3|verbose;"},
	{{"p", "-v", "-", "-v"}, "2|verbose;"},
	{{"p", "", "-v"}, "1|"},
	{{"p", "--cg"}, "2|cg;"},
	{{"p", "--cg-mem=5"}, "2|cgmem=5;"},
	{{"p", "--cg-m", "5"}, "3|cgmem=5;"},
	{{"p", "--proc=5"}, "2|proc=5;"},
	{{"p", "--t=1"}, "2|time=1;"},
	{{"p", "--std=1"}, "option '--std' is ambiguous: '--stdin' or '--stdout'"},
	{{"p", "--st"}, "option '--st' is ambiguous: '--stdin' or '--stdout'"},
	{{"p", "--c"}, "option '--c' is ambiguous: '--cg' or '--cg-mem'"},
	{{"p", "--c=1"}, "option '--c' is ambiguous: '--cg' or '--cg-mem'"},
	{{"p", "--cg=1"}, "option '--cg' takes no argument"},
	{{"p", "--cg="}, "option '--cg' takes no argument"},
	{{"p", "--box-id"}, "option '--box-id' needs an argument"},
	{{"p", "-b"}, "option '-b' needs an argument"},
	{{"p", "-vb"}, "option '-b' needs an argument"},
	{{"p", "--nope"}, "unknown option '--nope'"},
	{{"p", "--nope=1"}, "unknown option '--nope'"},
	{{"p", "--cg-memory=1"}, "unknown option '--cg-memory'"},
	{{"p", "--=1"}, "unknown option '--'"},
	{{"p", "---"}, "unknown option '---'"},
	{{"p", "-x"}, "unknown option '-x'"},
	{{"p", "-v-"}, "unknown option '--'"},
	{{"p", "-vx"}, "unknown option '-x'"},
	{{"p", "-\x1b"}, "unknown option '-\\x1b'"},
	{{"p", "--\n"}, "unknown option '--\\x0a'"},
	{{"p", "--bad=z"}, "--bad: 'z' is bad"},
	{{"p", "-W", "cg"}, "unknown option '-W'"},
	{{"p", "-v;"}, "unknown option '-;'"},
	{{"p", "-:"}, "unknown option '-:'"},
};

enum order { IN_ORDER, MIXED };

/* The operands, behind what was parsed. */
static void add_operands(struct text *t, int first, int argc, char **argv)
{
	for (int i = first; i < argc; i++)
		text_addf(t, " [%s]", argv[i]);
}

static const char *ours(enum order order, int argc, char **argv, char *buf, size_t size)
{
	char parsed_buf[1024];
	struct text parsed = TEXT_OVER(parsed_buf);
	struct err e = {0};
	int first = -1, rc;

	if (order == MIXED)
		rc = optab_parse_mixed(rows, ARRAY_LEN(rows), argc, argv, &parsed, &first, &e);
	else
		rc = optab_parse(rows, ARRAY_LEN(rows), argc, argv, &parsed, &first, &e);
	if (rc == 0 && order == MIXED)
		add_operands(&parsed, first, argc, argv);
	if (rc < 0)
		snprintf(buf, size, "%s", e.kind == ERR_USAGE ? e.text : "(wrong kind)");
	else
		snprintf(buf, size, "%d|%s", first, parsed_buf);
	return buf;
}

static int count_args(const char *const *argv)
{
	int argc = 0;

	while (argc < 8 && argv[argc])
		argc++;
	return argc;
}

/* getopt_long's view of the same line; errors are just "error". */
static const char *theirs(enum order order, int argc, char **argv, char *buf, size_t size)
{
	struct option longs[ARRAY_LEN(rows) + 1] = {{0}};
	char shorts[64] = "+:", parsed_buf[1024];
	struct text parsed = TEXT_OVER(parsed_buf);
	size_t n = 0, s = 2;
	int c;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!rows[i].name || rows[i].parse == parse_bad)
			continue;
		longs[n++] = (struct option){rows[i].name, (int)rows[i].arg, NULL, 1000 + (int)i};
		if (rows[i].letter) {
			shorts[s++] = rows[i].letter;
			for (int k = 0; k < (int)rows[i].arg; k++)
				shorts[s++] = ':';
		}
	}
	opterr = 0;
	optind = 0; /* glibc: start anew */
	/* Without the '+' operands are passed over and moved to the end. */
	while ((c = getopt_long(argc, argv, shorts + (order == MIXED), longs, NULL)) != -1) {
		const struct optab_row *row = NULL;
		struct err e;

		if (c == '?' || c == ':')
			return "error";
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			if (c == 1000 + (int)i || (rows[i].name && c == rows[i].letter))
				row = &rows[i];
		}
		if (!row || row->parse(&parsed, optarg, &e) < 0)
			abort();
	}
	if (order == MIXED)
		add_operands(&parsed, optind, argc, argv);
	snprintf(buf, size, "%d|%s", optind, parsed_buf);
	return buf;
}

/* Random lines of pieces that matter; the seed is fixed, so a failure repeats. */
static void test_against_getopt(struct tap *t, enum order order)
{
	static const char *const words[] = {
		"-b",		"-b7",	   "-p",       "-p3",	     "-v",	    "-vvb",
		"-vp",		"-vt1",	   "-i",       "-io",	     "-x",	    "-vx",
		"--",		"-",	   "",	       "7",	     "x",	    "--cg",
		"--cg=",	"--cg=1",  "--cg-mem", "--cg-mem=5", "--c",	    "--cg-",
		"--box",	"--box=1", "--box-id", "--box-idx",  "--processes", "--processes=2",
		"--processes=", "--p=",	   "--std",    "--stdi=x",   "--stdin",	    "--stderr",
		"--time",	"--tim=1", "--v",      "--verbose",  "--=",	    "---",
		"--x",		"=",	   "-=",       "-v=",
	};
	unsigned rnd = 12345, differ = 0;

	for (int round = 0; round < 20000; round++) {
		char *argv[8] = {(char *)"p"}, *copy[8], a[1200], b[1200];
		int argc;
		const char *mine, *his;

		rnd = rnd * 1103515245U + 12345U;
		argc = 1 + (int)((rnd >> 16) % 6);
		for (int i = 1; i < argc; i++) {
			rnd = rnd * 1103515245U + 12345U;
			argv[i] = (char *)words[(rnd >> 16) % ARRAY_LEN(words)];
		}
		memcpy(copy, argv, sizeof(copy));
		mine = ours(order, argc, argv, a, sizeof(a));
		his = theirs(order, argc, copy, b, sizeof(b));
		if (strcmp(mine, his) == 0 || (!strchr(mine, '|') && strcmp(his, "error") == 0))
			continue;
		if (differ++ < 5) {
			tap_note("ours '%s', getopt_long '%s' for:", mine, his);
			for (int i = 1; i < argc; i++)
				tap_note("    '%s'", argv[i]);
		}
	}
	tap_u64(t, differ, 0, "20000 random lines, %s: as getopt_long",
		order == MIXED ? "mixed" : "in order");
}

static const char help_want[] =
	"Commands:\n"
	"  -b, --box-id=N           number of the box\n"
	"      --cg                 use control groups\n"
	"      --cg-mem=K           memory of the whole box\n"
	"  -p, --processes[=N]      how many processes\n"
	"\n"
	"Others:\n"
	"  -t, --time=S             seconds\n"
	"  -v, --verbose            say more\n"
	"      --stderr-to-a-name-that-is-long[=FILE]\n"
	"                           a help text of so many words that it cannot go on one\n"
	"                           line of eighty columns\n"
	"      --bad=X              never good\n";

static void test_help(struct tap *t)
{
	char got[4096] = "";
	int fd = memfd_create("help", MFD_CLOEXEC), saved = dup(1), rc;

	if (fflush(stdout) != 0 || fd < 0 || saved < 0 || dup2(fd, 1) < 0)
		abort();
	rc = optab_print_help(rows, ARRAY_LEN(rows));
	if (dup2(saved, 1) < 0 || lseek(fd, 0, SEEK_SET) != 0 ||
	    fdio_read_text(fd, got, sizeof(got)) < 0)
		abort();
	tap_int(t, rc, 0, "help: status");
	tap_str(t, got, help_want, "help: text, wrapped before column 80, hidden rows left out");

	(void)close(1);
	rc = optab_print_help(rows, ARRAY_LEN(rows));
	tap_ok(t, dup2(saved, 1) == 1 && rc == -1, "help: a closed stdout is an error");
	(void)close(saved);
	(void)close(fd);
}

int main(void)
{
	struct tap t = {0};
	char buf[1200];

	/* getopt_long must not be told another order by the environment. */
	if (unsetenv("POSIXLY_CORRECT") < 0)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(line_rows); i++) {
		char *argv[9] = {NULL};
		int argc = count_args(line_rows[i].argv);

		memcpy(argv, line_rows[i].argv, sizeof(line_rows[i].argv));
		tap_str(&t, ours(IN_ORDER, argc, argv, buf, sizeof(buf)), line_rows[i].want,
			"line %zu: %s %s", i, argc > 1 ? argv[1] : "(nothing)",
			argc > 2 ? argv[2] : "");
	}
	/* CVE-2021-4034: with argc 0 the words behind argv are the environment. */
	for (int order = IN_ORDER; order <= MIXED; order++) {
		char *argv[] = {NULL, (char *)"--cg", NULL};

		tap_str(&t, ours((enum order)order, 0, argv, buf, sizeof(buf)), "0|",
			"argc 0: nothing is read");
		test_against_getopt(&t, (enum order)order);
	}
	test_help(&t);
	return tap_done(&t);
}
