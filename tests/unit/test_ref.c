/* SPDX-License-Identifier: MIT */
/* common/ref: docker's defaults, and references that must not reach a network or a file system. */
#include "common/ref.h"

#include "tests/unit/tap.h"

#define HEX    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DIGEST "sha256:" HEX
#define A50    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250   A50 A50 A50 A50 A50
#define A128   A50 A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct good_row {
	const char *s;
	enum ref_kind kind;
	const char *host, *repo, *tag;
	bool tag_given, has_digest;
	const char *canonical;
} good_rows[] = {
	{"python", REF_REGISTRY, "docker.io", "library/python", "latest", false, false,
	 "docker.io/library/python:latest"},
	{"python:3.12-slim", REF_REGISTRY, "docker.io", "library/python", "3.12-slim", true, false,
	 "docker.io/library/python:3.12-slim"},
	{"user/app", REF_REGISTRY, "docker.io", "user/app", "latest", false, false,
	 "docker.io/user/app:latest"},
	{"docker.io/python", REF_REGISTRY, "docker.io", "library/python", "latest", false, false,
	 "docker.io/library/python:latest"},
	{"docker.io/library/python", REF_REGISTRY, "docker.io", "library/python", "latest", false,
	 false, "docker.io/library/python:latest"},
	{"index.docker.io/python", REF_REGISTRY, "docker.io", "library/python", "latest", false,
	 false, "docker.io/library/python:latest"},
	{"registry-1.docker.io/a/b:1", REF_REGISTRY, "docker.io", "a/b", "1", true, false,
	 "docker.io/a/b:1"},
	{"localhost/x", REF_REGISTRY, "localhost", "x", "latest", false, false,
	 "localhost/x:latest"},
	{"localhost:5000/x:1", REF_REGISTRY, "localhost:5000", "x", "1", true, false,
	 "localhost:5000/x:1"},
	{"localhost:5000", REF_REGISTRY, "docker.io", "library/localhost", "5000", true, false,
	 "docker.io/library/localhost:5000"},
	{"127.0.0.1:5000/a/b/c", REF_REGISTRY, "127.0.0.1:5000", "a/b/c", "latest", false, false,
	 "127.0.0.1:5000/a/b/c:latest"},
	{"[::1]:5000/x", REF_REGISTRY, "[::1]:5000", "x", "latest", false, false,
	 "[::1]:5000/x:latest"},
	{"[2001:DB8::1]/x", REF_REGISTRY, "[2001:db8::1]", "x", "latest", false, false,
	 "[2001:db8::1]/x:latest"},
	{"Registry.Example/x", REF_REGISTRY, "registry.example", "x", "latest", false, false,
	 "registry.example/x:latest"},
	{"ghcr.io/o/r@" DIGEST, REF_REGISTRY, "ghcr.io", "o/r", "", false, true,
	 "ghcr.io/o/r@" DIGEST},
	{"ghcr.io/o/r:v1@" DIGEST, REF_REGISTRY, "ghcr.io", "o/r", "v1", true, true,
	 "ghcr.io/o/r:v1@" DIGEST},
	{"ghcr.io/o/r:v1@sha512:" HEX HEX, REF_REGISTRY, "ghcr.io", "o/r", "v1", true, true,
	 "ghcr.io/o/r:v1@sha512:" HEX HEX},
	{"h.example/" HEX, REF_REGISTRY, "h.example", HEX, "latest", false, false,
	 "h.example/" HEX ":latest"},
	{"127.0.0.1/x", REF_REGISTRY, "127.0.0.1", "x", "latest", false, false,
	 "127.0.0.1/x:latest"},
	{"[fe80::1]:65535/a/b:t", REF_REGISTRY, "[fe80::1]:65535", "a/b", "t", true, false,
	 "[fe80::1]:65535/a/b:t"},
	{"INDEX.docker.io/x", REF_REGISTRY, "docker.io", "library/x", "latest", false, false,
	 "docker.io/library/x:latest"},
	{"python@" DIGEST, REF_REGISTRY, "docker.io", "library/python", "", false, true,
	 "docker.io/library/python@" DIGEST},
	{"h.example/a.b-c__d--e_f/g1", REF_REGISTRY, "h.example", "a.b-c__d--e_f/g1", "latest",
	 false, false, "h.example/a.b-c__d--e_f/g1:latest"},
	{"x:_T.a-g", REF_REGISTRY, "docker.io", "library/x", "_T.a-g", true, false,
	 "docker.io/library/x:_T.a-g"},
	{"x:" A128, REF_REGISTRY, "docker.io", "library/x", A128, true, false,
	 "docker.io/library/x:" A128},
	{"a.example/" A250 "aaaaa", REF_REGISTRY, "a.example", A250 "aaaaa", "latest", false, false,
	 "a.example/" A250 "aaaaa:latest"},
	{"sha256", REF_REGISTRY, "docker.io", "library/sha256", "latest", false, false,
	 "docker.io/library/sha256:latest"},
	{"oci", REF_REGISTRY, "docker.io", "library/oci", "latest", false, false,
	 "docker.io/library/oci:latest"},
	{DIGEST, REF_DIGEST, "", "", "", false, true, DIGEST},
	{"oci:/srv/img", REF_OCI, "localhost", "img", "latest", false, false,
	 "oci:/srv/img:latest"},
	{"oci:img:v1", REF_OCI, "localhost", "img", "v1", true, false, "oci:img:v1"},
	{"oci:./My Image_1.0/:v1", REF_OCI, "localhost", "my-image_1.0", "v1", true, false,
	 "oci:./My Image_1.0/:v1"},
	{"oci:/srv/img@" DIGEST, REF_OCI, "localhost", "img", "", false, true,
	 "oci:/srv/img@" DIGEST},
	{"oci:/srv/img:v1@" DIGEST, REF_OCI, "localhost", "img", "v1", true, true,
	 "oci:/srv/img:v1@" DIGEST},
	{"oci:/srv/x@y", REF_OCI, "localhost", "x-y", "latest", false, false,
	 "oci:/srv/x@y:latest"},
	{"oci-archive:/srv/img.tar", REF_OCI_ARCHIVE, "localhost", "img", "latest", false, false,
	 "oci-archive:/srv/img.tar:latest"},
	{"oci-archive:img-1.2.tar.gz:v1", REF_OCI_ARCHIVE, "localhost", "img-1.2", "v1", true,
	 false, "oci-archive:img-1.2.tar.gz:v1"},
	{"oci-archive:a.b.tgz", REF_OCI_ARCHIVE, "localhost", "a.b", "latest", false, false, NULL},
	{"oci-archive:.tar", REF_OCI_ARCHIVE, "localhost", "tar", "latest", false, false, NULL},
	{"oci-archive:f.tar:busybox:1", REF_OCI_ARCHIVE, "docker.io", "library/busybox", "1", true,
	 false, "oci-archive:f.tar:docker.io/library/busybox:1"},
	{"oci-archive:f.tar:localhost:5000/a/b", REF_OCI_ARCHIVE, "localhost:5000", "a/b", "latest",
	 false, false, "oci-archive:f.tar:localhost:5000/a/b:latest"},
	{"oci-archive:f.tar@" DIGEST, REF_OCI_ARCHIVE, "localhost", "f", "", false, true,
	 "oci-archive:f.tar@" DIGEST},
	{"oci-archive:f.tar:t@sha512:" HEX HEX, REF_OCI_ARCHIVE, "localhost", "f", "t", true, true,
	 "oci-archive:f.tar:t@sha512:" HEX HEX},
	{"docker-archive:/srv/img.tar.zst", REF_DOCKER_ARCHIVE, "localhost", "img", "latest", false,
	 false, "docker-archive:/srv/img.tar.zst"},
	{"docker-archive:f.tar:busybox", REF_DOCKER_ARCHIVE, "docker.io", "library/busybox",
	 "latest", false, false, "docker-archive:f.tar:docker.io/library/busybox:latest"},
	{"docker-archive:f.tar:h.example:5/a:b", REF_DOCKER_ARCHIVE, "h.example:5", "a", "b", true,
	 false, "docker-archive:f.tar:h.example:5/a:b"},
	{"docker-archive:/srv/f.tar:@12", REF_DOCKER_ARCHIVE, "localhost", "f", "12", false, false,
	 "docker-archive:/srv/f.tar:@12"},
	{"docker-archive:f.tar:@00", REF_DOCKER_ARCHIVE, "localhost", "f", "0", false, false,
	 "docker-archive:f.tar:@0"},
	{"docker-archive", REF_REGISTRY, "docker.io", "library/docker-archive", "latest", false,
	 false, NULL},
	{"oci:/a:b/c", REF_OCI, "localhost", "c", "latest", false, false, "oci:/a:b/c:latest"},
	{"oci:/x/..a__b--c..", REF_OCI, "localhost", "a--b--c", "latest", false, false, NULL},
	{"oci:../gr\xc3\xb6\xc3\x9f"
	 "e",
	 REF_OCI, "localhost", "gr----e", "latest", false, false,
	 "oci:../gr\xc3\xb6\xc3\x9f"
	 "e:latest"},
};

/* Each must be refused, with this in the message. The first twenty are the hostile ones. */
static const struct bad_row {
	const char *s;
	const char *why;
} bad_rows[] = {
	{"../../etc/passwd", "host"},
	{"..", "repository"},
	{"a/../b", "repository"},
	{"h.example/../x", "repository"},
	{"a//b", "repository"},
	{"h.example//b", "repository"},
	{"/etc/passwd", "repository"},
	{"Alpine", "repository"},
	{"h.example/Foo/bar", "repository"},
	{"a@b", "digest"},
	{"a@sha256:" HEX "0", "digest"},
	{"a@@" DIGEST, "digest"},
	{"a@sha512:" HEX, "digest"},
	{"a@sha512:" HEX HEX "0", "digest"},
	{"a@sha256:" HEX HEX, "digest"},
	{"a@sha384:" HEX, "digest"},
	{"a@" DIGEST ":tag", "digest"},
	{"[fe80::1%25eth0]/x", "host"},
	{"[fe80::1%eth0]/x", "host"},
	{"[dead]/x", "repository"},
	{"h.example:05000/x", "host"},
	{"h.example:-1/x", "host"},
	{"h.example/a%2e%2e/b", "repository"},
	{"h.example/a%00b", "repository"},
	{"Foo/bar", "repository"},
	{"h.example/a\tb", "repository"},
	{"a%2e%2e/b", "repository"},
	{"h.example/%2e%2e/x", "repository"},
	{"a\nb", "repository"},
	{"h.example/a\r\nHost: evil", "tag"},
	{"user:pass@h.example/x", "digest"},
	{"h.example/" A250 "aaaaaa", "too long"},
	{A250 A250 A250, "too long"},
	{"http://h.example/x", "host"},
	{"", "repository"},
	{" python", "repository"},
	{"python ", "repository"},
	{"python:", "tag"},
	{"python:.x", "tag"},
	{"python:-x", "tag"},
	{"python:a b", "tag"},
	{"python:a/../b", "host"},
	{"python:" A128 "a", "tag"},
	{"python:a:b", "tag"},
	{":tag", "repository"},
	{"@" DIGEST, "repository"},
	{"h.example/", "repository"},
	{"h.example/x/", "repository"},
	{"a___b", "repository"},
	{"a..b", "repository"},
	{"a._b", "repository"},
	{"-a", "repository"},
	{"a-", "repository"},
	{"a/.b", "repository"},
	{"a\\b", "repository"},
	{"gr\xc3\xbc", "repository"},
	{"h.example:0/x", "host"},
	{"h.example:65536/x", "host"},
	{"h.example:/x", "host"},
	{"h.example:5000:5000/x", "host"},
	{"h.example:x/x", "host"},
	{".example/x", "host"},
	{"h..example/x", "host"},
	{"-h.example/x", "host"},
	{"h-.example/x", "host"},
	{"h_h.example/x", "host"},
	{"h.example./x", "host"},
	{"[::1/x", "host"},
	{"[]:5000/x", "host"},
	{"[::1]x/x", "host"},
	{"[../]:1/x", "host"},
	{HEX, "sha256:<hex>"},
	{"sha256:" HEX "0", "digest"},
	{"sha256:abc", "digest"},
	{"sha512:" HEX HEX, "digest"},
	{"oci:", "no directory"},
	{"oci::tag", "no directory"},
	{"oci:dir:", "tag"},
	{"oci:dir:a b", "tag"},
	{"oci:/", "gives no name"},
	{"oci:.", "gives no name"},
	{"oci:a/..", "gives no name"},
	{"oci:a\nb", "control characters"},
	{"oci:dir@sha256:abc", "digest"},
	{"oci:dir@sha256", "digest"},
	{"oci-archive:f@sha512:tag", "digest"},
	{"oci:@" DIGEST, "no directory"},
	{"oci:dir:@" DIGEST, "tag"},
	{"oci-archive:", "names no file"},
	{"oci-archive::t", "names no file"},
	{"oci-archive:f.tar:", "tag"},
	{"oci-archive:f.tar:a b", "tag"},
	{"oci-archive:f.tar:../x", "host"},
	{"oci-archive:f.tar:a//b", "repository"},
	{"oci-archive:f\n.tar", "control characters"},
	{"oci-archive:/", "gives no name"},
	{"docker-archive:", "names no file"},
	{"docker-archive:f.tar:", "repository"},
	{"docker-archive:f.tar:X", "repository"},
	{"docker-archive:f.tar:a@" DIGEST, "by their names and places"},
	{"docker-archive:f.tar:a@x", "repository"},
	{"docker-archive:f.tar:@", "number of an image"},
	{"docker-archive:f.tar:@-1", "number of an image"},
	{"docker-archive:f.tar:@0:x", "number of an image"},
	{"docker-archive:f.tar:@4294967296", "number of an image"},
	{"docker-archive:f.tar@0:", "repository"},
	{"oci-archive:f.tar:@0", "tag"},
};

static void test_good(struct tap *t, const struct good_row *r)
{
	static struct ref ref, again; /* 5 KiB each: off the stack, each test fills them anew */
	struct err e = {0};

	if (!tap_int(t, ref_parse(r->s, &ref, &e), 0, "good: '%s'", r->s)) {
		tap_note("%s", e.text);
		return;
	}
	tap_int(t, ref.kind, r->kind, "good: '%s' kind", r->s);
	tap_str(t, ref.host, r->host, "good: '%s' host", r->s);
	tap_str(t, ref.repo, r->repo, "good: '%s' repo", r->s);
	tap_str(t, ref.tag, r->tag, "good: '%s' tag", r->s);
	tap_ok(t, ref.tag_given == r->tag_given && ref.has_digest == r->has_digest,
	       "good: '%s' what was given", r->s);
	if (r->has_digest)
		tap_str(t, ref.digest.hex, digest_is_sha512(&ref.digest) ? HEX HEX : HEX,
			"good: '%s' digest", r->s);
	if (r->canonical)
		tap_str(t, ref_text(&ref).s, r->canonical, "good: '%s' canonical", r->s);
	tap_ok(t, ref_parse(ref_text(&ref).s, &again, &e) == 0, "good: '%s' canonical parses",
	       r->s);
	tap_str(t, ref_text(&again).s, ref_text(&ref).s, "good: '%s' canonical is stable", r->s);
}

static void test_bad(struct tap *t, const struct bad_row *r)
{
	struct ref ref = {.host = "untouched"};
	struct err e = {0};

	tap_int(t, ref_parse(r->s, &ref, &e), -1, "bad: '%s'", r->s);
	tap_int(t, e.kind, ERR_USAGE, "bad: '%s' kind", r->s);
	tap_has(t, e.text, r->why, "bad: '%s' message", r->s);
	tap_str(t, ref.host, "untouched", "bad: '%s' leaves the output alone", r->s);
}

int main(void)
{
	struct tap t = {0};
	static char long_dir[5000] = "oci:";
	struct ref ref;
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(good_rows); i++)
		test_good(&t, &good_rows[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++)
		test_bad(&t, &bad_rows[i]);
	memset(long_dir + 4, 'd', REF_DIR_MAX);
	tap_int(&t, ref_parse(long_dir, &ref, &e), 0, "oci: the longest directory");
	tap_int(&t, (int64_t)strlen(ref.repo), REF_REPO_MAX,
		"oci: its name is cut to a repository's");
	long_dir[4 + REF_DIR_MAX] = 'd';
	tap_int(&t, ref_parse(long_dir, &ref, &e), -1, "oci: one byte longer");
	return tap_done(&t);
}
