/* SPDX-License-Identifier: MIT */
/* Fuzz target: image references. What is accepted becomes URLs and names in the store. */
#include "common/ref.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "ref";

/* Of these characters only, no component empty or beginning with a dot. */
static void must_be_plain(const char *s, const char *allowed)
{
	FUZZ_MUST(strspn(s, allowed) == strlen(s));
	FUZZ_MUST(*s != '.' && *s != '/');
	FUZZ_MUST(!strstr(s, "//") && !strstr(s, "/.") && !strstr(s, ".."));
	FUZZ_MUST(!*s || s[strlen(s) - 1] != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
	static const char host[] = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
	static const char tag[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	static struct ref r, again;
	char *s = fuzz_string(data, size);
	struct err e = {0};

	if (ref_parse(s, &r, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_USAGE && e.text[0]);
		free(s);
		return 0;
	}
	must_be_plain(r.repo, lower);
	must_be_plain(r.host, host);
	FUZZ_MUST(strspn(r.tag, tag) == strlen(r.tag));
	FUZZ_MUST(r.tag[0] != '.' && r.tag[0] != '-');
	FUZZ_MUST(r.kind == REF_DIGEST || (r.host[0] && r.repo[0]));
	FUZZ_MUST(r.tag[0] || r.has_digest);
	if (r.has_digest)
		FUZZ_MUST(strspn(r.digest.hex, "0123456789abcdef") == strlen(r.digest.hex) &&
			  strlen(r.digest.hex) ==
				  (digest_is_sha512(&r.digest) ? DIGEST_HEX_MAX : DIGEST_HEX_LEN));
	FUZZ_MUST(ref_parse(ref_text(&r).s, &again, &e) == 0);
	FUZZ_MUST(again.kind == r.kind && strcmp(again.host, r.host) == 0 &&
		  strcmp(again.repo, r.repo) == 0 && strcmp(again.tag, r.tag) == 0 &&
		  strcmp(again.dir, r.dir) == 0 && again.has_digest == r.has_digest);
	free(s);
	return 0;
}
