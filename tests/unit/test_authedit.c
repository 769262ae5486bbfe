/* SPDX-License-Identifier: MIT */
/* imgfetch/authfile: changes of auth.json leave the rest of the text alone. */
#include "imgfetch/authfile.h"
#include "tests/unit/tap.h"

#define NEW "{\n\t\t\t\"auth\": \"dTpw\"\n\t\t}"

static const struct set_row {
	const char *text, *key, *want; /* want NULL: refused */
} set_rows[] = {
	{"", "r", "{\n\t\"auths\": {\n\t\t\"r\": " NEW "\n\t}\n}\n"},
	{" \n", "r", "{\n\t\"auths\": {\n\t\t\"r\": " NEW "\n\t}\n}\n"},
	{"{}", "r", "{\n\t\"auths\": {\n\t\t\"r\": " NEW "\n\t}}"},
	{"{\"x\": 1e0}\n", "r/a", "{\n\t\"auths\": {\n\t\t\"r/a\": " NEW "\n\t},\"x\": 1e0}\n"},
	{"{\"auths\":{}}", "r", "{\"auths\":{\n\t\t\"r\": " NEW "\n\t}}"},
	{"{\"auths\":null,\"y\":[]}", "r", "{\"auths\":{\n\t\t\"r\": " NEW "\n\t},\"y\":[]}"},
	{"{ \"auths\" : { \"q\" : {\"auth\":\"eDp5\"} } , \"z\":\"}\\\"{\"}", "r",
	 "{ \"auths\" : { \"q\" : {\"auth\":\"eDp5\"},\n\t\t\"r\": " NEW " } , \"z\":\"}\\\"{\"}"},
	{"{\"auths\":{\"r\":{\"auth\":\"eDp5\",\"identitytoken\":\"t\"},\"q\":{}}}", "r",
	 "{\"auths\":{\"q\":{},\n\t\t\"r\": " NEW "}}"},
	{"{\"auths\":{\"https://r/v2/\":{},\"q\":{},\"r\":{}}}", "r",
	 "{\"auths\":{\"q\":{},\n\t\t\"r\": " NEW "}}"},
	{"{\"auths\":{\"https:\\/\\/index.docker.io\\/v1\\/\":{}}}", "docker.io",
	 "{\"auths\":{\n\t\t\"docker.io\": " NEW "\n\t}}"},
	{"[]", "r", NULL},
	{"{\"auths\":[]}", "r", NULL},
	{"{\"auths\":{}", "r", NULL},
	{"{}", "r\"", NULL},
};

static const struct remove_row {
	const char *text, *key, *want;
	unsigned count;
} remove_rows[] = {
	{"{\"auths\":{\"r\":{}}}", "r", "{\"auths\":{}}", 1},
	{"{\"auths\": {\n\t\"r\": {\"a\":[1,{}]}\n}, \"x\": 0}", "r", "{\"auths\": {}, \"x\": 0}",
	 1},
	{"{\"auths\":{ \"r\":{}, \"s\":{}}}", "r", "{\"auths\":{ \"s\":{}}}", 1},
	{"{\"auths\":{\"q\":{} , \"r\":{} ,\"s\":{}}}", "r", "{\"auths\":{\"q\":{} ,\"s\":{}}}", 1},
	{"{\"auths\":{\"q\":{}, \"r\":{}\n}}", "r", "{\"auths\":{\"q\":{}\n}}", 1},
	{"{\"auths\":{\"r\":{},\"http://r\":{},\"s\":{}}}", "r", "{\"auths\":{\"s\":{}}}", 2},
	{"{\"auths\":{\"r/a\":{},\"r\":{}}}", "r/a", "{\"auths\":{\"r\":{}}}", 1},
	{"{\"auths\":{\"r/a\":{},\"rr\":{}}}", "r", NULL, 0},
	{"{\"auths\":null}", "r", NULL, 0},
	{"{}", "r", NULL, 0},
	{"{\"z\":1,\"auths\": {\"r/a\":{},\"q\":{}} }", NULL, "{\"z\":1,\"auths\": {} }", 2},
	{"{\"auths\":{}}", NULL, NULL, 0},
};

static void test_set(struct tap *t)
{
	struct err e = {0};
	char *out;

	for (size_t i = 0; i < ARRAY_LEN(set_rows); i++) {
		const struct set_row *row = &set_rows[i];
		int r = authfile_set(row->text, row->key, "u", "p", &out, &e);

		tap_int(t, r, row->want ? 0 : -1, "set %s in %s", row->key, row->text);
		if (row->want)
			tap_str(t, r == 0 ? out : e.text, row->want, "text: set %s in %s", row->key,
				row->text);
		else
			tap_int(t, e.kind, ERR_CONFIG, "kind: set %s in %s", row->key, row->text);
		free(out);
	}
	tap_int(t, authfile_set("", "r", "a:b", "p", &out, &e), -1, "no colon in user names");
}

static void test_remove(struct tap *t)
{
	struct err e = {0};
	char *out;

	for (size_t i = 0; i < ARRAY_LEN(remove_rows); i++) {
		const struct remove_row *row = &remove_rows[i];
		size_t count = 99;
		int r = authfile_remove(row->text, row->key, &out, &count, &e);

		tap_int(t, r, 0, "remove from %s", row->text);
		tap_int(t, count, row->count, "how many from %s", row->text);
		if (row->want)
			tap_str(t, out ? out : "(null)", row->want, "text: remove from %s",
				row->text);
		else
			tap_ok(t, !out, "nothing new from %s", row->text);
		free(out);
	}
}

int main(void)
{
	struct tap t = {0};

	test_set(&t);
	test_remove(&t);
	return tap_done(&t);
}
