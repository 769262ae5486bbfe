/* SPDX-License-Identifier: MIT */
/* common/err: texts, cuts, and the way through a pipe. */
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdio.h"
#include "tests/unit/tap.h"

static void test_texts(struct tap *t)
{
	struct err e = {0};

	tap_int(t, e.kind, ERR_NONE, "a zeroed err says that nothing happened");
	errno = EBADF;
	tap_int(t, err_set(&e, ERR_USAGE, "option '%s': %d", "--x", 5), -1, "set: returns -1");
	tap_int(t, errno, EBADF, "set: keeps errno");
	tap_str(t, e.text, "option '--x': 5", "set: text");
	tap_ok(t, e.kind == ERR_USAGE && e.errnum == 0, "set: kind, no errno");

	errno = ENOENT;
	tap_int(t, err_sys(&e, ERR_CONFIG, "open '%s'", "/x"), -1, "sys: returns -1");
	tap_int(t, errno, ENOENT, "sys: keeps errno");
	tap_str(t, e.text, "open '/x': no such file or directory", "sys: lower case description");
	tap_ok(t, e.kind == ERR_CONFIG && e.errnum == ENOENT, "sys: kind and errno");
	errno = 99999;
	(void)err_sys(&e, ERR_SYSTEM, "do");
	tap_str(t, e.text, "do: unknown error", "sys: errno nobody knows");
	errno = EDOTDOT;
	(void)err_sys(&e, ERR_SYSTEM, "do");
	tap_str(t, e.text, "do: RFS specific error", "sys: words of capitals stay");

	(void)err_set(&e, ERR_BUSY, "inner");
	e.errnum = EAGAIN;
	tap_int(t, err_wrap(&e, "pull '%s'", "img"), -1, "wrap: returns -1");
	tap_str(t, e.text, "pull 'img': inner", "wrap: text before");
	tap_ok(t, e.kind == ERR_BUSY && e.errnum == EAGAIN, "wrap: kind and errno stay");
	(void)err_set(&e, ERR_BUSY, "outer: %s", e.text);
	tap_str(t, e.text, "outer: pull 'img': inner", "set: an argument may be the old text");
}

static void test_cuts(struct tap *t)
{
	char big[3000];
	struct err e = {0};

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)err_set(&e, ERR_BUG, "%s", big);
	tap_int(t, (int64_t)strlen(e.text), ERR_TEXT_MAX - 1, "cut: set fills the text");
	tap_str(t, e.text + ERR_TEXT_MAX - 4, "...", "cut: set marks it");
	big[ERR_TEXT_MAX - 1] = '\0';
	(void)err_set(&e, ERR_BUG, "%s", big);
	tap_str(t, e.text, big, "cut: a text that just fits is whole");
	errno = EIO;
	(void)err_sys(&e, ERR_BUG, "%s", big);
	tap_str(t, e.text + ERR_TEXT_MAX - 4, "...", "cut: sys without room for the description");
	big[ERR_TEXT_MAX - 5] = '\0';
	(void)err_sys(&e, ERR_BUG, "%s", big);
	tap_str(t, e.text + ERR_TEXT_MAX - 4, "...", "cut: sys with room for some of it");
	(void)err_set(&e, ERR_BUG, "%s", big);
	(void)err_wrap(&e, "%s", big);
	tap_str(t, e.text + ERR_TEXT_MAX - 4, "...", "cut: wrap");
	(void)err_set(&e, ERR_BUG, "ab");
	for (size_t i = 2; i < ERR_TEXT_MAX; i++) {
		if (e.text[i]) {
			tap_ok(t, false, "old bytes stay behind the text, at %zu", i);
			return;
		}
	}
	tap_ok(t, true, "no old bytes stay behind the text");
}

static void test_pipe(struct tap *t)
{
	struct err e = {0}, got = {0};
	int p[2], status = 0;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		errno = EPERM;
		(void)err_sys(&e, ERR_DENIED, "mount");
		_exit(err_send(p[1], &e) == 0 ? 0 : 1);
	}
	(void)close(p[1]);
	tap_int(t, err_recv(p[0], &got), 1, "pipe: an error arrives");
	tap_ok(t, got.kind == ERR_DENIED && got.errnum == EPERM, "pipe: with kind and errno");
	tap_str(t, got.text, "mount: operation not permitted", "pipe: with its text");
	tap_int(t, err_recv(p[0], &got), 0, "pipe: then comes the end");
	tap_str(t, got.text, "mount: operation not permitted", "pipe: the end touches nothing");
	tap_ok(t, waitpid(pid, &status, 0) == pid && status == 0, "pipe: the sender saw success");
	(void)close(p[0]);
	tap_ok(t, err_recv(-1, &got) == -1 && got.kind == ERR_SYSTEM && got.errnum == EBADF,
	       "pipe: a descriptor that is none");
	tap_int(t, err_send(-1, &e), -1, "pipe: send to none");
}

/* Bytes that no err_send wrote must not be believed: the other end runs next to the program. */
static void test_hostile_pipe(struct tap *t)
{
	static const struct {
		const char *name;
		int kind;
		size_t len;
		bool terminated;
	} rows[] = {
		{"cut", ERR_DENIED, sizeof(struct err) - 1, true},
		{"one byte", ERR_DENIED, 1, true},
		{"no kind", ERR_NONE, sizeof(struct err), true},
		{"kind out of range", 1000, sizeof(struct err), true},
		{"negative kind", -1, sizeof(struct err), true},
		{"text without end", ERR_DENIED, sizeof(struct err), false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err raw, got = {0};
		int p[2];

		memset(&raw, 'A', sizeof(raw));
		raw.kind = (enum err_kind)rows[i].kind;
		if (rows[i].terminated)
			raw.text[5] = '\0';
		if (pipe2(p, O_CLOEXEC) < 0 || fdio_write_all(p[1], &raw, rows[i].len) < 0)
			abort();
		(void)close(p[1]);
		tap_ok(t, err_recv(p[0], &got) == -1 && got.kind == ERR_BUG,
		       "hostile pipe: %s: refused", rows[i].name);
		tap_has(t, got.text, "error report", "hostile pipe: %s: message", rows[i].name);
		(void)close(p[0]);
	}
}

/* What err_print writes, by way of a pipe in place of stderr. */
static const char *printed(const char *prog, const struct err *e, char *buf, size_t size)
{
	int p[2], saved = dup(2);

	if (saved < 0 || pipe2(p, O_CLOEXEC) < 0 || dup2(p[1], 2) < 0)
		abort();
	(void)close(p[1]);
	err_print(prog, e);
	if (dup2(saved, 2) < 0)
		abort();
	(void)close(saved);
	if (fdio_read_text(p[0], buf, size) < 0)
		abort();
	(void)close(p[0]);
	return buf;
}

static void test_print(struct tap *t)
{
	char buf[8192];
	struct err e = {0};

	(void)err_set(&e, ERR_USAGE, "unknown option '%s'", "--x");
	tap_str(t, printed("isolate", &e, buf, sizeof(buf)), "isolate: unknown option '--x'\n",
		"print: one line");
	tap_str(t, printed("", &e, buf, sizeof(buf)), "unknown option '--x'\n", "print: no name");
	(void)err_set(&e, ERR_USAGE, "a\nb\x1b[31m\\x41 \xc3\xbc \x9b \xc2\x9b");
	tap_str(t, printed("p", &e, buf, sizeof(buf)),
		"p: a\\x0ab\\x1b[31m\\x41 \xc3\xbc \\x9b \\xc2\\x9b\n",
		"print: control characters are escaped, UTF-8 and earlier escapes stay");
	memset(e.text, '\n', ERR_TEXT_MAX - 1);
	tap_int(t, (int64_t)strlen(printed("p", &e, buf, sizeof(buf))), 4 + 4 * (ERR_TEXT_MAX - 1),
		"print: the worst case fits");
}

int main(void)
{
	struct tap t = {0};

	/* Another locale must not change a word; where it is not installed, the test is weaker. */
	(void)setlocale(LC_ALL, "de_DE.UTF-8");
	test_texts(&t);
	test_cuts(&t);
	test_pipe(&t);
	test_hostile_pipe(&t);
	test_print(&t);
	return tap_done(&t);
}
