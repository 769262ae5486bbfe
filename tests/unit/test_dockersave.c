/* SPDX-License-Identifier: MIT */
/* imgfetch/dockersave: which image of an archive is meant, and the manifest made for it. */
#include "imgfetch/dockersave.h"

#include "tests/unit/tap.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define IMAGE(tags, name)                                                                          \
	"{\"Config\":\"" name ".json\",\"RepoTags\":" tags ",\"Layers\":[\"" name "/layer.tar\","  \
	"\"x.tar\"]}"
#define TWO                                                                                        \
	"[" IMAGE("[\"busybox:1\",\"h.example/b:2\"]", "one") "," IMAGE("[\"a/b:latest\"]",        \
									"two") "]"

static const struct row {
	const char *what, *text, *wanted;
	const char *config, *name; /* NULL: refused */
	const char *fragment;
	enum err_kind kind;
} rows[] = {
	{"the only one", "[" IMAGE("[\"busybox:1\"]", "one") "]", NULL, "one.json",
	 "docker.io/library/busybox:1", NULL, 0},
	{"without names", "[" IMAGE("null", "one") "]", NULL, "one.json", "", NULL, 0},
	{"no list of names", "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]", NULL, "c", "", NULL, 0},
	{"a name that is none is passed over",
	 "[" IMAGE("[\"../..:x\",\"A B\",\"ok:1\"]", "one") "]", NULL, "one.json",
	 "docker.io/library/ok:1", NULL, 0},
	{"by name", TWO, "docker.io/a/b:latest", "two.json", "docker.io/a/b:latest", NULL, 0},
	{"by its second name", TWO, "h.example/b:2", "one.json", "h.example/b:2", NULL, 0},
	{"several", TWO, NULL, NULL, NULL,
	 "several images: name one; there is: docker.io/library/busybox:1, h.example/b:2, "
	 "docker.io/a/b:latest",
	 ERR_NOTFOUND},
	{"no such name", TWO, "docker.io/a/b:1", NULL, NULL,
	 "no image docker.io/a/b:1; there is: docker.io/library/busybox:1", ERR_NOTFOUND},
	{"one name for two", "[" IMAGE("[\"x:1\"]", "one") "," IMAGE("[\"x:1\"]", "two") "]",
	 "docker.io/library/x:1", NULL, NULL, "several images", ERR_NOTFOUND},
	{"several without names", "[" IMAGE("[]", "one") "," IMAGE("null", "two") "]", NULL, NULL,
	 NULL, "several images: name one (none has a name: write @0", ERR_NOTFOUND},
	{"none", "[]", NULL, NULL, NULL, "there is no image", ERR_NOTFOUND},
	{"no layers", "[{\"Config\":\"c\",\"Layers\":[]}]", NULL, NULL, NULL, "no layers",
	 ERR_VERIFY},
	{"no config", "[{\"Layers\":[\"l\"]}]", NULL, NULL, NULL, "'Config' is missing",
	 ERR_VERIFY},
	{"layers missing", "[{\"Config\":\"c\"}]", NULL, NULL, NULL, "no layers", ERR_VERIFY},
	{"a layer that is no text", "[{\"Config\":\"c\",\"Layers\":[1]}]", NULL, NULL, NULL,
	 "'Layers'", ERR_VERIFY},
	{"names that are no text", "[{\"Config\":\"c\",\"RepoTags\":[1],\"Layers\":[\"l\"]}]", NULL,
	 NULL, NULL, "'RepoTags'", ERR_VERIFY},
	{"an object", "{}", NULL, NULL, NULL, "not a list", ERR_VERIFY},
	{"a list of lists", "[[]]", NULL, NULL, NULL, "is not an object", ERR_VERIFY},
	{"no JSON", "x", NULL, NULL, NULL, "not valid JSON", ERR_VERIFY},
};

static const struct {
	const char *text;
	uint32_t place;
	const char *config, *name; /* NULL: there is none */
	bool alone;
	const char *fragment;
} places[] = {
	{TWO, 0, "one.json", "docker.io/library/busybox:1", true, NULL},
	{TWO, 1, "two.json", "docker.io/a/b:latest", true, NULL},
	{TWO, 2, NULL, NULL, false,
	 "no image @2 of 2 (the first is @0); there is: docker.io/library/busybox:1"},
	{"[" IMAGE("[\"x:1\"]", "one") "," IMAGE("[\"x:1\"]", "two") "]", 1, "two.json",
	 "docker.io/library/x:1", false, NULL},
	{"[" IMAGE("[\"x:1\"]", "one") "," IMAGE("null", "two") "]", 1, "two.json", "", false,
	 NULL},
	{"[" IMAGE("null", "one") "]", 0, "one.json", "", true, NULL},
	{"[]", 0, NULL, NULL, false, "no image @0 of 0"},
};

static void test_places(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const char *text = places[i].text;
		struct dockersave d = {0};
		struct err e = {0};
		int got = dockersave_select(text, strlen(text), NULL, &places[i].place, &d, &e);

		if (places[i].config) {
			tap_str(t, got == 0 ? d.config : e.text, places[i].config, "place %zu", i);
			tap_str(t, d.name.s, places[i].name, "place %zu: name", i);
			tap_ok(t, d.alone == places[i].alone, "place %zu: alone", i);
		} else {
			tap_ok(t, got == -1 && e.kind == ERR_NOTFOUND, "place %zu: none", i);
			tap_has(t, e.text, places[i].fragment, "place %zu: why", i);
		}
		dockersave_fini(&d);
	}
}

static void test_select(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct dockersave d = {0};
		struct err e = {0};
		int got = dockersave_select(r->text, strlen(r->text), r->wanted, NULL, &d, &e);

		if (r->config) {
			tap_str(t, got == 0 ? d.config : e.text, r->config, "select: %s", r->what);
			tap_str(t, d.name.s, r->name, "select: %s: name", r->what);
			tap_ok(t, d.layer_count > 0, "select: %s: layers", r->what);
			tap_ok(t, d.alone, "select: %s: alone", r->what);
		} else {
			tap_int(t, got, -1, "select: %s", r->what);
			tap_has(t, e.text, r->fragment, "select: %s: why", r->what);
			tap_int(t, e.kind, r->kind, "select: %s: kind", r->what);
		}
		dockersave_fini(&d);
	}
}

static void test_format(struct tap *t)
{
	const struct blob_desc config = {.digest = {.hex = HEX64}, .size_bytes = 7};
	const struct blob_desc layers[] = {{.digest = {.hex = HEX64}, .size_bytes = 1024}, config};
	struct err e = {0};
	char *text = dockersave_format(&config, layers, 2, &e);

	tap_str(t, text,
		"{\"schemaVersion\":2,"
		"\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
		"\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\","
		"\"size\":7,\"digest\":\"sha256:" HEX64 "\"},\"layers\":["
		"{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\","
		"\"size\":1024,\"digest\":\"sha256:" HEX64 "\"},"
		"{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\","
		"\"size\":7,\"digest\":\"sha256:" HEX64 "\"}]}",
		"format: as containers/image writes it");
	free(text);
}

int main(void)
{
	struct tap t = {0};

	test_select(&t);
	test_places(&t);
	test_format(&t);
	return tap_done(&t);
}
