/* SPDX-License-Identifier: MIT */
/* One control group per run, on cgroup v2 or v1, behind one interface. */
#ifndef ISOLATE_CGROUP_H
#define ISOLATE_CGROUP_H

#include "common/defs.h"
#include "common/err.h"
#include "isolate/limits.h"

struct cgroup_place; /* where box groups are made: hierarchy version and open directories */
struct cgroup;	     /* the group of one run, held by descriptors */

/* The keeper of what systemd delegates writes the directory of its group here;
 * isolate-cg-keeper(8).
 */
#define CGROUP_KEEPER_FILE "/run/isolate/cgroup"

/* Find the place that `cg_root` of the configuration names: "auto", "auto:FILE" (first line of a
 * trusted file is a v2 directory), a v2 directory, or "v1:/NAME"; isolate.cf(5) has the order of
 * "auto". Creates the parent group and enables the controllers (memory, pids; cpu where there) in
 * it; the parent stays for good, since removing it would race with other callers. Where processes
 * in the root of a container are in the way they are moved into a group of their own if
 * move_processes. As root. ERR_CONFIG names the controller or directory that is missing and says
 * what to do. */
int cgroup_find(const char *cg_root, bool move_processes, struct cgroup_place **out,
		struct err *e) NODISCARD;

/* The name that the place would have, or the error that cgroup_find would give as far as that can
 * be told by looking only: nothing is made, enabled or moved. As root. */
int cgroup_locate(const char *cg_root, bool move_processes, char *name, size_t size,
		  struct err *e) NODISCARD;

void cgroup_place_free(struct cgroup_place *p);

/* "v2 /sys/fs/cgroup/isolate" or "v1 /isolate": for messages and --print-cg-root. Borrowed. */
const char *cgroup_place_name(const struct cgroup_place *p);

/* Kill and remove what a dead keeper left for this box: every process in its group, then the group.
 * Waits at most a few seconds; ERR_BUSY when something cannot be killed. Missing is success. */
int cgroup_sweep(const struct cgroup_place *p, unsigned box_id, struct err *e) NODISCARD;

/* Fresh group box-<id> with limits: memory (max, no swap, oom.group) when cg_mem_bytes is set,
 * pids when processes is. All files needed later are opened now, as root. */
int cgroup_create(const struct cgroup_place *p, unsigned box_id, const struct limits *l,
		  struct cgroup **out, struct err *e) NODISCARD;

/* v2: directory fd for sys_clone's CLONE_INTO_CGROUP. v1: -1, and the child calls cgroup_join. */
int cgroup_birth_fd(const struct cgroup *g);

/* In the child, before it does anything on the program's account: enter (v1); nothing to do on v2,
 * where it was born inside. */
int cgroup_join(const struct cgroup *g, struct err *e) NODISCARD;

/* CPU time of everything that ever ran in the group, ns. */
int cgroup_cpu_ns(const struct cgroup *g, uint64_t *out, struct err *e) NODISCARD;

/* SIGKILL to all (cgroup.kill on v2, Linux 5.14; on v1 the pid namespace's death does it and this
 * only catches stragglers). */
int cgroup_kill(const struct cgroup *g, struct err *e) NODISCARD;

/* Whoever is in the group is going to die, and gets the CPU time that this takes, whatever --cpus
 * allows. cgroup_kill does it, too. */
void cgroup_let_die(const struct cgroup *g);

/* Readable once the group has run out of memory, where the kernel kills only one process then (v1):
 * the keeper calls cgroup_kill, since half of a box gives wrong answers. Not to be read from. -1
 * where the kernel kills all (v2), or nothing is limited. */
int cgroup_oom_fd(const struct cgroup *g);

/* After every process is gone: cpu_ns, have_cg_mem, cg_mem_bytes, cg_oom_killed of *u. */
int cgroup_read_usage(const struct cgroup *g, struct usage *u, struct err *e) NODISCARD;

/* With limits.figures, after every process is gone: what else *u has of the group, as far as there
 * is a file that tells it; the rest stays as it is. On v2 with cpu_user_ns and cpu_system_ns. */
int cgroup_read_figures(const struct cgroup *g, struct usage *u, struct err *e) NODISCARD;

/* Remove the group (waits briefly while the kernel still counts dead tasks) and free. Freed even on
 * error. */
int cgroup_destroy(struct cgroup *g, struct err *e) NODISCARD;

/* Processors the group may use: what the keeper divides by to compute its next look. >= 1. */
unsigned cgroup_cpus(const struct cgroup *g);

#endif
