/* SPDX-License-Identifier: MIT */
/* JSON from strangers: parsed with caps, read through typed getters. The only file with jansson. */
#ifndef IMGFETCH_JSON_H
#define IMGFETCH_JSON_H

#include "common/defs.h"
#include "common/err.h"

#define JV_DEPTH_MAX 32
/* Values in one document: a few bytes of text become some hundred of heap each. */
#define JV_VALUES_MAX 100000

/* A parsed value (jv, since jansson owns the prefix json_). Only the root is owned; what the
 * getters hand out lives as long as the root. */
struct jv;

enum jv_need { JV_OPTIONAL, JV_REQUIRED };

/* Parse exactly len bytes: one object or array, UTF-8, no duplicate keys, no NUL in strings, at
 * most JV_DEPTH_MAX deep. *out is owned by the caller. kind ERR_VERIFY. */
int jv_parse(const char *data, size_t len, struct jv **out, struct err *e) NODISCARD;

/* Is it none only because it ends too soon, as far as one can see? Nothing at all does, too. */
bool jv_is_cut(const char *data, size_t len);

/* For the root only. NULL is fine. */
void jv_free(struct jv *root);

/* The same for a document with secrets: overwrites its texts before. */
void jv_wipe(struct jv *root);

static inline void cleanup_jv(struct jv **root)
{
	jv_free(*root);
	*root = NULL;
}
#define auto_jv __attribute__((cleanup(cleanup_jv))) struct jv *

bool jv_is_object(const struct jv *v);

/* Is the root an array? Then *count is how many elements it has. */
bool jv_is_array(const struct jv *root, size_t *count);

/* True if the object has the key with any value but null. */
bool jv_has(const struct jv *obj, const char *key);

/* The getters: a missing or null member is an error if required and otherwise leaves *out at NULL
 * (or 0 with *out untouched, see below); a member of another type or beyond the cap is always an
 * error that names the key. kind ERR_VERIFY. obj must be an object. */
int jv_get_object(const struct jv *obj, const char *key, enum jv_need need, const struct jv **out,
		  struct err *e) NODISCARD;
int jv_get_array(const struct jv *obj, const char *key, enum jv_need need, size_t count_max,
		 const struct jv **out, size_t *count, struct err *e) NODISCARD;
/* The text is borrowed, UTF-8 without NUL, at most len_max bytes. */
int jv_get_string(const struct jv *obj, const char *key, enum jv_need need, size_t len_max,
		  const char **out, struct err *e) NODISCARD;
/* 0 to max; a missing optional number leaves *out as it was. */
int jv_get_u64(const struct jv *obj, const char *key, enum jv_need need, uint64_t max,
	       uint64_t *out, struct err *e) NODISCARD;

/* The i-th member of an object in the order of the text: its key, its value. NULL past the end.
 * Each call walks the members before it: for small objects. */
const char *jv_key_at(const struct jv *obj, size_t i);
const struct jv *jv_value_at(const struct jv *obj, size_t i);

/* Elements of an array; i below the count. An element that is no object/string is ERR_VERIFY. */
int jv_object_at(const struct jv *arr, size_t i, const struct jv **out, struct err *e) NODISCARD;
int jv_string_at(const struct jv *arr, size_t i, size_t len_max, const char **out,
		 struct err *e) NODISCARD;

#endif
