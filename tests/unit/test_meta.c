/* SPDX-License-Identifier: MIT */
/* isolate/meta: the text, and the file it goes to. */
#include "isolate/meta.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/unit/tap.h"

#define MS NSEC_PER_MSEC

static const struct text_row {
	const char *name;
	struct outcome o;
	struct verdict v;
	const char *image, *want;
} text_rows[] = {
	{"ended well",
	 {.usage = {.cpu_ns = 1234567890,
		    .wall_ns = 2 * NSEC_PER_SEC + 5 * MS,
		    .max_rss_bytes = 2049 * 1024 + 1023,
		    .csw_voluntary = 3,
		    .csw_forced = 4}},
	 {.status = RUN_OK, .exit_code = 0},
	 NULL,
	 "time:1.234\ntime-wall:2.005\nmax-rss:2049\ncsw-voluntary:3\ncsw-forced:4\nexitcode:0\n"},
	{"everything",
	 {.usage = {.cpu_ns = 999999,
		    .wall_ns = 0,
		    .have_cg_mem = true,
		    .cg_mem_bytes = 5000,
		    .cg_oom_killed = true}},
	 {.status = RUN_SG,
	  .exit_code = -1,
	  .exit_sig = 9,
	  .killed = true,
	  .message = "Caught fatal signal 9"},
	 "sha256:00",
	 "time:0.000\ntime-wall:0.000\nmax-rss:0\ncsw-voluntary:0\ncsw-forced:0\ncg-mem:4\n"
	 "cg-oom-killed:1\nexitsig:9\nkilled:1\nstatus:SG\nmessage:Caught fatal signal 9\n"
	 "image:sha256:00\n"},
	{"over its time, and ended by itself",
	 {.usage = {.cpu_ns = 2 * NSEC_PER_SEC}},
	 {.status = RUN_TO, .exit_code = 0, .message = "Time limit exceeded"},
	 NULL,
	 "time:2.000\ntime-wall:0.000\nmax-rss:0\ncsw-voluntary:0\ncsw-forced:0\n"
	 "status:TO\nmessage:Time limit exceeded\n"},
	{"long times",
	 {.usage = {.cpu_ns = UINT64_MAX, .wall_ns = 60 * NSEC_PER_SEC - 1}},
	 {.status = RUN_TO, .exit_code = -1, .killed = true, .message = "Time limit exceeded"},
	 NULL,
	 "time:18446744073.709\ntime-wall:59.999\nmax-rss:0\ncsw-voluntary:0\ncsw-forced:0\n"
	 "killed:1\nstatus:TO\nmessage:Time limit exceeded\n"},
};

static const struct error_row {
	const char *text, *want;
} error_rows[] = {
	{"open '/x': no such file", "status:XX\nmessage:open '/x': no such file\n"},
	{"forged\nexitcode:0\r", "status:XX\nmessage:forged\\x0aexitcode:0\\x0d\n"},
	{"quoted once \\x0a", "status:XX\nmessage:quoted once \\x0a\n"},
	{"\xc4\x8d\xff\x1b[2J", "status:XX\nmessage:\xc4\x8d\\xff\\x1b[2J\n"},
	{"", "status:XX\nmessage:\n"},
};

static char path[] = "/tmp/isolate-meta-XXXXXX";

static void test_text(struct tap *t, const struct meta *m)
{
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(text_rows); i++) {
		const struct text_row *row = &text_rows[i];

		tap_int(t, meta_write_run(m, &row->o, &row->v, row->image, &e), 0, "%s: %s",
			row->name, e.text);
		tap_str(t, tap_file(path), row->want, "%s", row->name);
	}
	for (size_t i = 0; i < ARRAY_LEN(error_rows); i++) {
		struct err why = {.kind = ERR_SYSTEM};

		if (snprintf(why.text, sizeof(why.text), "%s", error_rows[i].text) < 0)
			abort();
		tap_int(t, meta_write_error(m, &why, &e), 0, "error %zu: %s", i, e.text);
		tap_str(t, tap_file(path), error_rows[i].want, "error %zu", i);
	}
}

/* The worst text there can be fits. */
static void test_longest(struct tap *t, const struct meta *m)
{
	struct err why = {.kind = ERR_SYSTEM}, e = {0};

	memset(why.text, '\n', sizeof(why.text) - 1);
	tap_int(t, meta_write_error(m, &why, &e), 0, "longest message: %s", e.text);
	tap_int(t, (int)strlen(tap_file(path)), (int)(strlen("status:XX\nmessage:\n") + 4 * 1023),
		"longest message is whole");
}

/* A file that is there keeps its inode and mode; one that is not is made as the umask says. */
static void test_open(struct tap *t)
{
	struct stat before, after;
	struct meta m = {.fd = -1};
	struct err e = {0};

	tap_int(t, chmod(path, 0604), 0, "chmod");
	tap_int(t, stat(path, &before), 0, "stat");
	tap_int(t, meta_open(&m, path, false, &e), 0, "open again: %s", e.text);
	tap_ok(t,
	       !stat(path, &after) && before.st_ino == after.st_ino && after.st_size == 0 &&
		       (after.st_mode & 07777) == 0604,
	       "same file, cut");
	tap_ok(t, fcntl(m.fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
	meta_close(&m);
	tap_int(t, m.fd, -1, "closed");

	tap_int(t, unlink(path), 0, "unlink");
	(void)umask(027);
	tap_int(t, meta_open(&m, path, false, &e), 0, "open anew: %s", e.text);
	tap_ok(t, !stat(path, &after) && (after.st_mode & 07777) == 0640, "mode by umask");
	meta_close(&m);

	tap_int(t, meta_open(&m, "/does/not/exist", false, &e), -1, "a file that cannot be");
	tap_has(t, e.text, "open meta file '/does/not/exist'", "says which");
	tap_int(t, m.fd, -1, "nothing is open");
	tap_int(t, meta_write_error(&m, &e, &e), 0, "without a file nothing is written");
}

/* "-" goes where standard output goes, after what is there, even into a file. */
static void test_stdout(struct tap *t)
{
	auto_fd saved = dup(STDOUT_FILENO), file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	struct err why = {.kind = ERR_BUSY, .text = "box is busy"}, e = {0};
	struct meta m = {.fd = -1};
	int rc = -1;

	if (fflush(stdout) || saved < 0 || file < 0 || dup2(file, STDOUT_FILENO) < 0)
		abort();
	if (write(STDOUT_FILENO, "before\n", 7) == 7 && !meta_open(&m, "-", false, &e))
		rc = meta_write_error(&m, &why, &e);
	meta_close(&m);
	if (dup2(saved, STDOUT_FILENO) < 0)
		abort();
	tap_int(t, rc, 0, "stdout: %s", e.text);
	tap_str(t, tap_file(path), "before\nstatus:XX\nmessage:box is busy\n", "stdout");
}

int main(void)
{
	struct tap t = {0};
	struct meta m = {.fd = -1};
	struct err e = {0};
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	(void)close(fd);
	if (tap_int(&t, meta_open(&m, path, false, &e), 0, "open: %s", e.text)) {
		test_text(&t, &m);
		test_longest(&t, &m);
	}
	meta_close(&m);
	test_open(&t);
	test_stdout(&t);
	tap_int(&t, unlink(path), 0, "clean up");
	return tap_done(&t);
}
