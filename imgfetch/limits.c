/* SPDX-License-Identifier: MIT */
/* What an image may cost, as the command line and the configuration say it. */
#include "imgfetch/limits.h"

#include <stddef.h>
#include <string.h>

#include "common/num.h"

static const struct {
	const char *key, *option;
	size_t offset;	   /* in struct limits */
	uint64_t max;	   /* 0: a size in bytes */
	uint64_t standard; /* the default */
} table[] = {
	{"max_layer_size", "--max-layer-size", offsetof(struct limits, layer_bytes), 0,
	 LIMITS_LAYER_BYTES_DEFAULT},
	{"max_image_size", "--max-image-size", offsetof(struct limits, image_bytes), 0,
	 LIMITS_IMAGE_BYTES_DEFAULT},
	{"max_entries", "--max-entries", offsetof(struct limits, entries), 1000000000,
	 LIMITS_ENTRIES_DEFAULT},
	{"max_ratio", "--max-ratio", offsetof(struct limits, ratio), 1000000, LIMITS_RATIO_DEFAULT},
	{"max_unpack_time", "--max-unpack-time", offsetof(struct limits, unpack_s), 604800,
	 LIMITS_UNPACK_S_DEFAULT},
};

static uint64_t *field(struct limits *l, size_t i)
{
	return (uint64_t *)(void *)((char *)l + table[i].offset);
}

int limits_set(struct limits *l, const char *name, const char *value, struct err *e)
{
	uint64_t v = 0;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (strcmp(table[i].key, name) != 0 && strcmp(table[i].option, name) != 0)
			continue;
		if (table[i].max > 0)
			r = num_parse_u64(value, 1, table[i].max, name, &v, e);
		else
			r = num_parse_size(value, name, &v, e);
		if (r < 0)
			return -1;
		/* It would look like none, and an image without files is none. */
		if (v == 0)
			return err_set(e, ERR_USAGE, "%s: 0 would refuse every image", name);
		*field(l, i) = v;
		return 1;
	}
	return 0;
}

struct limits limits_merge(const struct limits *first, const struct limits *second)
{
	struct limits l = *first, other = *second;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (*field(&l, i) == 0)
			*field(&l, i) = *field(&other, i);
		if (*field(&l, i) == 0)
			*field(&l, i) = table[i].standard;
	}
	return l;
}
