/* SPDX-License-Identifier: MIT */
/* Fuzz target: the configuration of imgfetch. */
#include "imgfetch/config.h"
#include "tests/fuzz/fuzz.h"

#define HEX16	  "0123456789abcdef"
#define BY_DIGEST "a.example/b/c@sha256:" HEX16 HEX16 HEX16 HEX16

const char fuzz_name[] = "fetchconfig";

static const char *const names[] = {"python", BY_DIGEST, "localhost:5000/a/b",
				    "x.y.example.com/team/x"};

/* Whatever the rules say, a place to ask is a name that a reference could have. */
static void check_endpoints(const struct hostrules *rules, const char *name)
{
	struct endpoint out[ENDPOINTS_MAX];
	struct ref ref;
	struct err e = {0};
	int n;

	FUZZ_MUST(ref_parse(name, &ref, &e) == 0);
	n = hostrules_endpoints(rules, &ref, out, &e);
	FUZZ_MUST(n >= 1 || e.kind == ERR_DENIED || e.kind == ERR_CONFIG);
	for (int i = 0; i < n; i++) {
		FUZZ_MUST(out[i].host[0] && out[i].repo[0]);
		FUZZ_MUST(!strpbrk(out[i].host, "/ \t\n*@?#\x1b"));
		FUZZ_MUST(out[i].repo[0] != '/' && out[i].repo[0] != '.');
		FUZZ_MUST(!strpbrk(out[i].repo, " \t\n*@?#%:\x1b") && !strstr(out[i].repo, "//") &&
			  !strstr(out[i].repo, "/."));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	struct config c = {0};
	struct err e = {0};
	int r = config_parse("input", text, size, &c, &e);

	FUZZ_MUST(r == 0 || e.kind == ERR_CONFIG);
	FUZZ_MUST(r == 0 || strncmp(e.text, "input:", 6) == 0);
	FUZZ_MUST(c.jobs <= 32 && c.timeout_s <= 3600 && c.plain_count <= CONFIG_PLAIN_MAX);
	for (size_t i = 0; i < c.plain_count; i++)
		FUZZ_MUST(c.plain[i][0] && !strpbrk(c.plain[i], " \t\r\n/?#@\x1b"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_endpoints(&c.rules, names[i]);
	config_fini(&c);
	free(text);
	return 0;
}
