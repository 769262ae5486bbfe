/* SPDX-License-Identifier: MIT */
/* Fuzz target: numbers, sizes and durations. */
#include <inttypes.h>

#include "common/num.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "num";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t untouched = UINT64_C(0xfedcba9876543210);
	char *s = fuzz_string(data, size), again[32];
	struct err e = {0};
	uint64_t v = untouched;
	int i = -1;

	if (num_parse_u64(s, 5, UINT64_MAX, "x", &v, &e) == 0) {
		uint64_t w = 0;

		FUZZ_MUST(v >= 5);
		snprintf(again, sizeof(again), "%" PRIu64, v);
		FUZZ_MUST(num_parse_u64(again, v, v, "x", &w, &e) == 0 && w == v);
	} else {
		FUZZ_MUST(v == untouched && e.kind == ERR_USAGE);
	}
	if (num_parse_int(s, 0, 1000, "x", &i, &e) == 0)
		FUZZ_MUST(i >= 0 && i <= 1000);
	else
		FUZZ_MUST(i == -1);
	v = untouched;
	if (num_parse_seconds(s, "x", &v, &e) == 0)
		FUZZ_MUST(v <= NSEC_PER_SEC * NSEC_PER_SEC);
	else
		FUZZ_MUST(v == untouched);
	v = untouched;
	if (num_parse_size(s, "x", &v, &e) < 0)
		FUZZ_MUST(v == untouched);
	free(s);
	return 0;
}
