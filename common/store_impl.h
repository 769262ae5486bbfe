/* SPDX-License-Identifier: MIT */
/* What store.c and store_create.c share; nobody else includes this. */
#ifndef COMMON_STORE_IMPL_H
#define COMMON_STORE_IMPL_H

#include "common/store.h"

#define STORE_VERSION_TEXT "isolate-store 1\n"

/* A struct store that is not open yet: checked path, owner, fd -1. */
int store_init_path(struct store *s, const char *path, uid_t owner, struct err *e) NODISCARD;

/* Open the store's directory as store_open says, and check who may write to it. */
int store_open_root(struct store *s, bool caller_view, struct err *e) NODISCARD;

/* The version file is there, and of our version. */
int store_check_version(const struct store *s, struct err *e) NODISCARD;

#endif
