/* SPDX-License-Identifier: MIT */
/* --tty-hack: a terminal for the program, which is not the caller's. */
#ifndef ISOLATE_TTY_H
#define ISOLATE_TTY_H

#include <sys/types.h>
#include <termios.h>

#include "common/defs.h"
#include "common/err.h"

/* The program's end of a pseudo-terminal, and the process that carries bytes between the other end
 * and the caller's terminal. Nothing that the program does to the one (modes, line discipline,
 * input put into its queue, CVE-2017-5226) reaches the other. */
struct tty {
	int slave_fd;	     /* -1: there is none */
	unsigned used_as;    /* bit 1 << N: descriptor N of the program becomes slave_fd */
	pid_t relay;	     /* 0: none */
	int relay_fd;	     /* pidfd */
	struct termios mode; /* of the caller's terminal before */
};

#define TTY_NONE                                                                                   \
	{                                                                                          \
		.slave_fd = -1, .relay_fd = -1                                                     \
	}

/* Where standard output is a terminal, make another one for those of descriptors 0 to 2 that are
 * terminals and in `inherited` (bits 1 << N); elsewhere do nothing. The caller's terminal passes
 * everything on as it is from here on, so tty_end must follow. As the caller, with all signals
 * blocked. ERR_USAGE when isolate runs in the background of that terminal. */
int tty_open(struct tty *t, unsigned inherited, struct err *e) NODISCARD;

/* In the program's process, the leader of a session without a terminal: make this one it. */
int tty_attach(const struct tty *t, struct err *e) NODISCARD;

/* Everybody but the program's process lets go of its end as soon as that has it: what is printed
 * last is known to be the last when nobody holds it. */
void tty_close_slave(struct tty *t);

/* Wait, not for long, until everything has been shown; give the caller's terminal its mode back. */
void tty_end(struct tty *t);

#endif
