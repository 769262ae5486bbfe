/* SPDX-License-Identifier: MIT */
/* Unit test of common/imgmounts: which lines of mountinfo are images. */
#include "common/imgmounts.h"
#include "tests/unit/tap.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *name;
	const char *line;
	bool found;
	bool is_layer;
	uint64_t id;
	const char *dir;
} rows[] = {
	{"overlay image", "74 73 0:40 / /mnt ro,nosuid - overlay isolate-image:sha256:" HEX " ro\n",
	 true, false, 74, "/mnt"},
	{"optional fields",
	 "74 73 0:40 / /m ro shared:2 master:1 - overlay isolate-image:sha256:" HEX
	 " ro,lowerdir=1:2\n",
	 true, false, 74, "/m"},
	{"escaped directory",
	 "7 3 0:4 / /a\\040b\\134c\\012d ro - overlay isolate-image:sha256:" HEX " ro\n", true,
	 false, 7, "/a b\\c\nd"},
	{"one layer",
	 "8 3 8:1 /var/lib/isolate/images/layers/sha256/" HEX " /m ro - ext4 /dev/vda rw", true,
	 true, 8, "/m"},
	{"layer of a store that is a file system",
	 "8 3 8:1 /layers/sha256/" HEX " /m ro - xfs /dev/vdb rw", true, true, 8, "/m"},
	{"merged tree", "8 3 8:1 /s/images/sha256/" HEX "/flat/tree /m ro - ext4 /dev/vda rw", true,
	 false, 8, "/m"},
	{"part of a merged tree",
	 "8 3 8:1 /s/images/sha256/" HEX "/flat/tree/usr /m ro - ext4 /dev/vda rw", false, false, 0,
	 ""},
	{"merged tree elsewhere", "8 3 8:1 /s/layers/sha256/" HEX "/flat/tree /m ro - ext4 d rw",
	 false, false, 0, ""},
	{"other overlay", "74 73 0:40 / /mnt ro - overlay overlay ro", false, false, 0, ""},
	{"overlay without a digest", "74 73 0:40 / /mnt ro - overlay isolate-image ro", false,
	 false, 0, ""},
	{"short digest", "74 73 0:40 / /mnt ro - overlay isolate-image:sha256:abc ro", false, false,
	 0, ""},
	{"tmpfs with our source", "74 73 0:40 / /mnt ro - tmpfs isolate-image:sha256:" HEX " ro",
	 false, false, 0, ""},
	{"directory in a layer", "8 3 8:1 /layers/sha256/" HEX "/usr /m ro - ext4 /dev/vda rw",
	 false, false, 0, ""},
	{"longer name", "8 3 8:1 /layers/sha256/" HEX "0 /m ro - ext4 /dev/vda rw", false, false, 0,
	 ""},
	{"other place", "8 3 8:1 /xlayers/sha256/" HEX " /m ro - ext4 /dev/vda rw", false, false, 0,
	 ""},
	{"no separator", "8 3 8:1 /layers/sha256/" HEX " /m ro ext4 /dev/vda rw", false, false, 0,
	 ""},
	{"no number", "x 3 8:1 /layers/sha256/" HEX " /m ro - ext4 /dev/vda rw", false, false, 0,
	 ""},
	{"cut", "8 3 8:1 /layers/sha256/" HEX " /m", false, false, 0, ""},
	{"empty", "", false, false, 0, ""},
};

int main(void)
{
	struct tap t = {0};
	struct imgmounts m;
	struct imgmount_entry entry;
	struct err e = {0};
	int got;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char line[512];
		struct imgmount_entry out = {.mnt_id = 0};

		snprintf(line, sizeof(line), "%s", rows[i].line);
		bool found = imgmounts_parse_line(line, &out);
		tap_int(&t, found, rows[i].found, "%s", rows[i].name);
		tap_int(&t, out.is_layer, rows[i].is_layer, "%s: kind", rows[i].name);
		tap_u64(&t, out.mnt_id, rows[i].id, "%s: id", rows[i].name);
		tap_str(&t, out.dir, rows[i].dir, "%s: directory", rows[i].name);
		tap_str(&t, out.digest.hex, rows[i].found ? HEX : "", "%s: digest", rows[i].name);
	}
	tap_int(&t, imgmounts_open(&m, &e), 0, "open the real one");
	while ((got = imgmounts_next(&m, &entry, &e)) == 1)
		tap_note("mounted: %s", entry.dir);
	tap_int(&t, got, 0, "read it to its end");
	imgmounts_close(&m);
	return tap_done(&t);
}
