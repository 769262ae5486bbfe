/* SPDX-License-Identifier: MIT */
/* Fuzz target: passwd(5) and subuid(5). */
#include "isolate/idfiles.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "idfiles";

static void check(const struct idoverlap *o, bool found, const struct idrange *r)
{
	FUZZ_MUST(found == (o->owners > 0));
	FUZZ_MUST(!found || (o->id >= r->first && o->id - r->first < r->count));
	FUZZ_MUST(!strpbrk(o->name, ":\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct idrange r = {100000, 65536};
	char *text = malloc(size + !size); /* exactly as long as it is, and no NUL */
	struct idrange got;
	struct idoverlap o;
	struct err e = {0};
	int found;

	FUZZ_MUST(text);
	if (size)
		memcpy(text, data, size);
	found = idfiles_find_subid("input", text, size, "box", &got, &e);
	if (found > 0)
		FUZZ_MUST(got.count > 0 && got.first <= UINT32_MAX - got.count);
	if (found < 0)
		FUZZ_MUST(e.kind == ERR_CONFIG && e.text[0]);
	check(&o, idfiles_users_in(text, size, &r, &o), &r);
	if (idfiles_has_name(text, size, "box"))
		FUZZ_MUST(size >= 3);
	check(&o, idfiles_subids_in(text, size, &r, "box", &o), &r);
	free(text);
	return 0;
}
