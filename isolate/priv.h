/* SPDX-License-Identifier: MIT */
/* Every change of user, group or capability in isolate goes through here, and is read back. */
#ifndef ISOLATE_PRIV_H
#define ISOLATE_PRIV_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/err.h"

/* Who called us, and on whose behalf we act. */
struct priv {
	uid_t uid; /* caller: real uid at start, or --as-uid */
	gid_t gid; /* caller: real gid at start, or --as-gid */
	bool root; /* real uid at start was 0 */
};

/* Record the ids, check that we are privileged (effective uid 0 in the initial user namespace, with
 * the capabilities we need; otherwise ERR_DENIED tells how to install), then act as the caller:
 * effective ids = real ids. Supplementary groups of the caller stay until the program's own process
 * drops them. */
int priv_start(struct priv *p, struct err *e) NODISCARD;

/* Root on behalf of uid/gid (--as-uid, --as-gid): supplementary groups are dropped first. */
int priv_act_as(struct priv *p, uid_t uid, gid_t gid, struct err *e) NODISCARD;

/* Effective uid and gid to root and back to the caller. Not nested: as_caller is the resting state.
 * A failure to return to the caller is fatal for callers: they must give up. */
int priv_as_root(const struct priv *p, struct err *e) NODISCARD;
int priv_as_caller(const struct priv *p, struct err *e) NODISCARD;

/* Nothing privileged is left to do: the caller in all ids, for good. What is said after that is
 * written as he would write it himself: root's writes leave a file its set-id bits, among others.
 * Does nothing for root. Ends the process when it fails. */
void priv_leave(void);

/* In the proxy: root in all ids, no supplementary groups, so that the caller cannot signal it. */
int priv_become_root(struct err *e) NODISCARD;

/* Is capability CAP_x there to be used as root? For what is done only where it can be. */
bool priv_has_cap(int cap);

/* As root and alone: keep just these capabilities (bit set of 1ULL << CAP_X) in the permitted and
 * effective sets, nothing inheritable or ambient. For the keeper and the proxy. */
int priv_limit_caps(uint64_t keep, struct err *e) NODISCARD;

/* In the program's process, for good: no groups, gid, uid (real, effective, saved, fs), all
 * capability sets empty including the bounding set, securebits locked, no_new_privs; each read
 * back.
 */
int priv_drop_forever(uid_t uid, gid_t gid, struct err *e) NODISCARD;

#endif
