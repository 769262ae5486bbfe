/* SPDX-License-Identifier: MIT */
/* What the user sees of a pull: bars on a terminal, plain lines elsewhere. Thread-safe. */
#ifndef IMGFETCH_PROGRESS_H
#define IMGFETCH_PROGRESS_H

#include "common/defs.h"
#include "common/err.h"

struct progress;
struct progress_item;

/* Writes to fd (usually 2): bars with rate and remaining time if it is a terminal (but for
 * TERM=dumb), otherwise one plain line per finished item and message. quiet: warnings only. NULL
 * with *e when there is no memory. */
struct progress *progress_new(int fd, bool quiet, struct err *e);

/* A line that stays: on a terminal above the bars. Untrusted bytes in it are escaped. A NULL p is
 * fine in this and all functions below. */
void progress_message(struct progress *p, const char *fmt, ...) PRINTF(2, 3);

/* The same for what must be said however quiet all is. */
void progress_warning(struct progress *p, const char *fmt, ...) PRINTF(2, 3);

/* So many items, of so many bytes together, are to come: more than one get a bar for all. */
void progress_expect(struct progress *p, unsigned items, uint64_t bytes);

/* One of these was done by somebody else. */
void progress_brought(struct progress *p, uint64_t bytes);

/* Something of total_bytes to do; label is copied ("layer 1f3a...", at most 31 bytes are shown).
 * Owned by p. NULL (nothing is shown for it) when there is no memory or p is NULL. */
struct progress_item *progress_start(struct progress *p, const char *label, uint64_t total_bytes);

/* bytes more are done. A NULL item is fine here and below. */
void progress_advance(struct progress_item *it, uint64_t bytes);

/* bytes more are there from an earlier time: done, but nothing that a rate could be made of. */
void progress_advance_kept(struct progress_item *it, uint64_t bytes);

/* All that was done of it is to be done again. */
void progress_restart(struct progress_item *it);

/* The item is over: its bar goes away and "label: state" stays ("12.3 MB in 0.4 s" is added when
 * bytes were counted). state NULL: it goes away silently (an error is reported elsewhere). */
void progress_finish(struct progress_item *it, const char *state);

/* Takes the bars off the terminal. NULL is fine. */
void progress_free(struct progress *p);

static inline void progress_cleanup(struct progress **p)
{
	progress_free(*p);
	*p = NULL;
}
#define auto_progress __attribute__((cleanup(progress_cleanup))) struct progress *

#endif
