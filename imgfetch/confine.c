/* SPDX-License-Identifier: MIT */
/* Landlock and seccomp for the threads that parse layers. */
#include "imgfetch/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Rights by the version of Landlock that brought them; linux/landlock.h of Debian 12 knows two. */
#define FS_RIGHTS_1    ((UINT64_C(1) << 13) - 1) /* Linux 5.13: execute to make_sym */
#define FS_RIGHT_REFER (UINT64_C(1) << 13)	 /* Linux 5.19: rename to another directory */
#define FS_RIGHT_TRUNC (UINT64_C(1) << 14)	 /* Linux 6.2 */
#define FS_DENIED      LANDLOCK_ACCESS_FS_EXECUTE

static int restrict_files(int dir_fd, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	if (abi < 0)
		return err_sys(e, ERR_SYSTEM, "ask for landlock");
	/* Version 1 forbids all renames and links between directories, which layers have. */
	if (abi < 2)
		return 0;
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = FS_RIGHTS_1 | FS_RIGHT_REFER | (abi >= 3 ? FS_RIGHT_TRUNC : 0),
	};
	auto_fd ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_sys(e, ERR_SYSTEM, "make a landlock ruleset");
	if (dir_fd >= 0) {
		struct landlock_path_beneath_attr beneath = {
			.allowed_access = attr.handled_access_fs & ~FS_DENIED,
			.parent_fd = dir_fd,
		};
		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath,
			    0) < 0)
			return err_sys(e, ERR_SYSTEM, "add a landlock rule");
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "enter landlock");
	return 0;
}

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef OUR_ARCH
#define DENY(nr)                                                                                   \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##nr, 0, 1),                                       \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)

static int restrict_calls(struct err *e)
{
	static const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __x86_64__
		/* The x32 table would be a second set of numbers for the same calls. */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
#endif
		DENY(socket),
		DENY(socketpair),
		DENY(connect),
		DENY(bind),
		DENY(sendto),
		DENY(sendmsg),
		DENY(execve),
		DENY(execveat),
		DENY(ptrace),
		DENY(process_vm_readv),
		DENY(process_vm_writev),
		DENY(pidfd_open),
		DENY(pidfd_getfd),
		DENY(pidfd_send_signal),
		DENY(kill),
		DENY(mount),
		DENY(umount2),
		DENY(open_tree),
		DENY(move_mount),
		DENY(fsopen),
		DENY(setns),
		DENY(unshare),
		DENY(bpf),
		DENY(perf_event_open),
		DENY(userfaultfd),
		DENY(io_uring_setup),
		DENY(keyctl),
		DENY(add_key),
		DENY(request_key),
		DENY(init_module),
		DENY(finit_module),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = {
		.len = ARRAY_LEN(code),
		.filter = (struct sock_filter *)(uintptr_t)code,
	};

	/* SPEC_ALLOW: older kernels would slow the thread down for every filtered program. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) <
		    0 &&
	    errno != ENOSYS && errno != EINVAL)
		return err_sys(e, ERR_SYSTEM, "load a system call filter");
	return 0;
}
#else
static int restrict_calls(struct err *e)
{
	(void)e; /* no table of numbers for this machine */
	return 0;
}
#endif

int confine_thread(int dir_fd, struct err *e)
{
	/* Of this thread alone; both of the others ask for it. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, ERR_SYSTEM, "set no_new_privs");
	if (restrict_files(dir_fd, e) < 0)
		return -1;
	return restrict_calls(e);
}
