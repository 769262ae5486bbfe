/* SPDX-License-Identifier: MIT */
/* Fuzz target: manifests, indexes and image configurations. */
#include "imgfetch/imgconfig.h"
#include "imgfetch/manifest.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "manifest";

/* It becomes a part of URLs and file names. */
static void must_be_digest(const struct digest *d)
{
	size_t len = strlen(d->hex);

	FUZZ_MUST(len == DIGEST_HEX_LEN || len == DIGEST_HEX_MAX);
	FUZZ_MUST(strspn(d->hex, "0123456789abcdef") == len);
}

static void check_config(const char *text, size_t size)
{
	struct imgconfig c = {0};
	struct err e = {0};

	if (imgconfig_parse(text, size, &c, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_VERIFY);
		return;
	}
	FUZZ_MUST(c.diffid_count <= LAYERS_MAX);
	for (size_t i = 0; i < c.diffid_count; i++)
		FUZZ_MUST(strlen(c.diffids[i].hex) == DIGEST_HEX_LEN);
	FUZZ_MUST(!c.workdir || c.workdir[0] == '/');
	for (size_t i = 0; i < c.env_count; i++)
		FUZZ_MUST(c.env[i][0] != '=' && strchr(c.env[i], '='));
	imgconfig_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct platform amd64 = {"linux", "amd64", ""};
	struct raw_manifest raw = {.data = fuzz_string(data, size), .len = size};
	enum manifest_kind kind;
	struct err e = {0};

	memset(raw.digest.hex, 'a', DIGEST_HEX_LEN);
	if (manifest_classify(&raw, &kind, &e) == 0) {
		struct manifest m = {0};
		struct blob_desc chosen;

		if (manifest_parse(&raw, &m, &e) == 0) {
			FUZZ_MUST(kind == MANIFEST_IMAGE);
			FUZZ_MUST(m.layer_count >= 1 && m.layer_count <= LAYERS_MAX);
			for (size_t i = 0; i < m.layer_count; i++)
				must_be_digest(&m.layers[i].digest);
			manifest_fini(&m);
		}
		/* They come to an end. */
		for (size_t i = 0; index_select_next(&raw, &amd64, i, &chosen, &e) == 1; i++)
			FUZZ_MUST(i < size && chosen.digest.hex[0]);
		if (index_select(&raw, &amd64, NULL, &chosen, &e) == 0) {
			FUZZ_MUST(kind == MANIFEST_INDEX);
			must_be_digest(&chosen.digest);
		}
	} else {
		FUZZ_MUST(e.kind == ERR_VERIFY);
	}
	check_config(raw.data, size);
	free(raw.data);
	return 0;
}
