/* SPDX-License-Identifier: MIT */
/* Fuzz target: --env rules, one a line; the first decides about --full-env. */
#include "isolate/envrules.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "envrules";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const caller[] = {(char *)"A=1", (char *)"B=2", (char *)"nonsense",
				       (char *)"A=3", NULL};
	static char *const image[] = {(char *)"PATH=/bin", (char *)"B=image"};
	char *text = fuzz_string(data, size), *rest = text, *line, **env = NULL;
	struct envrules r = {.full = size % 2 == 1};
	struct err e = {0};

	for (int n = 0; n < 64 && (line = strsep(&rest, "\n")); n++) {
		if (envrules_add(&r, line, &e) < 0)
			FUZZ_MUST(e.kind == ERR_USAGE);
	}
	FUZZ_MUST(envrules_build(&r, caller, image, ARRAY_LEN(image), &env, &e) == 0);
	for (size_t i = 0; env[i]; i++)
		FUZZ_MUST(env[i][0] && env[i][0] != '=' && strchr(env[i], '='));
	/* What a rule speaks of is there once at most, however often the caller passed it. */
	for (size_t i = 0; i < r.count; i++) {
		size_t len = strcspn(r.rules[i], "="), found = 0;

		for (size_t k = 0; env[k]; k++)
			found += strncmp(env[k], r.rules[i], len) == 0 && env[k][len] == '=';
		FUZZ_MUST(found <= 1);
	}
	envrules_free_env(env);
	envrules_fini(&r);
	free(text);
	return 0;
}
