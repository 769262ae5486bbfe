/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target without libFuzzer: over its corpus, and over small changes of each file. */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/tap.h"

#define FILE_MAX    (256 * 1024)
#define ROUNDS	    400
#define FILES_LEAST 3

/* xorshift: the same sequence on each run, so that a failure repeats. */
static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* One change: a byte that parsers care about, a piece cut out, a piece doubled, or the end cut off.
 * buf has room for twice FILE_MAX. */
static size_t change(uint8_t *buf, size_t len, uint32_t *state)
{
	static const uint8_t special[] = {0,   '\n', '\r', ' ', '\t', '"',  '\\', '/', ':', '=',
					  ',', '@',  '#',  '.', '-',  '_',  '[',  ']', '{', '}',
					  '0', '9',  'a',  'A', 0x7f, 0x80, 0xc2, 0xff};
	size_t at, n;

	if (len == 0) {
		buf[0] = special[next_random(state) % sizeof(special)];
		return 1;
	}
	at = next_random(state) % len;
	n = 1 + next_random(state) % 16;
	n = MIN(n, len - at);
	switch (next_random(state) % 5) {
	case 0:
		buf[at] = special[next_random(state) % sizeof(special)];
		return len;
	case 1:
		buf[at] = (uint8_t)next_random(state);
		return len;
	case 2:
		memmove(buf + at, buf + at + n, len - at - n);
		return len - n;
	case 3:
		memmove(buf + at + n, buf + at, len - at);
		return len + n;
	default:
		return at;
	}
}

/* Each input is given at the very end of its own allocation. */
static void give(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, data, len);
	(void)LLVMFuzzerTestOneInput(copy, len); /* always 0 */
	free(copy);
}

static bool replay(int dirfd, const char *name)
{
	static uint8_t original[FILE_MAX], buf[2 * FILE_MAX];
	auto_fd fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : fdio_read_full(fd, original, sizeof(original));
	uint32_t state = 2463534242U;

	if (size < 0 || size == FILE_MAX)
		return false;
	give(original, (size_t)size);
	for (int round = 0; round < ROUNDS; round++) {
		size_t len = (size_t)size;

		memcpy(buf, original, len);
		for (uint32_t n = 1 + next_random(&state) % 3; n > 0; n--)
			len = change(buf, len, &state);
		give(buf, len);
	}
	return true;
}

int main(void)
{
	struct tap t = {0};
	char path[4096];
	auto_dir dir = NULL;
	const struct dirent *ent;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", CORPUS_DIR, fuzz_name) >= sizeof(path))
		abort();
	dir = opendir(path);
	if (!dir) {
		tap_ok(&t, false, "corpus %s can be read", path);
		return tap_done(&t);
	}
	give(NULL, 0);
	while ((ent = readdir(dir))) {
		if (ent->d_name[0] == '.')
			continue;
		/* Before the crash, not after it: the name of the input that does it. */
		fprintf(stderr, "%s\n", ent->d_name);
		tap_ok(&t, replay(dirfd(dir), ent->d_name), "%s and %d changes of it", ent->d_name,
		       ROUNDS);
	}
	tap_ok(&t, t.count >= FILES_LEAST, "the corpus has at least %d files", FILES_LEAST);
	return tap_done(&t);
}
