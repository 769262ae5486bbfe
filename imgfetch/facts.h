/* SPDX-License-Identifier: MIT */
/* What a layer leaves to be settled with the layers below it, and the note beside it that keeps
 * that, layers/sha256/<diffid>.facts: see isolate-image(5). */
#ifndef IMGFETCH_FACTS_H
#define IMGFETCH_FACTS_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/store.h"

enum fact_kind {
	FACT_IMPLIED, /* a directory that the archive has no entry for, only something in it */
	FACT_GONE,    /* an entry that was not made, in place of whatever lies below */
	FACT_LINK,    /* a hard link to something that only the layers below can have */
};

struct fact {
	enum fact_kind kind;
	char *path;   /* owned; relative to the root and canonical (imgfetch/whiteout.h); the root
			 itself, which only FACT_IMPLIED may name, is "" */
	char *target; /* owned; FACT_LINK: the same form; else NULL */
	size_t seq;   /* as they were added */
};

struct facts {
	struct fact *list; /* owned; sorted by kind, then path, none twice */
	size_t count, room;
	size_t bytes; /* of the text form, about */
};

/* Remember one; copies its strings. Of several of a kind and path facts_sort keeps the last.
 * ERR_VERIFY: there are too many (FACTS_BYTES_MAX). Pure. */
int facts_add(struct facts *f, enum fact_kind kind, const char *path, const char *target,
	      struct err *e) NODISCARD;
/* To be called once after the last. Pure. */
void facts_sort(struct facts *f);

/* Does the list have it? The fact, or NULL. Pure. */
const struct fact *facts_find(const struct facts *f, enum fact_kind kind, const char *path);

/* Does it have any of this kind below path, which is not ""? Pure. */
bool facts_has_below(const struct facts *f, enum fact_kind kind, const char *path);

/* Text form, malloc'd. Pure. */
#define FACTS_BYTES_MAX ((size_t)32 << 20)
int facts_format(const struct facts *f, char **out, size_t *out_len, struct err *e) NODISCARD;

/* Parse len bytes at text (writable, NUL-terminated, cut up in place). name is for messages. On
 * failure *out is untouched. ERR_VERIFY. Pure. */
int facts_parse(const char *name, char *text, size_t len, struct facts *out,
		struct err *e) NODISCARD;

/* Those of a layer in the store; none where there is no note. */
int facts_read(const struct store *st, const struct digest *diffid, struct facts *out,
	       struct err *e) NODISCARD;

void facts_fini(struct facts *f);

#endif
