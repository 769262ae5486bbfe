/* SPDX-License-Identifier: MIT */
/* libarchive 3.6 reads the time -1.25 of a pax record as -1 and 0.25, which would be -0.75, and
 * -0.25 as 0.25. Which of both it was only the record itself can tell. */
#include "imgfetch/rawheader.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK	    512
#define SIZE_AT	    124
#define SIZE_LEN    12
#define TYPE_AT	    156
#define RECORDS_MAX ((size_t)8 << 20) /* no header that was read is larger */
#define SECONDS_MAX INT64_C(1000000000000000)

void rawheader_begin(struct rawheader *h, uint64_t at)
{
	h->from = at;
	h->kept_len = 0;
}

void rawheader_fini(struct rawheader *h)
{
	free(h->kept);
	*h = (struct rawheader){0};
}

/* Append what the last piece has of the header. */
int rawheader_keep(struct rawheader *h, struct err *e)
{
	size_t skip = h->from > h->piece_at ? (size_t)MIN(h->from - h->piece_at, h->piece_len) : 0;
	size_t len = h->piece_len - skip;

	if (len == 0)
		return 0;
	if (len > h->kept_room - h->kept_len) {
		size_t room = MAX(2 * h->kept_room, h->kept_len + len);
		unsigned char *bigger = realloc(h->kept, room);
		if (!bigger)
			return err_sys(e, ERR_SYSTEM, "remember a header");
		h->kept = bigger;
		h->kept_room = room;
	}
	memcpy(h->kept + h->kept_len, h->piece + skip, len);
	h->kept_len += len;
	return 0;
}

void rawheader_feed(struct rawheader *h, const void *data, size_t len)
{
	h->piece_at += h->piece_len;
	h->piece = data;
	h->piece_len = len;
}

/* A size in octal, as that of records always is. */
static bool read_size(const unsigned char *field, size_t *out)
{
	size_t n = 0, i = 0;

	while (i < SIZE_LEN && field[i] == ' ')
		i++;
	for (; i < SIZE_LEN && field[i] >= '0' && field[i] <= '7'; i++) {
		n = n * 8 + (size_t)(field[i] - '0');
		if (n > RECORDS_MAX)
			return false;
	}
	*out = n;
	return i == SIZE_LEN || field[i] == ' ' || field[i] == '\0';
}

/* [-]SECONDS[.FRACTION]; digits beyond nanoseconds are left out. */
static bool read_time(const unsigned char *s, size_t len, struct timespec *out)
{
	bool minus = len > 0 && s[0] == '-';
	int64_t sec = 0, nsec = 0, unit = NSEC_PER_SEC / 10;
	size_t i = minus ? 1 : 0;

	if (i == len)
		return false;
	for (; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
		sec = sec * 10 + (s[i] - '0');
		if (sec > SECONDS_MAX)
			return false;
	}
	if (i < len && s[i++] != '.')
		return false;
	for (; i < len; i++, unit /= 10) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		nsec += (s[i] - '0') * unit;
	}
	if (minus) {
		sec = -sec - (nsec > 0);
		nsec = nsec > 0 ? (int64_t)NSEC_PER_SEC - nsec : 0;
	}
	*out = (struct timespec){.tv_sec = sec, .tv_nsec = nsec};
	return true;
}

/* Records "LENGTH KEY=VALUE\n"; the last of a key counts. */
static bool find_mtime(const unsigned char *p, size_t len, struct timespec *out)
{
	static const char key[] = "mtime=";
	const size_t key_len = sizeof(key) - 1;
	bool found = false;

	while (len > 0) {
		size_t size = 0, digits = 0;

		while (digits < len && digits < 9 && p[digits] >= '0' && p[digits] <= '9')
			size = size * 10 + (size_t)(p[digits++] - '0');
		if (digits == 0 || digits == len || p[digits] != ' ' || size > len ||
		    size < digits + 2 || p[size - 1] != '\n')
			return false;
		const unsigned char *word = p + digits + 1;
		size_t word_len = size - digits - 2;
		if (word_len >= key_len && memcmp(word, key, key_len) == 0)
			found = read_time(word + key_len, word_len - key_len, out);
		p += size;
		len -= size;
	}
	return found;
}

/* n bytes of the header at `at`, in one piece. */
static const unsigned char *bytes_at(const struct rawheader *h, size_t at, size_t n)
{
	uint64_t begin = h->from + at;

	if (at + n <= h->kept_len)
		return h->kept + at;
	if (begin < h->piece_at || begin - h->piece_at > h->piece_len ||
	    n > h->piece_len - (begin - h->piece_at))
		return NULL;
	return h->piece + (begin - h->piece_at);
}

bool rawheader_mtime(struct rawheader *h, struct timespec *out)
{
	const unsigned char *p;
	struct err ignored;
	bool found = false;
	size_t at = 0, size;

	/* A header in two pieces is put together first; it is not read on after this. */
	if (h->kept_len > 0 && rawheader_keep(h, &ignored) < 0)
		return false;
	/* Extensions come before the header proper: of pax (also Solaris'), of GNU. */
	while ((p = bytes_at(h, at, BLOCK)) && memchr("xXgLKV", p[TYPE_AT], 6)) {
		char type = (char)p[TYPE_AT];
		if (!read_size(p + SIZE_AT, &size))
			return false;
		p = bytes_at(h, at + BLOCK, size);
		if (!p)
			return false;
		if (type == 'x' || type == 'X')
			found = find_mtime(p, size, out);
		at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
	}
	return found;
}
