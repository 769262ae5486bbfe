/* SPDX-License-Identifier: MIT */
/* JSON for scripts, written to a stream. */
#include "common/jsonout.h"

#include <string.h>

#include "common/utf8.h"

static void put_text(FILE *f, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len = strlen(s);
	uint32_t cp;

	putc('"', f);
	while (len > 0) {
		size_t n = utf8_safe_len(p, len);

		if (n == 1 && (*p == '"' || *p == '\\')) {
			fprintf(f, "\\%c", *p);
		} else if (n > 0) {
			fwrite(p, 1, n, f);
		} else if ((n = utf8_decode(p, len, &cp)) > 0) {
			/* Not for a terminal; all of these are below U+10000. */
			fprintf(f, "\\u%04x", (unsigned)cp);
		} else {
			n = 1;
			fputs("\\ufffd", f);
		}
		p += n;
		len -= n;
	}
	putc('"', f);
}

static void begin_value(struct jsonout *j, const char *key)
{
	if (j->depth > 0) {
		fprintf(j->file, "%s\n%*s", j->first ? "" : ",", (int)(2 * j->depth), "");
		if (key) {
			put_text(j->file, key);
			fputs(": ", j->file);
		}
	}
	j->first = false;
}

void jsonout_open(struct jsonout *j, const char *key, char bracket)
{
	begin_value(j, key);
	putc(bracket, j->file);
	j->depth++;
	j->first = true;
}

void jsonout_close(struct jsonout *j, char bracket)
{
	j->depth--;
	if (!j->first)
		fprintf(j->file, "\n%*s", (int)(2 * j->depth), "");
	putc(bracket, j->file);
	j->first = false;
	if (j->depth == 0)
		putc('\n', j->file);
}

void jsonout_string(struct jsonout *j, const char *key, const char *s)
{
	begin_value(j, key);
	if (s)
		put_text(j->file, s);
	else
		fputs("null", j->file);
}

void jsonout_strings(struct jsonout *j, const char *key, char *const *list, size_t count)
{
	jsonout_open(j, key, '[');
	for (size_t i = 0; i < count; i++)
		jsonout_string(j, NULL, list[i]);
	jsonout_close(j, ']');
}

void jsonout_number(struct jsonout *j, const char *key, uint64_t n)
{
	begin_value(j, key);
	fprintf(j->file, "%llu", (unsigned long long)n);
}

void jsonout_bool(struct jsonout *j, const char *key, bool v)
{
	begin_value(j, key);
	fputs(v ? "true" : "false", j->file);
}
