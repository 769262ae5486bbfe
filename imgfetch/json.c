/* SPDX-License-Identifier: MIT */
/* JSON from strangers: parsed with caps, read through typed getters. The only file with jansson. */
#include "imgfetch/json.h"

#include <jansson.h>
#include <string.h>

#include "common/text.h"

/* struct jv is a json_t by another name, so that nobody else needs jansson's header. */
static const json_t *in(const struct jv *v)
{
	return (const json_t *)(const void *)v;
}

static const struct jv *as_json(const json_t *v)
{
	return (const struct jv *)(const void *)v;
}

/* jansson recurses once per level and allocates per value: both are bounded before it sees the
 * text. Brackets inside strings do not count; anything malformed is left for the parser to find. */
static int check_shape(const char *data, size_t len, struct err *e)
{
	size_t depth = 0, values = 1;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == ',')
			values++;
		else if (c == '[' || c == '{')
			depth++, values++;
		else if ((c == ']' || c == '}') && depth > 0)
			depth--;
		if (depth > JV_DEPTH_MAX)
			return err_set(e, ERR_VERIFY, "JSON is nested more than %d deep",
				       JV_DEPTH_MAX);
		if (values > JV_VALUES_MAX)
			return err_set(e, ERR_VERIFY, "JSON has more than %d values",
				       JV_VALUES_MAX);
	}
	return 0;
}

bool jv_is_cut(const char *data, size_t len)
{
	struct err ignored;
	json_error_t je;
	json_t *root;

	if (len == 0)
		return true;
	if (check_shape(data, len, &ignored) < 0)
		return false;
	root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &je);
	json_decref(root);
	return !root && json_error_code(&je) == json_error_premature_end_of_input;
}

int jv_parse(const char *data, size_t len, struct jv **out, struct err *e)
{
	json_error_t je;
	json_t *root;

	if (check_shape(data, len, e) < 0)
		return -1;
	root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &je);
	if (!root)
		return err_set(e, ERR_VERIFY, "not valid JSON: line %d: %s", je.line,
			       text_quote(je.text).s);
	*out = (struct jv *)(void *)root;
	return 0;
}

void jv_free(struct jv *root)
{
	json_decref((json_t *)(void *)root);
}

/* jansson gives no write access to its strings, but they are ours and about to be freed. Recurses
 * as deep as jv_parse allows. */
static void wipe_strings(const json_t *v)
{
	void *iter;
	size_t i;
	const json_t *element;

	if (json_is_string(v))
		explicit_bzero((char *)(uintptr_t)json_string_value(v), json_string_length(v));
	json_array_foreach((json_t *)(uintptr_t)v, i, element) wipe_strings(element);
	for (iter = json_object_iter((json_t *)(uintptr_t)v); iter;
	     iter = json_object_iter_next((json_t *)(uintptr_t)v, iter))
		wipe_strings(json_object_iter_value(iter));
}

void jv_wipe(struct jv *root)
{
	if (root)
		wipe_strings(in(root));
	jv_free(root);
}

bool jv_is_object(const struct jv *v)
{
	return json_typeof(in(v)) == JSON_OBJECT;
}

bool jv_is_array(const struct jv *root, size_t *count)
{
	if (json_typeof(in(root)) != JSON_ARRAY)
		return false;
	*count = json_array_size(in(root));
	return true;
}

bool jv_has(const struct jv *obj, const char *key)
{
	const json_t *v = json_object_get(in(obj), key);

	return v && !json_is_null(v);
}

static const char *type_name(json_type t)
{
	switch (t) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	default:
		return "another type";
	}
}

/* 1: *out is a value of that type; 0: absent and optional; -1. */
static int get(const struct jv *obj, const char *key, enum jv_need need, json_type type,
	       const json_t **out, struct err *e)
{
	const json_t *v = json_object_get(in(obj), key);

	if (!v || json_is_null(v)) {
		if (need == JV_OPTIONAL)
			return 0;
		return err_set(e, ERR_VERIFY, "'%s' is missing", key);
	}
	if (json_typeof(v) != type)
		return err_set(e, ERR_VERIFY, "'%s' is not %s", key, type_name(type));
	*out = v;
	return 1;
}

int jv_get_object(const struct jv *obj, const char *key, enum jv_need need, const struct jv **out,
		  struct err *e)
{
	const json_t *v = NULL;

	if (get(obj, key, need, JSON_OBJECT, &v, e) < 0)
		return -1;
	*out = as_json(v);
	return 0;
}

int jv_get_array(const struct jv *obj, const char *key, enum jv_need need, size_t count_max,
		 const struct jv **out, size_t *count, struct err *e)
{
	const json_t *v = NULL;
	size_t n;

	if (get(obj, key, need, JSON_ARRAY, &v, e) < 0)
		return -1;
	n = v ? json_array_size(v) : 0;
	if (n > count_max)
		return err_set(e, ERR_VERIFY, "'%s' has %zu entries, at most %zu are allowed", key,
			       n, count_max);
	*out = as_json(v);
	*count = n;
	return 0;
}

int jv_get_string(const struct jv *obj, const char *key, enum jv_need need, size_t len_max,
		  const char **out, struct err *e)
{
	const json_t *v = NULL;

	if (get(obj, key, need, JSON_STRING, &v, e) < 0)
		return -1;
	if (v && json_string_length(v) > len_max)
		return err_set(e, ERR_VERIFY, "'%s' is longer than %zu bytes", key, len_max);
	*out = v ? json_string_value(v) : NULL;
	return 0;
}

int jv_get_u64(const struct jv *obj, const char *key, enum jv_need need, uint64_t max,
	       uint64_t *out, struct err *e)
{
	const json_t *v = NULL;
	json_int_t n;
	int r = get(obj, key, need, JSON_INTEGER, &v, e);

	if (r <= 0)
		return r;
	n = json_integer_value(v);
	if (n < 0 || (uint64_t)n > max)
		return err_set(e, ERR_VERIFY, "'%s' is %lld, allowed is 0 to %llu", key,
			       (long long)n, (unsigned long long)max);
	*out = (uint64_t)n;
	return 0;
}

/* jansson has no const iterators. */
static void *iter_at(const struct jv *obj, size_t i)
{
	json_t *o = (json_t *)(uintptr_t)obj;
	void *it = json_object_iter(o);

	while (it && i-- > 0)
		it = json_object_iter_next(o, it);
	return it;
}

const char *jv_key_at(const struct jv *obj, size_t i)
{
	void *it = iter_at(obj, i);

	return it ? json_object_iter_key(it) : NULL;
}

const struct jv *jv_value_at(const struct jv *obj, size_t i)
{
	void *it = iter_at(obj, i);

	return it ? as_json(json_object_iter_value(it)) : NULL;
}

int jv_object_at(const struct jv *arr, size_t i, const struct jv **out, struct err *e)
{
	const json_t *v = json_array_get(in(arr), i);

	if (!v || json_typeof(v) != JSON_OBJECT)
		return err_set(e, ERR_VERIFY, "entry %zu is not an object", i);
	*out = as_json(v);
	return 0;
}

int jv_string_at(const struct jv *arr, size_t i, size_t len_max, const char **out, struct err *e)
{
	const json_t *v = json_array_get(in(arr), i);

	if (!v || json_typeof(v) != JSON_STRING)
		return err_set(e, ERR_VERIFY, "entry %zu is not a string", i);
	if (json_string_length(v) > len_max)
		return err_set(e, ERR_VERIFY, "entry %zu is longer than %zu bytes", i, len_max);
	*out = json_string_value(v);
	return 0;
}
