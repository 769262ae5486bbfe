/* SPDX-License-Identifier: MIT */
/* What the files of --check share. Nobody else includes this. */
#ifndef ISOLATE_CHECK_IMPL_H
#define ISOLATE_CHECK_IMPL_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/check.h"
#include "isolate/config.h"
#include "isolate/priv.h"

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_MISSING };

#define CHECK_TEXT_MAX 512

/* What one check found. Less than PIPE_BUF: some are made in a child and sent by a pipe. */
struct finding {
	enum check_state state;
	char text[CHECK_TEXT_MAX]; /* how it is */
	char mend[CHECK_TEXT_MAX]; /* what to do, or why it matters; "" for CHECK_OK */
};

/* What the checks look at. */
struct check {
	const struct check_ask *ask;
	const struct priv *priv;     /* NULL: there is no privilege, see `why` */
	const struct config *config; /* NULL: it cannot be read, see `why` */
	const struct err *why;
	int root_fd; /* "/": proc and sys are looked up below it, with the caller's rights */
};

/* Set *f; texts that do not fit are cut. mend: NULL for none. */
void check_set(struct finding *f, enum check_state state, const char *mend, const char *fmt, ...)
	PRINTF(4, 5);
/* The same, text being that of an error. */
void check_set_err(struct finding *f, enum check_state state, const char *mend,
		   const struct err *e);

/* Text of a small file below root_fd, without its last newline. -1 (errno) when it cannot be had or
 * is longer than size - 1. */
ssize_t check_read(int root_fd, const char *path, char *buf, size_t size);

/* check_places.c: open a directory of the configuration, trusted up to /; or, where it is not there
 * yet (*exact is false then), what is there of the way to it. As root. O_PATH fd or -1. */
int check_open_dir(const char *path, bool *exact, struct err *e);

/* check_timing.c: what makes timings unsteady. Each reads below c->root_fd only, as the caller. */
void check_swap(const struct check *c, struct finding *f);
void check_smt(const struct check *c, struct finding *f);
void check_governor(const struct check *c, struct finding *f);
void check_boost(const struct check *c, struct finding *f);
void check_aslr(const struct check *c, struct finding *f);
void check_hugepages(const struct check *c, struct finding *f);
void check_core_pattern(const struct check *c, struct finding *f);
void check_cores(const struct check *c, struct finding *f);
void check_hardlinks(const struct check *c, struct finding *f);

/* check_kernel.c: what the kernel does when asked to. As root; each in a child with namespaces of
 * its own, which end with it. */
void check_calls(const struct check *c, struct finding *f);
void check_namespaces(const struct check *c, struct finding *f);
void check_mounts(const struct check *c, struct finding *f);
void check_filter(const struct check *c, struct finding *f);
void check_userns(const struct check *c, struct finding *f);
void check_idmap(const struct check *c, struct finding *f);
void check_counter(const struct check *c, struct finding *f);
void check_overlay(const struct check *c, struct finding *f);

/* check_places.c: directories, ids and groups that the configuration names. As root, but for
 * check_user_store and check_ids. */
void check_privileges(const struct check *c, struct finding *f);
void check_conf(const struct check *c, struct finding *f);
void check_box_root(const struct check *c, struct finding *f);
void check_quotas(const struct check *c, struct finding *f);
void check_lock_root(const struct check *c, struct finding *f);
void check_ids(const struct check *c, struct finding *f);
void check_cgroup(const struct check *c, struct finding *f);
void check_controllers(const struct check *c, struct finding *f);
void check_image_root(const struct check *c, struct finding *f);
void check_user_store(const struct check *c, struct finding *f);
void check_image(const struct check *c, struct finding *f);

/* check_config.c: the first owner of an id of a box, by passwd(5) and its like. `tell` is called
 * for each file in which there are any, or which cannot be read. As the caller. */
void check_id_owners(const struct config *c, const struct config_lines *l,
		     const struct config_sink *sink);

#endif
