/* SPDX-License-Identifier: MIT */
/* Fuzz target: manifest.json of docker archives. */
#include "imgfetch/dockersave.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "dockersave";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const wanted[] = {NULL, "docker.io/library/busybox:1", NULL};
	static const uint32_t second = 1;
	char *s = fuzz_string(data, size);

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		struct dockersave d = {0};
		struct err e = {0};

		if (dockersave_select(s, size, wanted[i], i == 2 ? &second : NULL, &d, &e) < 0) {
			FUZZ_MUST(e.kind == ERR_VERIFY || e.kind == ERR_NOTFOUND);
			continue;
		}
		FUZZ_MUST(d.config && d.layer_count > 0 && d.layer_count <= LAYERS_MAX);
		for (size_t k = 0; k < d.layer_count; k++)
			FUZZ_MUST(d.layers[k]);
		/* The name becomes a path in the store. */
		if (d.name.s[0]) {
			static struct ref ref;

			FUZZ_MUST(ref_parse(d.name.s, &ref, &e) == 0 && ref.kind == REF_REGISTRY &&
				  ref.tag_given && !ref.has_digest);
		}
		FUZZ_MUST(!wanted[i] || strcmp(d.name.s, wanted[i]) == 0);
		dockersave_fini(&d);
	}
	free(s);
	return 0;
}
