/* SPDX-License-Identifier: MIT */
/* The system call filter of the program: a list of what is refused, as one const table, and the few
 * lines that turn it into classic BPF.
 *
 * Why no library builds it: a comparison here always looks at one 32-bit half of an argument. The
 * kernel cuts an int argument to its lower half, so a filter that compares all 64 bits is walked
 * past by setting a bit above (CVE-2019-10063 and its relatives). Also the table covers 32-bit
 * programs and refuses calls that are newer than itself, and all of it costs some microseconds.
 *
 * The rules are sorted by number, and a chunk of them is skipped by one comparison. Linux 5.11 and
 * later remember which calls are allowed whatever their arguments are, and do not even run the
 * filter for those; to find out it runs through the filter once for each number when it is loaded,
 * which is what makes short ways worth it. */
#include "isolate/seccomp.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isolate/seccomp_impl.h"

/* ---- the table ---------------------------------------------------------------------------- */

enum cond_op {
	COND_NONE,
	COND_IN,     /* word & mask is one of values */
	COND_NOT_IN, /* it is none of them */
	COND_ANY,    /* word & mask is not 0 */
};

#define VALUES_MAX 8

/* A test of one 32-bit half of an argument. */
struct cond {
	enum cond_op op;
	unsigned arg;
	bool high; /* upper half, for pointers; ints are their lower half */
	uint32_t mask;
	uint32_t values[VALUES_MAX];
	unsigned count;
};

struct rule {
	enum filter_syscall call;
	unsigned flags; /* of enum filter_flag: the rule is there when one of them is; 0: always */
	int error;	/* what the call fails with; 0: it does nothing and succeeds */
	struct cond conds[2]; /* all must hold */
};

#define COUNT_OF(...) (sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
#define IN(n, ...)                                                                                 \
	{                                                                                          \
		.op = COND_IN, .arg = (n), .mask = UINT32_MAX, .values = {__VA_ARGS__},            \
		.count = COUNT_OF(__VA_ARGS__)                                                     \
	}
#define NOT_IN(n, ...)                                                                             \
	{                                                                                          \
		.op = COND_NOT_IN, .arg = (n), .mask = UINT32_MAX, .values = {__VA_ARGS__},        \
		.count = COUNT_OF(__VA_ARGS__)                                                     \
	}
#define MASKED_IN(n, bits, ...)                                                                    \
	{                                                                                          \
		.op = COND_IN, .arg = (n), .mask = (bits), .values = {__VA_ARGS__},                \
		.count = COUNT_OF(__VA_ARGS__)                                                     \
	}
#define ANY(n, bits)                                                                               \
	{                                                                                          \
		.op = COND_ANY, .arg = (n), .mask = (bits)                                         \
	}
#define ANY_HIGH(n, bits)                                                                          \
	{                                                                                          \
		.op = COND_ANY, .arg = (n), .high = true, .mask = (bits)                           \
	}

#define NAMESPACES                                                                                 \
	((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |  \
		    CLONE_NEWPID | CLONE_NEWNET))

/* Flags of open(2) that give the mode a meaning. O_TMPFILE has O_DIRECTORY in it. */
#define CREATES ((uint32_t)(O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))

/* From linux/vm_sockets.h's AF_VSOCK; by name, since old headers lack it. */
#define FAMILY_VSOCK 40
/* Numbers of the 32-bit record locks, which only i386 programs use. */
#define F_SETLK64_I386	13
#define F_SETLKW64_I386 14

/* A call has one rule without conditions, or any number with. */
static const struct rule rules[] = {
	/* --- namespaces and mounts: with a user namespace of its own the program would be root
	 * over new mounts. clone3 hides its flags behind a pointer; C libraries then use clone. */
	{SC_clone3, 0, ENOSYS, {}},
	{SC_clone, 0, EPERM, {ANY(0, NAMESPACES)}},
	{SC_unshare, 0, EPERM, {ANY(0, NAMESPACES | CLONE_NEWTIME)}},
	{SC_setns, 0, EPERM, {}},
	{SC_mount, 0, EPERM, {}},
	{SC_umount, 0, EPERM, {}},
	{SC_umount2, 0, EPERM, {}},
	{SC_pivot_root, 0, EPERM, {}},
	{SC_chroot, 0, EPERM, {}},
	{SC_open_tree, 0, EPERM, {}},
	{SC_open_tree_attr, 0, EPERM, {}},
	{SC_move_mount, 0, EPERM, {}},
	{SC_fsopen, 0, EPERM, {}},
	{SC_fsconfig, 0, EPERM, {}},
	{SC_fsmount, 0, EPERM, {}},
	{SC_fspick, 0, EPERM, {}},
	{SC_mount_setattr, 0, EPERM, {}},
	{SC_open_by_handle_at, 0, EPERM, {}},

	/* --- parts of the kernel that no graded program needs and that had many holes */
	{SC_bpf, 0, EPERM, {}},
	{SC_perf_event_open, 0, EPERM, {}},
	/* Would stop the counter of CPU time, which the program's process has opened (inside.c). */
	{SC_prctl, 0, EPERM, {IN(0, PR_TASK_PERF_EVENTS_DISABLE, PR_TASK_PERF_EVENTS_ENABLE)}},
	{SC_userfaultfd, 0, EPERM, {}},
	{SC_modify_ldt, 0, ENOSYS, {}},
	{SC_uselib, 0, ENOSYS, {}},
	{SC_vm86, 0, ENOSYS, {}},
	{SC_vm86old, 0, ENOSYS, {}},
	/* Other personalities turn off address randomisation, or bring back old bugs. */
	{SC_personality, 0, EPERM, {NOT_IN(0, 0, UINT32_MAX)}},
	{SC_io_uring_setup, FILTER_IO_URING, ENOSYS, {}},
	{SC_io_uring_enter, FILTER_IO_URING, ENOSYS, {}},
	{SC_io_uring_register, FILTER_IO_URING, ENOSYS, {}},
	/* i386 puts the arguments of all socket calls behind a pointer. C libraries have used the
	 * plain calls since Linux 4.3. */
	{SC_socketcall, 0, ENOSYS, {}},

	/* --- other processes, other parts of the machine */
	{SC_kcmp, 0, EPERM, {}},
	{SC_process_vm_readv, 0, EPERM, {}},
	{SC_process_vm_writev, 0, EPERM, {}},
	{SC_move_pages, 0, EPERM, {}},
	{SC_migrate_pages, 0, EPERM, {}},
	{SC_syslog, 0, EPERM, {}},
	{SC_quotactl, 0, EPERM, {}},
	{SC_quotactl_fd, 0, EPERM, {}},
	/* The project of a file decides whose quota it counts against. */
	{SC_file_setattr, 0, EPERM, {}},
	/* Keystrokes into the caller's terminal (CVE-2017-5226), and another line discipline on
	 * it, by which it is of no use afterwards (N_NULL) and rare drivers are reached; the
	 * project again, and whether what is made in a directory inherits it (chattr -P). 32-bit
	 * programs have a number of their own. */
	{SC_ioctl,
	 0,
	 EPERM,
	 {IN(1, TIOCSTI, TIOCLINUX, TIOCSETD, TIOCEXCL, FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS,
	     FS_IOC32_SETFLAGS)}},
	/* A 0:0 character device hides a file when the directory becomes an overlay layer, and
	 * anybody may make one (Linux 5.8). */
	{SC_mknod, 0, EPERM, {MASKED_IN(1, S_IFMT, S_IFCHR, S_IFBLK)}},
	{SC_mknodat, 0, EPERM, {MASKED_IN(2, S_IFMT, S_IFCHR, S_IFBLK)}},
	/* One more way to make one; file systems that have it not say so, too. */
	{SC_renameat2, 0, EINVAL, {ANY(4, RENAME_WHITEOUT)}},
	/* A set-id program left behind would be the caller's, or from a directory of his bound
	 * writable, the box user's: whoever starts it outside could kill and trace the programs of
	 * the box's next owner. In openat2 the mode is behind a pointer. */
	{SC_chmod, 0, EPERM, {ANY(1, S_ISUID | S_ISGID)}},
	{SC_fchmod, 0, EPERM, {ANY(1, S_ISUID | S_ISGID)}},
	{SC_fchmodat, 0, EPERM, {ANY(2, S_ISUID | S_ISGID)}},
	{SC_fchmodat2, 0, EPERM, {ANY(2, S_ISUID | S_ISGID)}},
	{SC_creat, 0, EPERM, {ANY(1, S_ISUID | S_ISGID)}},
	{SC_open, 0, EPERM, {ANY(1, CREATES), ANY(2, S_ISUID | S_ISGID)}},
	{SC_openat, 0, EPERM, {ANY(2, CREATES), ANY(3, S_ISUID | S_ISGID)}},
	{SC_openat2, 0, ENOSYS, {}},
	{SC_mknod, 0, EPERM, {ANY(1, S_ISUID | S_ISGID)}},
	{SC_mknodat, 0, EPERM, {ANY(2, S_ISUID | S_ISGID)}},
	/* A limit of 0 still starts a core_pattern that is a pipe, as root outside; 1 does not.
	 * Pretended success: programs built with the address sanitizer die when it fails. */
	{SC_setrlimit, 0, 0, {IN(0, RLIMIT_CORE)}},
	{SC_prlimit64, 0, 0, {IN(1, RLIMIT_CORE), ANY(2, UINT32_MAX)}},
	{SC_prlimit64, 0, 0, {IN(1, RLIMIT_CORE), ANY_HIGH(2, UINT32_MAX)}},

	/* --- ways out of the box, or from one box to another */
	{SC_socket,
	 0,
	 EAFNOSUPPORT,
	 {NOT_IN(0, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, FAMILY_VSOCK)}},
	{SC_socket, FILTER_VSOCK, EAFNOSUPPORT, {IN(0, FAMILY_VSOCK)}},
	{SC_socket, 0, EPROTONOSUPPORT, {IN(0, AF_NETLINK), NOT_IN(2, NETLINK_ROUTE)}},
	{SC_socketpair, 0, EAFNOSUPPORT, {NOT_IN(0, AF_UNIX)}},
	{SC_add_key, FILTER_KEYRINGS, ENOSYS, {}},
	{SC_request_key, FILTER_KEYRINGS, ENOSYS, {}},
	{SC_keyctl, FILTER_KEYRINGS, ENOSYS, {}},
	/* Files of the host and of images are the same inodes in every box. The errors are those
	 * of file systems and kernels that cannot do it, which programs expect. */
	{SC_fcntl,
	 FILTER_INODES,
	 ENOLCK,
	 {IN(1, F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, F_SETLK64_I386, F_SETLKW64_I386)}},
	{SC_fcntl, FILTER_INODES, EINVAL, {IN(1, F_SETLEASE, F_NOTIFY)}},
	{SC_fcntl64,
	 FILTER_INODES,
	 ENOLCK,
	 {IN(1, F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, F_SETLK64_I386, F_SETLKW64_I386)}},
	{SC_fcntl64, FILTER_INODES, EINVAL, {IN(1, F_SETLEASE, F_NOTIFY)}},
	{SC_flock, FILTER_INODES, ENOSYS, {}},
	{SC_inotify_init, FILTER_INODES, ENOSYS, {}},
	{SC_inotify_init1, FILTER_INODES, ENOSYS, {}},
	{SC_inotify_add_watch, FILTER_INODES, ENOSYS, {}},
	{SC_fanotify_init, 0, EPERM, {}},
	{SC_fanotify_mark, 0, EPERM, {}},
	/* Which pages of a shared file somebody has read lately. */
	{SC_cachestat, FILTER_INODES, ENOSYS, {}},
};

/* ---- from the table to BPF ---------------------------------------------------------------- */

#define OFFSET_NR   ((uint32_t)offsetof(struct seccomp_data, nr))
#define OFFSET_ARCH ((uint32_t)offsetof(struct seccomp_data, arch))

/* x32 calls have this bit set in their number, under the native architecture's name. */
#define X32_BIT 0x40000000u

/* Rules that one jump skips. */
#define CHUNK 8

_Static_assert(ARRAY_LEN(rules) <= UINT8_MAX, "rules are numbered with 8 bits");

static void emit(struct filter *f, uint16_t code, uint32_t k, size_t jt, size_t jf)
{
	/* What does not fit spoils the program: filter_build looks at the count. */
	if (jt > UINT8_MAX || jf > UINT8_MAX)
		f->count = FILTER_SIZE_MAX;
	if (f->count < FILTER_SIZE_MAX)
		f->code[f->count] = (struct sock_filter){
			.code = code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
	f->count++;
}

/* Let the conditional jump at `at`, when taken, go to `target`. One that does not reach spoils the
 * program, so that filter_build fails. */
static void set_jump(struct filter *f, size_t at, size_t target)
{
	size_t distance = target - at - 1;

	if (distance > UINT8_MAX || at >= FILTER_SIZE_MAX)
		f->count = FILTER_SIZE_MAX + 1;
	else
		f->code[at].jt = (uint8_t)distance;
}

static void emit_load(struct filter *f, uint32_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void emit_return(struct filter *f, uint32_t action)
{
	emit(f, BPF_RET | BPF_K, action, 0, 0);
}

static uint32_t cond_offset(const struct cond *c)
{
	bool second = c->high == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

	return (uint32_t)offsetof(struct seccomp_data, args) + 8 * c->arg + (second ? 4 : 0);
}

static size_t cond_len(const struct cond *c)
{
	switch (c->op) {
	case COND_NONE:
		return 0;
	case COND_ANY:
		return 2;
	case COND_IN:
	case COND_NOT_IN:
		break;
	}
	return 1 + (c->mask != UINT32_MAX) + c->count;
}

/* Falls through when the condition holds, otherwise jumps `rest` instructions beyond its own. */
static void emit_cond(struct filter *f, const struct cond *c, size_t rest)
{
	if (c->op == COND_NONE)
		return;
	emit_load(f, cond_offset(c));
	if (c->op == COND_ANY) {
		emit(f, BPF_JMP | BPF_JSET | BPF_K, c->mask, 0, rest);
		return;
	}
	if (c->mask != UINT32_MAX)
		emit(f, BPF_ALU | BPF_AND | BPF_K, c->mask, 0, 0);
	for (unsigned i = 0; i < c->count; i++) {
		size_t left = c->count - 1 - i;
		size_t found = c->op == COND_IN ? left : left + rest;
		size_t other = left || c->op == COND_NOT_IN ? 0 : rest;

		emit(f, BPF_JMP | BPF_JEQ | BPF_K, c->values[i], found, other);
	}
}

static size_t rule_len(const struct rule *r)
{
	return cond_len(&r->conds[0]) + cond_len(&r->conds[1]) + 1;
}

static uint32_t rule_action(const struct rule *r)
{
	return SECCOMP_RET_ERRNO | ((uint32_t)r->error & SECCOMP_RET_DATA);
}

static bool is_plain(const struct rule *r)
{
	return r->conds[0].op == COND_NONE;
}

/* Indices of the rules that count here, in the order of their numbers; rules for one call keep the
 * order of the table. Returns how many. */
static size_t sort_rules(const int *numbers, unsigned flags, uint8_t out[ARRAY_LEN(rules)])
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		size_t at = count;

		if (numbers[rules[i].call] < 0 || (rules[i].flags && !(rules[i].flags & flags)))
			continue;
		for (; at && numbers[rules[out[at - 1]].call] > numbers[rules[i].call]; at--)
			out[at] = out[at - 1];
		out[at] = (uint8_t)i;
		count++;
	}
	return count;
}

/* All rules of one call, the first `count` in order: each falls through to the next, and the last
 * one to "allow", since no other rule can match this number. */
static void emit_call(struct filter *f, const uint8_t *order, size_t count, uint32_t number)
{
	size_t len = 1;

	for (size_t i = 0; i < count; i++)
		len += rule_len(&rules[order[i]]);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, number, 0, len);
	for (size_t i = 0; i < count; i++) {
		const struct rule *r = &rules[order[i]];

		emit_cond(f, &r->conds[0], cond_len(&r->conds[1]) + 1);
		emit_cond(f, &r->conds[1], 1);
		emit_return(f, rule_action(r));
	}
	emit_return(f, SECCOMP_RET_ALLOW);
}

/* Calls that are refused whatever their arguments are take one comparison each, with the returns of
 * the chunk behind it. */
struct pending {
	size_t at[CHUNK];
	uint32_t action[CHUNK];
	size_t count;
};

static void emit_pending(struct filter *f, const struct pending *p)
{
	size_t target[CHUNK];

	emit_return(f, SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < p->count; i++) {
		size_t first = 0;

		/* One return for all that fail in the same way: made for the first of them. */
		while (p->action[first] != p->action[i])
			first++;
		target[i] = first < i ? target[first] : f->count;
		if (first == i)
			emit_return(f, p->action[i]);
		set_jump(f, p->at[i], target[i]);
	}
}

/* One chunk of calls: rules order[0] to order[count - 1]. */
static void emit_chunk(struct filter *f, const int *numbers, const uint8_t *order, size_t count)
{
	size_t skip_at = f->count, same;
	struct pending p = {0};

	emit(f, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)numbers[rules[order[count - 1]].call], 0, 0);
	for (size_t i = 0; i < count; i += same) {
		enum filter_syscall call = rules[order[i]].call;

		for (same = 1; i + same < count && rules[order[i + same]].call == call;)
			same++;
		if (is_plain(&rules[order[i]])) {
			p.at[p.count] = f->count;
			p.action[p.count++] = rule_action(&rules[order[i]]);
			emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[call], 0, 0);
		} else {
			emit_call(f, order + i, same, (uint32_t)numbers[call]);
		}
	}
	emit_pending(f, &p);
	set_jump(f, skip_at, f->count);
}

static void emit_rules(struct filter *f, const int *numbers, unsigned flags)
{
	uint8_t order[ARRAY_LEN(rules)];
	size_t count = sort_rules(numbers, flags, order), len;

	for (size_t i = 0; i < count; i += len) {
		len = MIN(CHUNK, count - i);
		/* The rules of one call stay together. */
		while (i + len < count && len > 1 &&
		       rules[order[i + len]].call == rules[order[i + len - 1]].call)
			len--;
		emit_chunk(f, numbers, order + i, len);
	}
}

/* All for one architecture; returns from every path. */
static void emit_arch(struct filter *f, const int *numbers, unsigned flags, bool native)
{
	uint32_t foreign =
		flags & FILTER_FOREIGN_ARCH ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | ENOSYS;

	emit_load(f, OFFSET_NR);
	/* Numbers from X32_BIT on, also negative ones, are no calls of this architecture. -1 is
	 * what a debugger puts there to skip a call. */
	if (native) {
		emit(f, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 3);
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1);
		emit_return(f, SECCOMP_RET_ERRNO | ENOSYS);
		emit_return(f, foreign);
	}
	emit(f, BPF_JMP | BPF_JGT | BPF_K, FILTER_NEWEST, 0, 1);
	emit_return(f, SECCOMP_RET_ERRNO | ENOSYS);
	emit_rules(f, numbers, flags);
	emit_return(f, SECCOMP_RET_ALLOW);
}

int filter_build(unsigned flags, struct filter *f, struct err *e)
{
	size_t compat_at;

	f->count = 0;
	emit_load(f, OFFSET_ARCH);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, filter_arch_native, 1, 0);
	/* Conditional jumps reach 255 instructions, this one any number. */
	compat_at = f->count;
	emit(f, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_arch(f, filter_numbers_native, flags, true);
	f->code[compat_at].k = (uint32_t)(f->count - compat_at - 1);
	if (filter_numbers_compat && !(flags & FILTER_FOREIGN_ARCH)) {
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, filter_arch_compat, 1, 0);
		emit_return(f, SECCOMP_RET_KILL_PROCESS);
		emit_arch(f, filter_numbers_compat, flags, false);
	} else {
		emit_return(f, SECCOMP_RET_KILL_PROCESS);
	}
	if (f->count > FILTER_SIZE_MAX)
		return err_set(e, ERR_BUG, "system call filter has %zu instructions", f->count);
	return 0;
}

int filter_apply(unsigned flags, struct err *e)
{
	struct filter f;
	struct sock_fprog prog;

	if (filter_build(flags, &f, e))
		return -1;
	prog = (struct sock_fprog){.len = (unsigned short)f.count, .filter = f.code};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		return err_sys(e, ERR_SYSTEM, "load system call filter");
	return 0;
}
