/* SPDX-License-Identifier: MIT */
/* Fuzz target: lines and key/value pairs. */
#include "common/lineconf.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "lineconf";

/* A result must lie in the text and be one line of it. */
static size_t check(const char *text, size_t size, const char *s)
{
	FUZZ_MUST(s >= text && s <= text + size);
	FUZZ_MUST(!strchr(s, '\n'));
	return strlen(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *copy = fuzz_string(data, size), *key, *value;
	struct lineconf lc;
	struct err e = {0};
	size_t total = 0, lines = 0;
	int rc;

	lineconf_init(&lc, "input", text, size);
	while ((rc = lineconf_next(&lc, &key, &e)) == 1) {
		total += check(text, size, key) + 1;
		lines++;
		FUZZ_MUST(lc.line == lines);
	}
	FUZZ_MUST(rc == 0 || e.kind == ERR_CONFIG);
	FUZZ_MUST(rc == 0 ? total == size : total < size);

	lineconf_init(&lc, "input", copy, size);
	while ((rc = lineconf_next_pair(&lc, &key, &value, &e)) == 1) {
		FUZZ_MUST(check(copy, size, key) > 0);
		(void)check(copy, size, value);
		FUZZ_MUST(!strchr(key, '='));
		FUZZ_MUST(strcspn(key, " \t\r") > 0 && strcspn(value, " \t\r") >= (*value ? 1 : 0));
	}
	FUZZ_MUST(rc == 0 || e.kind == ERR_CONFIG);
	free(text);
	free(copy);
	return 0;
}
