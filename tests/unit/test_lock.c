/* SPDX-License-Identifier: MIT */
/* isolate/lock: records as text and back, and in a file. */
#include "isolate/lock.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static int parse(const char *text, struct lock_record *r, struct err *e)
{
	char buf[LOCK_TEXT_MAX];
	size_t len = strlen(text);

	memcpy(buf, text, len + 1);
	return lock_parse("lock", buf, len, r, e);
}

static const char *const bad[] = {
	"ready = 1\n", /* nobody's */
	"owner = -1\n",
	"owner = 4294967295\n",
	"owner = 1\nready = 2\n",
	"owner = 1\nwhat = 1\n",
	"owner = 1\nimage = sha256:1\n",
	"owner = 1\nproject = 4294967296\n",
	"owner = 1\ndisk_bytes = -1\n",
	"owner = 1\ndisk = 1\n",
	"owner = 1\nrw_bytes = -1\n",
	"owner = 1\nrw = 1\n",
	"owner = 1",
	"owner\n",
};

static bool same(const struct lock_record *a, const struct lock_record *b)
{
	return a->exists == b->exists && a->owner == b->owner && a->ready == b->ready &&
	       a->cg == b->cg && a->running == b->running && a->once == b->once &&
	       a->disk.room.bytes == b->disk.room.bytes &&
	       a->disk.room.inodes == b->disk.room.inodes && a->disk.all == b->disk.all &&
	       a->disk.tmpfs == b->disk.tmpfs && a->disk.project == b->disk.project &&
	       a->rw.bytes == b->rw.bytes && a->rw.inodes == b->rw.inodes &&
	       a->has_image == b->has_image && a->image_own == b->image_own &&
	       strcmp(a->image.hex, b->image.hex) == 0 && strcmp(a->store_path, b->store_path) == 0;
}

/* Written over each other, a shorter one leaves nothing of a longer one to be read. */
static void test_file(struct tap *t)
{
	struct lock_record long_one = {.exists = true,
				       .owner = 4294967294,
				       .ready = true,
				       .cg = true,
				       .running = true,
				       .disk = {.room = {UINT64_MAX, 7},
						.all = true,
						.tmpfs = true,
						.project = UINT32_MAX},
				       .rw = {UINT64_MAX, 9},
				       .has_image = true,
				       .image_own = true,
				       .store_path = "/home/u/.local/share/isolate/images"};
	struct lock_record short_one = {.exists = true,
					.owner = 1,
					.once = true,
					.disk.room.inodes = 1},
			   none = {0};
	const struct lock_record *all[] = {&long_one, &short_one, &long_one, &none, &short_one};
	int dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct lock l = {.fd = -1}, again = {.fd = -1};
	struct err e = {0};
	int fd;

	memset(long_one.image.hex, 'a', DIGEST_HEX_LEN);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!tap_int(t, lock_open(dir, 77, &fd, &e), 0, "file %zu: opened", i) ||
		    !tap_int(t, lock_take(fd, 77, false, &l, &e), 0, "file %zu: taken", i)) {
			tap_note("%s", e.text);
			break;
		}
		l.record = *all[i];
		tap_int(t, lock_write(&l, &e), 0, "file %zu: written", i);
		lock_close(&l);
		if (lock_open(dir, 77, &fd, &e) < 0 || lock_take(fd, 77, false, &again, &e) < 0)
			tap_note("%s", e.text);
		tap_ok(t, same(&again.record, all[i]), "file %zu: read back", i);
		lock_close(&again);
	}
	(void)unlinkat(dir, "77", 0); /* the directory is thrown away */
	(void)close(dir);
}

/* The longest record that is written is of one page. */
static void test_longest(struct tap *t)
{
	struct lock_record r = {.exists = true,
				.owner = 4294967294,
				.ready = true,
				.cg = true,
				.running = true,
				.once = true,
				.disk = {.room = {UINT64_MAX, UINT64_MAX},
					 .all = true,
					 .tmpfs = true,
					 .project = UINT32_MAX},
				.rw = {UINT64_MAX, UINT64_MAX},
				.has_image = true,
				.image_own = true};
	char buf[LOCK_TEXT_MAX];
	struct err e = {0};
	size_t len = 0;

	memset(r.image.hex, 'a', DIGEST_HEX_LEN);
	memset(r.store_path, '/', LOCK_STORE_PATH_MAX);
	tap_int(t, lock_format(&r, buf, sizeof(buf), &len, &e), 0, "longest: %s", e.text);
	tap_ok(t, len <= 4096, "longest: %zu bytes", len);
}

int main(void)
{
	struct tap t = {0};
	struct lock_record r;
	char buf[LOCK_TEXT_MAX];
	size_t len;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&e, 0, sizeof(e));
		tap_int(&t, parse(bad[i], &r, &e), -1, "bad %zu: refused", i);
		tap_int(&t, e.kind, ERR_CONFIG, "bad %zu: kind", i);
	}
	tap_int(&t, parse("", &r, &e), 0, "empty: fine");
	tap_ok(&t, !r.exists, "empty: nobody's box");
	test_file(&t);
	test_longest(&t);
	/* From HOME, perhaps: a second line would be another owner, or break the box for good. */
	r = (struct lock_record){.exists = true, .has_image = true, .store_path = "/x\nowner = 0"};
	tap_int(&t, lock_format(&r, buf, sizeof(buf), &len, &e), -1, "path of two lines: refused");
	return tap_done(&t);
}
