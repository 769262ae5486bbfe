/* SPDX-License-Identifier: MIT */
/* imgfetch/config: keys, lines that are wrong, and which files are read. */
#include "imgfetch/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"

/* What a file says, in one line: "jobs timeout hosts", or the error. */
static const struct row {
	const char *name, *text, *want;
} rows[] = {
	{"empty", "", "0 0"},
	{"comments", "# jobs = 2\n\n[x]\n", "0 0"},
	{"numbers", "jobs = 32\ntimeout = 3600\n", "32 3600"},
	{"last wins", "jobs = 2\njobs=7\n", "7 0"},
	{"hosts", "plain_http = a.example:5000, B [::1]:80\n", "0 0 a.example:5000 B [::1]:80"},
	{"last list wins", "plain_http = a b\nplain_http = c\n", "0 0 c"},
	{"empty list", "plain_http = a b\nplain_http =\n", "0 0"},
	{"limits are numbers", "max_entries = 1K\n",
	 "f:1: max_entries: '1K' is not a whole number from 1 to 1000000000"},
	{"limits are sizes", "max_layer_size = 1g\nmax_image_size = 12 MB\n",
	 "f:2: max_image_size: '12 MB' is not a number of bytes (K, M, G or T may follow)"},
	{"no limit is 0", "max_layer_size = 0\n",
	 "f:1: max_layer_size: 0 would refuse every image"},
	{"zero", "jobs = 0\n", "f:1: jobs: '0' is not a whole number from 1 to 32"},
	{"large", "\ntimeout = 3601\n",
	 "f:2: timeout: '3601' is not a whole number from 1 to 3600"},
	{"unknown", "job = 1\n", "f:1: unknown key 'job'"},
	{"no pair", "jobs 1\n", "f:1: 'jobs 1' is not 'key = value'"},
	{"a path is no host", "plain_http = a/b\n",
	 "f:1: plain_http: 'a/b' is not host or host:port"},
	{"a user is no host", "plain_http = u:p@b\n",
	 "f:1: plain_http: 'u:p@b' is not host or host:port"},
	{"a bad port", "plain_http = a:0\n", "f:1: plain_http: 'a:0' is not host or host:port"},
	{"a mirror", "mirror a.example = b c/d\n", "0 0 m:a.example>b>c/d"},
	{"rules", "rewrite A/b = c\nblocked *.d = yes\nblocked e = no\n", "0 0 r:a/b>c b:*.d! b:e"},
	{"no places", "mirror a =\nrewrite b =\n", "0 0 m:a r:b"},
	{"a rule for whom", "mirror = b\n", "f:1: mirror: for which images? (mirror HOST = ...)"},
	{"a bad prefix", "\nblocked a:b = yes\n", "f:2: blocked: 'a:b' is not host[:port][/path]"},
	{"a bad place", "rewrite a = b c\n", "f:1: rewrite: 'b c' is not host[:port][/path]"},
	{"neither yes nor no", "blocked a = 1\n", "f:1: blocked must be 'yes' or 'no', not '1'"},
	{"a word too much", "jobs x = 1\n", "f:1: jobs has no second word"},
	{"escapes", "\x1b[2J = 1\n", "f:1: unknown key '\\x1b[2J'"},
};

static void test_row(struct tap *t, const struct row *r)
{
	char text[512], got[1024];
	struct config c = {0};
	struct err e = {0};
	size_t at;

	strcpy(text, r->text);
	if (config_parse("f", text, strlen(text), &c, &e) < 0) {
		tap_int(t, e.kind, ERR_CONFIG, "parse: %s: kind", r->name);
		strcpy(got, e.text);
	} else {
		at = (size_t)snprintf(got, sizeof(got), "%u %u", c.jobs, c.timeout_s);
		for (size_t i = 0; i < c.plain_count; i++)
			at += (size_t)snprintf(got + at, sizeof(got) - at, " %s", c.plain[i]);
		for (size_t i = 0; i < c.rules.count; i++) {
			const struct hostrule *rule = &c.rules.rules[i];

			at += (size_t)snprintf(got + at, sizeof(got) - at, " %c:%s%s",
					       "mrb"[rule->kind], rule -> prefix,
					       rule -> yes ? "!" : "");
			for (size_t j = 0; j < rule->count; j++)
				at += (size_t)snprintf(got + at, sizeof(got) - at, ">%s",
						       rule->places[j].location);
		}
	}
	tap_str(t, got, r->want, "parse: %s", r->name);
	config_fini(&c);
}

static void test_many(struct tap *t)
{
	char text[1024] = "plain_http =";
	struct config c = {0};
	struct err e = {0};

	for (int i = 0; i <= CONFIG_PLAIN_MAX; i++)
		strcat(text, " a");
	strcat(text, "\n");
	tap_int(t, config_parse("f", text, strlen(text), &c, &e), -1, "parse: too many hosts");
	tap_str(t, e.text, "f:1: plain_http: more than 64 hosts", "parse: too many hosts: message");
	config_fini(&c);
}

/* --- files --- */

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	must(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0, path);
}

/* "jobs timeout" or "error" */
static void check(struct tap *t, const struct config_paths *p, const char *want, const char *name)
{
	struct config c = {0};
	struct err e = {0};
	char got[64] = "error";

	if (config_load(p, &c, &e) == 0)
		snprintf(got, sizeof(got), "%u %u", c.jobs, c.timeout_s);
	tap_str(t, got, want, "load: %s", name);
	config_fini(&c);
}

static void test_load(struct tap *t)
{
	char dir[] = "/tmp/test_fetchconfig.XXXXXX", system[64], given[64], own[96], xdg[96];
	struct config_paths p = {.system = system};

	must(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(system, sizeof(system), "%s/system", dir);
	snprintf(given, sizeof(given), "%s/given", dir);
	snprintf(own, sizeof(own), "%s/.config", dir);
	must(mkdir(own, 0700) == 0, own);
	snprintf(xdg, sizeof(xdg), "%s/isolate", dir);
	must(mkdir(xdg, 0700) == 0, xdg);
	strcat(xdg, "/imgfetch.cf");
	strcat(own, "/isolate");
	must(mkdir(own, 0700) == 0, own);
	strcat(own, "/imgfetch.cf");

	check(t, &p, "0 0", "no file");
	put(system, "jobs = 2\ntimeout = 5\n", 0644);
	check(t, &p, "2 5", "the system's");
	p.home = dir;
	check(t, &p, "2 5", "none of one's own");
	put(own, "jobs = 3\n", 0644);
	check(t, &p, "3 5", "one's own wins, key by key");
	p.config_home = "relative";
	check(t, &p, "3 5", "a relative XDG_CONFIG_HOME is nothing");
	p.config_home = dir;
	put(xdg, "jobs = 4\n", 0600);
	check(t, &p, "4 5", "XDG_CONFIG_HOME");
	put(xdg, "jobs = x\n", 0600);
	check(t, &p, "error", "an error is one");
	p.given = given;
	check(t, &p, "error", "what is named must be there");
	put(given, "jobs = 5\n", 0644);
	check(t, &p, "5 0", "what is named is all");
	put(given, "jobs = 5\n", 0664);
	check(t, &p, "error", "not what a group may write");
	put(given, "jobs = 5\n", 0646);
	check(t, &p, "error", "not what everybody may write");
	p.given = dir;
	check(t, &p, "error", "a directory");
	if (geteuid() == 0) {
		p.given = given;
		put(given, "jobs = 5\n", 0644);
		must(chown(given, 12345, 0) == 0, "chown");
		check(t, &p, "error", "not what belongs to somebody else");
	}
	must(unlink(own) == 0 && unlink(xdg) == 0 && unlink(given) == 0 && unlink(system) == 0,
	     "unlink");
	*strrchr(own, '/') = *strrchr(xdg, '/') = '\0';
	must(rmdir(own) == 0 && rmdir(xdg) == 0, "rmdir");
	*strrchr(own, '/') = '\0';
	must(rmdir(own) == 0 && rmdir(dir) == 0, "rmdir");
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		test_row(&t, &rows[i]);
	test_many(&t);
	test_load(&t);
	return tap_done(&t);
}
