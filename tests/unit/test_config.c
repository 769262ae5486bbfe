/* SPDX-License-Identifier: MIT */
/* isolate/config: the text of configuration files. */
#include "isolate/config.h"

#include "tests/unit/tap.h"

static int parse(const char *text, struct config *c, struct err *e)
{
	char buf[8192];
	size_t len = strlen(text);

	memcpy(buf, text, len + 1);
	return config_parse("conf", buf, len, c, e);
}

static const struct bad_row {
	const char *text, *says;
} bad[] = {
	{"box_root = relative\n", "box_root must be an absolute path"},
	{"box_root =\n", "conf:1: "},
	{"first_uid = 0\n", "first_uid"},
	{"first_uid = 999\n", "first_uid"},
	{"first_gid = 4294967295\n", "first_gid"},
	{"first_uid = 4294967000\n", "beyond the last user id"},
	{"first_gid = 4294967000\n", "beyond the last user id"},
	{"num_boxes = 0\n", "num_boxes"},
	{"num_boxes = 2147483648\n", "num_boxes"},
	{"num_boxes = 5x\n", "num_boxes"},
	{"max_boxes_per_user = none\n", "max_boxes_per_user"},
	{"\n\nnum_boxes = abc\n", "conf:3: "},
	{"user_images = maybe\n", "user_images must be 'no' or 'yes'"},
	{"init_existing = 1\n", "init_existing must be 'reset' or 'refuse'"},
	{"share_net = 1\n", "share_net must be 'yes', 'root' or 'no', not '1'"},
	{"syscall_flags = 65536\n", "syscall_flags"},
	{"tmp_size = 0\n", "tmp_size must not be 0"},
	{"tmp_size = 5Q\n", "tmp_size"},
	{"cg_root = isolate\n", "cg_root must be"},
	{"cg_root = auto:file\n", "cg_root must be"},
	{"cg_root = v1:isolate\n", "cg_root must be"},
	{"subid_user =\n", "subid_user must be the name of a user"},
	{"subid_user = a:b\n", "subid_user must be the name of a user"},
	{"subid_user = isolate\nfirst_uid = 5000\n", "give either that or first_uid"},
	{"first_gid = 5000\nsubid_user = isolate\n", "give either that or first_uid"},
	{"cg_move_processes = always\n", "cg_move_processes must be 'no' or 'yes'"},
	{"box1.cpus = \n", "conf:1: "},
	{"box1.cpus = 1-\n", "box1.cpus: '1-' is not a list"},
	{"box1.mems = a\n", "box1.mems: 'a' is not a list"},
	{"box1.cpu = 1\n", "unknown key 'box1.cpu'"},
	{"box.cpus = 1\n", "unknown key 'box.cpus'"},
	{"box2147483647.cpus = 1\n", "unknown key"},
	{"box1.cpus = 1\nbox2.mems = 1\nnum_boxes = x\n", "conf:3: "},
	{"no_such_key = 1\n", "unknown key 'no_such_key'"},
	{"just words\n", "conf:1: "},
	{"box_root = /x", "conf:1: "}, /* cut */
};

static void test_all_keys(struct tap *t)
{
	struct config c;
	struct err e;

	if (!tap_int(
		    t,
		    parse("# comment\n[section]\n  box_root = /b x \nlock_root=/l\ncg_root = v1:/i\n"
			  "image_root = /i\nimage_owner = 7\nfirst_uid = 5000\nfirst_gid = 6000\n"
			  "num_boxes = 2147483647\nmax_boxes_per_user = 5\nsyscall_flags = 3\ntmp_size = 1G\n"
			  "user_images = no\ninit_existing = refuse\nrestricted_init = 1\n"
			  "share_net = root\ncg_parent = whatever\ncg_move_processes = yes\n"
			  "box0.cpus = 4-7\nbox0.mems=0\n"
			  "box12.mems = 1\nbox0.cpus = 0,2\n",
			  &c, &e),
		    0, "keys: all are known")) {
		tap_note("%s", e.text);
		return;
	}
	tap_str(t, c.box_root, "/b x", "keys: box_root");
	tap_str(t, c.lock_root, "/l", "keys: lock_root");
	tap_str(t, c.cg_root, "v1:/i", "keys: cg_root");
	tap_str(t, c.image_root, "/i", "keys: image_root");
	tap_u64(t, c.image_owner, 7, "keys: image_owner");
	tap_u64(t, c.first_uid, 5000, "keys: first_uid");
	tap_u64(t, c.first_gid, 6000, "keys: first_gid");
	tap_u64(t, c.num_boxes, 2147483647, "keys: num_boxes");
	tap_u64(t, c.max_boxes, 5, "keys: max_boxes_per_user");
	tap_u64(t, c.syscall_flags, 3, "keys: syscall_flags");
	tap_u64(t, c.tmp_bytes, UINT64_C(1) << 30, "keys: tmp_size");
	tap_ok(t, !c.user_images && c.init_refuse && c.restricted_init && c.cg_move_processes,
	       "keys: switches");
	tap_int(t, (int)c.share_net, WHO_ROOT, "keys: share_net");
	tap_str(t, config_find_pin(&c, 0).cpus, "0,2", "keys: boxN.cpus, the last one");
	tap_str(t, config_find_pin(&c, 0).mems, "0", "keys: boxN.mems");
	tap_ok(t, !config_find_pin(&c, 12).cpus, "keys: boxN.cpus is not that of others");
	tap_str(t, config_find_pin(&c, 12).mems, "1", "keys: boxN.mems of two boxes");
	tap_ok(t, !config_find_pin(&c, 1).mems, "keys: a box without any");
	config_fini(&c);
}

static void test_defaults(struct tap *t)
{
	struct config c;
	struct err e;

	if (!tap_int(t, parse("", &c, &e), 0, "defaults: an empty file is one"))
		return;
	tap_str(t, c.box_root, "/var/lib/isolate/boxes", "defaults: box_root");
	tap_str(t, c.cg_root, "auto", "defaults: cg_root");
	tap_u64(t, c.first_uid, 60000, "defaults: first_uid");
	tap_u64(t, c.num_boxes, 1000, "defaults: num_boxes");
	tap_u64(t, c.max_boxes, 0, "defaults: max_boxes_per_user");
	tap_u64(t, c.syscall_flags, 31, "defaults: syscall_flags");
	tap_ok(t, c.user_images && !c.init_refuse && !c.restricted_init && !c.cg_move_processes,
	       "defaults: switches");
	tap_int(t, (int)c.share_net, WHO_ALL, "defaults: share_net");
}

static void test_long(struct tap *t)
{
	char text[CONFIG_PATH_MAX + 64] = "box_root = /";
	struct config c;
	struct err e = {0};
	size_t len = strlen(text);

	memset(text + len, 'x', CONFIG_PATH_MAX);
	memcpy(text + len + CONFIG_PATH_MAX, "\n", 2);
	tap_int(t, parse(text, &c, &e), -1, "long: refused");
	tap_has(t, e.text, "box_root is too long", "long: says so");
}

static const struct subid_row {
	const char *name, *conf, *uids, *gids, *says; /* says NULL: it works */
	unsigned first_uid, first_gid, boxes;
} subid_rows[] = {
	{"both files", "", "box:5000:100\n", "box:6000:100\n", NULL, 5000, 6000, 100},
	{"the smaller count", "", "box:5000:100\n", "box:6000:90\n", NULL, 5000, 6000, 90},
	{"fewer boxes", "num_boxes = 90\n", "box:5000:100\n", "box:6000:90\n", NULL, 5000, 6000,
	 90},
	{"too many boxes", "num_boxes = 91\n", "box:5000:100\n", "box:6000:90\n",
	 "num_boxes is 91, but /etc/subgid has only 90 ids for 'box'", 0, 0, 0},
	{"no such user", "", "x:5000:100\n", "box:6000:90\n", "no line of 'box' in /etc/subuid", 0,
	 0, 0},
	{"no such group", "", "box:5000:100\n", "", "no line of 'box' in /etc/subgid", 0, 0, 0},
	{"system ids", "", "box:0:100\n", "box:6000:90\n", "begin at 0, the lowest allowed is 1000",
	 0, 0, 0},
	{"malformed", "", "box:a:100\n", "box:6000:90\n", "/etc/subuid: the line of 'box' is", 0, 0,
	 0},
};

static void test_subids(struct tap *t, const struct subid_row *r)
{
	char conf[256];
	struct config c;
	struct err e = {0};
	int rc;

	snprintf(conf, sizeof(conf), "subid_user = box\n%s", r->conf);
	if (!tap_int(t, parse(conf, &c, &e), 0, "subids: %s: parses", r->name))
		return;
	rc = config_apply_subids(&c, r->uids, strlen(r->uids), r->gids, strlen(r->gids), &e);
	tap_int(t, rc, r->says ? -1 : 0, "subids: %s", r->name);
	if (r->says) {
		tap_has(t, e.text, r->says, "subids: %s: says why", r->name);
		tap_u64(t, c.first_uid, 60000, "subids: %s: unchanged", r->name);
		return;
	}
	tap_u64(t, c.first_uid, r->first_uid, "subids: %s: first_uid", r->name);
	tap_u64(t, c.first_gid, r->first_gid, "subids: %s: first_gid", r->name);
	tap_u64(t, c.num_boxes, r->boxes, "subids: %s: num_boxes", r->name);
}

static void collect(void *ctx, unsigned line, bool error, const char *text)
{
	char *all = ctx;
	size_t at = strlen(all);

	snprintf(all + at, 4096 - at, "%u %s %s\n", line, error ? "error" : "warning", text);
}

static void test_check(struct tap *t)
{
	char text[] =
		"box_root = relative\nnum_boxes = 5\nwords\ncg_parent = x\n\nnum_boxes = 6\n"
		"nonsense = 1\nfirst_uid = 4294967000\nfirst_gid = 70000\nnum_boxes = 1000\ncut";
	char got[4096] = "";
	const struct config_sink sink = {collect, got};
	struct config_lines lines;
	struct config c;

	tap_u64(t, config_check("f", text, sizeof(text) - 1, &c, &lines, &sink), 5,
		"check: errors");
	tap_str(t, got,
		"1 error box_root must be an absolute path, not 'relative'\n"
		"3 error 'words' is not 'key = value'\n"
		"4 warning cg_parent means nothing any more: cg_root says where control groups are made\n"
		"6 warning num_boxes was set in line 2 already: this line counts\n"
		"7 error unknown key 'nonsense'\n"
		"10 warning num_boxes was set in line 6 already: this line counts\n"
		"11 error file ends in the middle of a line\n"
		"0 error first_uid or first_gid plus num_boxes goes beyond the last user id\n",
		"check: all that is wrong or odd is told with its line");
	tap_ok(t, lines.uids == 8 && lines.gids == 9, "check: lines of the ids");
	tap_u64(t, c.first_gid, 70000, "check: good lines count");
}

/* What is shipped must be what is built in, or a value that is as good. */
static void test_shipped(struct tap *t)
{
	static char text[65536];
	FILE *f = fopen("default.cf", "re");
	struct config c;
	struct err e;
	size_t len;

	if (!f) {
		tap_skip(t, "default.cf is not in the working directory");
		return;
	}
	len = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f); /* it was only read */
	if (!tap_int(t, config_parse("default.cf", text, len, &c, &e), 0, "default.cf: parses"))
		tap_note("%s", e.text);
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct config c;
		struct err e = {0};

		tap_int(&t, parse(bad[i].text, &c, &e), -1, "bad %zu: refused", i);
		tap_int(&t, e.kind, ERR_CONFIG, "bad %zu: as configuration", i);
		tap_has(&t, e.text, bad[i].says, "bad %zu: says why", i);
	}
	test_all_keys(&t);
	test_defaults(&t);
	test_long(&t);
	for (size_t i = 0; i < ARRAY_LEN(subid_rows); i++)
		test_subids(&t, &subid_rows[i]);
	test_check(&t);
	test_shipped(&t);
	return tap_done(&t);
}
