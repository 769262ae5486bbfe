/* SPDX-License-Identifier: MIT */
/* Fuzz target: the image descriptor, the only image data that the setuid program reads. */
#include "common/imgdesc.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "imgdesc";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *again = NULL;
	struct imgdesc d = {.layer_count = 12345};
	struct err e = {0};
	size_t len = 0;

	if (imgdesc_parse("input", text, size, &d, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_VERIFY && d.layer_count == 12345);
		free(text);
		return 0;
	}
	FUZZ_MUST(d.layer_count <= LAYERS_MAX && d.env_count <= IMGDESC_ENV_MAX);
	FUZZ_MUST(size <= IMGDESC_BYTES_MAX);
	FUZZ_MUST(!d.workdir || d.workdir[0] == '/');
	for (size_t i = 0; i < d.env_count; i++) {
		const char *eq = strchr(d.env[i], '=');

		FUZZ_MUST(eq && eq != d.env[i]);
	}
	/* A descriptor has one text: what was read is what would be written. */
	FUZZ_MUST(imgdesc_format(&d, &again, &len, &e) == 0);
	FUZZ_MUST(len == size && memcmp(again, data, size) == 0);
	free(again);
	imgdesc_fini(&d);
	free(text);
	return 0;
}
