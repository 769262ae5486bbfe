/* SPDX-License-Identifier: MIT */
/* imgfetch/registriesconf: what is read, skipped and refused, and which files are read. */
#include "imgfetch/registriesconf.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"

#define R "[[registry]]\n"
#define M "[[registry.mirror]]\n"

/* What a file says, each rule in a word: kind, prefix, '!' (blocked, or plain without a place) and
 * places, with '!' (plain), '@' (digests), '#' (tags). Rules that say nothing are left out. */
static const struct row {
	const char *name, *text, *want;
} rows[] = {
	{"empty", "", ""},
	{"nothing of ours", "unqualified-search-registries = ['a', \"b\"]\n[aliases]\n'a'='b'\n",
	 ""},
	{"values of several lines",
	 "a = [ # ]\n  \"]\", '[',\n]\nb = \"\"\"\n[[registry]]\n\"\"\"\nc = {d = [1,\n2]}\n", ""},
	{"blocked", R "prefix = \"a.example\"\nblocked = true\n", " b:a.example!"},
	{"rewrite", R "prefix='a/b'\nlocation='c/d'\n", " r:a/b>c/d"},
	{"location only", R "location = \"a:5000\"\ninsecure=true\n", " r:a:5000>a:5000!"},
	{"insecure without location", R "prefix = \"*.a\"\ninsecure=true\n", " r:*.a!"},
	{"mirrors",
	 R "prefix = 'a'\n" M "location = 'b'\ninsecure = true\n" M
	   "location = 'c/'\npull-from-mirror = 'digest-only'\n" M
	   "location = 'd'\npull-from-mirror = 'tag-only'\n" M
	   "location = 'e'\npull-from-mirror = 'all'\n",
	 " m:a>b!>c@>d#>e"},
	{"mirrors by digest", R "prefix='a'\nmirror-by-digest-only = true\n" M "location = 'b'\n",
	 " m:a>b@"},
	{"two", R "prefix='a'\nblocked=true\n[x]\nblocked=1\n" R "prefix='b'\nblocked=true\n",
	 " b:a! b:b!"},
	{"white space", "\t[[ registry ]] # x\r\n \"prefix\" = 'a' # y\r\n blocked  =\ttrue\r\n",
	 " b:a!"},
	{"no newline at the end", R "prefix='a'\nblocked=true", " b:a!"},
	{"escapes", R "prefix=\"a\\\\b\"\n", "f:1: 'a\\x5cb' is not host[:port][/path]"},
	{"version 1", "[registries.block]\nregistries = ['a']\n",
	 "f:1: version 1 of this format is not understood"},
	{"an inline table", "registry = [{prefix='a'}]\n",
	 "f:1: registries are understood as [[registry]] only"},
	{"no array", "[registry]\n",
	 "f:1: not understood: only [[registry]] and [[registry.mirror]] are"},
	{"below a registry", R "prefix='a'\n[registry.x]\n",
	 "f:3: not understood: only [[registry]] and [[registry.mirror]] are"},
	{"unknown key", R "prefix='a'\nblock = true\n", "f:3: 'block' is not understood here"},
	{"a mirror's key", R "prefix='a'\npull-from-mirror = 'all'\n",
	 "f:3: 'pull-from-mirror' is not understood here"},
	{"a registry's key", R "prefix='a'\n" M "blocked = true\n",
	 "f:4: 'blocked' is not understood here"},
	{"inline mirrors",
	 R "prefix='a'\nmirror = [ # x\n  {location='b'},\n\t{ \"location\" = \"c/\" , insecure = "
	   "true}, # y\n  {location='d',pull-from-mirror='tag-only'} ]\nblocked = true\n",
	 " b:a! m:a>b>c!>d#"},
	{"inline mirrors, and a comma at the end", R "prefix='a'\nmirror=[{location='b'},\n]",
	 " m:a>b"},
	{"no inline mirrors", R "prefix='a'\nblocked=true\nmirror = []\n", " b:a!"},
	{"an empty prefix", R "prefix=''\nlocation='a'\nblocked=true\n", " b:a! r:a>a"},
	{"inline mirrors without a place", R "prefix='a'\nmirror = [{insecure=true}]\n",
	 "f:1: a mirror without a location"},
	{"inline mirrors of inline mirrors", R "prefix='a'\nmirror = [{mirror=[]}]\n",
	 "f:3: 'mirror' is not understood here"},
	{"a registry's key in an inline mirror", R "prefix='a'\nmirror = [{blocked=true}]\n",
	 "f:3: 'blocked' is not understood here"},
	{"inline mirrors twice", R "prefix='a'\nmirror=[{location='b'}]\nmirror=[]\n",
	 "f:4: the key was there already"},
	{"inline mirrors without a comma", R "mirror = [{location='b'} {location='c'}]\n",
	 "f:2: mirror is a list of tables"},
	{"an inline mirror without its end", R "mirror = [{location='b'\n}]\n",
	 "f:2: an inline table without its end"},
	{"an empty inline mirror", R "mirror = [{}]\n", "f:2: neither a table nor a key"},
	{"inline mirrors without their end", R "mirror = [{location='b'},\n",
	 "f:3: mirror is a list of tables"},
	{"no list of mirrors", R "mirror = {location='b'}\n", "f:2: mirror is a list of tables"},
	{"text behind inline mirrors", R "prefix='a'\nmirror = [] x\n",
	 "f:3: something is behind the end of the value"},
	{"a dotted key", R "prefix.x='a'\n", "f:2: a dotted key is not understood here"},
	{"twice", R "prefix='a'\nprefix='b'\n", "f:3: the key was there already"},
	{"bool twice", R "blocked=true\nblocked=true\n", "f:3: the key was there already"},
	{"no bool", R "blocked='true'\n", "f:2: neither true nor false"},
	{"no string", R "prefix=true\n", "f:2: not a string"},
	{"a long string", R "prefix='''a'''\n",
	 "f:2: a string over several lines is not understood here"},
	{"no end of a string", R "prefix='a\n", "f:2: a string without its end"},
	{"no end of a skipped string", "\na = \"b\n", "f:2: a string without its end"},
	{"no end of a value", "a = [1,\n2\n", "f:3: a value without its end"},
	{"a bracket too many", "a = ]\n", "f:1: a bracket too many"},
	{"an unknown escape", R "prefix=\"\\u0041\"\n",
	 "f:2: an escape that is not understood here"},
	{"rubbish behind", R "prefix='a' 'b'\n", "f:2: something is behind the end of the value"},
	{"rubbish", R "=\n", "f:2: neither a table nor a key"},
	{"no value", R "prefix\n", "f:2: neither a table nor 'key = value'"},
	{"no end of a table", "[[registry]\n", "f:1: the name of a table without its end"},
	{"a tag", R "prefix='a/b:1'\n", "f:1: 'a/b:1' is not host[:port][/path]"},
	{"a scheme", "\n" R "location='https://a'\n", "f:2: 'https://a' is not host[:port][/path]"},
	{"no name", R "blocked = true\n", "f:1: a registry with neither prefix nor location"},
	{"a mirror of nothing", M, "f:1: a mirror without a registry"},
	{"a mirror without a place", R "prefix='a'\n" M, "f:1: a mirror without a location"},
	{"digests in two ways",
	 R "prefix='a'\nmirror-by-digest-only=true\n" M "location='b'\npull-from-mirror='all'\n",
	 "f:1: both mirror-by-digest-only and pull-from-mirror"},
	{"a prefix twice", R "prefix='docker.io'\nblocked=true\n" R "prefix='index.docker.io'\n",
	 "f:4: 'index.docker.io' has a table already (f:1)"},
	{"an odd use", R "prefix='a'\n" M "pull-from-mirror='x'\n",
	 "f:4: pull-from-mirror is all, digest-only or tag-only"},
};

static void show(const struct hostrules *h, char *got, size_t size)
{
	size_t at = 0;

	got[0] = '\0';
	for (size_t i = 0; i < h->count; i++) {
		const struct hostrule *r = &h->rules[i];

		if (!r->yes && r->count == 0)
			continue;
		at += (size_t)snprintf(got + at, size - at, " %c:%s%s", "mrb"[r->kind], r -> prefix,
				       r -> yes && r -> count == 0 ? "!" : "");
		for (size_t j = 0; j < r->count; j++)
			at += (size_t)snprintf(got + at, size - at, ">%s%s%c",
					       r->places[j].location, r->places[j].plain ? "!" : "",
					       " @#"[r->places[j].use]);
		while (at > 0 && got[at - 1] == ' ')
			got[--at] = '\0';
	}
}

/* " >" after places that are for everything */
static void squeeze(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (!(s[0] == ' ' && s[1] == '>'))
			*to++ = *s;
	*to = '\0';
}

static void test_row(struct tap *t, const struct row *r)
{
	char text[1024], got[1024];
	struct hostrules h = {0};
	struct err e = {0};

	strcpy(text, r->text);
	if (registriesconf_parse("f", text, strlen(text), &h, &e) < 0)
		strcpy(got, e.text);
	else
		show(&h, got, sizeof(got));
	squeeze(got);
	tap_str(t, got, r->want, "parse: %s", r->name);
	hostrules_fini(&h);
}

/* --- files --- */

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

/* dir/name, with one table that blocks the host; dir/name is removed if host is NULL. */
static void put(const char *dir, const char *name, const char *host)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!host) {
		must(unlink(path) == 0, path);
		return;
	}
	f = fopen(path, "we");
	must(f && fprintf(f, R "prefix = '%s'\nblocked = true\n", host) > 0 && fclose(f) == 0 &&
		     chmod(path, 0644) == 0,
	     path);
}

static void check(struct tap *t, const struct registriesconf_paths *p, const char *want,
		  const char *name)
{
	struct hostrules h = {0};
	struct err e = {0};
	char got[1024];

	if (registriesconf_load(p, &h, &e) < 0)
		strcpy(got, " error");
	else
		show(&h, got, sizeof(got));
	tap_str(t, got, want, "load: %s", name);
	hostrules_fini(&h);
}

static void test_load(struct tap *t)
{
	char dir[] = "/tmp/test_registriesconf.XXXXXX", own[64], own_d[96], sys[64], sys_d[96];
	char given[96];
	struct registriesconf_paths p = {.system_dir = sys};

	must(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(own, sizeof(own), "%s/containers", dir);
	snprintf(own_d, sizeof(own_d), "%s/registries.conf.d", own);
	snprintf(sys, sizeof(sys), "%s/etc", dir);
	snprintf(sys_d, sizeof(sys_d), "%s/registries.conf.d", sys);
	snprintf(given, sizeof(given), "%s/given", dir);
	must(mkdir(own, 0700) == 0 && mkdir(own_d, 0700) == 0 && mkdir(sys, 0700) == 0 &&
		     mkdir(sys_d, 0700) == 0,
	     "mkdir");

	check(t, &p, "", "no files");
	put(sys, "registries.conf", "sys");
	put(sys_d, "b.conf", "sys-b");
	put(sys_d, "a.conf", "sys-a");
	put(sys_d, "c.cnf", "not-this");
	check(t, &p, " b:sys! b:sys-a! b:sys-b!", "the system's, in order");
	p.config_home = dir;
	put(own_d, "a.conf", "own-a");
	check(t, &p, " b:sys! b:sys-a! b:sys-b! b:own-a!", "one's own drop-ins");
	put(own, "registries.conf", "own");
	check(t, &p, " b:own! b:own-a!", "one's own instead");
	put(dir, "given", "given");
	p.given = given;
	check(t, &p, " b:given! b:sys-a! b:sys-b! b:own-a!", "the one that is named");
	must(chmod(given, 0666) == 0, "chmod");
	check(t, &p, " error", "none that others may write");
	put(dir, "given", NULL);
	check(t, &p, " error", "what is named must be there");
	p.given = "";
	p.config_home = "relative";
	check(t, &p, " b:sys! b:sys-a! b:sys-b!", "a relative XDG_CONFIG_HOME is nothing");

	put(sys, "registries.conf", NULL);
	put(sys_d, "a.conf", NULL);
	put(sys_d, "b.conf", NULL);
	put(sys_d, "c.cnf", NULL);
	put(own, "registries.conf", NULL);
	put(own_d, "a.conf", NULL);
	must(rmdir(own_d) == 0 && rmdir(own) == 0 && rmdir(sys_d) == 0 && rmdir(sys) == 0 &&
		     rmdir(dir) == 0,
	     "rmdir");
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		test_row(&t, &rows[i]);
	test_load(&t);
	return tap_done(&t);
}
