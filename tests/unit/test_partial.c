/* SPDX-License-Identifier: MIT */
/* imgfetch/partial: a file that is kept, one that somebody has, and a tmp/ that is gone. */
#include "imgfetch/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "tests/unit/tap.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct digest blob = {.hex = HEX};

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

static void test_kept(struct tap *t, const struct store *s)
{
	struct partial p = PARTIAL_NONE, other = PARTIAL_NONE;

	partial_take(s, &blob, 10, &p);
	tap_ok(t, p.fd >= 0 && p.have_bytes == 0, "a new one is empty");
	partial_add(&p, "12345", 5);
	partial_take(s, &blob, 10, &other);
	tap_ok(t, other.fd < 0 && other.why == 0, "while somebody has it nobody else gets it");
	partial_keep(&p);
	partial_take(s, &blob, 10, &p);
	tap_int(t, (int64_t)p.have_bytes, 5, "what was kept is there");
	partial_keep(&p);
	partial_take(s, &blob, 4, &p);
	tap_ok(t, p.fd >= 0 && p.have_bytes == 0, "more than the blob has is thrown away");
	partial_drop(&p);
	tap_ok(t, faccessat(s->fd, "tmp/blob-sha256-" HEX, F_OK, 0) < 0 && errno == ENOENT,
	       "what is dropped is gone");
}

/* As in a directory that was removed while we hold it, to the end of this process. */
static void refuse_to_create(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOENT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {.len = ARRAY_LEN(code), .filter = code};

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0,
	     "seccomp");
}

static void test_gone(struct tap *t, const struct store *s)
{
	struct partial p = PARTIAL_NONE;

	refuse_to_create();
	(void)alarm(60); /* there was none before */
	partial_take(s, &blob, 10, &p);
	tap_ok(t, p.fd < 0 && p.tmp_fd < 0, "a tmp/ that is gone is given up");
	tap_int(t, p.why, ENOENT, "... and why is told");
}

int main(void)
{
	struct tap t = {0};
	struct store s = {.fd = -1};
	char dir[] = "/tmp/test_partial.XXXXXX";
	struct err e;

	must(mkdtemp(dir) != NULL, dir);
	s.fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(s.fd >= 0 && mkdirat(s.fd, "tmp", 0700) == 0, "tmp");
	test_kept(&t, &s);
	test_gone(&t, &s);
	(void)close(s.fd); /* it was only looked through */
	auto_fd tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(path_remove_tree(tmp, dir + strlen("/tmp/"), &e) == 0, dir);
	return tap_done(&t);
}
