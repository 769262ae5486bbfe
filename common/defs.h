/* SPDX-License-Identifier: MIT */
/* Compiler attributes, small macros, and the size limits that all three programs share. */
#ifndef COMMON_DEFS_H
#define COMMON_DEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NODISCARD	   __attribute__((warn_unused_result))
#define NORETURN	   __attribute__((noreturn))
#define UNUSED		   __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)

/* As many as overlayfs takes (OVL_MAX_STACK); what comes on top makes it two of them. */
#define LAYERS_MAX 500
/* A descriptor is read by a privileged program: it must fit here, see isolate-image(5). */
#define IMGDESC_BYTES_MAX (64 * 1024)
#define IMGDESC_ENV_MAX	  256

#define ISOLATE_OCI_VERSION "0.1.0"
/* Version of the well-known isolate whose commands and files ours are. */
#define ISOLATE_COMPAT_VERSION "2.6"

#endif
