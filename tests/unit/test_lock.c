/* SPDX-License-Identifier: MIT */
/* isolate/lock: the record of a box as text and back, and what must not get into it. */
#include "isolate/lock.h"

#include "tests/unit/tap.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_round(struct tap *t)
{
	static struct lock_record r, got;
	char text[LOCK_TEXT_MAX];
	struct err e = {0};
	size_t len = 99;

	tap_ok(t, lock_format(&r, text, sizeof(text), &len, &e) == 0 && len == 0,
	       "nobody's box is an empty file");
	tap_ok(t, lock_parse("f", text, 0, &got, &e) == 0 && !got.exists, "... and back");
	r = (struct lock_record){.exists = true, .owner = 1000, .ready = true, .running = true};
	tap_int(t, lock_format(&r, text, sizeof(text), &len, &e), 0, "without an image");
	tap_str(t, text, "owner = 1000\nready = 1\ncg = 0\nrunning = 1\n", "without: text");
	tap_ok(t,
	       lock_parse("f", text, len, &got, &e) == 0 && got.exists && got.owner == 1000 &&
		       got.ready && !got.cg && got.running && !got.has_image,
	       "without: back");
	r.has_image = true;
	r.image_own = true;
	memcpy(r.image.hex, HEX, sizeof(HEX));
	memcpy(r.store_path, "/home/a b=c#/x", sizeof("/home/a b=c#/x"));
	tap_int(t, lock_format(&r, text, sizeof(text), &len, &e), 0, "with an image");
	tap_ok(t, lock_parse("f", text, len, &got, &e) == 0 && got.has_image && got.image_own,
	       "with: back");
	tap_str(t, got.image.hex, HEX, "with: digest");
	tap_str(t, got.store_path, "/home/a b=c#/x", "with: path");
	memset(r.store_path, 'x', sizeof(r.store_path) - 1);
	tap_int(t, lock_format(&r, text, sizeof(text), &len, &e), 0, "the longest path fits");
	memcpy(r.store_path, "/x\nowner = 0", sizeof("/x\nowner = 0"));
	tap_int(t, lock_format(&r, text, sizeof(text), &len, &e), -1,
		"a path of two lines is refused");
}

static void test_bad(struct tap *t)
{
	static const char *const bad[] = {
		"\n",
		"ready = 1\n",
		"owner = x\n",
		"owner = 4294967295\n",
		"owner = 1",
		"owner = 1\nnope = 1\n",
		"owner = 1\ncg = 2\n",
		"owner = 1\nimage = sha256:12\n",
	};
	static struct lock_record r;
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%s", bad[i]);
		tap_ok(t, lock_parse("f", text, strlen(text), &r, &e) == -1 && e.kind == ERR_CONFIG,
		       "bad: '%s'", bad[i]);
	}
}

int main(void)
{
	struct tap t = {0};

	test_round(&t);
	test_bad(&t);
	return tap_done(&t);
}
