/* SPDX-License-Identifier: MIT */
/* imgfetch/limits: names, values, and who wins. */
#include "imgfetch/limits.h"

#include "tests/unit/tap.h"

static const struct {
	const char *name, *value;
	int want;	  /* of limits_set */
	const char *text; /* of the error */
} rows[] = {
	{"max_layer_size", "10M", 1, NULL},
	{"--max-image-size", "2t", 1, NULL},
	{"--max-entries", "1000000000", 1, NULL},
	{"max_ratio", "1000000", 1, NULL},
	{"--max-unpack-time", "604800", 1, NULL},
	{"max-ratio", "1", 0, NULL},
	{"max_layers", "1", 0, NULL},
	{"--max-entries", "1000000001", -1, "--max-entries: '1000000001' is not"},
	{"max_entries", "0", -1, "max_entries: '0' is not"},
	{"max_entries", "1K", -1, "max_entries: '1K' is not"},
	{"max_ratio", "-1", -1, "max_ratio: '-1' is not"},
	{"max_ratio", "", -1, "max_ratio: '' is not"},
	{"--max-unpack-time", "604801", -1, "--max-unpack-time: '604801' is not"},
	{"--max-layer-size", "0", -1, "--max-layer-size: 0 would refuse every image"},
	{"max_layer_size", "0K", -1, "max_layer_size: 0 would refuse every image"},
	{"max_image_size", "many", -1, "max_image_size: 'many' is not"},
};

int main(void)
{
	struct tap t = {0};
	struct limits got = {0}, none = {0}, l;
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		tap_int(&t, limits_set(&got, rows[i].name, rows[i].value, &e), rows[i].want,
			"%s=%s", rows[i].name, rows[i].value);
		if (!rows[i].text)
			continue;
		tap_has(&t, e.text, rows[i].text, "... why");
		tap_int(&t, e.kind, ERR_USAGE, "... kind");
	}
	tap_u64(&t, got.layer_bytes, UINT64_C(10) << 20, "a wrong value changes nothing: layer");
	tap_u64(&t, got.image_bytes, UINT64_C(2) << 40, "... image");
	tap_u64(&t, got.entries, 1000000000, "... entries");
	tap_u64(&t, got.ratio, 1000000, "... ratio");
	tap_u64(&t, got.unpack_s, 604800, "... time");

	l = limits_merge(&none, &none);
	tap_u64(&t, l.layer_bytes, LIMITS_LAYER_BYTES_DEFAULT, "default: layer");
	tap_u64(&t, l.image_bytes, LIMITS_IMAGE_BYTES_DEFAULT, "default: image");
	tap_u64(&t, l.entries, LIMITS_ENTRIES_DEFAULT, "default: entries");
	tap_u64(&t, l.ratio, LIMITS_RATIO_DEFAULT, "default: ratio");
	tap_u64(&t, l.unpack_s, LIMITS_UNPACK_S_DEFAULT, "default: time");
	l = limits_merge(&(struct limits){.ratio = 7}, &got);
	tap_u64(&t, l.ratio, 7, "the first wins");
	tap_u64(&t, l.entries, 1000000000, "the second says what the first leaves open");
	return tap_done(&t);
}
