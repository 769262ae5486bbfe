/* SPDX-License-Identifier: MIT */
/* isolate/meta: the JSON object, name by name. */
#include <fcntl.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "isolate/meta.h"
#include "tests/unit/tap.h"

#define NO_FIGURES                                                                                 \
	"\"io_read_bytes\": null,\n  \"io_written_bytes\": null,\n  "                              \
	"\"processes_peak\": null,\n  "                                                            \
	"\"pressure_cpu_some_ns\": null,\n  \"pressure_cpu_full_ns\": null,\n  "                   \
	"\"pressure_memory_some_ns\": null,\n  \"pressure_memory_full_ns\": null,\n  "             \
	"\"pressure_io_some_ns\": null,\n  \"pressure_io_full_ns\": null,\n  "                     \
	"\"box_bytes\": null,\n  "

#define KNOWN(x)                                                                                   \
	{                                                                                          \
		.known = true, .n = (x)                                                            \
	}

/* Followed by the two versions. */
static const struct row {
	const char *name;
	struct outcome o;
	struct verdict v;
	const char *image;
	bool has_box;
	const char *want;
} rows[] = {
	{"ended well, without a group",
	 {.usage = {.cpu_ns = 1234567890,
		    .cpu_known = true,
		    .wall_ns = 2000000001,
		    .told = true,
		    .max_rss_bytes = 4096,
		    .csw_voluntary = 3,
		    .faults_minor = 70,
		    .cpu_user_ns = KNOWN(1234567890),
		    .cpu_system_ns = KNOWN(0)}},
	 {.status = RUN_OK, .exit_code = 0},
	 NULL,
	 true,
	 "{\n  \"status\": \"OK\",\n  \"message\": null,\n  \"exit_code\": 0,\n  "
	 "\"exit_signal\": null,\n  \"exit_signal_name\": null,\n  \"killed\": false,\n  "
	 "\"limit_hit\": null,\n  \"oom_killed\": null,\n  "
	 "\"cpu_ns\": 1234567890,\n  \"cpu_user_ns\": 1234567890,\n  \"cpu_system_ns\": 0,\n  "
	 "\"wall_ns\": 2000000001,\n  \"cg_mem_bytes\": null,\n  \"max_rss_bytes\": 4096,\n  "
	 "\"csw_voluntary\": 3,\n  \"csw_forced\": 0,\n  "
	 "\"faults_minor\": 70,\n  \"faults_major\": 0,\n  " NO_FIGURES
	 "\"image\": null,\n  \"box_id\": 42,\n  "},
	{"everything",
	 {.usage = {.cpu_ns = 30,
		    .cpu_known = true,
		    .wall_ns = UINT64_MAX,
		    .told = true,
		    .max_rss_bytes = 1,
		    .csw_voluntary = 2,
		    .csw_forced = 3,
		    .faults_minor = 4,
		    .faults_major = 5,
		    .have_cg = true,
		    .have_cg_mem = true,
		    .cg_mem_bytes = 6,
		    .cg_oom_killed = true,
		    .cpu_user_ns = KNOWN(10),
		    .cpu_system_ns = KNOWN(20),
		    .io_read_bytes = KNOWN(7),
		    .io_written_bytes = KNOWN(8),
		    .processes_peak = KNOWN(9),
		    .pressure_some_ns = {KNOWN(11), KNOWN(12), KNOWN(13)},
		    .pressure_full_ns = {KNOWN(14), KNOWN(15), KNOWN(16)},
		    .box_bytes = KNOWN(17)}},
	 {.status = RUN_SG,
	  .exit_code = -1,
	  .exit_sig = SIGKILL,
	  .killed = true,
	  .limit = LIMIT_MEMORY,
	  .message = "Caught fatal signal 9"},
	 "sha256:00",
	 true,
	 "{\n  \"status\": \"SG\",\n  \"message\": \"Caught fatal signal 9\",\n  "
	 "\"exit_code\": null,\n  \"exit_signal\": 9,\n  \"exit_signal_name\": \"SIGKILL\",\n  "
	 "\"killed\": true,\n  \"limit_hit\": \"memory\",\n  \"oom_killed\": true,\n  "
	 "\"cpu_ns\": 30,\n  \"cpu_user_ns\": 10,\n  \"cpu_system_ns\": 20,\n  "
	 "\"wall_ns\": 18446744073709551615,\n  \"cg_mem_bytes\": 6,\n  \"max_rss_bytes\": 1,\n  "
	 "\"csw_voluntary\": 2,\n  \"csw_forced\": 3,\n  "
	 "\"faults_minor\": 4,\n  \"faults_major\": 5,\n  "
	 "\"io_read_bytes\": 7,\n  \"io_written_bytes\": 8,\n  \"processes_peak\": 9,\n  "
	 "\"pressure_cpu_some_ns\": 11,\n  \"pressure_cpu_full_ns\": 14,\n  "
	 "\"pressure_memory_some_ns\": 12,\n  \"pressure_memory_full_ns\": 15,\n  "
	 "\"pressure_io_some_ns\": 13,\n  \"pressure_io_full_ns\": 16,\n  "
	 "\"box_bytes\": 17,\n  \"image\": \"sha256:00\",\n  \"box_id\": 42,\n  "},
	{"a proxy that told nothing, a signal without a name",
	 {.usage = {.cpu_ns = 5, .wall_ns = 6, .max_rss_bytes = 7, .have_cg = true}},
	 {.status = RUN_TO,
	  .exit_code = -1,
	  .exit_sig = 40,
	  .killed = true,
	  .limit = LIMIT_WALL_TIME,
	  .message = "Time limit exceeded (wall clock)"},
	 NULL,
	 false,
	 "{\n  \"status\": \"TO\",\n  \"message\": \"Time limit exceeded (wall clock)\",\n  "
	 "\"exit_code\": null,\n  \"exit_signal\": 40,\n  \"exit_signal_name\": \"SIG40\",\n  "
	 "\"killed\": true,\n  \"limit_hit\": \"wall-time\",\n  \"oom_killed\": false,\n  "
	 "\"cpu_ns\": null,\n  \"cpu_user_ns\": null,\n  \"cpu_system_ns\": null,\n  "
	 "\"wall_ns\": 6,\n  \"cg_mem_bytes\": null,\n  \"max_rss_bytes\": null,\n  "
	 "\"csw_voluntary\": null,\n  \"csw_forced\": null,\n  "
	 "\"faults_minor\": null,\n  \"faults_major\": null,\n  " NO_FIGURES
	 "\"image\": null,\n  \"box_id\": null,\n  "},
};

/* What stands between the quotes. */
static const struct error_row {
	const char *text, *want;
} error_rows[] = {
	{"open '/x': no such file", "open '/x': no such file"},
	{"\",\"status\": \"OK\\", "\\\",\\\"status\\\": \\\"OK\\\\"},
	{"a\nb\tc\x01", "a\\u000ab\\u0009c\\u0001"},
	{"\xc4\x8d\xff\x1b[2J\x7f\xe2\x80\xae", "\xc4\x8d\\ufffd\\u001b[2J\\u007f\\u202e"},
};

static char path[] = "/tmp/isolate-meta-json-XXXXXX";

static const char *versions(void)
{
	static char buf[256];
	struct utsname host;

	if (uname(&host) < 0 ||
	    snprintf(buf, sizeof(buf),
		     "\"isolate_version\": \"%s\",\n  \"kernel_version\": \"%s\"\n}\n",
		     ISOLATE_OCI_VERSION, host.release) < 0)
		abort();
	return buf;
}

static void test_runs(struct tap *t, struct meta *m)
{
	struct err e = {0};

	m->box_id = 42;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		char want[4096];

		if (snprintf(want, sizeof(want), "%s%s", row->want, versions()) < 0)
			abort();
		m->has_box = row->has_box;
		tap_int(t, meta_write_run(m, &row->o, &row->v, row->image, &e), 0, "%s: %s",
			row->name, e.text);
		tap_str(t, tap_file(path), want, "%s", row->name);
	}
}

/* The names of an object, in order, one a line. */
static void names_of(const char *object, char *out, size_t size)
{
	FILE *f = fmemopen(out, size, "w");

	if (!f)
		abort();
	while ((object = strstr(object, "\n  \""))) {
		object += 4;
		fprintf(f, "%.*s\n", (int)strcspn(object, "\""), object);
	}
	if (fclose(f))
		abort();
}

static void test_errors(struct tap *t, const struct meta *m)
{
	char want[256], of_run[2048], of_error[2048];
	struct err e = {0};

	names_of(rows[0].want, of_run, sizeof(of_run));
	for (size_t i = 0; i < ARRAY_LEN(error_rows); i++) {
		struct err why = {.kind = ERR_SYSTEM};

		if (snprintf(why.text, sizeof(why.text), "%s", error_rows[i].text) < 0 ||
		    snprintf(want, sizeof(want),
			     "{\n  \"status\": \"XX\",\n  \"message\": \"%s\",\n  "
			     "\"exit_code\": null,\n",
			     error_rows[i].want) < 0)
			abort();
		tap_int(t, meta_write_error(m, &why, &e), 0, "error %zu: %s", i, e.text);
		if (!tap_ok(t, !strncmp(tap_file(path), want, strlen(want)), "error %zu: message",
			    i))
			tap_note("expected %s, got %.*s", want, 200, tap_file(path));
		names_of(tap_file(path), of_error, sizeof(of_error));
		tap_ok(t, !strncmp(of_error, of_run, strlen(of_run)), "error %zu: same names", i);
	}
}

/* The worst message there can be is whole. */
static void test_longest(struct tap *t, const struct meta *m)
{
	struct err why = {.kind = ERR_SYSTEM}, e = {0};
	size_t n = 0;

	memset(why.text, '\n', sizeof(why.text) - 1);
	tap_int(t, meta_write_error(m, &why, &e), 0, "longest message: %s", e.text);
	for (const char *p = tap_file(path); (p = strstr(p, "\\u000a")); p++)
		n++;
	tap_u64(t, n, sizeof(why.text) - 1, "longest message is whole");
	tap_has(t, tap_file(path), versions(), "and what follows is there");
}

static void test_full(struct tap *t)
{
	struct err why = {.kind = ERR_BUSY, .text = "box is busy"}, e = {0};
	struct meta m = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC), .json = true};

	tap_int(t, meta_write_error(&m, &why, &e), -1, "a full disk is an error");
	tap_has(t, e.text, "write meta file: no space", "and says so");
	meta_close(&m);
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
	if (tap_int(&t, meta_open(&m, path, true, &e), 0, "open: %s", e.text)) {
		test_runs(&t, &m);
		test_errors(&t, &m);
		test_longest(&t, &m);
	}
	meta_close(&m);
	test_full(&t);
	tap_int(&t, unlink(path), 0, "clean up");
	return tap_done(&t);
}
