/* SPDX-License-Identifier: MIT */
/* Reader of line-based text: lines and key/value pairs with numbers for messages. */
#include "common/lineconf.h"

#include <string.h>

#include "common/text.h"

#define LINE_MAX_BYTES 8192

void lineconf_init(struct lineconf *lc, const char *name, char *text, size_t len)
{
	*lc = (struct lineconf){.pos = text, .end = text + len, .name = name};
}

static int bad_line(const struct lineconf *lc, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s:%u: %s", lc->name, lc->line, what);
}

int lineconf_next(struct lineconf *lc, char **line, struct err *e)
{
	size_t len = (size_t)(lc->end - lc->pos);
	char *start = lc->pos, *nl;

	if (len == 0)
		return 0;
	lc->line++;
	nl = memchr(start, '\n', len);
	if (nl)
		len = (size_t)(nl - start);
	lc->pos = nl ? nl + 1 : lc->end;
	if (len > LINE_MAX_BYTES)
		return bad_line(lc, "line is too long", e);
	if (memchr(start, '\0', len))
		return bad_line(lc, "line holds a NUL byte", e);
	if (!nl)
		return bad_line(lc, "file ends in the middle of a line", e);
	*nl = '\0';
	*line = start;
	return 1;
}

/* Not isspace(3): that one asks the locale. \r, for files that went through another system. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cut white space off both ends of s, in place. */
static char *trim(char *s)
{
	size_t len;

	while (is_blank(*s))
		s++;
	for (len = strlen(s); len > 0 && is_blank(s[len - 1]); len--)
		;
	s[len] = '\0';
	return s;
}

int lineconf_next_pair(struct lineconf *lc, char **key, char **value, struct err *e)
{
	char *line;
	int rc;

	while ((rc = lineconf_next(lc, &line, e)) == 1) {
		char *s = trim(line), *eq;

		if (*s == '\0' || *s == '#')
			continue;
		if (*s == '[' && s[strlen(s) - 1] == ']')
			continue;
		eq = strchr(s, '=');
		if (!eq)
			return err_set(e, ERR_CONFIG, "%s:%u: '%s' is not 'key = value'", lc->name,
				       lc->line, text_quote(s).s);
		*eq = '\0';
		s = trim(s);
		if (*s == '\0')
			return bad_line(lc, "there is no key before '='", e);
		*key = s;
		*value = trim(eq + 1);
		return 1;
	}
	return rc;
}
