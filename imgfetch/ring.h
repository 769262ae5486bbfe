/* SPDX-License-Identifier: MIT */
/* A bounded buffer between exactly one writing and one reading thread: a few large slots, handed
 * over whole, so that the reader works on the writer's memory and nothing is copied twice. */
#ifndef IMGFETCH_RING_H
#define IMGFETCH_RING_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

struct ring;

/* slots (at least 2) of slot_bytes each. NULL with *e when there is no memory. */
struct ring *ring_new(size_t slot_bytes, unsigned slots, struct err *e);

/* Both threads must be done with it. NULL is fine. */
void ring_free(struct ring *r);

/* Writer: a free slot to fill, waiting for one; NULL when the ring was stopped. */
void *ring_reserve(struct ring *r);
/* Writer: hand over the reserved slot with len bytes in it; len 0 is the end of the stream. */
void ring_commit(struct ring *r, size_t len);

/* Writer: copy data in, handing slots over as they fill up. 0, or -1 when the ring was stopped. */
int ring_write(struct ring *r, const void *data, size_t len) NODISCARD;
/* Writer: hand over what ring_write left in its last slot, then the end of the stream. */
int ring_write_end(struct ring *r) NODISCARD;

/* Reader: give the previous slot back and wait for the next one. Its length, 0 at the end of the
 * stream (again and again), -1 when the ring was stopped. */
ssize_t ring_read(struct ring *r, const void **data);

/* Either side, any thread: both sides fail from now on. */
void ring_stop(struct ring *r);
/* Reader: no more reading; what the writer writes vanishes, without waiting. */
void ring_discard(struct ring *r);

#endif
