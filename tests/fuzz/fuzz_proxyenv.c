/* SPDX-License-Identifier: MIT */
/* Fuzz target: no_proxy. What is added to a list takes nothing from it. */
#include "imgfetch/proxyenv.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "proxyenv";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"https://registry.example:5000/", "http://10.1.2.3/",
					    "http://[2001:db8::1]:80/", "http://h./"};
	char *s = fuzz_string(data, size), *longer = malloc(strlen(s) + 3);
	struct proxyenv p = {.all = "proxy"};
	struct url u;
	struct err e;

	FUZZ_MUST(longer);
	strcpy(longer, "x,");
	strcat(longer, s);
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		bool direct;

		FUZZ_MUST(url_parse(hosts[i], &u, &e) == 0);
		p.none = s;
		direct = !proxyenv_find(&p, &u);
		p.none = longer;
		FUZZ_MUST(!proxyenv_find(&p, &u) == direct);
	}
	free(longer);
	free(s);
	return 0;
}
