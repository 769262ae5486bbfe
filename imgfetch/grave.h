/* SPDX-License-Identifier: MIT */
/* How things leave the store: by rename into a directory below tmp/, at once and whole, and later,
 * when no lock is held any more, for good. Who is killed in between leaves what a sweep removes. */
#ifndef IMGFETCH_GRAVE_H
#define IMGFETCH_GRAVE_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"
#include "imgfetch/tmpdir.h"

struct grave {
	const struct store *st;
	struct tmpdir dir;
};

#define GRAVE_NONE ((struct grave){.dir = TMPDIR_NONE})

/* ERR_DISK, ERR_SYSTEM. */
int grave_open(const struct store *st, struct grave *out, struct err *e) NODISCARD;

/* Move in what has this path below the store. 1; 0 when there is none. ERR_DISK where the caller
 * may not write, ERR_SYSTEM. */
int grave_bury(struct grave *g, const char *path, struct err *e) NODISCARD;

/* A layer with all its notes: 1 if the layer itself was there. */
int grave_bury_layer(struct grave *g, const struct digest *diffid, struct err *e) NODISCARD;

/* Remove all that is in it, and itself. After a failure a later sweep does. GRAVE_NONE is fine. */
int grave_close(struct grave *g, struct err *e);

/* Take a name out of refs/, and the directories that hold nothing any more. */
int grave_remove_name(const struct store *st, const char *path, struct err *e) NODISCARD;

/* The lock of the store, exclusively, as soon as nobody else has it, within some seconds: nobody
 * holds it for long. fd or -1 (ERR_BUSY: older programs do). */
int grave_lock_store(const struct store *st, struct err *e);

/* Suffixes of the files beside a layer's directory. */
#define GRAVE_NOTES_MAX 8
extern const char *const grave_notes[GRAVE_NOTES_MAX]; /* ended by NULL */

#endif
