/* SPDX-License-Identifier: MIT */
/* imgfetch/challenge and imgfetch/credentials: headers of registries, files of docker and podman.
 */
#include "imgfetch/challenge.h"

#include "imgfetch/credentials.h"
#include "tests/unit/tap.h"

static const struct challenge_row {
	const char *header;
	enum challenge_scheme scheme;
	const char *realm, *service, *scope;
} challenge_rows[] = {
	{"Bearer realm=\"https://a.example/token\",service=\"r.example\",scope=\"repository:a/b:"
	 "pull\"",
	 CHALLENGE_BEARER, "https://a.example/token", "r.example", "repository:a/b:pull"},
	{"bearer REALM=\"https://a/\", Service=\"s\"", CHALLENGE_BEARER, "https://a/", "s", ""},
	{"BEARER realm = \"https://a/\" , scope = \"x,y z\"", CHALLENGE_BEARER, "https://a/", "",
	 "x,y z"},
	{"Bearer realm=\"a\\\"b\\\\c\"", CHALLENGE_BEARER, "a\"b\\c", "", ""},
	{"Bearer realm=https://a/t,service=s", CHALLENGE_BEARER, "https://a/t", "s", ""},
	{"Basic realm=\"Registry\"", CHALLENGE_BASIC, "Registry", "", ""},
	{"Basic", CHALLENGE_BASIC, "", "", ""},
	{"Basic realm=\"x\", Bearer realm=\"y\"", CHALLENGE_BEARER, "y", "", ""},
	{"Bearer realm=\"y\", Basic realm=\"x\"", CHALLENGE_BEARER, "y", "", ""},
	{"Negotiate, Basic realm=\"x\"", CHALLENGE_BASIC, "x", "", ""},
	{"Negotiate YWJj/+==, Bearer realm=\"y\"", CHALLENGE_BEARER, "y", "", ""},
	{"Digest realm=\"d\", nonce=\"Bearer realm=z\", Basic realm=\"x\"", CHALLENGE_BASIC, "x",
	 "", ""},
	{",, Bearer realm=\"y\",,", CHALLENGE_BEARER, "y", "", ""},
	{"Bearer error=\"invalid_token\",realm=\"y\"", CHALLENGE_BEARER, "y", "", ""},
	{"", CHALLENGE_NONE, NULL, NULL, NULL},
	{"Negotiate", CHALLENGE_NONE, NULL, NULL, NULL},
	{"Bearer realm=\"unterminated", CHALLENGE_NONE, NULL, NULL, NULL},
	{"\"Bearer\"", CHALLENGE_NONE, NULL, NULL, NULL},
	{"=", CHALLENGE_NONE, NULL, NULL, NULL},
};

static void test_challenge(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(challenge_rows); i++) {
		const struct challenge_row *row = &challenge_rows[i];
		struct challenge c = {0};
		bool got = challenge_parse(row->header, &c);

		tap_int(t, got ? c.scheme : CHALLENGE_NONE, row->scheme, "scheme of %s",
			row->header);
		if (!got || row->scheme == CHALLENGE_NONE)
			continue;
		tap_str(t, c.realm, row->realm, "realm of %s", row->header);
		tap_str(t, c.service, row->service, "service of %s", row->header);
		tap_str(t, c.scope, row->scope, "scope of %s", row->header);
	}
}

/* A value that does not fit must not be used cut. */
static void test_long_realm(struct tap *t)
{
	char header[4096] = "Bearer realm=\"https://a/";
	struct challenge c;

	memset(header + strlen(header), 'x', 2000);
	strcat(header, "\"");
	tap_ok(t, !challenge_parse(header, &c), "a realm that is too long is no challenge");
}

static const struct file_row {
	const char *text, *host, *repo;
	const char *basic; /* "" nothing found, NULL an error */
	bool helper;
} file_rows[] = {
	{"{}", "r.example", "a/b", "", false},
	{"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example", "a/b", "dTpw", false},
	{"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example:5000", "a/b", "", false},
	{"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example.evil", "a/b", "", false},
	{"{\"auths\":{\"r.example:5000\":{\"auth\":\"dTpw\"}}}", "r.example:5000", "a", "dTpw",
	 false},
	{"{\"auths\":{\"r.example\":{\"auth\":\"aGg6\"},\"r.example/a\":{\"auth\":\"dTpw\"}}}",
	 "r.example", "a/b", "dTpw", false},
	{"{\"auths\":{\"r.example/a/b\":{\"auth\":\"dTpw\"},\"r.example/a\":{\"auth\":\"aGg6\"}}}",
	 "r.example", "a/b", "dTpw", false},
	{"{\"auths\":{\"r.example/a\":{\"auth\":\"dTpw\"}}}", "r.example", "ab", "", false},
	{"{\"auths\":{\"https://r.example/v2/\":{\"auth\":\"dTpw\"}}}", "r.example", "a", "dTpw",
	 false},
	{"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpw\"}}}", "docker.io",
	 "library/x", "dTpw", false},
	{"{\"auths\":{\"docker.io\":{\"auth\":\"dTpw\"}}}", "docker.io", "library/x", "dTpw",
	 false},
	{"{\"auths\":{\"docker.io/me\":{\"auth\":\"dTpw\"}}}", "docker.io", "me/x", "dTpw", false},
	{"{\"auths\":{\"r\":{\"username\":\"u\",\"password\":\"p\"}}}", "r", "a", "dTpw", false},
	{"{\"auths\":{\"r\":{\"username\":\"us\",\"password\":\"pw\"}}}", "r", "a",
	 "dXM6cHc=", false},
	{"{\"auths\":{\"r\":{}}}", "r", "a", "", false},
	{"{\"credHelpers\":{\"r\":\"x\"}}", "r", "a", "", true},
	{"{\"credsStore\":\"x\"}", "r", "a", "", true},
	{"{\"auths\":{\"r\":{\"auth\":\"a\\r\\nX: y\"}}}", "r", "a", NULL, false},
	{"{\"auths\":{\"r\":\"x\"}}", "r", "a", NULL, false},
	{"{\"auths\":[]}", "r", "a", NULL, false},
	{"[]", "r", "a", NULL, false},
	{"not json", "r", "a", NULL, false},
};

static void test_credentials(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(file_rows); i++) {
		const struct file_row *row = &file_rows[i];
		struct credentials c = {0};
		struct err e = {0};
		int r = credentials_parse("f", row->text, strlen(row->text), row->host, row->repo,
					  &c, &e);

		if (!row->basic) {
			tap_int(t, r, -1, "refuse %s", row->text);
			tap_int(t, e.kind, ERR_CONFIG, "kind of error of %s", row->text);
			continue;
		}
		tap_str(t, r == 0 ? c.basic : e.text, row->basic, "%s/%s in %s", row->host,
			row->repo, row->text);
		tap_int(t, c.found, row->basic[0] != '\0', "found %s in %s", row->host, row->text);
		tap_int(t, c.helper, row->helper, "helper for %s in %s", row->host, row->text);
	}
}

int main(void)
{
	struct tap t = {0};

	test_challenge(&t);
	test_long_realm(&t);
	test_credentials(&t);
	return tap_done(&t);
}
