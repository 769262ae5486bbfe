/* SPDX-License-Identifier: MIT */
/* A bounded buffer between one writer and one reader thread. */
#include "imgfetch/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ring {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool stopped;
	bool discard;
	unsigned slots;
	size_t slot_bytes;
	uint64_t written, taken, released; /* slots; written - released <= slots */
	size_t *len;			   /* [slots] bytes in each slot that was handed over */
	unsigned char *memory;
	unsigned char *open_slot; /* the writer's own: a slot that ring_write is filling */
	size_t open_len;
	bool at_end; /* the reader's own: the end was read */
};

struct ring *ring_new(size_t slot_bytes, unsigned slots, struct err *e)
{
	struct ring *r = calloc(1, sizeof(*r));

	if (!r)
		goto no_memory;
	r->slots = slots;
	r->slot_bytes = slot_bytes;
	r->len = calloc(slots, sizeof(*r->len));
	r->memory = malloc(slot_bytes * slots);
	if (!r->len || !r->memory)
		goto no_memory;
	/* Neither can fail on Linux with default attributes. */
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->changed, NULL);
	return r;
no_memory:
	err_sys(e, ERR_SYSTEM, "make a buffer of %zu KiB", slot_bytes / 1024 * slots);
	if (r) {
		free(r->len);
		free(r->memory);
		free(r);
	}
	return NULL;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->mutex);
	free(r->len);
	free(r->memory);
	free(r);
}

void *ring_reserve(struct ring *r)
{
	void *slot = NULL;

	pthread_mutex_lock(&r->mutex);
	while (!r->stopped && !r->discard && r->written - r->released == r->slots)
		pthread_cond_wait(&r->changed, &r->mutex);
	if (!r->stopped)
		slot = r->memory + r->written % r->slots * r->slot_bytes;
	pthread_mutex_unlock(&r->mutex);
	return slot;
}

void ring_commit(struct ring *r, size_t len)
{
	pthread_mutex_lock(&r->mutex);
	/* With the reader gone the slot is simply used again. */
	if (!r->discard) {
		r->len[r->written % r->slots] = len;
		r->written++;
		pthread_cond_signal(&r->changed);
	}
	pthread_mutex_unlock(&r->mutex);
}

int ring_write(struct ring *r, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len > 0) {
		if (!r->open_slot) {
			r->open_slot = ring_reserve(r);
			if (!r->open_slot)
				return -1;
			r->open_len = 0;
		}
		size_t n = MIN(len, r->slot_bytes - r->open_len);
		memcpy(r->open_slot + r->open_len, p, n);
		r->open_len += n;
		p += n;
		len -= n;
		if (r->open_len == r->slot_bytes) {
			ring_commit(r, r->open_len);
			r->open_slot = NULL;
		}
	}
	return 0;
}

int ring_write_end(struct ring *r)
{
	if (r->open_slot) {
		ring_commit(r, r->open_len);
		r->open_slot = NULL;
	}
	if (!ring_reserve(r))
		return -1;
	ring_commit(r, 0);
	return 0;
}

ssize_t ring_read(struct ring *r, const void **data)
{
	ssize_t len = -1;

	if (r->at_end)
		return 0;
	pthread_mutex_lock(&r->mutex);
	if (r->taken != r->released) {
		r->released = r->taken;
		pthread_cond_signal(&r->changed);
	}
	while (!r->stopped && r->written == r->taken)
		pthread_cond_wait(&r->changed, &r->mutex);
	if (!r->stopped) {
		unsigned i = r->taken % r->slots;
		r->taken++;
		len = (ssize_t)r->len[i];
		*data = r->memory + i * r->slot_bytes;
		r->at_end = len == 0;
	}
	pthread_mutex_unlock(&r->mutex);
	return len;
}

void ring_stop(struct ring *r)
{
	pthread_mutex_lock(&r->mutex);
	r->stopped = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

void ring_discard(struct ring *r)
{
	pthread_mutex_lock(&r->mutex);
	r->discard = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}
