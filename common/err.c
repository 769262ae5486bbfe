/* SPDX-License-Identifier: MIT */
/* One fixed-size error value that travels up the call chain and through pipes. */
#include "common/err.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/utf8.h"

_Static_assert(sizeof(struct err) <= PIPE_BUF, "one write to a pipe must carry it whole");

/* Append to the NUL-terminated text of *len bytes; false when it did not fit (it is cut then). */
static PRINTF(3, 0) bool append(char text[ERR_TEXT_MAX], size_t *len, const char *fmt, va_list ap)
{
	size_t room = ERR_TEXT_MAX - *len;
	int n = vsnprintf(text + *len, room, fmt, ap);

	if (n < 0) {
		text[*len] = '\0';
		return false;
	}
	if ((size_t)n >= room) {
		*len = ERR_TEXT_MAX - 1;
		return false;
	}
	*len += (size_t)n;
	return true;
}

static bool append_text(char text[ERR_TEXT_MAX], size_t *len, const char *s)
{
	size_t n = strlen(s), room = ERR_TEXT_MAX - 1 - *len;
	bool fits = n <= room;

	if (!fits)
		n = room;
	memcpy(text + *len, s, n);
	*len += n;
	text[*len] = '\0';
	return fits;
}

static void mark_cut(char text[ERR_TEXT_MAX])
{
	memcpy(text + ERR_TEXT_MAX - 4, "...", 4);
}

/* The text is built beside *e, since the arguments may point into it, and copied with its trailing
 * zeros, so that no old bytes travel through the pipe. */
static void store(struct err *e, enum err_kind kind, int errnum, const char text[ERR_TEXT_MAX])
{
	e->kind = kind;
	e->errnum = errnum;
	memcpy(e->text, text, ERR_TEXT_MAX);
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	int saved = errno;
	char text[ERR_TEXT_MAX] = "";
	size_t len = 0;
	va_list ap;

	va_start(ap, fmt);
	if (!append(text, &len, fmt, ap))
		mark_cut(text);
	va_end(ap);
	store(e, kind, 0, text);
	errno = saved;
	return -1;
}

int err_sys(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	int saved = errno;
	const char *desc = err_strerror(saved);
	char text[ERR_TEXT_MAX] = "";
	size_t len = 0, at;
	bool fits;
	va_list ap;

	va_start(ap, fmt);
	fits = append(text, &len, fmt, ap) && append_text(text, &len, ": ");
	va_end(ap);
	at = len;
	if (!fits || !append_text(text, &len, desc))
		mark_cut(text);
	/* Our messages are lower case; libc's descriptions begin with a capital, which stays only
	 * in words like "RFS". */
	else if (text[at] >= 'A' && text[at] <= 'Z' && !(desc[1] >= 'A' && desc[1] <= 'Z'))
		text[at] = (char)(text[at] - 'A' + 'a');
	store(e, kind, saved, text);
	errno = saved;
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	char text[ERR_TEXT_MAX] = "";
	size_t len = 0;
	bool fits;
	va_list ap;

	va_start(ap, fmt);
	fits = append(text, &len, fmt, ap);
	va_end(ap);
	if (!fits || !append_text(text, &len, ": ") || !append_text(text, &len, e->text))
		mark_cut(text);
	store(e, e->kind, e->errnum, text);
	errno = saved;
	return -1;
}

/* Copy s to out, escaping what is not safe on a terminal; a backslash stays, since quoting has put
 * those there already. Returns the new end of out, which has room for four times the length. */
static char *put_escaped(char *out, const char *s)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)s;
	size_t left = strlen(s);

	while (left > 0) {
		size_t n = utf8_safe_len(p, left);

		if (n == 0) {
			*out++ = '\\';
			*out++ = 'x';
			*out++ = hex[*p >> 4];
			*out++ = hex[*p & 15];
			n = 1;
		} else {
			memcpy(out, p, n);
			out += n;
		}
		p += n;
		left -= n;
	}
	return out;
}

#define PROG_MAX 64

void err_print(const char *prog, const struct err *e)
{
	char line[4 * PROG_MAX + 2 + 4 * ERR_TEXT_MAX + 1], name[PROG_MAX], *end = line;
	size_t n = strnlen(prog, sizeof(name) - 1);
	int saved = errno;

	memcpy(name, prog, n); /* a longer name is simply cut */
	name[n] = '\0';
	end = put_escaped(end, name);
	if (n > 0) {
		*end++ = ':';
		*end++ = ' ';
	}
	end = put_escaped(end, e->text);
	*end++ = '\n';
	while (write(STDERR_FILENO, line, (size_t)(end - line)) < 0 && errno == EINTR)
		;
	errno = saved;
}

int err_send(int fd, const struct err *e)
{
	ssize_t n;

	do
		n = write(fd, e, sizeof(*e));
	while (n < 0 && errno == EINTR);
	if (n >= 0 && n != (ssize_t)sizeof(*e))
		errno = EIO;
	return n == (ssize_t)sizeof(*e) ? 0 : -1;
}

int err_recv(int fd, struct err *out)
{
	struct err got;
	size_t have = 0;

	while (have < sizeof(got)) {
		ssize_t n = read(fd, (char *)&got + have, sizeof(got) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(out, ERR_SYSTEM, "read error report");
		if (n == 0 && have == 0)
			return 0;
		if (n == 0)
			return err_set(out, ERR_BUG, "error report cut after %zu bytes", have);
		have += (size_t)n;
	}
	/* The sender is about to become, or may be influenced by, the untrusted program. */
	if (got.kind <= ERR_NONE || got.kind > ERR_PLATFORM ||
	    !memchr(got.text, '\0', sizeof(got.text)))
		return err_set(out, ERR_BUG, "error report is malformed");
	*out = got;
	return 1;
}

const char *err_strerror(int errnum)
{
	/* glibc 2.32; unlike strerror(3) it asks no locale and opens no message catalogue. */
	const char *s = strerrordesc_np(errnum);

	return s ? s : "unknown error";
}
