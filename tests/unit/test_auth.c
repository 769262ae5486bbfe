/* SPDX-License-Identifier: MIT */
/* imgfetch/challenge, authfile, base64, token: headers of registries, files of docker and podman,
 * answers of token servers. */
#include "imgfetch/challenge.h"

#include "imgfetch/ask.h"
#include "imgfetch/authfile.h"
#include "imgfetch/base64.h"
#include "imgfetch/loginhint.h"
#include "imgfetch/token.h"
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
	{"Bearer, Basic realm=\"x\"", CHALLENGE_BASIC, "x", "", ""},
	{"Basic realm=\"x\", Bearer service=\"s\"", CHALLENGE_BASIC, "x", "", ""},
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

/* "dTpw" is u:p, "aGg6" hh: and "PHRva2VuPjpzZWNyZXQ=" <token>:secret */
static const struct file_row {
	const char *text, *host, *repo;
	const char *got; /* user:secret; "" nothing found, NULL an error */
	const char *helper, *store;
	enum credential_kind kind; /* when something was found; 0 is CREDENTIAL_PASSWORD */
} file_rows[] = {
	{"{}", "r.example", "a/b", "", "", "", 0},
	{"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example", "a/b", "u:p", "", "", 0},
	{"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example", "", "u:p", "", "", 0},
	{"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example:5000", "a/b", "", "", "", 0},
	{"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example.evil", "a/b", "", "", "", 0},
	{"{\"auths\":{\"r.example:5000\":{\"auth\":\"dTpw\"}}}", "r.example:5000", "a", "u:p", "",
	 "", 0},
	{"{\"auths\":{\"r.example\":{\"auth\":\"aGg6\"},\"r.example/a\":{\"auth\":\"dTpw\"}}}",
	 "r.example", "a/b", "u:p", "", "", 0},
	{"{\"auths\":{\"r.example/a/b\":{\"auth\":\"dTpw\"},\"r.example/a\":{\"auth\":\"aGg6\"}}}",
	 "r.example", "a/b", "u:p", "", "", 0},
	{"{\"auths\":{\"r.example/a\":{\"auth\":\"dTpw\"}}}", "r.example", "ab", "", "", "", 0},
	{"{\"auths\":{\"r.example/a\":{\"auth\":\"dTpw\"}}}", "r.example", "", "", "", "", 0},
	{"{\"auths\":{\"https://r.example/v2/\":{\"auth\":\"dTpw\"}}}", "r.example", "a", "u:p", "",
	 "", 0},
	{"{\"auths\":{\"https://r/v2/\":{\"auth\":\"aGg6\"},\"r\":{\"auth\":\"dTpw\"}}}", "r", "a",
	 "u:p", "", "", 0},
	{"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpw\"}}}", "docker.io",
	 "library/x", "u:p", "", "", 0},
	{"{\"auths\":{\"https:\\/\\/index.docker.io\\/v1\\/\":{\"auth\":\"dTpw\"}}}", "docker.io",
	 "library/x", "u:p", "", "", 0},
	{"{\"auths\":{\"docker.io\":{\"auth\":\"dTpw\"}}}", "docker.io", "library/x", "u:p", "", "",
	 0},
	{"{\"auths\":{\"docker.io/me\":{\"auth\":\"dTpw\"}}}", "docker.io", "me/x", "u:p", "", "",
	 0},
	{"{\"auths\":{\"r\":{\"username\":\"u\",\"password\":\"p\"}}}", "r", "a", "u:p", "", "", 0},
	{"{\"auths\":{\"r\":{\"username\":\"u\",\"password\":\"p:q\"}}}", "r", "a", "u:p:q", "", "",
	 0},
	{"{\"auths\":{\"r\":{\"auth\":\"dTpwAAA=\"}}}", "r", "a", "u:p", "", "", 0},
	{"{\"auths\":{\"r\":{}}}", "r", "a", "", "", "", 0},
	{"{\"auths\":{\"r\":{\"auth\":\"\"}}}", "r", "a", "", "", "", 0},
	/* Tokens. */
	{"{\"auths\":{\"r\":{\"auth\":\"aGg6\",\"identitytoken\":\"T1\"}}}", "r", "a", "hh:T1", "",
	 "", CREDENTIAL_IDENTITY},
	{"{\"auths\":{\"r\":{\"identitytoken\":\"T1\",\"registrytoken\":\"T2\"}}}", "r", "a", ":T2",
	 "", "", CREDENTIAL_REGISTRY},
	{"{\"auths\":{\"r\":{\"auth\":\"PHRva2VuPjpzZWNyZXQ=\"}}}", "r", "a", "<token>:secret", "",
	 "", CREDENTIAL_IDENTITY},
	{"{\"auths\":{\"r\":{\"identitytoken\":\"a\\r\\nX: y\"}}}", "r", "a", NULL, "", "", 0},
	/* Helpers. */
	{"{\"credHelpers\":{\"r\":\"x\"}}", "r", "a", "", "x", "", 0},
	{"{\"credHelpers\":{\"https://r\":\"x\",\"q\":\"y\"}}", "r", "a", "", "x", "", 0},
	{"{\"credHelpers\":{\"r:5000\":\"x\"}}", "r", "a", "", "", "", 0},
	{"{\"credsStore\":\"x-1.y_Z\"}", "r", "a", "", "", "x-1.y_Z", 0},
	{"{\"credsStore\":\"\"}", "r", "a", "", "", "", 0},
	{"{\"auths\":{\"r\":{\"auth\":\"dTpw\"}},\"credHelpers\":{\"r\":\"h\"},\"credsStore\":\"s\"}",
	 "r", "a", "u:p", "h", "s", 0},
	{"{\"credsStore\":\"../evil\"}", "r", "a", NULL, "", "", 0},
	{"{\"credsStore\":\"a/b\"}", "r", "a", NULL, "", "", 0},
	{"{\"credHelpers\":{\"r\":\"a b\"}}", "r", "a", NULL, "", "", 0},
	{"{\"credHelpers\":{\"r\":\"a\\nb\"}}", "r", "a", NULL, "", "", 0},
	{"{\"credHelpers\":{\"r\":[\"x\"]}}", "r", "a", NULL, "", "", 0},
	/* Malformed. */
	{"{\"auths\":{\"r\":{\"auth\":\"a\\r\\nX: y\"}}}", "r", "a", NULL, "", "", 0},
	{"{\"auths\":{\"r\":{\"auth\":\"bm9jb2xvbg==\"}}}", "r", "a", NULL, "", "", 0},
	{"{\"auths\":{\"r\":{\"auth\":\"dQA6cA==\"}}}", "r", "a", NULL, "", "", 0},
	{"{\"auths\":{\"r\":\"x\"}}", "r", "a", NULL, "", "", 0},
	{"{\"auths\":[]}", "r", "a", NULL, "", "", 0},
	{"[]", "r", "a", NULL, "", "", 0},
	{"not json", "r", "a", NULL, "", "", 0},
};

static void test_authfile(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(file_rows); i++) {
		const struct file_row *row = &file_rows[i];
		struct authfile f = {0};
		struct err e = {0};
		char got[64];
		int r = authfile_parse("f", row->text, strlen(row->text), row->host, row->repo, &f,
				       &e);
		enum credential_kind kind = row->kind ? row->kind : CREDENTIAL_PASSWORD;

		if (!row->got) {
			tap_int(t, r, -1, "refuse %s", row->text);
			tap_int(t, e.kind, ERR_CONFIG, "kind of error of %s", row->text);
			continue;
		}
		snprintf(got, sizeof(got), "%.20s:%.40s", f.creds.user, f.creds.secret);
		tap_str(t,
			r < 0	       ? e.text
			: f.creds.kind ? got
				       : "",
			row->got, "%s/%s in %s", row->host, row->repo, row->text);
		tap_int(t, f.creds.kind, row->got[0] ? kind : CREDENTIAL_NONE,
			"kind of %s/%s in %s", row->host, row->repo, row->text);
		tap_str(t, f.helper, row->helper, "helper for %s in %s", row->host, row->text);
		tap_str(t, f.store, row->store, "store for %s in %s", row->host, row->text);
	}
}

static void test_base64(struct tap *t)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xff\xfe\xfb", "//77"},
		{"\xfb\xf0", "+/A="},
	};
	char out[16];

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		base64_encode(pairs[i][0], strlen(pairs[i][0]), out);
		tap_str(t, out, pairs[i][1], "base64 of %zu bytes", strlen(pairs[i][0]));
		tap_int(t, base64_decode(pairs[i][1], out, sizeof(out)), strlen(pairs[i][0]),
			"length of %s", pairs[i][1]);
		tap_str(t, out, pairs[i][0], "bytes of %s", pairs[i][1]);
	}
	tap_int(t, base64_decode("Zm8", out, sizeof(out)), 2, "padding may be missing");
	tap_int(t, base64_decode("Zm9vYmFy", out, 7), 6, "it just fits");
	tap_int(t, base64_decode("Zm9vYmFy", out, 6), -1, "no room for the NUL");
	tap_int(t, base64_decode("Z", out, sizeof(out)), -1, "half a byte");
	tap_int(t, base64_decode("Zg=", out, sizeof(out)), -1, "too little padding");
	tap_int(t, base64_decode("Zg==x", out, sizeof(out)), -1, "something behind the padding");
	tap_int(t, base64_decode("Zm-v", out, sizeof(out)), -1, "another alphabet");
}

static const struct token_row {
	const char *text;
	const char *value; /* NULL: an error */
	unsigned life_s;
	const char *refresh;
} token_rows[] = {
	{"{\"token\":\"a\"}", "a", 60, ""},
	{"{\"access_token\":\"b\",\"expires_in\":300}", "b", 300, ""},
	{"{\"token\":\"a\",\"access_token\":\"b\"}", "a", 60, ""},
	{"{\"token\":\"\",\"access_token\":\"b\"}", "b", 60, ""},
	{"{\"token\":null,\"access_token\":\"b\"}", "b", 60, ""},
	{"{\"token\":\"a\",\"expires_in\":1}", "a", 1, ""},
	{"{\"token\":\"a\",\"expires_in\":0}", "a", 60, ""},
	{"{\"token\":\"a\",\"expires_in\":-5}", "a", 60, ""},
	{"{\"token\":\"a\",\"expires_in\":\"300\"}", "a", 60, ""},
	{"{\"token\":\"a\",\"expires_in\":99999999999}", "a", 86400, ""},
	{"{\"token\":\"a\",\"refresh_token\":\"r\"}", "a", 60, "r"},
	{"{\"token\":\"a\",\"refresh_token\":\"r s\"}", "a", 60, ""},
	{"{\"token\":\"a b\"}", NULL, 0, ""},
	{"{\"token\":\"a\\r\\nX-Evil: 1\"}", NULL, 0, ""},
	{"{\"token\":\"\\u00e9\"}", NULL, 0, ""},
	{"{\"token\":\"\"}", NULL, 0, ""},
	{"{\"token\":7}", NULL, 0, ""},
	{"{}", NULL, 0, ""},
	{"[]", NULL, 0, ""},
	{"", NULL, 0, ""},
	{"hunter2", NULL, 0, ""},
};

static void test_token(struct tap *t)
{
	static struct token got;
	struct err e = {0};
	char *form;

	for (size_t i = 0; i < ARRAY_LEN(token_rows); i++) {
		const struct token_row *row = &token_rows[i];
		int r = token_parse(row->text, strlen(row->text), &got, &e);

		if (!row->value) {
			tap_int(t, r < 0 ? e.kind : ERR_NONE, ERR_NETWORK, "refuse %s", row->text);
			tap_ok(t, !strstr(e.text, "hunter2"), "the answer is not shown");
			continue;
		}
		tap_str(t, r == 0 ? got.value : e.text, row->value, "token of %s", row->text);
		tap_int(t, got.life_s, row->life_s, "life of %s", row->text);
		tap_str(t, got.refresh, row->refresh, "refresh token of %s", row->text);
	}
	form = token_form("a service&x", "repository:a/b:pull", "r=+%\xc3\xa9", &e);
	tap_str(t, form,
		"grant_type=refresh_token&client_id=imgfetch&service=a%20service%26x&"
		"scope=repository%3Aa%2Fb%3Apull&refresh_token=r%3D%2B%25%C3%A9",
		"a form is encoded");
	free(form);
	form = token_form("", "", "r", &e);
	tap_str(t, form, "grant_type=refresh_token&client_id=imgfetch&refresh_token=r",
		"empty fields are left out");
	free(form);
}

static void test_passwords(struct tap *t)
{
	static const char *const good[] = {"x", "a b", "p:\"w\\", "\xc3\xa9", "\xf0\x9f\x94\x91"};
	static const char *const bad[] = {"",	  "a\nb",     "a\rb", "\t",   "\x1b[2J",
					  "\x7f", "\xc2\x85", "\xff", "\xc3", "a\xc0\xaf"};
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		tap_int(t, ask_check(good[i], &e), 0, "take password %zu", i);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		tap_int(t, ask_check(bad[i], &e) < 0 ? e.kind : ERR_NONE, ERR_USAGE,
			"refuse password %zu", i);
}

static void test_hints(struct tap *t)
{
	static struct credentials c;

	tap_str(t, loginhint_make(&c, "r.example", true).s,
		"no login was sent; if it wants one, 'imgfetch login r.example' keeps it", "none");
	tap_str(t, loginhint_make(&c, "docker.io", true).s,
		"no login was sent; if it wants one, 'imgfetch login docker.io' keeps it; Docker Hub says "
		"this, too, of what does not exist",
		"none, Docker Hub");
	c.kind = CREDENTIAL_PASSWORD;
	strcpy(c.secret, "hunter2");
	tap_str(t, loginhint_make(&c, "docker.io", false).s,
		"it refuses this user name or password", "a login that is tried");
	strcpy(c.origin, "credentials file 'f'");
	tap_str(t, loginhint_make(&c, "r.example", true).s,
		"the login from credentials file 'f' was sent; 'imgfetch login r.example' changes it",
		"one from a file");
}

int main(void)
{
	struct tap t = {0};

	test_challenge(&t);
	test_long_realm(&t);
	test_authfile(&t);
	test_base64(&t);
	test_token(&t);
	test_passwords(&t);
	test_hints(&t);
	return tap_done(&t);
}
