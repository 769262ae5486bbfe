/* SPDX-License-Identifier: MIT */
/* Whole reads and writes on descriptors, and the state of the descriptor table. */
#ifndef COMMON_FDIO_H
#define COMMON_FDIO_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

/* Read until size bytes or end of file, restarting on EINTR. Returns the count, or -1 (errno). */
ssize_t fdio_read_full(int fd, void *buf, size_t size);

/* Write everything, restarting on EINTR and short writes. 0, or -1 (errno). */
int fdio_write_all(int fd, const void *buf, size_t len) NODISCARD;

/* Read the rest of fd (a regular file or the like) into buf, which gets a NUL: more than size-1
 * bytes is an error (errno EFBIG). Returns the length without the NUL, or -1 (errno). */
ssize_t fdio_read_text(int fd, char *buf, size_t size);

/* Make sure that descriptors 0, 1 and 2 are open (on /dev/null where they were not), so that no
 * file opened later can land there. To be called before anything else is opened. */
int fdio_keep_stdio_open(struct err *e) NODISCARD;

/* Close every descriptor >= first. close_range(2), Linux 5.9; no fallback. */
int fdio_close_from(int first, struct err *e) NODISCARD;

/* Set close-on-exec on every descriptor >= first. CLOSE_RANGE_CLOEXEC, Linux 5.11. */
int fdio_cloexec_from(int first, struct err *e) NODISCARD;

#endif
