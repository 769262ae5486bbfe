/* SPDX-License-Identifier: MIT */
/* Tar archives: whatever comes in, nothing outside the layer directory changes. */
#include "imgfetch/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "unpack";

struct feeder {
	const uint8_t *data;
	size_t len;
};

static ssize_t feed(void *arg, const void **data, struct err *e)
{
	struct feeder *f = arg;
	size_t n = MIN(f->len, (size_t)1000);

	(void)e;
	*data = f->data;
	f->data += n;
	f->len -= n;
	return (ssize_t)n;
}

/* A directory of our own, with `layer` and nothing else in it. Removed at exit. */
static char base[64];

static void remove_base(void)
{
	struct err e;
	char *slash = strrchr(base, '/');

	*slash = '\0';
	auto_fd dir = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || path_remove_tree(dir, slash + 1, &e) < 0)
		fprintf(stderr, "left behind: %s/%s\n", base, slash + 1);
}

static int open_base(void)
{
	if (!*base) {
		/* In memory where that is possible: thousands of files are made and removed. */
		strcpy(base, "/dev/shm/fuzz_unpack.XXXXXX");
		if (!mkdtemp(base)) {
			strcpy(base, "/tmp/fuzz_unpack.XXXXXX");
			FUZZ_MUST(mkdtemp(base));
		}
		atexit(remove_base);
	}
	return open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Right checksums for what looks like headers, or hardly anything would get past them. */
static void mend_headers(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + 512 <= size; at += 512) {
		uint8_t *h = data + at;
		unsigned sum = 8 * ' ';
		if (memcmp(h + 257, "ustar", 5) != 0)
			continue;
		for (size_t i = 0; i < 512; i++)
			sum += i < 148 || i >= 156 ? h[i] : 0;
		snprintf((char *)h + 148, 8, "%06o", sum);
		h[155] = ' ';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct unpack_limits limits = {.entries = 200, .bytes = 1 << 20};
	auto_free uint8_t *mended = malloc(size + 1);
	struct feeder f = {mended, size};
	struct unpack_info info;
	struct facts facts;
	struct err e = {0};
	struct stat before, after;
	auto_fd b = open_base();

	FUZZ_MUST(mended);
	if (size > 0)
		memcpy(mended, data, size);
	mend_headers(mended, size);
	FUZZ_MUST(b >= 0 && path_remove_tree(b, "layer", &e) == 0 &&
		  mkdirat(b, "layer", 0755) == 0);
	auto_fd layer = openat(b, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_MUST(layer >= 0 && fstat(b, &before) == 0);
	int r = unpack_tar(layer, feed, &f, &limits, NULL, &info, &facts, &e);
	if (r == 0)
		facts_fini(&facts);
	FUZZ_MUST(r == 0 || e.kind == ERR_VERIFY || e.kind == ERR_DISK || e.kind == ERR_SYSTEM);
	/* A new name beside the layer would change the times of what holds both. */
	FUZZ_MUST(fstat(b, &after) == 0);
	FUZZ_MUST(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		  before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	FUZZ_MUST(before.st_mode == after.st_mode && before.st_uid == after.st_uid &&
		  before.st_nlink == after.st_nlink);
	return 0;
}
