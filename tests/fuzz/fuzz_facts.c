/* SPDX-License-Identifier: MIT */
/* Fuzz target: the notes of what layers leave to be settled with those below them. */
#include "imgfetch/facts.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "facts";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *again = NULL;
	struct facts f = {.count = 12345};
	struct err e = {0};
	size_t len = 0;

	if (facts_parse("input", text, size, &f, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_VERIFY && f.count == 12345);
		free(text);
		return 0;
	}
	for (size_t i = 0; i < f.count; i++) {
		const struct fact *fact = &f.list[i];

		FUZZ_MUST(facts_find(&f, fact->kind, fact->path) == fact);
		FUZZ_MUST((fact->kind == FACT_LINK) == (fact->target != NULL));
		FUZZ_MUST(fact->path[0] != '/' && !strstr(fact->path, "//"));
		FUZZ_MUST(fact->path[0] || fact->kind == FACT_IMPLIED);
		FUZZ_MUST(strncmp(fact->path, "../", 3) != 0 && strcmp(fact->path, "..") != 0);
	}
	/* One text each: what was read is what would be written. */
	facts_sort(&f);
	FUZZ_MUST(facts_format(&f, &again, &len, &e) == 0);
	FUZZ_MUST(len == size && memcmp(again, data, size) == 0);
	free(again);
	facts_fini(&f);
	free(text);
	return 0;
}
