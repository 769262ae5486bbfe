/* SPDX-License-Identifier: MIT */
/* A fuzz target: one parser of outside data, and what must hold whatever it is given. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/defs.h"

/* Name of the folder in tests/fuzz/corpus/. */
extern const char fuzz_name[];

/* The name is libFuzzer's (`make fuzz`). In `make check` tests/fuzz/replay.c calls it, with what
 * the corpus holds and with many small changes of that. Returns 0; aborts when something is wrong.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assert that no build drops, and that says what it was about. */
#define FUZZ_MUST(cond)                                                                            \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #cond);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input as a string on the heap, exactly as long as it is, so that ASan sees each byte too
 * many. Ends at a NUL inside. To be freed. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	FUZZ_MUST(s);
	if (size)
		memcpy(s, data, size);
	s[size] = '\0';
	return s;
}

#endif
