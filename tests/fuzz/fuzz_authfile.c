/* SPDX-License-Identifier: MIT */
/* Fuzz target: auth.json and config.json, looked into and changed. */
#include "imgfetch/authfile.h"
#include "imgfetch/json.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "authfile";

static void check_found(const struct authfile *f)
{
	FUZZ_MUST(memchr(f->creds.user, '\0', sizeof(f->creds.user)) &&
		  memchr(f->creds.secret, '\0', sizeof(f->creds.secret)));
	FUZZ_MUST(!strchr(f->helper, '/') && !strchr(f->store, '/'));
	if (f->creds.kind == CREDENTIAL_IDENTITY && f->creds.user[0] == '\0')
		FUZZ_MUST(f->creds.secret[0]);
}

/* What was set is found; what was removed is not; a text that is changed twice is as before. */
static void check_changes(const char *text)
{
	static struct authfile f;
	char *set = NULL, *cut = NULL, *none = NULL;
	size_t count = 0;
	struct err e = {0};

	if (authfile_set(text, "r.example", "us", "pw", &set, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_CONFIG);
		return;
	}
	if (authfile_parse("f", set, strlen(set), "r.example", "", &f, &e) == 0)
		FUZZ_MUST(f.creds.kind == CREDENTIAL_PASSWORD && strcmp(f.creds.user, "us") == 0 &&
			  strcmp(f.creds.secret, "pw") == 0);
	FUZZ_MUST(authfile_remove(set, "r.example", &cut, &count, &e) == 0 && count == 1 && cut);
	FUZZ_MUST(authfile_remove(cut, "r.example", &none, &count, &e) == 0 && count == 0 && !none);
	if (authfile_parse("f", cut, strlen(cut), "r.example", "", &f, &e) == 0)
		FUZZ_MUST(f.creds.kind == CREDENTIAL_NONE);
	free(cut);
	FUZZ_MUST(authfile_remove(set, NULL, &cut, &count, &e) == 0 && count > 0);
	FUZZ_MUST(authfile_remove(cut, NULL, &none, &count, &e) == 0 && count == 0);
	free(cut);
	free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct authfile f;
	char *s = fuzz_string(data, size);
	struct err e = {0};

	if (authfile_parse("f", s, strlen(s), "r.example", "a/b", &f, &e) == 0)
		check_found(&f);
	else
		FUZZ_MUST(e.kind == ERR_CONFIG);
	if (authfile_parse("f", s, strlen(s), "docker.io", "library/x", &f, &e) == 0)
		check_found(&f);
	check_changes(s);
	free(s);
	return 0;
}
