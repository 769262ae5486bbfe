/* SPDX-License-Identifier: MIT */
/* The few lines of Test Anything Protocol that our unit tests speak: expected versus got. */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/defs.h"
#include "common/err.h"

/* Zero it, count tests in it, end with `return tap_done(&t)`. */
struct tap {
	unsigned count;
	unsigned failed;
};

/* A test's name goes on one line and must not be taken for a directive. */
static inline void tap_put_name(const char *name)
{
	for (; *name; name++)
		putchar(*name == '#' || (unsigned char)*name < 0x20 ? '?' : *name);
	putchar('\n');
}

static inline PRINTF(3, 0) bool tap_vok(struct tap *t, bool ok, const char *fmt, va_list ap)
{
	char name[512];

	if (vsnprintf(name, sizeof(name), fmt, ap) < 0)
		abort();
	t->count++;
	if (!ok)
		t->failed++;
	printf("%s %u - ", ok ? "ok" : "not ok", t->count);
	tap_put_name(name);
	(void)fflush(stdout); /* a test that crashes next must not take the reason along */
	return ok;
}

/* One test with a name made like printf's. Returns ok. */
static inline PRINTF(3, 4) bool tap_ok(struct tap *t, bool ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)tap_vok(t, ok, fmt, ap); /* it gives back ok */
	va_end(ap);
	return ok;
}

/* A remark for whoever reads the log. */
static inline PRINTF(1, 2) void tap_note(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		abort();
	va_end(ap);
	printf("# ");
	tap_put_name(text);
}

static inline PRINTF(4, 5) bool tap_str(struct tap *t, const char *got, const char *want,
					const char *fmt, ...)
{
	bool ok = got && want ? strcmp(got, want) == 0 : got == want;
	va_list ap;

	va_start(ap, fmt);
	(void)tap_vok(t, ok, fmt, ap);
	va_end(ap);
	if (!ok)
		tap_note("expected '%s', got '%s'", want ? want : "(null)", got ? got : "(null)");
	return ok;
}

static inline PRINTF(4, 5) bool tap_int(struct tap *t, int64_t got, int64_t want, const char *fmt,
					...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)tap_vok(t, got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		tap_note("expected %" PRId64 ", got %" PRId64, want, got);
	return got == want;
}

static inline PRINTF(4, 5) bool tap_u64(struct tap *t, uint64_t got, uint64_t want, const char *fmt,
					...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)tap_vok(t, got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		tap_note("expected %" PRIu64 ", got %" PRIu64, want, got);
	return got == want;
}

/* text must hold fragment. */
static inline PRINTF(4, 5) bool tap_has(struct tap *t, const char *text, const char *fragment,
					const char *fmt, ...)
{
	bool ok = strstr(text, fragment) != NULL;
	va_list ap;

	va_start(ap, fmt);
	(void)tap_vok(t, ok, fmt, ap);
	va_end(ap);
	if (!ok)
		tap_note("expected something with '%s', got '%s'", fragment, text);
	return ok;
}

/* One or more tests that need what is not there. tests/run counts them as skipped. */
static inline void tap_skip(struct tap *t, const char *why)
{
	t->count++;
	printf("ok %u # SKIP %s\n", t->count, why);
}

/* What a file holds, to be compared; good until the next call. */
static inline const char *tap_file(const char *path)
{
	static char buf[16384];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;
	bool bad = !f || ferror(f);

	if (f)
		(void)fclose(f); /* it was only read */
	buf[n] = '\0';
	return bad ? "(unreadable)" : buf;
}

/* The plan; the exit status of the test program. */
static inline int tap_done(const struct tap *t)
{
	printf("1..%u\n", t->count);
	if (fflush(stdout) != 0 || t->failed || t->count == 0)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

#endif
