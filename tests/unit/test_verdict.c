/* SPDX-License-Identifier: MIT */
/* isolate/verdict: every way a run can end. */
#include "isolate/verdict.h"

#include <signal.h>

#include "tests/unit/tap.h"

#define EXITED(code) ((code) << 8)
#define MS	     NSEC_PER_MSEC

static const struct verdict_row {
	const char *name;
	struct outcome o;
	struct limits l;
	const char *status;
	int exit_code, exit_sig;
	bool killed;
	int rc;
	const char *message;
} rows[] = {
	{"ended well", {.wait_status = EXITED(0)}, {0}, "", 0, 0, false, 0, ""},
	{"error status",
	 {.wait_status = EXITED(3)},
	 {0},
	 "RE",
	 3,
	 0,
	 false,
	 1,
	 "Exited with error status 3"},
	{"largest status",
	 {.wait_status = EXITED(255)},
	 {0},
	 "RE",
	 255,
	 0,
	 false,
	 1,
	 "Exited with error status 255"},
	{"signal", {.wait_status = SIGSEGV}, {0}, "SG", -1, 11, false, 1, "Caught fatal signal 11"},
	{"signal with core",
	 {.wait_status = SIGABRT | 0x80},
	 {0},
	 "SG",
	 -1,
	 6,
	 false,
	 1,
	 "Caught fatal signal 6"},
	{"not executable",
	 {.exec_failed = true, .wait_status = EXITED(127)},
	 {0},
	 "RE",
	 127,
	 0,
	 false,
	 1,
	 "Exited with error status 127"},
	{"killed for CPU time",
	 {.wait_status = SIGKILL, .killed = KILL_CPU, .usage.cpu_ns = 1001 * MS},
	 {.cpu_ns = 1000 * MS},
	 "TO",
	 -1,
	 0,
	 true,
	 1,
	 "Time limit exceeded"},
	{"killed for wall time",
	 {.wait_status = SIGKILL, .killed = KILL_WALL, .usage.wall_ns = 1001 * MS},
	 {.wall_ns = 1000 * MS},
	 "TO",
	 -1,
	 0,
	 true,
	 1,
	 "Time limit exceeded (wall clock)"},
	{"killed for wall time, CPU over in the end",
	 {.wait_status = SIGKILL,
	  .killed = KILL_WALL,
	  .usage = {.cpu_ns = 2001 * MS, .wall_ns = 1001 * MS}},
	 {.wall_ns = 1000 * MS, .cpu_ns = 2000 * MS},
	 "TO",
	 -1,
	 0,
	 true,
	 1,
	 "Time limit exceeded (wall clock)"},
	{"killed for CPU time while it ended",
	 {.wait_status = EXITED(0), .killed = KILL_CPU},
	 {.cpu_ns = 1000 * MS},
	 "TO",
	 -1,
	 0,
	 true,
	 1,
	 "Time limit exceeded"},
	{"ended within extra time",
	 {.wait_status = EXITED(0), .usage.cpu_ns = 1200 * MS},
	 {.cpu_ns = 1000 * MS, .extra_ns = 500 * MS},
	 "TO",
	 0,
	 0,
	 false,
	 1,
	 "Time limit exceeded"},
	{"failed within extra time",
	 {.wait_status = EXITED(7), .usage.cpu_ns = 1200 * MS},
	 {.cpu_ns = 1000 * MS, .extra_ns = 500 * MS},
	 "TO",
	 7,
	 0,
	 false,
	 1,
	 "Time limit exceeded"},
	{"exactly at the limit",
	 {.wait_status = EXITED(0), .usage = {.cpu_ns = 1000 * MS, .wall_ns = 1000 * MS}},
	 {.cpu_ns = 1000 * MS, .wall_ns = 1000 * MS},
	 "",
	 0,
	 0,
	 false,
	 0,
	 ""},
	{"a nanosecond over, wall",
	 {.wait_status = EXITED(0), .usage.wall_ns = 1000 * MS + 1},
	 {.wall_ns = 1000 * MS},
	 "TO",
	 0,
	 0,
	 false,
	 1,
	 "Time limit exceeded (wall clock)"},
	{"over both by itself",
	 {.wait_status = EXITED(0), .usage = {.cpu_ns = 2 * MS, .wall_ns = 2 * MS}},
	 {.cpu_ns = MS, .wall_ns = MS},
	 "TO",
	 0,
	 0,
	 false,
	 1,
	 "Time limit exceeded"},
	{"no limits, much time",
	 {.wait_status = EXITED(0), .usage = {.cpu_ns = UINT64_MAX, .wall_ns = UINT64_MAX}},
	 {0},
	 "",
	 0,
	 0,
	 false,
	 0,
	 ""},
	{"out of memory",
	 {.wait_status = SIGKILL, .usage.cg_oom_killed = true},
	 {.cg_mem_bytes = 1},
	 "SG",
	 -1,
	 9,
	 false,
	 1,
	 "Caught fatal signal 9"},
	{"terminated",
	 {.wait_status = SIGKILL, .killed = KILL_SIGNAL, .interrupt_signal = SIGTERM},
	 {0},
	 "SG",
	 -1,
	 SIGTERM,
	 true,
	 1,
	 "Interrupted"},
	{"interrupted past its limit",
	 {.wait_status = SIGKILL,
	  .killed = KILL_SIGNAL,
	  .interrupt_signal = SIGINT,
	  .usage.cpu_ns = 2 * MS},
	 {.cpu_ns = MS},
	 "SG",
	 -1,
	 SIGINT,
	 true,
	 1,
	 "Interrupted"},
	{"keeper aborted",
	 {.wait_status = SIGKILL, .killed = KILL_SIGNAL, .interrupt_signal = SIGABRT},
	 {0},
	 "XX",
	 -1,
	 0,
	 true,
	 2,
	 "Sandbox keeper received fatal signal 6"},
};

/* Which limit is named. */
static const struct limit_row {
	const char *name;
	struct outcome o;
	struct limits l;
	const char *limit; /* "": none */
} limit_rows[] = {
	{"ended well", {.wait_status = EXITED(0)}, {.fsize_bytes = 1, .processes = 1}, ""},
	{"CPU time, killed", {.killed = KILL_CPU, .wait_status = SIGKILL}, {.cpu_ns = MS}, "time"},
	{"CPU time, ended",
	 {.wait_status = EXITED(0), .usage.cpu_ns = MS + 1},
	 {.cpu_ns = MS, .extra_ns = MS},
	 "time"},
	{"wall time",
	 {.killed = KILL_WALL, .wait_status = SIGKILL, .usage.cpu_ns = 2 * MS},
	 {.cpu_ns = MS, .wall_ns = MS},
	 "wall-time"},
	{"memory", {.wait_status = SIGKILL, .usage.cg_oom_killed = true}, {0}, "memory"},
	{"memory before the others",
	 {.wait_status = SIGXFSZ,
	  .disk_hit = true,
	  .usage = {.cg_oom_killed = true, .cg_fork_refused = true}},
	 {.fsize_bytes = 1},
	 "memory"},
	{"time before memory",
	 {.killed = KILL_CPU, .usage.cg_oom_killed = true},
	 {.cpu_ns = MS},
	 "time"},
	{"disk", {.wait_status = EXITED(1), .disk_hit = true}, {0}, "disk"},
	{"disk, ended well", {.wait_status = EXITED(0), .disk_hit = true}, {0}, "disk"},
	{"disk before output",
	 {.wait_status = SIGXFSZ, .disk_hit = true},
	 {.fsize_bytes = 1},
	 "disk"},
	{"output", {.wait_status = SIGXFSZ}, {.fsize_bytes = 1}, "output"},
	{"output before processes",
	 {.wait_status = SIGXFSZ, .usage.cg_fork_refused = true},
	 {.fsize_bytes = 1},
	 "output"},
	{"SIGXFSZ without a limit", {.wait_status = SIGXFSZ}, {0}, ""},
	{"processes", {.wait_status = EXITED(0), .usage.cg_fork_refused = true}, {0}, "processes"},
	{"interrupted", {.killed = KILL_SIGNAL, .interrupt_signal = SIGTERM}, {.cpu_ns = 1}, ""},
};

static void test_limits(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(limit_rows); i++) {
		const struct limit_row *row = &limit_rows[i];
		const char *text;
		struct verdict v;

		verdict_judge(&row->o, &row->l, &v);
		text = verdict_limit_text(v.limit);
		tap_str(t, text ? text : "", row->limit, "limit: %s", row->name);
	}
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct verdict_row *row = &rows[i];
		struct verdict v;

		memset(&v, 0xff, sizeof(v));
		verdict_judge(&row->o, &row->l, &v);
		tap_str(&t, verdict_status_text(v.status), row->status, "%s: status", row->name);
		tap_int(&t, v.exit_code, row->exit_code, "%s: exit code", row->name);
		tap_int(&t, v.exit_sig, row->exit_sig, "%s: exit signal", row->name);
		tap_int(&t, v.killed, row->killed, "%s: killed", row->name);
		tap_int(&t, v.rc, row->rc, "%s: exit status of isolate", row->name);
		tap_str(&t, v.message, row->message, "%s: message", row->name);
	}
	test_limits(&t);
	return tap_done(&t);
}
