/* SPDX-License-Identifier: MIT */
/* What containers-registries.conf(5), the file of podman and its kin, says about registries. */
#ifndef IMGFETCH_REGISTRIESCONF_H
#define IMGFETCH_REGISTRIESCONF_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/hostrules.h"

/* Where to look; NULL or empty: not set. */
struct registriesconf_paths {
	const char *given;	 /* CONTAINERS_REGISTRIES_CONF */
	const char *system_dir;	 /* /etc/containers */
	const char *config_home; /* XDG_CONFIG_HOME */
	const char *home;	 /* HOME */
};

/* Add the rules of the files, as foreign ones. Read are: the given file, else the caller's own,
 * else the system's; then registries.conf.d of the system (not when the caller has a file
 * of his own) and of the caller, in the order of their names. ERR_CONFIG, ERR_SYSTEM. */
int registriesconf_load(const struct registriesconf_paths *paths, struct hostrules *rules,
			struct err *e) NODISCARD;

/* Pure part: the text of one file. Of TOML it knows what [[registry]] and [[registry.mirror]] need;
 * what it does not know there is an error, other tables and keys are skipped. text ends with a NUL,
 * and is cut up. ERR_CONFIG with "name:line: ". */
int registriesconf_parse(const char *name, char *text, size_t len, struct hostrules *rules,
			 struct err *e) NODISCARD;

#endif
