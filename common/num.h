/* SPDX-License-Identifier: MIT */
/* Strict numbers from text: the whole string, decimal, in range, or an error. Pure. */
#ifndef COMMON_NUM_H
#define COMMON_NUM_H

#include "common/defs.h"
#include "common/err.h"

/* Each takes the whole string s: no spaces, no sign, no trailing text; ASCII digits only. `what`
 * names the value in messages ("--processes"). On failure *out is untouched, kind ERR_USAGE. */
int num_parse_u64(const char *s, uint64_t min, uint64_t max, const char *what, uint64_t *out,
		  struct err *e) NODISCARD;
int num_parse_int(const char *s, int min, int max, const char *what, int *out,
		  struct err *e) NODISCARD;

/* Seconds with an optional fraction and exponent ("2", "0.25", ".5", "1.", "1e+06"), at most 10^9
 * s, to nanoseconds; what is less than one is cut. */
int num_parse_seconds(const char *s, const char *what, uint64_t *out_ns, struct err *e) NODISCARD;

/* A count with an optional fraction and exponent ("2", "0.5"), in thousandths; what is less than
 * one of them is cut. max_milli is a whole count. */
int num_parse_milli(const char *s, uint64_t max_milli, const char *what, uint64_t *out_milli,
		    struct err *e) NODISCARD;

/* Bytes with an optional suffix K, M, G or T (powers of 1024, upper or lower case). */
int num_parse_size(const char *s, const char *what, uint64_t *out_bytes, struct err *e) NODISCARD;

#endif
