/* SPDX-License-Identifier: MIT */
/* One const table per program is its command line: parsing and --help come from it, and from the
 * latter what bash completes (completion/). */
#ifndef COMMON_OPTAB_H
#define COMMON_OPTAB_H

#include "common/defs.h"
#include "common/err.h"

enum optab_arg { OPTAB_NONE, OPTAB_REQUIRED, OPTAB_OPTIONAL };

struct optab_row {
	const char *name; /* long name without dashes; NULL with help set: a heading of --help */
	char letter;	  /* short option, or 0 */
	enum optab_arg arg;
	const char *metavar; /* name of the argument in --help, NULL when there is none. Completed
				by it: FILE, DIR, REF, VAR, and a|b, one of these words */
	const char *help; /* one line, lower case, no full stop; NULL hides the row from --help */
	/* Called for each occurrence; value is NULL when none was given. Only fills ctx. */
	int (*parse)(void *ctx, const char *value, struct err *e);
};

/* Parse argv with getopt_long rules (POSIXLY_CORRECT order: stops at the first non-option, `--`
 * ends options). argc may be 0. *first_arg gets the index of the first operand. Unknown, ambiguous
 * or malformed options are ERR_USAGE; nothing is printed. */
int optab_parse(const struct optab_row *rows, size_t count, int argc, char **argv, void *ctx,
		int *first_arg, struct err *e) NODISCARD;

/* The same in getopt_long's usual order: options may stand between and behind operands, up to a
 * `--`. argv is rearranged: from *first_arg on it holds the operands, in order. */
int optab_parse_mixed(const struct optab_row *rows, size_t count, int argc, char **argv, void *ctx,
		      int *first_arg, struct err *e) NODISCARD;

/* Write the options part of --help to fd 1, at most 80 columns. Returns 0 or -1 (errno). */
int optab_print_help(const struct optab_row *rows, size_t count);

#endif
