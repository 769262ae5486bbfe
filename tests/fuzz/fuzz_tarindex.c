/* SPDX-License-Identifier: MIT */
/* Fuzz target: archives that are read in place. What is found lies inside, whatever they say. */
#include "imgfetch/tarindex.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "tarindex";

struct input {
	const uint8_t *data;
	size_t size;
};

static int read_input(void *arg, uint64_t offset, void *buf, size_t len, struct err *e)
{
	const struct input *in = arg;

	(void)e;
	FUZZ_MUST(offset <= in->size && len <= in->size - offset);
	memcpy(buf, in->data + offset, len);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"index.json", "manifest.json", "a",	   "b/layer.tar",
					    "link",	  "loop",	   "hard", "../x"};
	struct input in = {data, size};
	struct err e = {0};
	struct tarindex *t = tarindex_new(read_input, &in, size, &e);

	if (!t) {
		FUZZ_MUST(e.kind == ERR_VERIFY && e.text[0]);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint64_t offset = 0, len = 0;
		int r = tarindex_find(t, names[i], &offset, &len, &e);

		FUZZ_MUST(r != 1 || (offset <= size && len <= size - offset));
		FUZZ_MUST(r >= 0 || e.kind == ERR_VERIFY);
	}
	tarindex_free(t);
	return 0;
}
