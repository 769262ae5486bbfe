/* SPDX-License-Identifier: MIT */
/* imgfetch/json: what is no JSON, too much of it, or of another type than was asked for. */
#include "imgfetch/json.h"

#include "tests/unit/tap.h"

static const struct parse_row {
	const char *text;
	bool good;
	const char *fragment; /* of the error */
} parse_rows[] = {
	{"{}", true, NULL},
	{"[]", true, NULL},
	{" {\"a\": [1, 2, {\"b\": null}]}\n", true, NULL},
	{"{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}", true, NULL},
	{"{\"a\": \"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}", true, NULL},
	{"", false, "not valid JSON"},
	{"<html>", false, "not valid JSON"},
	{"{\"a\":1", false, "not valid JSON"},
	{"{\"a\":1}x", false, "not valid JSON"},
	{"{\"a\":1,\"a\":2}", false, "duplicate"},
	{"{\"a\":{\"b\":1,\"b\":1}}", false, "duplicate"},
	{"{\"a\":\"\\u0000\"}", false, "not valid JSON"},
	{"{\"a\":\"\xff\"}", false, "not valid JSON"},
	{"{\"a\":01}", false, "not valid JSON"},
	{"{\"a\":99999999999999999999}", false, "not valid JSON"},
	{"\"a\"", false, "not valid JSON"},
};

static void test_parse(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(parse_rows); i++) {
		const struct parse_row *row = &parse_rows[i];
		struct jv *doc = NULL;
		struct err e = {0};
		int r = jv_parse(row->text, strlen(row->text), &doc, &e);

		tap_int(t, r, row->good ? 0 : -1, "parse: %s", row->text);
		if (!row->good) {
			tap_has(t, e.text, row->fragment, "parse: error of %s", row->text);
			tap_int(t, e.kind, ERR_VERIFY, "parse: kind of error of %s", row->text);
		}
		jv_free(doc);
	}
}

static const struct {
	const char *text;
	bool cut;
} cut_rows[] = {
	{"", true},
	{" ", true},
	{"{\"a\": [", true},
	{"{\"a\": 1", true},
	{"{\"a\": \"b", true},
	{"{\"a\"", true},
	{"{}", false},
	{"{}x", false},
	{"<html>", false},
	{"{\"a\":1,\"a\":", false},
	{"{\"a\" 1", false},
};

static void test_cut(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(cut_rows); i++) {
		const char *text = cut_rows[i].text;

		tap_int(t, jv_is_cut(text, strlen(text)), cut_rows[i].cut, "cut: %s", text);
	}
}

/* depth brackets around nothing, as deep as the cap and one deeper. */
static void test_depth(struct tap *t)
{
	char text[2 * (JV_DEPTH_MAX + 1)];

	for (size_t depth = JV_DEPTH_MAX; depth <= JV_DEPTH_MAX + 1; depth++) {
		struct jv *doc = NULL;
		struct err e = {0};

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		tap_int(t, jv_parse(text, 2 * depth, &doc, &e), depth > JV_DEPTH_MAX ? -1 : 0,
			"%zu levels", depth);
		jv_free(doc);
	}
}

static void test_values(struct tap *t)
{
	size_t len = 2 * (size_t)JV_VALUES_MAX + 8;
	char *text = malloc(len + 1);
	struct jv *doc = NULL;
	struct err e = {0};

	if (!text)
		abort();
	text[0] = '[';
	for (size_t i = 1; i < len; i++)
		text[i] = i % 2 ? '1' : ',';
	text[len - 1] = ']';
	tap_int(t, jv_parse(text, len, &doc, &e), -1, "too many values");
	tap_has(t, e.text, "more than 100000 values", "too many values: error");
	jv_free(doc);
	free(text);
}

/* Through a NUL the length counts, not the first one. */
static void test_nul(struct tap *t)
{
	struct jv *doc = NULL;
	struct err e = {0};

	tap_int(t, jv_parse("{}\0{}", 5, &doc, &e), -1, "NUL byte after the document");
	jv_free(doc);
}

static void test_getters(struct tap *t)
{
	static const char text[] = "{\"s\":\"text\",\"n\":7,\"neg\":-1,\"big\":9007199254740993,"
				   "\"o\":{\"x\":1},\"a\":[\"p\",{},3],\"null\":null,\"r\":1.5}";
	struct jv *doc = NULL;
	const struct jv *v = NULL;
	const char *s = NULL;
	size_t count = 99;
	uint64_t n = 42;
	struct err e = {0};

	if (jv_parse(text, strlen(text), &doc, &e) < 0)
		abort();
	tap_int(t, jv_get_string(doc, "s", JV_REQUIRED, 4, &s, &e), 0, "string of the cap's size");
	tap_str(t, s, "text", "string");
	tap_int(t, jv_get_string(doc, "s", JV_REQUIRED, 3, &s, &e), -1, "string over the cap");
	tap_int(t, jv_get_string(doc, "n", JV_OPTIONAL, 9, &s, &e), -1, "string that is a number");
	tap_int(t, jv_get_string(doc, "null", JV_OPTIONAL, 9, &s, &e), 0, "optional null");
	tap_str(t, s, NULL, "null counts as missing");
	tap_int(t, jv_get_string(doc, "no", JV_REQUIRED, 9, &s, &e), -1, "missing");
	tap_has(t, e.text, "'no' is missing", "missing: error");
	tap_int(t, jv_get_u64(doc, "no", JV_OPTIONAL, 9, &n, &e), 0, "optional number");
	tap_u64(t, n, 42, "optional number leaves the output alone");
	tap_int(t, jv_get_u64(doc, "n", JV_REQUIRED, 7, &n, &e), 0, "number at its cap");
	tap_u64(t, n, 7, "number");
	tap_int(t, jv_get_u64(doc, "n", JV_REQUIRED, 6, &n, &e), -1, "number over its cap");
	tap_int(t, jv_get_u64(doc, "neg", JV_REQUIRED, 9, &n, &e), -1, "negative number");
	tap_int(t, jv_get_u64(doc, "r", JV_REQUIRED, 9, &n, &e), -1, "fraction");
	tap_int(t, jv_get_u64(doc, "big", JV_REQUIRED, UINT64_MAX, &n, &e), 0, "big number");
	tap_u64(t, n, UINT64_C(9007199254740993), "big number keeps all digits");
	tap_int(t, jv_get_object(doc, "o", JV_REQUIRED, &v, &e), 0, "object");
	tap_ok(t, jv_has(v, "x") && !jv_has(v, "y"), "member of an object");
	tap_int(t, jv_get_object(doc, "a", JV_REQUIRED, &v, &e), -1, "object that is an array");
	tap_int(t, jv_get_array(doc, "a", JV_REQUIRED, 2, &v, &count, &e), -1, "array too long");
	tap_int(t, jv_get_array(doc, "a", JV_REQUIRED, 3, &v, &count, &e), 0, "array");
	tap_u64(t, count, 3, "array: count");
	tap_int(t, jv_string_at(v, 0, 9, &s, &e), 0, "string in array");
	tap_int(t, jv_string_at(v, 1, 9, &s, &e), -1, "no string in array");
	const struct jv *o = NULL;
	tap_int(t, jv_object_at(v, 1, &o, &e), 0, "object in array");
	tap_int(t, jv_object_at(v, 2, &o, &e), -1, "no object in array");
	tap_str(t, jv_key_at(doc, 1), "n", "second key");
	tap_str(t, jv_key_at(doc, 8), NULL, "key past the end");
	jv_free(doc);
}

int main(void)
{
	struct tap t = {0};

	test_parse(&t);
	test_cut(&t);
	test_depth(&t);
	test_values(&t);
	test_nul(&t);
	test_getters(&t);
	return tap_done(&t);
}
