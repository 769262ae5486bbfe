/* SPDX-License-Identifier: MIT */
/* What cgroup.c, cgroup_v1.c and cgroup_v2.c share. Nobody else includes this. */
#ifndef ISOLATE_CGROUP_IMPL_H
#define ISOLATE_CGROUP_IMPL_H

#include <limits.h>
#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"
#include "isolate/cgroup.h"

/* The controllers a box needs, after these what it can do without (the group is made for figures
 * only), and what only some limits need (cgroup_cpu.c). On v2 CPU time is counted without one, and
 * blkio is called io. */
enum cg_ctl {
	CTL_MEMORY,
	CTL_CPUACCT,
	CTL_PIDS,
	CTL_NEEDED,
	CTL_BLKIO = CTL_NEEDED,
	CTL_CPU,
	CTL_CPUSET,
	CTL_COUNT
};

/* What kind of place: messages say how to mend it by this. */
enum cgroup_kind {
	CGROUP_V2,	  /* a directory of a bare or configured v2 hierarchy */
	CGROUP_DELEGATED, /* what isolate-cg-keeper holds */
	CGROUP_CONTAINER, /* below the root of a v2 hierarchy that is part of a larger one */
	CGROUP_V1,
};

/* Name of the parent group where the configuration names none. */
#define CGROUP_DEFAULT_NAME "isolate"

/* Where hierarchies are mounted; "" = nowhere. */
struct cgroup_mounts {
	char v2[PATH_MAX];
	char v1[CTL_COUNT][PATH_MAX];
};

/* The usual places below /sys/fs/cgroup, looked at with statfs: opening and reading mountinfo costs
 * as much as making all groups of a run. */
void cgroup_mounts_guess(struct cgroup_mounts *m);

/* The whole truth, from /proc/self/mountinfo. */
int cgroup_mounts_read(struct cgroup_mounts *m, struct err *e) NODISCARD;

/* The parser behind it. Pure; text has len bytes and a NUL and is cut up. The first mount of each
 * controller counts. ERR_SYSTEM names the line that is not as proc_pid_mountinfo(5) has it. */
int cgroup_mounts_parse(char *text, size_t len, struct cgroup_mounts *m, struct err *e) NODISCARD;

/* Value of the line "key N" in the text of a flat-keyed file. False when there is none. Pure. */
bool cgroup_parse_keyed(const char *text, const char *key, uint64_t *out);

/* Sum of the values "<word><N>" over all lines of io.stat (word "rbytes=") or of
 * blkio.throttle.io_service_bytes (word "Read "), which have one device each. Pure. */
uint64_t cgroup_sum_devices(const char *text, const char *word);

/* "total=<usec>" in the line of *.pressure that begins with `kind`, "some" or "full", as ns. False
 * when there is none. Pure. */
bool cgroup_parse_pressure(const char *text, const char *kind, uint64_t *ns);

/* Is `word` one of the words in a space-separated list, as in cgroup.controllers? Pure. */
bool cgroup_has_word(const char *list, const char *word);

struct cgroup_place {
	bool v2;
	bool delegated;	     /* v2: what lies above is somebody else's */
	int dirs[CTL_COUNT]; /* parent groups, O_PATH; v1: one per hierarchy; v2: dirs[0] */
	size_t dir_count;
	int ctl_dir[CTL_COUNT]; /* v1: index in dirs of each controller's hierarchy; -1: none */
	size_t needed_count;	/* v1: dirs beyond these are for figures or single limits only */
	char name[PATH_MAX + 4];
};

struct cgroup {
	const struct cgroup_place *place;
	char name[24];	      /* box-N */
	int dirs[CTL_COUNT];  /* as in place; -1 where this box has no group */
	int joins[CTL_COUNT]; /* v1: files to write "0" to */
	int kill;	      /* v2: cgroup.kill */
	int cpu;	      /* cpuacct.usage, cpu.stat */
	int peak;	      /* memory.max_usage_in_bytes, memory.peak (-1 before Linux 5.19) */
	int oom;	      /* memory.oom_control, memory.events */
	int oom_event;	      /* v1 with a limit: eventfd that counts how often it ran out */
	unsigned cpus;
	bool throttled; /* there is a limit on bandwidth */
};

/* Both fill place->dirs and place->name. `path` is a directory; `name` one component. */
int cgroup_v1_find(const struct cgroup_mounts *m, const char *name, struct cgroup_place *p,
		   struct err *e) NODISCARD;
int cgroup_v2_find(const char *path, enum cgroup_kind kind, bool move_processes,
		   struct cgroup_place *p, struct err *e) NODISCARD;

/* Take the limit on bandwidth away from the group `name`, if it has one. A failure only means that
 * its processes take longer to die. */
void cgroup_cpu_release(const struct cgroup_place *p, const char *name);

/* Could they, as far as can be told without making anything? */
int cgroup_v1_look(const struct cgroup_mounts *m, struct err *e) NODISCARD;
int cgroup_v2_look(const char *path, enum cgroup_kind kind, bool move_processes,
		   struct err *e) NODISCARD;

/* Hand the controllers of the group at fd down to its children. ERR_CONFIG names the one that is
 * missing; errnum is EBUSY where processes in the group forbid it. */
int cgroup_v2_enable(int fd, const char *path, enum cgroup_kind kind, struct err *e) NODISCARD;

/* A child of the group at fd, made if need be: O_PATH descriptor. */
int cgroup_v2_open_child(int fd, const char *path, const char *name, struct err *e);

/* Move every process in the group at fd into a child of it, so that it can hand controllers down.
 * Processes that are made meanwhile are moved as well. No box can lie below that group yet. */
int cgroup_v2_move_out(int fd, const char *path, struct err *e) NODISCARD;

/* The path of this process's v2 group in the text of /proc/self/cgroup. False when it is in none,
 * or the path does not fit. Pure. */
bool cgroup_parse_self(const char *text, char *path, size_t size);

/* Does this v2 mount have the controllers (true), or do they live elsewhere or nowhere? */
bool cgroup_v2_usable(const char *mount);

/* Limits into the new group g->dirs, and files opened. On failure the caller cleans up. */
int cgroup_v1_setup(struct cgroup *g, const struct limits *l, struct err *e) NODISCARD;
int cgroup_v2_setup(struct cgroup *g, const struct limits *l, struct err *e) NODISCARD;

/* cgroup_cpu.c: does the box need a group in dirs[i] of the place for the limits on processors? */
bool cgroup_cpu_wants(const struct cgroup_place *p, const struct limits *l, size_t i);
/* --cpus, boxN.cpus and boxN.mems into the new group; fills g->cpus. ERR_CONFIG tells what is
 * missing, also where the kernel would give other processors than those asked for. */
int cgroup_cpu_setup(struct cgroup *g, const struct limits *l, struct err *e) NODISCARD;

/* v2: hand `controller` down to the children of the place's group; before that to the place and its
 * parents, as far as we see them, unless the place was delegated to us. */
int cgroup_v2_hand_down(const struct cgroup_place *p, const char *controller,
			struct err *e) NODISCARD;

/* SIGKILL to every process that is in the group at dir (O_PATH will do), once round; *left = how
 * many there were. What they fork meanwhile is for the next round. */
int cgroup_v1_kill(int dir, const char *what, size_t *left, struct err *e) NODISCARD;

/* Small files of a group, relative to its directory. Text is cut at size - 1 bytes, which is an
 * error. `what` names the group in messages. */
int cgroup_read_fd(int fd, const char *file, char *buf, size_t size, struct err *e) NODISCARD;
int cgroup_read_file(int dirfd, const char *file, char *buf, size_t size, struct err *e) NODISCARD;
int cgroup_write_file(int dirfd, const char *what, const char *file, const char *value,
		      struct err *e) NODISCARD;
int cgroup_open_file(int dirfd, const char *what, const char *file, int flags, struct err *e);

/* Owned by root and writable by nobody else, or boxes would not be safe in it. */
int cgroup_check_owner(int dirfd, const char *path, struct err *e) NODISCARD;

/* Is swap in use on this machine, so that memory limits must cover it? */
bool cgroup_swap_active(void);
#define CGROUP_SWAP_UNCOUNTED                                                                      \
	"swap is on, but the kernel does not count it per control group: swapoff -a, or boot "     \
	"without swapaccount=0"

#endif
