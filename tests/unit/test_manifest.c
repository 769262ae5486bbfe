/* SPDX-License-Identifier: MIT */
/* imgfetch/manifest, imgconfig, platform: what registries send, and what they should not. */
#include "imgfetch/manifest.h"

#include "imgfetch/imgconfig.h"
#include "tests/unit/tap.h"

#define HEX(c)                                                                                     \
	"sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c  \
		c c c c c c c c c c c c c c c c c c c c c c c c
#define HEX64	     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX128	     HEX64 HEX64
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG   "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER    "application/vnd.oci.image.layer.v1.tar+gzip"
#define DOCKER_V2    "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST  "application/vnd.docker.distribution.manifest.list.v2+json"

#define DESC(type, c, size)                                                                        \
	"{\"mediaType\":\"" type "\",\"digest\":\"" HEX(c) "\",\"size\":" size "}"
#define CONFIG "\"config\":" DESC(OCI_CONFIG, "1", "100")
#define LAYERS "\"layers\":[" DESC(OCI_LAYER, "2", "10") "," DESC(OCI_LAYER, "3", "0") "]"
#define BODY   CONFIG "," LAYERS

static const struct manifest_row {
	const char *what, *text, *type;
	const char *fragment; /* of the error, NULL: good */
} manifest_rows[] = {
	{"OCI manifest", "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST "\"," BODY "}",
	 OCI_MANIFEST, NULL},
	{"no media type anywhere", "{\"schemaVersion\":2," BODY "}", "", NULL},
	{"media type with a parameter", "{\"schemaVersion\":2," BODY "}",
	 OCI_MANIFEST "; charset=utf-8", NULL},
	{"text/plain", "{\"schemaVersion\":2," BODY "}", "text/plain", NULL},
	{"docker schema 2",
	 "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_V2 "\",\"config\":" DESC(
		 "application/vnd.docker.container.image.v1+json", "1",
		 "9") ",\"layers\":[" DESC("application/vnd.docker.image.rootfs.diff.tar.gzip", "2",
					   "9") "]}",
	 DOCKER_V2, NULL},
	{"zstd layer",
	 "{\"schemaVersion\":2," CONFIG
	 ",\"layers\":[" DESC("application/vnd.oci.image.layer.v1.tar+zstd", "2", "9") "]}",
	 "", NULL},
	{"artifactType on an image", "{\"schemaVersion\":2,\"artifactType\":\"a/b\"," BODY "}", "",
	 NULL},
	{"not JSON", "<html>", "", "not valid JSON"},
	{"an array", "[]", "", "no JSON object"},
	{"no version", "{" BODY "}", "", "'schemaVersion' is missing"},
	{"version 3", "{\"schemaVersion\":3," BODY "}", "", "unknown schemaVersion 3"},
	{"schema 1", "{\"schemaVersion\":1,\"fsLayers\":[]}", "", "schema 1"},
	{"schema 1 by type", "{\"schemaVersion\":2," BODY "}",
	 "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"},
	{"manifests and layers", "{\"schemaVersion\":2,\"manifests\":[]," BODY "}", "",
	 "ambiguous"},
	{"manifests and config", "{\"schemaVersion\":2,\"manifests\":[]," CONFIG "}", "",
	 "ambiguous"},
	{"type index, content manifest",
	 "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\"," BODY "}", "",
	 "its mediaType says"},
	{"sender says index", "{\"schemaVersion\":2," BODY "}", OCI_INDEX, "its sender says"},
	{"sender says list", "{\"schemaVersion\":2," BODY "}", DOCKER_LIST, "its sender says"},
	{"unknown own type", "{\"schemaVersion\":2,\"mediaType\":\"a/b\"," BODY "}", "",
	 "unknown mediaType 'a/b'"},
	{"neither", "{\"schemaVersion\":2}", "", "neither"},
	{"no layers", "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "", "no layers"},
	{"layers missing", "{\"schemaVersion\":2," CONFIG "}", "", "no layers"},
	{"layers null, as buildkit has it", "{\"schemaVersion\":2," CONFIG ",\"layers\":null}", "",
	 "no layers"},
	{"config missing", "{\"schemaVersion\":2," LAYERS "}", "", "'config' is missing"},
	{"helm chart",
	 "{\"schemaVersion\":2,\"config\":" DESC("application/vnd.cncf.helm.config.v1+json", "1",
						 "9") "," LAYERS "}",
	 "", "artifact of type 'application/vnd.cncf.helm.config.v1+json'"},
	{"artifact with the empty config",
	 "{\"schemaVersion\":2,\"artifactType\":\"application/spdx\",\"config\":" DESC(
		 "application/vnd.oci.empty.v1+json", "1", "2") "," LAYERS "}",
	 "", "artifact of type 'application/spdx'"},
	{"foreign layer",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC(
		 "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "2", "9") "]}",
	 "", "foreign layer"},
	{"layer with urls",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
	 "\",\"digest\":\"" HEX("2") "\",\"size\":1,\"urls\":[\"http://x/\"]}]}",
	 "", "foreign URL"},
	{"unknown layer type",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC("application/x-evil", "2", "9") "]}",
	 "", "unknown type 'application/x-evil'"},
	{"encrypted layer",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC(OCI_LAYER "+encrypted", "2", "9") "]}",
	 "", "unknown type"},
	{"negative size",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC(OCI_LAYER, "2", "-1") "]}", "",
	 "'size' is -1"},
	{"huge size",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC(OCI_LAYER, "2", "70368744177665") "]}",
	 "", "'size' is"},
	{"size is a string",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC(OCI_LAYER, "2", "\"9\"") "]}", "",
	 "'size' is not an integer"},
	{"digest that climbs",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
	 "\",\"digest\":\"sha256:../../../../etc/passwd\",\"size\":1}]}",
	 "", "layer 1"},
	{"short digest",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
	 "\",\"digest\":\"sha256:abc\",\"size\":1}]}",
	 "", "layer 1"},
	{"sha512 layer",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
	 "\",\"digest\":\"sha512:" HEX128 "\",\"size\":1}]}",
	 "", NULL},
	{"sha512 with the digits of a sha256",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
	 "\",\"digest\":\"sha512:" HEX64 "\",\"size\":1}]}",
	 "", "layer 1"},
	{"data in a descriptor is nobody's",
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
	 "\",\"digest\":\"sha512:" HEX128 "\",\"size\":1,\"data\":\"QQ==\"}]}",
	 "", NULL},
	{"layer is a string", "{\"schemaVersion\":2," CONFIG ",\"layers\":[\"x\"]}", "",
	 "is not an object"},
	{"config over its cap",
	 "{\"schemaVersion\":2,\"config\":" DESC(OCI_CONFIG, "1", "8388609") "," LAYERS "}", "",
	 "config is larger"},
};

static struct raw_manifest raw(const char *text, const char *type)
{
	struct raw_manifest r = {.data = strdup(text), .len = strlen(text)};

	if (!r.data || strlen(type) >= sizeof(r.media_type))
		abort();
	strcpy(r.media_type, type);
	return r;
}

static void test_manifest(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(manifest_rows); i++) {
		const struct manifest_row *row = &manifest_rows[i];
		struct raw_manifest r = raw(row->text, row->type);
		struct manifest m = {0};
		struct err e = {0};
		int got = manifest_parse(&r, &m, &e);

		if (!row->fragment) {
			tap_str(t, got == 0 ? "" : e.text, "", "take: %s", row->what);
			tap_ok(t, m.layer_count > 0, "layers: %s", row->what);
		} else {
			tap_int(t, got, -1, "refuse: %s", row->what);
			tap_has(t, e.text, row->fragment, "error: %s", row->what);
			tap_int(t, e.kind, ERR_VERIFY, "kind of error: %s", row->what);
		}
		manifest_fini(&m);
		free(r.data);
	}
}

static void test_fields(struct tap *t)
{
	struct raw_manifest r = raw("{\"schemaVersion\":2," BODY "}", "");
	struct manifest m = {0};
	struct err e = {0};

	if (manifest_parse(&r, &m, &e) < 0)
		abort();
	tap_u64(t, m.layer_count, 2, "two layers");
	tap_str(t, digest_text(&m.config.digest).s, HEX("1"), "config digest");
	tap_u64(t, m.config.size_bytes, 100, "config size");
	tap_str(t, digest_text(&m.layers[0].digest).s, HEX("2"), "bottom layer first");
	tap_u64(t, m.layers[0].size_bytes, 10, "layer size");
	tap_str(t, m.layers[1].media_type, OCI_LAYER, "layer type");
	manifest_fini(&m);
	free(r.data);
}

static void test_too_many_layers(struct tap *t)
{
	static const char layer[] = DESC(OCI_LAYER, "2", "1") ",";
	size_t room = (LAYERS_MAX + 2) * sizeof(layer) + 1024;
	char *text = malloc(room);

	if (!text)
		abort();
	for (size_t count = LAYERS_MAX; count <= LAYERS_MAX + 1; count++) {
		struct manifest m = {0};
		struct err e = {0};
		char *p = stpcpy(text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");

		for (size_t i = 0; i < count; i++)
			p = stpcpy(p, layer);
		strcpy(p - 1, "]}");
		struct raw_manifest r = raw(text, "");
		tap_int(t, manifest_parse(&r, &m, &e), count > LAYERS_MAX ? -1 : 0, "%zu layers",
			count);
		manifest_fini(&m);
		free(r.data);
	}
	free(text);
}

/* --- indexes --- */

#define ENTRY(type, c, more)                                                                       \
	"{\"mediaType\":\"" type "\",\"digest\":\"" HEX(c) "\",\"size\":5" more "}"
#define PLATFORM(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"
#define VARIANT(os, arch, v)                                                                       \
	",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\",\"variant\":\"" v "\"}"
#define NAMED(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define ATTEST	    ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}"
#define INDEX(list) "{\"schemaVersion\":2,\"manifests\":[" list "]}"
#define MULTI                                                                                                                               \
	INDEX(ENTRY(OCI_MANIFEST, "1", PLATFORM("linux", "amd64")) "," ENTRY(OCI_MANIFEST, "2", VARIANT("linux", "arm64", "v8")) "," ENTRY( \
		OCI_MANIFEST, "3",                                                                                                          \
		VARIANT("linux", "arm",                                                                                                     \
			"v7")) "," ENTRY(OCI_MANIFEST, "4",                                                                                 \
					 VARIANT("linux", "arm",                                                                            \
						 "v6")) "," ENTRY(OCI_MANIFEST, "5",                                                        \
								  PLATFORM(                                                                 \
									  "windows",                                                        \
									  "amd64")) "," ENTRY(OCI_MANIFEST,                                 \
											      "6",                                          \
											      PLATFORM(                                     \
												      "unknown",                            \
												      "unknown")))

static const struct index_row {
	const char *what, *text, *platform, *name;
	const char *want;     /* first digit of the digest, or NULL */
	const char *fragment; /* of the error */
	enum err_kind kind;
} index_rows[] = {
	{"amd64", MULTI, "linux/amd64", NULL, "1", NULL, 0},
	{"arm64 without variant is v8", MULTI, "linux/arm64", NULL, "2", NULL, 0},
	{"arm64/v8", MULTI, "linux/arm64/v8", NULL, "2", NULL, 0},
	{"arm/v7", MULTI, "linux/arm/v7", NULL, "3", NULL, 0},
	{"arm/v8 falls back to v7", MULTI, "linux/arm/v8", NULL, "3", NULL, 0},
	{"arm/v6", MULTI, "linux/arm/v6", NULL, "4", NULL, 0},
	{"arm/v5 gets nothing newer", MULTI, "linux/arm/v5", NULL, NULL, "linux/arm/v6",
	 ERR_PLATFORM},
	{"windows", MULTI, "windows/amd64", NULL, "5", NULL, 0},
	{"missing platform lists the others", MULTI, "linux/s390x", NULL, NULL,
	 "no image for linux/s390x; there is: linux/amd64, linux/arm64/v8, linux/arm/v7",
	 ERR_PLATFORM},
	{"attestations are never chosen", MULTI, "unknown/unknown", NULL, NULL, "no image for",
	 ERR_PLATFORM},
	{"attestation with our platform",
	 INDEX(ENTRY(OCI_MANIFEST, "1", PLATFORM("linux", "amd64") ATTEST)), "linux/amd64", NULL,
	 NULL, "lists no image", ERR_PLATFORM},
	{"amd64 v3 only", INDEX(ENTRY(OCI_MANIFEST, "1", VARIANT("linux", "amd64", "v3"))),
	 "linux/amd64", NULL, NULL, "linux/amd64/v3", ERR_PLATFORM},
	{"amd64 v3 wanted, v2 there",
	 INDEX(ENTRY(OCI_MANIFEST, "1", PLATFORM("linux", "amd64")) "," ENTRY(
		 OCI_MANIFEST, "2", VARIANT("linux", "amd64", "v2"))),
	 "linux/amd64/v3", NULL, "2", NULL, 0},
	{"amd64 v4 wanted, v3 and v1 there",
	 INDEX(ENTRY(OCI_MANIFEST, "1", VARIANT("linux", "amd64", "v1")) "," ENTRY(
		 OCI_MANIFEST, "2", VARIANT("linux", "amd64", "v3"))),
	 "linux/amd64/v4", NULL, "2", NULL, 0},
	{"amd64 wanted, v2 and v1 there",
	 INDEX(ENTRY(OCI_MANIFEST, "1", VARIANT("linux", "amd64", "v2")) "," ENTRY(
		 OCI_MANIFEST, "2", VARIANT("linux", "amd64", "v1"))),
	 "linux/amd64", NULL, "2", NULL, 0},
	{"an artifact is never chosen",
	 INDEX(ENTRY(OCI_MANIFEST, "1", ",\"artifactType\":\"application/spdx+json\"") "," ENTRY(
		 OCI_MANIFEST, "2", "")),
	 "linux/amd64", NULL, "2", NULL, 0},
	{"only an artifact",
	 INDEX(ENTRY(OCI_MANIFEST, "1",
		     PLATFORM("linux", "amd64") ",\"artifactType\":\"application/spdx+json\"")),
	 "linux/amd64", NULL, NULL, "lists no image", ERR_PLATFORM},
	{"an image's own type is no artifact's",
	 INDEX(ENTRY(OCI_MANIFEST, "1", ",\"artifactType\":\"" OCI_CONFIG "\"")), "linux/amd64",
	 NULL, "1", NULL, 0},
	{"by the tag of a whole name",
	 INDEX(ENTRY(OCI_MANIFEST, "1", NAMED("h.example/a:b")) "," ENTRY(OCI_MANIFEST, "2",
									  NAMED("h.example/a:c"))),
	 "linux/amd64", "c", "2", NULL, 0},
	{"exactly so before the tag of a whole name",
	 INDEX(ENTRY(OCI_MANIFEST, "1", NAMED("h.example/a:b")) "," ENTRY(OCI_MANIFEST, "2",
									  NAMED("b"))),
	 "linux/amd64", "b", "2", NULL, 0},
	{"by a whole name, however it is written",
	 INDEX(ENTRY(OCI_MANIFEST, "1", NAMED("h.example/a:b")) "," ENTRY(OCI_MANIFEST, "2",
									  NAMED("a:b"))),
	 "linux/amd64", "docker.io/library/a:b", "2", NULL, 0},
	{"one tag of two names",
	 INDEX(ENTRY(OCI_MANIFEST, "1", NAMED("h.example/a:b")) "," ENTRY(OCI_MANIFEST, "2",
									  NAMED("h.example/c:b"))),
	 "linux/amd64", "b", NULL, "2 images to choose from", ERR_NOTFOUND},
	{"a name that is not there lists those that are",
	 INDEX(ENTRY(OCI_MANIFEST, "1", NAMED("a")) "," ENTRY(OCI_MANIFEST, "2",
							      NAMED("x\\u001b[2J"))),
	 "linux/amd64", "b", NULL, "no tag 'b'; there is: a, x\\x1b[2J", ERR_NOTFOUND},
	{"first of two alike",
	 INDEX(ENTRY(OCI_MANIFEST, "1", PLATFORM("linux", "amd64")) "," ENTRY(
		 OCI_MANIFEST, "2", PLATFORM("linux", "amd64"))),
	 "linux/amd64", NULL, "1", NULL, 0},
	{"only one, no platform", INDEX(ENTRY(OCI_MANIFEST, "1", "")), "linux/amd64", NULL, "1",
	 NULL, 0},
	{"two without platform",
	 INDEX(ENTRY(OCI_MANIFEST, "1", "") "," ENTRY(OCI_MANIFEST, "2", "")), "linux/amd64", NULL,
	 NULL, "2 images to choose from", ERR_NOTFOUND},
	{"platform beats none",
	 INDEX(ENTRY(OCI_MANIFEST, "1", "") "," ENTRY(OCI_MANIFEST, "2",
						      PLATFORM("linux", "amd64"))),
	 "linux/amd64", NULL, "2", NULL, 0},
	{"nested index", INDEX(ENTRY(OCI_INDEX, "1", "")), "linux/amd64", NULL, "1", NULL, 0},
	{"other things in an index",
	 INDEX(ENTRY("application/x-thing", "1", "") "," ENTRY(DOCKER_V2, "2", "")), "linux/amd64",
	 NULL, "2", NULL, 0},
	{"by name",
	 INDEX(ENTRY(OCI_MANIFEST, "1", NAMED("a")) "," ENTRY(OCI_MANIFEST, "2", NAMED("b"))),
	 "linux/amd64", "b", "2", NULL, 0},
	{"no such name",
	 INDEX(ENTRY(OCI_MANIFEST, "1", NAMED("a")) "," ENTRY(OCI_MANIFEST, "2", "")),
	 "linux/amd64", "b", NULL, "no tag 'b'", ERR_NOTFOUND},
	{"names differ, no name wanted",
	 INDEX(ENTRY(OCI_MANIFEST, "1", PLATFORM("linux", "amd64") NAMED("a")) "," ENTRY(
		 OCI_MANIFEST, "2", PLATFORM("linux", "amd64") NAMED("b"))),
	 "linux/amd64", NULL, NULL, "2 images to choose from", ERR_NOTFOUND},
	{"empty", INDEX(""), "linux/amd64", NULL, NULL, "lists no image", ERR_PLATFORM},
	{"a manifest", "{\"schemaVersion\":2," BODY "}", "linux/amd64", NULL, NULL,
	 "where an index was expected", ERR_VERIFY},
	{"bad digest",
	 INDEX("{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:/\",\"size\":1}"),
	 "linux/amd64", NULL, NULL, "entry 1 of the index", ERR_VERIFY},
};

static void test_index(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(index_rows); i++) {
		const struct index_row *row = &index_rows[i];
		struct raw_manifest r = raw(row->text, "");
		struct platform want;
		struct blob_desc got = {0};
		struct err e = {0};
		int result;

		if (platform_parse(row->platform, &want, &e) < 0)
			abort();
		result = index_select(&r, &want, row->name, &got, &e);
		if (row->want) {
			got.digest.hex[1] = '\0';
			tap_str(t, result == 0 ? got.digest.hex : e.text, row->want, "index: %s",
				row->what);
		} else {
			tap_int(t, result, -1, "index: %s", row->what);
			tap_has(t, e.text, row->fragment, "index error: %s", row->what);
			tap_int(t, e.kind, row->kind, "index kind of error: %s", row->what);
		}
		free(r.data);
	}
}

/* Of indexes that do not say what they are for, one after the other. */
static void test_index_next(struct tap *t)
{
	struct raw_manifest r =
		raw(INDEX(ENTRY(OCI_INDEX, "1", "") "," ENTRY(
			    OCI_INDEX, "2", PLATFORM("unknown", "unknown")) "," ENTRY(OCI_INDEX,
										      "3", "")),
		    "");
	struct raw_manifest named = raw(INDEX(ENTRY(OCI_INDEX, "1", "") "," ENTRY(
						OCI_INDEX, "2", PLATFORM("linux", "amd64"))),
					"");
	struct platform want;
	struct blob_desc got = {0};
	struct err e = {0};

	if (platform_parse("linux/amd64", &want, &e) < 0)
		abort();
	tap_int(t, index_select(&r, &want, NULL, &got, &e), -1, "open indexes are rivals");
	for (size_t i = 0; i < 2; i++) {
		tap_int(t, index_select_next(&r, &want, i, &got, &e), 1, "open index %zu", i);
		tap_int(t, got.digest.hex[0], i ? '3' : '1', "open index %zu: which", i);
	}
	tap_int(t, index_select_next(&r, &want, 2, &got, &e), -1, "after the last open index");
	tap_int(t, e.kind, ERR_PLATFORM, "after the last open index: error");
	for (size_t i = 0; i < 2; i++)
		tap_int(t, index_select_next(&named, &want, i, &got, &e), 0,
			"a platform beats open indexes, %zu", i);
	tap_int(t, got.digest.hex[0], '2', "a platform beats open indexes: which");
	free(r.data);
	free(named.data);
}

/* --- configurations --- */

#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" HEX("a") "\",\"" HEX("b") "\"]}"

static const struct config_row {
	const char *what, *text;
	const char *fragment; /* of the error, NULL: good */
} config_rows[] = {
	{"smallest", "{" ROOTFS "}", NULL},
	{"nulls", "{" ROOTFS ",\"config\":null,\"os\":null}", NULL},
	{"null lists", "{" ROOTFS ",\"config\":{\"Env\":null,\"Cmd\":null}}", NULL},
	{"no rootfs", "{}", "'rootfs' is missing"},
	{"other rootfs type", "{\"rootfs\":{\"type\":\"x\",\"diff_ids\":[]}}", "unknown type 'x'"},
	{"bad DiffID", "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:..\"]}}",
	 "diff_ids"},
	{"sha512 DiffID", "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha512:" HEX128 "\"]}}",
	 "sha512 is not supported for layers"},
	{"Env is a string", "{" ROOTFS ",\"config\":{\"Env\":\"A=b\"}}", "'Env' is not an array"},
	{"Env of numbers", "{" ROOTFS ",\"config\":{\"Env\":[1]}}", "'Env'"},
	{"NUL in Env", "{" ROOTFS ",\"config\":{\"Env\":[\"A=\\u0000\"]}}", "not valid JSON"},
	{"long os", "{" ROOTFS ",\"os\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
	 "'os' is longer"},
	{"no object", "[]", "no JSON object"},
};

static void test_config(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(config_rows); i++) {
		const struct config_row *row = &config_rows[i];
		struct imgconfig c = {0};
		struct err e = {0};
		int r = imgconfig_parse(row->text, strlen(row->text), &c, &e);

		if (!row->fragment) {
			tap_str(t, r == 0 ? "" : e.text, "", "config: %s", row->what);
			tap_u64(t, c.diffid_count, 2, "config DiffIDs: %s", row->what);
		} else {
			tap_int(t, r, -1, "config refused: %s", row->what);
			tap_has(t, e.text, row->fragment, "config error: %s", row->what);
			tap_int(t, e.kind, ERR_VERIFY, "config kind of error: %s", row->what);
		}
		imgconfig_fini(&c);
	}
}

static void test_config_fields(struct tap *t)
{
	static const char text[] =
		"{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"," ROOTFS
		",\"config\":{\"Env\":[\"A=1\",\"PATH=/bin\",\"=x\",\"noequals\",\"A=2=3\",\"AB=\"],"
		"\"WorkingDir\":\"srv/x\",\"User\":\"u:g\",\"Entrypoint\":[\"/e\",\"f\"],\"Cmd\":["
		"\"c\"]}}";
	struct imgconfig c = {0};
	struct platform want;
	struct err e = {0};

	if (imgconfig_parse(text, strlen(text), &c, &e) < 0)
		abort();
	tap_str(t, platform_text(&c.platform).s, "linux/arm64/v8", "platform");
	tap_str(t, digest_text(&c.diffids[0]).s, HEX("a"), "bottom DiffID first");
	tap_u64(t, c.env_count, 3, "environment: each name once, nameless ones dropped");
	tap_str(t, c.env[0], "PATH=/bin", "environment: order is kept");
	tap_str(t, c.env[1], "A=2=3", "environment: the last one wins");
	tap_str(t, c.env[2], "AB=", "environment: empty value; A is not AB");
	tap_str(t, c.workdir, "/srv/x", "relative working directory");
	tap_str(t, c.user, "u:g", "user");
	tap_u64(t, c.entrypoint_count, 2, "entrypoint");
	tap_str(t, c.cmd[0], "c", "command");
	if (platform_parse("linux/arm64", &want, &e) < 0)
		abort();
	tap_int(t, imgconfig_check_platform(&c, &want, &e), 0, "right platform");
	if (platform_parse("linux/amd64", &want, &e) < 0)
		abort();
	tap_int(t, imgconfig_check_platform(&c, &want, &e), -1, "wrong platform");
	tap_int(t, e.kind, ERR_PLATFORM, "wrong platform: kind of error");
	tap_has(t, e.text, "linux/arm64/v8", "wrong platform: error");
	c.platform = (struct platform){0};
	tap_int(t, imgconfig_check_platform(&c, &want, &e), 0, "platform not said");
	imgconfig_fini(&c);
}

static void test_platform(struct tap *t)
{
	static const char *const bad[] = {"",
					  "linux",
					  "linux/",
					  "/amd64",
					  "linux/amd64/",
					  "linux/amd64/v1/x",
					  "Linux/amd64",
					  "linux/am d64",
					  "linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
					  "linux/../x/"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct platform p;
		struct err e = {0};

		tap_int(t, platform_parse(bad[i], &p, &e), -1, "no platform: '%s'", bad[i]);
		tap_int(t, e.kind, ERR_USAGE, "no platform: kind of error for '%s'", bad[i]);
	}
	/* The bits of a Nehalem, a Haswell, a Skylake server; and what a kernel without AVX leaves.
	 */
	static const struct {
		const char *what;
		struct x86_features f;
		unsigned level;
	} levels[] = {
		{"none", {0}, 1},
		{"Nehalem", {0x00982201, 0, 0x1, 0}, 2},
		{"without SSE4.2", {0x00882201, 0, 0x1, 0}, 1},
		{"without LAHF", {0x00982201, 0, 0, 0}, 1},
		{"Haswell", {0x7ffafbff, 0x000037ab, 0x21, 0x7}, 3},
		{"Haswell, AVX not saved", {0x7ffafbff, 0x000037ab, 0x21, 0x3}, 2},
		{"Haswell without MOVBE", {0x7fbafbff, 0x000037ab, 0x21, 0x7}, 2},
		{"Haswell without LZCNT", {0x7ffafbff, 0x000037ab, 0x01, 0x7}, 2},
		{"Haswell without BMI2", {0x7ffafbff, 0x000036ab, 0x21, 0x7}, 2},
		{"Skylake server", {0x7ffefbff, 0xd39ffffb, 0x121, 0xff}, 4},
		{"Skylake server, ZMM not saved", {0x7ffefbff, 0xd39ffffb, 0x121, 0x7}, 3},
	};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		tap_u64(t, platform_x86_level(&levels[i].f), levels[i].level, "x86-64 level: %s",
			levels[i].what);
	struct platform own = platform_own();
	struct platform oldest = own;

	oldest.variant[0] = '\0';
	if (strcmp(own.arch, "amd64") == 0)
		tap_ok(t, platform_rank(&own, &oldest) > 0, "our processor runs what any does");
	tap_ok(t, platform_rank(&own, &own) > 0, "our own platform suits us");
}

int main(void)
{
	struct tap t = {0};

	test_manifest(&t);
	test_fields(&t);
	test_too_many_layers(&t);
	test_index(&t);
	test_index_next(&t);
	test_config(&t);
	test_config_fields(&t);
	test_platform(&t);
	return tap_done(&t);
}
