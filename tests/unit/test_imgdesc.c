/* SPDX-License-Identifier: MIT */
/* Unit test of common/imgdesc: hostile descriptors, and the round trip through the writer. */
#include "common/cleanup.h"
#include "common/imgdesc.h"
#include "tests/unit/tap.h"

#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MAGIC  "isolate-image 1\n"
#define DIGEST "digest sha256:" HEX_A "\n"
#define LAYER  "layer sha256:" HEX_B "\n"

/* NULL as fragment: accepted. */
struct row {
	const char *name;
	const char *text;
	const char *fragment;
};

static const struct row rows[] = {
	{"smallest", MAGIC DIGEST "end 2\n", NULL},
	{"one layer", MAGIC DIGEST LAYER "end 3\n", NULL},
	{"everything", MAGIC DIGEST LAYER LAYER "env A=1\nenv B=\nworkdir /w\nuser u\nend 8\n",
	 NULL},
	{"fix-up", MAGIC DIGEST LAYER "fixup yes\nenv A=1\nend 5\n", NULL},
	{"fix-up of another value", MAGIC DIGEST LAYER "fixup no\nend 4\n", "fixup is not 'yes'"},
	{"fix-up that is escaped", MAGIC DIGEST LAYER "fixup ye\\x73\nend 4\n", "wrong escape"},
	{"fix-up twice", MAGIC DIGEST LAYER "fixup yes\nfixup yes\nend 5\n", "key given twice"},
	{"fix-up without layers", MAGIC DIGEST "fixup yes\nend 3\n", "fixup without a layer"},
	{"fix-up before layers", MAGIC DIGEST LAYER "fixup yes\n" LAYER "end 5\n", "out of order"},
	{"fix-up after env", MAGIC DIGEST LAYER "env A=1\nfixup yes\nend 5\n", "out of order"},
	{"value with spaces and '='", MAGIC DIGEST "env A= b=c \nend 3\n", NULL},
	{"escapes", MAGIC DIGEST "env A=\\x0a\\x5c\\xff\nend 3\n", NULL},
	{"empty", "", "cut off"},
	{"other magic", "isolate-image 2\n" DIGEST "end 2\n", ":1: not an image descriptor"},
	{"magic with a space", "isolate-image 1 \n" DIGEST "end 2\n", "not an image descriptor"},
	{"magic with CR", "isolate-image 1\r\n" DIGEST "end 2\n", "not an image descriptor"},
	{"only magic", MAGIC, "cut off"},
	{"no digest", MAGIC "end 1\n", ":2: key out of order"},
	{"layer before digest", MAGIC LAYER DIGEST "end 3\n", "key out of order"},
	{"digest twice", MAGIC DIGEST DIGEST "end 3\n", ":3: key given twice"},
	{"layer after env", MAGIC DIGEST "env A=1\n" LAYER "end 4\n", "key out of order"},
	{"env after workdir", MAGIC DIGEST "workdir /\nenv A=1\nend 4\n", "key out of order"},
	{"workdir twice", MAGIC DIGEST "workdir /\nworkdir /\nend 4\n", "key given twice"},
	{"user twice", MAGIC DIGEST "user a\nuser a\nend 4\n", "key given twice"},
	{"unknown key", MAGIC DIGEST "entrypoint /bin/sh\nend 3\n", ":3: unknown key"},
	{"upper case key", MAGIC DIGEST "Layer sha256:" HEX_B "\nend 3\n", "unknown key"},
	{"key with a tab", MAGIC DIGEST "user\tu\nend 3\n", "unknown key, or no value"},
	{"key without value", MAGIC DIGEST "user\nend 3\n", "no value"},
	{"blank line", MAGIC DIGEST "\nend 3\n", "unknown key"},
	{"comment", MAGIC DIGEST "# hello\nend 3\n", "unknown key"},
	{"space before key", MAGIC DIGEST " user u\nend 3\n", "unknown key"},
	{"two spaces before a digest", MAGIC "digest  sha256:" HEX_A "\nend 2\n",
	 "no sha256 digest"},
	{"digest of sha512", MAGIC "digest sha512:" HEX_A HEX_B "\nend 2\n", "no sha256 digest"},
	{"digest in upper case", MAGIC "digest sha256:A" HEX_A "\nend 2\n", "no sha256 digest"},
	{"layer that climbs", MAGIC DIGEST "layer sha256:../../../etc\nend 3\n",
	 ":3: layer is no sha256 digest"},
	{"layer too short", MAGIC DIGEST "layer sha256:abc\nend 3\n", "no sha256 digest"},
	{"layer with a tail", MAGIC DIGEST "layer sha256:" HEX_B "/x\nend 3\n", "no sha256 digest"},
	{"layer path", MAGIC DIGEST "layer /etc\nend 3\n", "no sha256 digest"},
	{"no end", MAGIC DIGEST LAYER, "cut off"},
	{"end counts too little", MAGIC DIGEST LAYER "end 2\n", ":4: 'end' does not count"},
	{"end counts too much", MAGIC DIGEST LAYER "end 4\n", "'end' does not count"},
	{"end of no number", MAGIC DIGEST "end two\n", "'end' does not count"},
	{"end with a zero before", MAGIC DIGEST "end 02\n", "'end' does not count"},
	{"end with a plus", MAGIC DIGEST "end +2\n", "'end' does not count"},
	{"end that overflows", MAGIC DIGEST "end 18446744073709551618\n", "'end' does not count"},
	{"text after end", MAGIC DIGEST "end 2\nuser u\n", "text after 'end'"},
	{"blank after end", MAGIC DIGEST "end 2\n\n", "text after 'end'"},
	{"no newline at the end", MAGIC DIGEST "end 2", "end"},
	{"env without '='", MAGIC DIGEST "env PATH\nend 3\n", "no '='"},
	{"env without a name", MAGIC DIGEST "env =x\nend 3\n", "without a name"},
	{"empty env", MAGIC DIGEST "env \nend 3\n", "no '='"},
	{"escaped NUL", MAGIC DIGEST "env A=\\x00\nend 3\n", "wrong escape"},
	{"escaped plain byte", MAGIC DIGEST "env A=\\x41\nend 3\n", "wrong escape"},
	{"escape in upper case", MAGIC DIGEST "env A=\\x0A\nend 3\n", "wrong escape"},
	{"escape cut short", MAGIC DIGEST "env A=\\x0\nend 3\n", "wrong escape"},
	{"backslash alone", MAGIC DIGEST "env A=\\\nend 3\n", "wrong escape"},
	{"other escape", MAGIC DIGEST "env A=\\n\nend 3\n", "wrong escape"},
	{"raw control byte", MAGIC DIGEST "env A=\033[2J\nend 3\n", "byte that needs one"},
	{"raw tab", MAGIC DIGEST "env A=\t\nend 3\n", "byte that needs one"},
	{"raw high byte", MAGIC DIGEST "env A=\xc3\xa9\nend 3\n", "byte that needs one"},
	{"relative workdir", MAGIC DIGEST "workdir w\nend 3\n", "not absolute"},
	{"empty workdir", MAGIC DIGEST "workdir \nend 3\n", "not absolute"},
	{"empty user", MAGIC DIGEST "user \nend 3\n", "empty user"},
};

/* Parse a copy, as the parser cuts its text up. */
static int parse(const char *text, size_t len, struct imgdesc *out, struct err *e)
{
	auto_free char *copy = malloc(len + 1);

	if (!copy)
		abort();
	memcpy(copy, text, len);
	copy[len] = '\0';
	return imgdesc_parse("d", copy, len, out, e);
}

static void check_row(struct tap *t, const struct row *row)
{
	struct imgdesc d = {.user = NULL}, untouched = d;
	struct err e = {0};
	int ret = parse(row->text, strlen(row->text), &d, &e);

	if (!row->fragment) {
		tap_int(t, ret, 0, "%s: accepted", row->name);
		if (ret < 0)
			tap_note("%s", e.text);
		imgdesc_fini(&d);
		return;
	}
	tap_int(t, ret, -1, "%s: refused", row->name);
	tap_int(t, (int)e.kind, ERR_VERIFY, "%s: as damage", row->name);
	tap_has(t, e.text, row->fragment, "%s: says why", row->name);
	tap_ok(t, memcmp(&d, &untouched, sizeof(d)) == 0, "%s: result untouched", row->name);
	if (ret == 0)
		imgdesc_fini(&d);
}

static void check_nul(struct tap *t)
{
	static const char text[] = MAGIC DIGEST "env A=\0B\nend 3\n";
	struct imgdesc d;
	struct err e = {0};

	tap_int(t, parse(text, sizeof(text) - 1, &d, &e), -1, "NUL byte: refused");
	tap_int(t, (int)e.kind, ERR_VERIFY, "NUL byte: as damage");
}

/* `count` lines of text, a proper frame around them. */
static char *many(const char *line, size_t count, size_t *len)
{
	size_t size = strlen(MAGIC DIGEST) + count * strlen(line) + 32;
	char *text = malloc(size);
	int at;

	if (!text)
		abort();
	at = snprintf(text, size, "%s", MAGIC DIGEST);
	for (size_t i = 0; i < count; i++)
		at += snprintf(text + at, size - (size_t)at, "%s", line);
	at += snprintf(text + at, size - (size_t)at, "end %zu\n", count + 2);
	*len = (size_t)at;
	return text;
}

static void check_many(struct tap *t, const char *line, size_t count, const char *fragment)
{
	struct imgdesc d;
	struct err e = {0};
	size_t len;
	auto_free char *text = many(line, count, &len);
	int ret = parse(text, len, &d, &e);

	tap_int(t, ret, fragment ? -1 : 0, "%zu x '%.5s'", count, line);
	if (fragment)
		tap_has(t, e.text, fragment, "%zu x '%.5s': says why", count, line);
	if (ret == 0)
		imgdesc_fini(&d);
}

static void check_sizes(struct tap *t)
{
	char long_line[8300] = "env A=";

	check_many(t, LAYER, LAYERS_MAX, NULL);
	check_many(t, LAYER, LAYERS_MAX + 1, "more layers");
	check_many(t, LAYER, 5000, "larger than");
	check_many(t, "env A=1\n", IMGDESC_ENV_MAX, NULL);
	check_many(t, "env A=1\n", IMGDESC_ENV_MAX + 1, "too many environment");
	memset(long_line + 6, 'x', sizeof(long_line) - 8);
	long_line[sizeof(long_line) - 2] = '\n';
	check_many(t, long_line, 1, "");
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "workdir /", 9);
	strcpy(long_line + 9 + 4095, "\n");
	check_many(t, long_line, 1, "too long");
	strcpy(long_line + 9 + 4094, "\n");
	check_many(t, long_line, 1, NULL);
	memcpy(long_line, "user xxxx", 9);
	strcpy(long_line + 5 + 256, "\n");
	check_many(t, long_line, 1, "too long");
}

/* Every prefix of a good descriptor is a bad one: a file that was cut off never passes. */
static void check_prefixes(struct tap *t)
{
	static const char text[] = MAGIC DIGEST LAYER "env A=1\nworkdir /w\nuser u\nend 6\n";
	size_t accepted = 0;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct imgdesc d;
		struct err e = {0};

		if (parse(text, len, &d, &e) == 0) {
			imgdesc_fini(&d);
			accepted++;
		}
	}
	tap_u64(t, accepted, 0, "prefixes that pass");
}

static void check_round_trip(struct tap *t)
{
	char *env[] = {"PATH=/bin", "ODD=\x01\n\\\xff \x7f=", "EMPTY="};
	struct digest layers[2];
	struct imgdesc d = {.layer_count = 2,
			    .layers = layers,
			    .env_count = 3,
			    .env = env,
			    .fixup = true,
			    .workdir = "/w \xc3\xa9",
			    .user = "1000:7"};
	struct imgdesc back = {.user = NULL};
	struct err e = {0};
	auto_free char *text = NULL;
	auto_free char *again = NULL;
	size_t len = 0, again_len = 0;

	strcpy(d.digest.hex, HEX_A);
	strcpy(layers[0].hex, HEX_A);
	strcpy(layers[1].hex, HEX_B);
	tap_int(t, imgdesc_format(&d, &text, &len, &e), 0, "format");
	tap_has(t, text, "env ODD=\\x01\\x0a\\x5c\\xff \\x7f=\n", "odd bytes are escaped");
	tap_has(t, text, "user 1000:7\nend 10\n", "the lines are counted");
	tap_int(t, parse(text, len, &back, &e), 0, "parse what was formatted");
	tap_u64(t, back.layer_count, 2, "layers come back");
	tap_str(t, back.layers[1].hex, HEX_B, "in their order");
	tap_str(t, back.env[1], env[1], "odd bytes come back");
	tap_ok(t, back.fixup, "fixup comes back");
	tap_str(t, back.workdir, d.workdir, "workdir comes back");
	tap_int(t, imgdesc_format(&back, &again, &again_len, &e), 0, "format again");
	tap_str(t, again, text, "one image, one text");
	imgdesc_fini(&back);
}

/* What the reader would refuse is not written. */
static void check_format_refuses(struct tap *t)
{
	char *bad_env[] = {"NOVALUE"};
	struct imgdesc d = {.env_count = 1, .env = bad_env};
	struct imgdesc bad_digest = {.user = "u"}, bad_user = {.user = ""};
	struct err e = {0};
	char *text = NULL;
	size_t len = 7;

	strcpy(d.digest.hex, HEX_A);
	strcpy(bad_user.digest.hex, HEX_A);
	strcpy(bad_digest.digest.hex, "../..");
	tap_int(t, imgdesc_format(&d, &text, &len, &e), -1, "format: env without '='");
	tap_int(t, imgdesc_format(&bad_digest, &text, &len, &e), -1, "format: no digest");
	tap_int(t, imgdesc_format(&bad_user, &text, &len, &e), -1, "format: empty user");
	tap_ok(t, text == NULL && len == 7, "format: result untouched");
}

/* Small pseudo-random numbers, the same in every run. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Damage a good descriptor in a few places. Whatever is still accepted has one spelling only: it is
 * written again byte for byte. */
static void check_mutations(struct tap *t)
{
	static const char good[] = MAGIC DIGEST LAYER "env A=\\x0a\nenv B=c d\nworkdir /w\nuser u\n"
						      "end 7\n";
	static const char bytes[] = "\n\n \\\\x0159af=/:sdlweu\0\xff\t";
	uint32_t state = 1;
	unsigned accepted = 0, different = 0;

	for (unsigned round = 0; round < 50000; round++) {
		char text[sizeof(good) + 8];
		size_t len = sizeof(good) - 1;
		struct imgdesc d;
		struct err e = {0};

		memcpy(text, good, sizeof(good));
		for (unsigned n = next_random(&state) % 3 + 1; n > 0; n--) {
			size_t at = next_random(&state) % len;
			char byte = bytes[next_random(&state) % (sizeof(bytes) - 1)];

			switch (next_random(&state) % 3) {
			case 0:
				text[at] = byte;
				break;
			case 1:
				memmove(text + at + 1, text + at, len++ - at);
				text[at] = byte;
				break;
			default:
				memmove(text + at, text + at + 1, --len - at);
			}
		}
		if (parse(text, len, &d, &e) < 0)
			continue;
		auto_free char *again = NULL;
		size_t again_len = 0;
		accepted++;
		different += imgdesc_format(&d, &again, &again_len, &e) < 0 || again_len != len ||
			     memcmp(again, text, len) != 0;
		imgdesc_fini(&d);
	}
	tap_ok(t, accepted > 100, "mutations: some are accepted (%u)", accepted);
	tap_u64(t, different, 0, "mutations: accepted, but written differently");
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&t, &rows[i]);
	check_nul(&t);
	check_sizes(&t);
	check_prefixes(&t);
	check_round_trip(&t);
	check_format_refuses(&t);
	check_mutations(&t);
	return tap_done(&t);
}
