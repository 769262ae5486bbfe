/* SPDX-License-Identifier: MIT */
/* Fuzz target: isolate.cf. */
#include "isolate/config.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "config";

static void count(void *ctx, unsigned line UNUSED, bool error, const char *text)
{
	FUZZ_MUST(text[0] && !strchr(text, '\n'));
	*(unsigned *)ctx += error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c;
	char *text = fuzz_string(data, size), *copy = fuzz_string(data, size);
	unsigned told = 0, errors;
	const struct config_sink sink = {count, &told};
	struct config_lines lines;
	struct err e = {0};

	errors = config_check("input", copy, size, &c, &lines, &sink);
	FUZZ_MUST(errors == told);
	config_fini(&c);
	if (config_parse("input", text, size, &c, &e) < 0) {
		FUZZ_MUST(errors > 0);
		FUZZ_MUST(e.kind == ERR_CONFIG && e.text[0]);
	} else {
		FUZZ_MUST(errors == 0);
		uint64_t last_uid = (uint64_t)c.first_uid + c.num_boxes;
		uint64_t last_gid = (uint64_t)c.first_gid + c.num_boxes;

		/* No box may be root, or wrap around to it. */
		FUZZ_MUST(c.first_uid > 0 && c.first_gid > 0 && c.num_boxes > 0);
		FUZZ_MUST(last_uid <= UINT32_MAX && last_gid <= UINT32_MAX);
		FUZZ_MUST(c.box_root[0] == '/' && c.lock_root[0] == '/' && c.image_root[0] == '/');
		config_fini(&c);
	}
	free(text);
	free(copy);
	return 0;
}
