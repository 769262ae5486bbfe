/* SPDX-License-Identifier: MIT */
/* Fuzz target: registries.conf. */
#include "imgfetch/registriesconf.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "registriesconf";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	struct hostrules rules = {0};
	struct err e = {0};
	int r = registriesconf_parse("input", text, size, &rules, &e);

	FUZZ_MUST(r == 0 || e.kind == ERR_CONFIG);
	FUZZ_MUST(r == 0 || strncmp(e.text, "input:", 6) == 0);
	for (size_t i = 0; i < rules.count; i++) {
		const struct hostrule *rule = &rules.rules[i];

		FUZZ_MUST(rule->foreign && rule->prefix && strncmp(rule->from, "input:", 6) == 0);
		FUZZ_MUST(rule->count <=
			  (rule->kind == HOSTRULE_MIRROR ? HOSTRULES_MIRRORS_MAX : 1));
		for (size_t j = 0; j < rule->count; j++)
			FUZZ_MUST(rule->places[j].location &&
				  !strpbrk(rule->places[j].location, " \t\n*@?#\x1b"));
	}
	hostrules_fini(&rules);
	free(text);
	return 0;
}
