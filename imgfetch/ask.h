/* SPDX-License-Identifier: MIT */
/* Names and passwords from people: at their terminal, or from standard input. */
#ifndef IMGFETCH_ASK_H
#define IMGFETCH_ASK_H

#include "common/defs.h"
#include "common/err.h"

/* Print the prompt on the terminal and read a line there, without showing it if secret. A signal
 * that ends us restores the terminal first. One thread only. ERR_USAGE (no terminal, end of file,
 * or what ask_check refuses), ERR_SYSTEM. */
int ask_terminal(const char *prompt, bool secret, char *out, size_t size, struct err *e) NODISCARD;

/* All of fd, which must not be a terminal, without the newline at its end. ERR_USAGE, ERR_SYSTEM.
 */
int ask_stream(int fd, char *out, size_t size, struct err *e) NODISCARD;

/* Pure part: not empty, UTF-8, without control characters, which no registry takes (RFC 7617).
 * ERR_USAGE; the message does not show it. */
int ask_check(const char *s, struct err *e) NODISCARD;

#endif
