/* SPDX-License-Identifier: MIT */
/* Tar archives made by hand: ustar headers with GNU long names and pax records. */
#include "tests/unit/tarmake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512

void tarmake_bytes(struct tarmake *t, const void *data, size_t len)
{
	if (t->len + len > t->room) {
		t->room = (t->len + len) * 2;
		t->data = realloc(t->data, t->room);
		if (!t->data)
			abort();
	}
	if (len > 0)
		memcpy(t->data + t->len, data, len);
	t->len += len;
}

static void pad(struct tarmake *t)
{
	static const char zeros[BLOCK];

	tarmake_bytes(t, zeros, (BLOCK - t->len % BLOCK) % BLOCK);
}

/* Octal with a NUL at the end, or base 256 with the top bit set. */
static void put_number(unsigned char *field, size_t width, int64_t value)
{
	char octal[32];
	int n = snprintf(octal, sizeof(octal), "%0*llo", (int)width - 1, (unsigned long long)value);

	if (value >= 0 && n == (int)width - 1) {
		memcpy(field, octal, width);
		return;
	}
	memset(field, value < 0 ? 0xff : 0, width);
	for (size_t i = 0; i < sizeof(value) && i < width; i++)
		field[width - 1 - i] = (unsigned char)((uint64_t)value >> (8 * i));
	field[0] |= 0x80;
}

static void put_string(unsigned char *field, size_t width, const char *s)
{
	size_t len = strlen(s);

	memcpy(field, s, len < width ? len : width);
}

static void put_header(struct tarmake *t, const struct tarent *ent, uint64_t size)
{
	unsigned char h[BLOCK] = {0};
	unsigned sum = 0;
	unsigned mode = ent->mode ? ent->mode : ent->type == '5' ? 0755 : 0644;

	put_string(h, 100, ent->name);
	put_number(h + 100, 8, mode);
	put_number(h + 108, 8, (int64_t)ent->uid);
	put_number(h + 116, 8, (int64_t)ent->gid);
	put_number(h + 124, 12, (int64_t)size);
	put_number(h + 136, 12, ent->mtime);
	memset(h + 148, ' ', 8);
	h[156] = (unsigned char)ent->type;
	if (ent->link)
		put_string(h + 157, 100, ent->link);
	memcpy(h + 257, "ustar\00000", 8);
	put_number(h + 329, 8, ent->major);
	put_number(h + 337, 8, ent->minor);
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	tarmake_bytes(t, h, BLOCK);
}

static void put_long(struct tarmake *t, char type, const char *s)
{
	struct tarent ent = {.type = type, .name = "././@LongLink"};

	tarmake_add(t, &ent, s, strlen(s) + 1);
}

void tarmake_add(struct tarmake *t, const struct tarent *ent, const void *data, size_t len)
{
	if (ent->link && strlen(ent->link) > 100)
		put_long(t, 'K', ent->link);
	if (strlen(ent->name) > 100)
		put_long(t, 'L', ent->name);
	put_header(t, ent, ent->size_claim ? ent->size_claim : len);
	tarmake_bytes(t, data, len);
	pad(t);
}

void tarmake_record(struct tarrecords *r, const char *key, const void *value, size_t len)
{
	size_t body = 1 + strlen(key) + 1 + len + 1;
	size_t total = body + 1;
	char number[32];

	/* The length counts its own digits. */
	while (total != body + (size_t)snprintf(number, sizeof(number), "%zu", total))
		total = body + strlen(number);
	if (r->len + total > sizeof(r->data))
		abort();
	unsigned char *p = r->data + r->len;
	p += sprintf((char *)p, "%zu %s=", total, key);
	memcpy(p, value, len);
	p[len] = '\n';
	r->len += total;
}

void tarmake_pax(struct tarmake *t, char type, const void *records, size_t len)
{
	struct tarent ent = {.type = type, .name = "PaxHeaders/x"};

	tarmake_add(t, &ent, records, len);
}

void tarmake_end(struct tarmake *t)
{
	static const char zeros[2 * BLOCK];

	tarmake_bytes(t, zeros, sizeof(zeros));
}

void tarmake_free(struct tarmake *t)
{
	free(t->data);
	*t = (struct tarmake){0};
}
