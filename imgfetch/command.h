/* SPDX-License-Identifier: MIT */
/* What each command of imgfetch does, with options that are checked and a store that is named. */
#ifndef IMGFETCH_COMMAND_H
#define IMGFETCH_COMMAND_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/opts.h"

/* A store that cannot be used is one kind, whether it is unsafe, foreign or no store: makes it
 * ERR_DISK. Always -1. */
int command_store_fault(struct err *e);

/* path: of the store, absolute. Results go to stdout (main flushes it and looks at errors). Besides
 * what their parts say: ERR_DISK for a store that cannot be used. */
int command_pull(const struct opts *o, const char *path, struct err *e) NODISCARD;
int command_list(const struct opts *o, const char *path, struct err *e) NODISCARD;
int command_inspect(const struct opts *o, const char *path, struct err *e) NODISCARD;
int command_tag(const struct opts *o, const char *path, struct err *e) NODISCARD;
int command_rm(const struct opts *o, const char *path, struct err *e) NODISCARD;
int command_flatten(const struct opts *o, const char *path, struct err *e) NODISCARD;
int command_gc(const struct opts *o, const char *path, struct err *e) NODISCARD;

#endif
