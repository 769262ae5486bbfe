/* SPDX-License-Identifier: MIT */
/* Fuzz target: the configuration of imgfetch. */
#include "imgfetch/config.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "fetchconfig";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	struct config c = {0};
	struct err e = {0};
	int r = config_parse("input", text, size, &c, &e);

	FUZZ_MUST(r == 0 || e.kind == ERR_CONFIG);
	FUZZ_MUST(r == 0 || strncmp(e.text, "input:", 6) == 0);
	FUZZ_MUST(c.jobs <= 32 && c.timeout_s <= 3600 && c.plain_count <= CONFIG_PLAIN_MAX);
	for (size_t i = 0; i < c.plain_count; i++)
		FUZZ_MUST(c.plain[i][0] && !strpbrk(c.plain[i], " \t\r\n/?#@\x1b"));
	config_fini(&c);
	free(text);
	return 0;
}
