/* SPDX-License-Identifier: MIT */
/* One fixed-size error value that travels up the call chain and through pipes. */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include "common/defs.h"

/* What went wrong, as far as a caller can act on it. Exit statuses are derived from it by each
 * program's main(); nobody switches on the text. The order is part of the pipe format only within
 * one build. */
enum err_kind {
	ERR_NONE = 0, /* a zeroed struct err: nothing happened yet */
	ERR_USAGE,    /* the command line or a reference is wrong */
	ERR_CONFIG,   /* the configuration file, or what it points to, is wrong or unsafe */
	ERR_DENIED,   /* the caller may not do this */
	ERR_BUSY,     /* somebody else holds it: a box, an image, a layer */
	ERR_SYSTEM,   /* a system call failed */
	ERR_BUG,      /* cannot happen */
	ERR_AUTH,     /* a registry refused our credentials */
	ERR_NOTFOUND, /* no such image, tag, blob */
	ERR_NETWORK,  /* registry not reachable, or it does not speak the protocol */
	ERR_VERIFY,   /* digest, size or format of fetched or stored data is wrong */
	ERR_DISK,     /* no space, no quota, no write access in the store */
	ERR_PLATFORM, /* the image has nothing for this platform */
};

#define ERR_TEXT_MAX 1024

/* Plain data, less than PIPE_BUF (4096): one write(2) carries it from child to keeper. */
struct err {
	enum err_kind kind;
	int errnum; /* errno at the failure, 0 when none applies */
	char text[ERR_TEXT_MAX];
};

/* Set *e to kind and text; a text that does not fit ends in "...". errnum becomes 0. Always
 * returns -1, so that a failing function can `return err_set(...)`. errno is kept. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);

/* As err_set, then ": " and the description of errno in English (no locale is consulted), and
 * errnum = errno. */
int err_sys(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);

/* Put "text: " before what *e says already; kind and errnum stay. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* One line "prog: text\n" (without "prog: " if that is "") to stderr in one write; control
 * characters in the text are escaped. */
void err_print(const char *prog, const struct err *e);

/* Write *e to fd in one write / read exactly one from fd. err_send returns 0 or -1 (errno set) and
 * reports nothing further: the sender is about to die. err_recv returns 1 when an error was read, 0
 * at end of file before the first byte, -1 (and *out describes the transport failure) otherwise. */
int err_send(int fd, const struct err *e);
int err_recv(int fd, struct err *out);

/* English text of an errno value; never NULL, never localised. */
const char *err_strerror(int errnum);

#endif
