/* SPDX-License-Identifier: MIT */
/* Reads JSON for tests: jq compiles its own library at each start, which is three quarters of a
 * second on an emulated processor.
 *
 *   json FIELD... <FILE             one line: the values, with blanks between
 *   json -e EACH FIELD... <FILE     the same for each that EACH finds
 *   json -m <FILE                   NAME=VALUE of each member of the object, each ended by a zero
 * byte
 *
 * FIELD and EACH are names and, for arrays, numbers from 0 with dots between ("images.0.digest");
 * "." is the whole. In EACH, of which there may be several with a comma between, * is every one of
 * an array; a last # in FIELD is how many there are. Strings are printed as they are, arrays of
 * strings with commas, else JSON as it was written; what is not there as null. Exit status 1: no
 * JSON (RFC 8259), or more than that.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

enum kind { OTHER, STRING, ARRAY, OBJECT };

struct value {
	enum kind kind;
	char *name;	       /* of a member */
	char *text;	       /* of a string, decoded */
	const char *from, *to; /* as it was written */
	struct value *first, *next;
};

static _Noreturn void bad(const char *what)
{
	fprintf(stderr, "json: %s\n", what);
	exit(1);
}

static void *get(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		bad("no memory");
	return p;
}

static const char *blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

static unsigned hex4(const char *s)
{
	char digits[5] = {0};

	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)s[i]))
			bad("wrong \\u");
		digits[i] = s[i];
	}
	return (unsigned)strtoul(digits, NULL, 16);
}

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 63));
		}
		*to++ = (char)(0x80 | (c >> 6 & 63));
	}
	*to++ = (char)(0x80 | (c & 63));
	return to;
}

/* How many bytes follow the first of a character. */
static int bytes_after(unsigned char c)
{
	if (c < 0x80)
		return 0;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef)
		return 2;
	if (c >= 0xf0 && c <= 0xf4)
		return 3;
	bad("no UTF-8");
}

/* s is behind the quote; returns what is behind the other one. */
static const char *read_string(const char *s, char **text)
{
	static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	char *to = *text = get(strlen(s) + 1);

	while (*s != '"') {
		if ((unsigned char)*s < ' ')
			bad("a control character in a string, or its end is missing");
		if (*s != '\\') {
			int more = bytes_after((unsigned char)*s);

			*to++ = *s++;
			for (; more > 0; more--) {
				if (((unsigned char)*s & 0xc0) != 0x80)
					bad("no UTF-8");
				*to++ = *s++;
			}
			continue;
		}
		s++;
		if (*s == 'u') {
			unsigned c = hex4(s + 1);

			s += 5;
			if (c >= 0xd800 && c < 0xdc00 && s[0] == '\\' && s[1] == 'u') {
				unsigned low = hex4(s + 2);

				if (low < 0xdc00 || low > 0xdfff)
					bad("wrong surrogate");
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				s += 6;
			} else if (c >= 0xd800 && c < 0xe000) {
				bad("half a surrogate");
			}
			to = put_utf8(to, c);
		} else {
			const char *e = *s ? strchr(escapes, *s) : NULL;

			if (!e)
				bad("wrong escape");
			*to++ = meant[e - escapes];
			s++;
		}
	}
	return s + 1;
}

static const char *digits(const char *s)
{
	if (!isdigit((unsigned char)*s))
		bad("a digit is missing");
	return s + strspn(s, "0123456789");
}

static const char *read_number(const char *s)
{
	if (*s == '-')
		s++;
	s = *s == '0' ? s + 1 : digits(s);
	if (*s == '.')
		s = digits(s + 1);
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			s++;
		s = digits(s);
	}
	return s;
}

static const char *read_value(const char *s, struct value *v, int depth)
{
	static const char *const words[] = {"true", "false", "null"};
	struct value **last = &v->first;
	char end;

	if (depth == DEPTH_MAX)
		bad("too deep");
	v->from = s;
	if (*s == '"') {
		v->kind = STRING;
		s = read_string(s + 1, &v->text);
	} else if (*s == '{' || *s == '[') {
		v->kind = *s == '{' ? OBJECT : ARRAY;
		end = *s == '{' ? '}' : ']';
		s = blanks(s + 1);
		for (bool more = *s != end; more; last = &(*last)->next) {
			*last = get(sizeof(**last));
			if (end == '}') {
				if (*s != '"')
					bad("a name is missing");
				s = blanks(read_string(s + 1, &(*last)->name));
				if (*s != ':')
					bad("a colon is missing");
				s = blanks(s + 1);
			}
			s = blanks(read_value(s, *last, depth + 1));
			more = *s == ',';
			if (more)
				s = blanks(s + 1);
		}
		if (*s != end)
			bad("the end of an array or object is missing");
		s++;
	} else if (*s == '-' || isdigit((unsigned char)*s)) {
		s = read_number(s);
	} else {
		size_t i = 0;

		while (i < 3 && strncmp(s, words[i], strlen(words[i])) != 0)
			i++;
		if (i == 3)
			bad("no value");
		s += strlen(words[i]);
	}
	v->to = s;
	return s;
}

static const struct value *step(const struct value *v, const char *name, size_t len)
{
	char *end;
	unsigned long n = strtoul(name, &end, 10);

	for (const struct value *c = v->first; c; c = c->next) {
		if (v->kind == OBJECT && strncmp(c->name, name, len) == 0 && !c->name[len])
			return c;
		if (v->kind == ARRAY && end == name + len && n-- == 0)
			return c;
	}
	return NULL;
}

static void print_value(const struct value *v)
{
	bool strings = v->kind == ARRAY && v->first;

	for (const struct value *c = v->first; c; c = c->next)
		strings = strings && c->kind == STRING;
	if (v->kind == STRING) {
		fputs(v->text, stdout);
	} else if (strings) {
		for (const struct value *c = v->first; c; c = c->next)
			printf("%s%s", c->text, c->next ? "," : "");
	} else {
		fwrite(v->from, 1, (size_t)(v->to - v->from), stdout);
	}
}

static void print_field(const struct value *v, const char *path)
{
	while (v && *path && strcmp(path, ".") != 0) {
		size_t len = strcspn(path, "."), n = 0;

		if (strcmp(path, "#") == 0) {
			for (const struct value *c = v->first; c; c = c->next)
				n++;
			printf("%zu", n);
			return;
		}
		v = step(v, path, len);
		path += len + (path[len] == '.');
	}
	if (v)
		print_value(v);
	else
		fputs("null", stdout);
}

static void print_fields(const struct value *v, char **fields)
{
	for (; *fields; fields++) {
		print_field(v, *fields);
		putchar(fields[1] ? ' ' : '\n');
	}
}

static void print_each(const struct value *v, const char *path, char **fields)
{
	size_t len = strcspn(path, ".");

	if (!v)
		return;
	if (!*path) {
		print_fields(v, fields);
	} else if (path[0] == '*') {
		for (const struct value *c = v->first; c; c = c->next)
			print_each(c, path + len + (path[len] == '.'), fields);
	} else {
		print_each(step(v, path, len), path + len + (path[len] == '.'), fields);
	}
}

static char *read_all(void)
{
	size_t len = 0, room = 65536;
	char *text = get(room);

	for (size_t n; (n = fread(text + len, 1, room - len - 1, stdin)) > 0;) {
		len += n;
		if (len + 1 < room)
			continue;
		room *= 2;
		text = realloc(text, room);
		if (!text)
			bad("no memory");
	}
	text[len] = 0;
	if (strlen(text) != len)
		bad("a zero byte");
	return text;
}

int main(int argc, char **argv)
{
	struct value all = {0};

	if (argc < 2 || (strcmp(argv[1], "-e") == 0 && argc < 4)) {
		fprintf(stderr, "usage: json [-e EACH[,EACH]...] FIELD... | -m\n");
		return 2;
	}
	if (*blanks(read_value(blanks(read_all()), &all, 0)))
		bad("more than one value");
	if (strcmp(argv[1], "-e") == 0) {
		for (char *each = strtok(argv[2], ","); each; each = strtok(NULL, ","))
			print_each(&all, each, argv + 3);
	} else if (strcmp(argv[1], "-m") == 0) {
		if (all.kind != OBJECT)
			bad("no object");
		for (const struct value *c = all.first; c; c = c->next) {
			printf("%s=", c->name);
			print_value(c);
			putchar(0);
		}
	} else {
		print_fields(&all, argv + 1);
	}
	return fflush(stdout) == 0 ? 0 : 2;
}
