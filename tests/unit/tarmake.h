/* SPDX-License-Identifier: MIT */
/* Tar archives made by hand, so that a test can hold what no tar program would write. */
#ifndef TESTS_UNIT_TARMAKE_H
#define TESTS_UNIT_TARMAKE_H

#include <stddef.h>
#include <stdint.h>

struct tarmake {
	unsigned char *data;
	size_t len, room;
};

/* One header. Numbers too large for their octal field are written in base 256, as GNU tar does. */
struct tarent {
	char type; /* '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5', '6' ... */
	const char *name; /* over 100 bytes: a GNU 'L' header comes before */
	const char *link; /* over 100 bytes: a GNU 'K' header */
	unsigned mode;	  /* 0: 0644, directories 0755 */
	uint64_t uid, gid;
	int64_t mtime;
	uint64_t size_claim; /* when not 0, written instead of the length of the data */
	unsigned major, minor;
};

/* Header, data, padding. data may be NULL. All of these abort() without memory. */
void tarmake_add(struct tarmake *t, const struct tarent *ent, const void *data, size_t len);

/* A pax extended header ('x', or 'g' for all that follows): records KEY=VALUE, put together by
 * tarmake_record. */
struct tarrecords {
	unsigned char data[1 << 16];
	size_t len;
};
void tarmake_record(struct tarrecords *r, const char *key, const void *value, size_t len);
void tarmake_pax(struct tarmake *t, char type, const void *records, size_t len);

void tarmake_bytes(struct tarmake *t, const void *data, size_t len);
/* Two blocks of zeros. */
void tarmake_end(struct tarmake *t);
void tarmake_free(struct tarmake *t);

#endif
