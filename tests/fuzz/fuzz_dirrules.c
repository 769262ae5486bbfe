/* SPDX-License-Identifier: MIT */
/* Fuzz target: --dir rules, one a line. */
#include "isolate/dirrules.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "dirrules";

static void check(const struct dirrule *r)
{
	FUZZ_MUST(r->in && r->in[0] && r->in[0] != '/');
	FUZZ_MUST(!strstr(r->in, "//") && r->in[strlen(r->in) - 1] != '/');
	for (const char *p = r->in; *p; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");

		FUZZ_MUST(!(len == 1 && p[0] == '.') && !(len == 2 && p[0] == '.' && p[1] == '.'));
		p += len;
	}
	FUZZ_MUST(!r->out == !!(r->flags & (DIR_TMP | DIR_REMOVED)));
	FUZZ_MUST(!r->out || (r->flags & DIR_FS) || r->out[0] == '/' ||
		  strncmp(r->out, "./", 2) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *rest = text, *line;
	struct dirrules r = {0};
	struct err e = {0};

	FUZZ_MUST(dirrules_init(&r, size % 2 == 1, &e) == 0);
	for (int n = 0; n < 64 && (line = strsep(&rest, "\n")); n++) {
		size_t before = r.count;

		if (dirrules_add(&r, line, &e) < 0)
			FUZZ_MUST(e.kind == ERR_USAGE && r.count == before);
		FUZZ_MUST(r.count - before <= 1);
	}
	for (size_t i = 0; i < r.count; i++) {
		check(&r.rules[i]);
		for (size_t k = 0; k < i; k++)
			FUZZ_MUST(strcmp(r.rules[i].in, r.rules[k].in) != 0);
	}
	dirrules_fini(&r);
	free(text);
	return 0;
}
