/* SPDX-License-Identifier: MIT */
/* What each command of imgfetch does, with options that are checked and a store that is named. */
#ifndef IMGFETCH_COMMAND_H
#define IMGFETCH_COMMAND_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/http.h"
#include "imgfetch/opts.h"
#include "imgfetch/progress.h"

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
int command_verify(const struct opts *o, const char *path, struct err *e) NODISCARD;
int command_du(const struct opts *o, const char *path, struct err *e) NODISCARD;

/* Without a store. */
int command_login(const struct opts *o, struct err *e) NODISCARD;
int command_logout(const struct opts *o, struct err *e) NODISCARD;

/* A client as the options and the configuration want it; http_free it. progress (may be NULL) is
 * told why requests wait; it and strings of o are borrowed until then. NULL with *e. */
struct http *command_http_new(const struct opts *o, struct progress *progress, struct err *e);

#endif
