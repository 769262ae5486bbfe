/* SPDX-License-Identifier: MIT */
/* Fuzz target: what a token server answers; it becomes part of a header. */
#include "imgfetch/token.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "token";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct token t;
	char *s = fuzz_string(data, size), *form;
	struct err e = {0};

	if (token_parse(s, strlen(s), &t, &e) == 0) {
		FUZZ_MUST(t.value[0] && t.life_s >= 1);
		for (const char *p = t.value; *p; p++)
			FUZZ_MUST(*p > ' ' && *p < 0x7f);
		for (const char *p = t.refresh; *p; p++)
			FUZZ_MUST(*p > ' ' && *p < 0x7f);
	} else {
		FUZZ_MUST(e.kind == ERR_NETWORK);
	}
	form = token_form(s, s, s, &e);
	FUZZ_MUST(form);
	for (const char *p = form; *p; p++)
		FUZZ_MUST(*p > ' ' && *p < 0x7f);
	free(form);
	free(s);
	return 0;
}
