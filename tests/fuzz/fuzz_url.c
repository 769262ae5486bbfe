/* SPDX-License-Identifier: MIT */
/* Fuzz target: URLs of redirects and token servers; absolute, and relative to one. */
#include "imgfetch/url.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "url";

static void check(const struct url *u)
{
	static struct url again;
	struct err e;

	FUZZ_MUST(u->host[0] && u->port >= 1 && u->port <= 65535 && u->target[0] == '/');
	for (const char *p = u->host; *p; p++)
		FUZZ_MUST(*p > 0x20 && *p < 0x7f &&
			  !strchr("/@?#\\%ABCDEFGHIJKLMNOPQRSTUVWXYZ", *p));
	for (const char *p = u->target; *p; p++)
		FUZZ_MUST(*p > 0x20 && *p < 0x7f && *p != '#' && *p != '\\');
	/* What is asked for is what was understood. */
	FUZZ_MUST(url_parse(url_text(u).s, &again, &e) == 0);
	FUZZ_MUST(url_same_origin(u, &again) && strcmp(u->target, again.target) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct url base, u;
	char *s = fuzz_string(data, size);
	struct err e = {0};

	FUZZ_MUST(url_parse("https://registry.example:5000/v2/a/manifests/b?x=y", &base, &e) == 0);
	if (url_parse(s, &u, &e) == 0)
		check(&u);
	else
		FUZZ_MUST(e.kind == ERR_NETWORK);
	if (url_resolve(&base, s, &u, &e) == 0)
		check(&u);
	else
		FUZZ_MUST(e.kind == ERR_NETWORK);
	free(s);
	return 0;
}
