/* SPDX-License-Identifier: MIT */
/* imgfetch/helper, credentials: programs that keep logins, played by shell scripts. */
#include "imgfetch/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/path.h"
#include "imgfetch/credentials.h"
#include "tests/unit/tap.h"

struct place {
	char dir[64];
	char search[512];
};

static void write_helper(const struct place *p, const char *name, const char *script)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/docker-credential-%s", p->dir, name);
	f = fopen(path, "we");
	if (!f || fprintf(f, "#!/bin/sh\n%s\n", script) < 0 || fclose(f) != 0 ||
	    chmod(path, 0755) < 0)
		exit(99);
}

/* The number that a helper has written, or -1. */
static long read_number(const struct place *p, const char *name)
{
	char path[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%ld", &n) != 1)
			n = -1;
		(void)fclose(f);
	}
	return n;
}

static const struct row {
	const char *script; /* its folder is $0's */
	const char *user;   /* NULL: an error */
	const char *secret; /* NULL: none found; or what the error says */
	enum credential_kind kind;
} rows[] = {
	{"[ \"$1\" = get ] && read -r host; [ \"$host\" = r.example:5000 ] && "
	 "echo '{\"ServerURL\":\"x\",\"Username\":\"us\",\"Secret\":\"pw\"}'",
	 "us", "pw", CREDENTIAL_PASSWORD},
	{"echo '{\"Username\":\"<token>\",\"Secret\":\"T\"}'", "<token>", "T", CREDENTIAL_IDENTITY},
	{"echo '{\"Username\":\"us\",\"Secret\":\"\"}'", "", NULL, CREDENTIAL_NONE},
	{"echo 'credentials not found in native keychain'; exit 1", "", NULL, CREDENTIAL_NONE},
	{"echo 'credentials not found in native keychain' >&2; exit 1", "", NULL, CREDENTIAL_NONE},
	/* It need not read what it is told, nor close what it leaves behind. */
	{"sleep 1000 & echo $! >\"${0%/*}/left\"; echo '{\"Username\":\"u\",\"Secret\":\"s\"}'",
	 "u", "s", CREDENTIAL_PASSWORD},
	/* Three descriptors, no more; and the caller's environment. */
	{"set -- /proc/self/fd/[3-9]; [ ! -e \"$1\" ] && [ \"$TEST_HELPER\" = kept ] && "
	 "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'",
	 "u", "s", CREDENTIAL_PASSWORD},
	{"echo 'no key for you'; echo second; exit 3", NULL, "exit status 3: no key for you", 0},
	{"printf 'evil \\033[31m\\n' >&2; exit 1", NULL, "exit status 1: evil \\x1b[31m", 0},
	{"echo '{\"Username\":\"u\",\"Secret\":\"hunter2\"}'; exit 1", NULL, "exit status 1", 0},
	{"kill -TERM $$", NULL, "killed by signal 15", 0},
	{"echo 'hunter2'", NULL, "its answer is not", 0},
	{"echo '{\"Username\":7,\"Secret\":\"hunter2\"}'", NULL, "its answer is not", 0},
	{"echo '{\"Username\":\"a:b\",\"Secret\":\"hunter2\"}'", NULL, "has a colon", 0},
	{"head -c 70000 /dev/zero", NULL, "it says more than 65536 bytes", 0},
};

static void test_get(struct tap *t, const struct place *p)
{
	const struct helper h = {.name = "x", .search = p->search, .timeout_s = HELPER_TIMEOUT_S};
	/* What a helper must not get. */
	int open_one = open("/dev/null", O_RDONLY);
	int open_two = fcntl(open_one, F_DUPFD, 7);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static struct credentials c;
		struct err e = {0};
		int r;

		c = (struct credentials){0};
		write_helper(p, "x", rows[i].script);
		r = helper_get(&h, "r.example:5000", &c, &e);
		if (!rows[i].user) {
			tap_int(t, r < 0 ? e.kind : ERR_NONE, ERR_AUTH, "fails: %s",
				rows[i].script);
			tap_has(t, e.text, rows[i].secret, "says why: %s", rows[i].script);
			tap_has(t, e.text, "'docker-credential-x' for 'r.example:5000'", "who");
			tap_ok(t, !strstr(e.text, "hunter2") && !strstr(e.text, "second"),
			       "shows no secret, and one line: %s", rows[i].script);
			continue;
		}
		tap_str(t, r == 0 ? c.user : e.text, rows[i].user, "user: %s", rows[i].script);
		tap_str(t, c.secret, rows[i].secret ? rows[i].secret : "", "secret: %s",
			rows[i].script);
		tap_int(t, c.kind, rows[i].kind, "kind: %s", rows[i].script);
	}
	(void)close(open_one);
	(void)close(open_two);
	if (read_number(p, "left") > 1)
		(void)kill((pid_t)read_number(p, "left"), SIGKILL);
}

static bool is_gone(pid_t pid)
{
	const struct timespec step = {.tv_nsec = 20 * 1000 * 1000};

	/* It may be a zombie until whoever adopts it looks. */
	for (int i = 0; i < 50 * 60; i++) {
		char path[64], state = 'Z';
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "re");
		if (!f)
			return true;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'Z';
		(void)fclose(f);
		if (state == 'Z' || state == 'X')
			return true;
		(void)nanosleep(&step, NULL);
	}
	return false;
}

static void test_timeout(struct tap *t, const struct place *p)
{
	struct helper h = {.name = "x", .search = p->search};
	static struct credentials c;
	char want[64];
	struct err e = {0};
	long child = 0;

	/* It waits for its child without being one with it: both have to go. */
	write_helper(p, "x", "sleep 1000 & echo $! >\"${0%/*}/child\"; wait");
	/* On a busy machine its time may be over before it has begun. */
	for (h.timeout_s = 1; child <= 1 && h.timeout_s < 100; h.timeout_s *= 3) {
		snprintf(want, sizeof(want), "it did not end within %u s", h.timeout_s);
		tap_int(t, helper_get(&h, "r", &c, &e), -1, "a helper that hangs is an error");
		tap_int(t, e.kind, ERR_AUTH, "of this kind");
		tap_has(t, e.text, want, "and says so");
		child = read_number(p, "child");
	}
	tap_ok(t, child > 1 && is_gone((pid_t)child), "nothing of it is left");
}

static void test_store(struct tap *t, const struct place *p)
{
	const struct helper h = {.name = "x", .search = p->search, .timeout_s = HELPER_TIMEOUT_S};
	struct err e = {0};
	bool had = false;
	char path[128], got[256] = "";
	FILE *f;

	write_helper(p, "x",
		     "[ $# = 1 ] && [ \"$1\" = store ] && tr -d ' \\n' >\"${0%/*}/stored\"");
	tap_int(t, helper_store(&h, "r", "us", "p\"w\\", &e), 0, "store: %s", e.text);
	snprintf(path, sizeof(path), "%s/stored", p->dir);
	f = fopen(path, "re");
	if (!f || !fgets(got, sizeof(got), f))
		got[0] = '\0';
	if (f)
		(void)fclose(f);
	tap_str(t, got, "{\"ServerURL\":\"r\",\"Username\":\"us\",\"Secret\":\"p\\\"w\\\\\"}",
		"what it was told");
	write_helper(p, "x", "echo 'cannot keep hunter2'; exit 1");
	tap_int(t, helper_store(&h, "r", "us", "hunter2", &e), -1, "store fails");
	tap_ok(t, !strstr(e.text, "hunter2"), "without the secret: %s", e.text);

	write_helper(p, "x", "[ \"$1\" = erase ] && read -r h; [ \"$h\" = r ]");
	tap_int(t, helper_erase(&h, "r", &had, &e), 0, "erase");
	tap_ok(t, had, "there was something");
	write_helper(p, "x", "echo 'credentials not found in native keychain'; exit 1");
	tap_int(t, helper_erase(&h, "r", &had, &e), 0, "erase nothing");
	tap_ok(t, !had, "there was nothing");
}

static void test_search(struct tap *t, const struct place *p)
{
	struct helper h = {.name = "x", .timeout_s = HELPER_TIMEOUT_S};
	static struct credentials c;
	struct err e = {0};
	static const char *const bad[] = {NULL, "", ".", ":", "/nonexistent", "/dev/null"};

	write_helper(p, "x", "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
	if (chdir(p->dir) < 0)
		exit(99);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		h.search = bad[i];
		tap_int(t, helper_get(&h, "r", &c, &e), -1, "not found in PATH=%s",
			bad[i] ? bad[i] : "(null)");
		tap_int(t, e.kind, ERR_CONFIG, "of this kind");
		tap_has(t, e.text, "there is no program 'docker-credential-x' in PATH", "says so");
	}
	h.search = p->search;
	h.name = "y";
	tap_int(t, helper_get(&h, "r", &c, &e), -1, "another name");
	h.name = "x";
	tap_int(t, helper_get(&h, "r", &c, &e), 0, "the right one");
}

/* Docker Hub has a name of its own for helpers, and several for files. */
static void test_hub(struct tap *t, const struct place *p)
{
	static struct credentials c;
	struct credential_paths paths = {.search = p->search};
	struct err e = {0};
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/auth.json", p->dir);
	paths.authfile = path;
	write_helper(p, "hub",
		     "read -r h; [ \"$h\" = https://index.docker.io/v1/ ] && "
		     "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
	for (int i = 0; i < 2; i++) {
		f = fopen(path, "we");
		if (!f ||
		    fputs(i ? "{\"credsStore\":\"hub\"}"
			    : "{\"credHelpers\":{\"https://index.docker.io/v1/\":\"hub\"}}",
			  f) < 0 ||
		    fchmod(fileno(f), 0600) < 0 || fclose(f) != 0)
			exit(99);
		c = (struct credentials){0};
		tap_int(t, credentials_find(&paths, "docker.io", "library/x", &c, &e), 0,
			"Docker Hub, way %d: %s", i, e.text);
		tap_str(t, c.origin, "credential helper 'docker-credential-hub'", "its place");
	}
	tap_int(t, credentials_find(&paths, "r.example", "a", &c, &e), -1,
		"others are asked for by their names");
}

int main(void)
{
	struct tap t = {0};
	struct place p = {.dir = "/tmp/test_helper.XXXXXX"};
	struct err e;
	int tmp;

	if (!mkdtemp(p.dir) || setenv("TEST_HELPER", "kept", 1) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 99;
	snprintf(p.search, sizeof(p.search), "relative:/nonexistent::%s:/bin:/usr/bin", p.dir);
	test_get(&t, &p);
	test_timeout(&t, &p);
	test_store(&t, &p);
	test_search(&t, &p);
	test_hub(&t, &p);
	tmp = open("/tmp", O_PATH | O_DIRECTORY);
	if (tmp < 0 || chdir("/") < 0 || path_remove_tree(tmp, p.dir + strlen("/tmp/"), &e) < 0)
		return 99;
	return tap_done(&t);
}
