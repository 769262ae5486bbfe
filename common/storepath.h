/* SPDX-License-Identifier: MIT */
/* Which image store imgfetch and imgmount use. Not for isolate, which has its own configuration. */
#ifndef COMMON_STOREPATH_H
#define COMMON_STOREPATH_H

#include "common/defs.h"
#include "common/err.h"
#include "common/store.h"

#define STOREPATH_SYSTEM "/var/lib/isolate/images"

/* Absolute path of the store: `given` (--store) if not NULL; for root image_root of the
 * configuration file `config` (CONFIG_FILE; STOREPATH_SYSTEM where it has none); for others their
 * own, see store_user_path. ERR_CONFIG, ERR_SYSTEM. */
int storepath_pick(const char *given, const char *config, const char *xdg_data_home,
		   const char *home, char *out, size_t size, struct err *e) NODISCARD;

/* Absolute path of the system's store, as above for root. */
int storepath_system(const char *config, char *out, size_t size, struct err *e) NODISCARD;

/* store_open as these programs trust: root uses stores of root that nobody can swap, everybody else
 * his own or root's, wherever it is. */
int storepath_open(const char *path, struct store *out, struct err *e) NODISCARD;

/* Value of a key in the configuration file, last one wins; 1 found, 0 not (also: no file), -1. Root
 * reads only a file that nobody else can write (ERR_CONFIG). */
int storepath_config(const char *config, const char *key, char *out, size_t size,
		     struct err *e) NODISCARD;

#endif
