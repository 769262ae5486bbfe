/* SPDX-License-Identifier: MIT */
/* isolate/envrules: who wins among defaults, caller, image and rules. */
#include "isolate/envrules.h"

#include "tests/unit/tap.h"

#define FATAL "LIBC_FATAL_STDERR_=1"

static char *const caller[] = {"PATH=/caller", "HOME=/home/u", "EMPTY=",       "A=1",
			       "=odd",	       "noequals",     "LD_PRELOAD=x", NULL};
static char *const fatal_caller[] = {"LIBC_FATAL_STDERR_=0", NULL};

static const struct env_row {
	const char *name;
	const char *rules[6];
	bool full;
	char *const *caller;
	char *image[3];
	const char *want; /* joined by blanks */
} env_rows[] = {
	{"nothing", {NULL}, false, caller, {NULL}, FATAL},
	{"empty rule is ignored", {""}, false, caller, {NULL}, FATAL},
	{"set", {"X=1", "Y=a b"}, false, caller, {NULL}, FATAL " X=1 Y=a b"},
	{"set with an equals sign", {"X=1=2"}, false, caller, {NULL}, FATAL " X=1=2"},
	{"inherit", {"PATH"}, false, caller, {NULL}, FATAL " PATH=/caller"},
	{"inherit an empty one", {"EMPTY"}, false, caller, {NULL}, FATAL " EMPTY="},
	{"inherit what is not there", {"NONE"}, false, caller, {NULL}, FATAL},
	{"no match by prefix", {"PAT", "PATHX"}, false, caller, {NULL}, FATAL},
	{"later wins", {"X=1", "X=2"}, false, caller, {NULL}, FATAL " X=2"},
	{"removed", {"X=1", "X="}, false, caller, {NULL}, FATAL},
	{"set, inherit what is not there", {"X=1", "X"}, false, caller, {NULL}, FATAL},
	{"the default removed", {"LIBC_FATAL_STDERR_="}, false, caller, {NULL}, ""},
	{"full",
	 {NULL},
	 true,
	 caller,
	 {NULL},
	 FATAL " PATH=/caller HOME=/home/u EMPTY= A=1 LD_PRELOAD=x"},
	{"full, one removed, one set",
	 {"HOME=", "A=2"},
	 true,
	 caller,
	 {NULL},
	 FATAL " PATH=/caller EMPTY= LD_PRELOAD=x A=2"},
	{"full, the default given by the caller",
	 {NULL},
	 true,
	 fatal_caller,
	 {NULL},
	 "LIBC_FATAL_STDERR_=0"},
	{"full without an environment", {NULL}, true, NULL, {NULL}, FATAL},
	{"image", {NULL}, false, caller, {"PATH=/img", "V=1"}, FATAL " PATH=/img V=1"},
	{"image over the caller's",
	 {NULL},
	 true,
	 caller,
	 {"PATH=/img"},
	 FATAL " HOME=/home/u EMPTY= A=1 LD_PRELOAD=x PATH=/img"},
	{"rule over the image", {"PATH=/rule"}, false, caller, {"PATH=/img"}, FATAL " PATH=/rule"},
	{"inherit over the image", {"PATH"}, false, caller, {"PATH=/img"}, FATAL " PATH=/caller"},
	{"image's removed", {"V="}, false, caller, {"V=1"}, FATAL},
	{"image twice", {NULL}, false, caller, {"V=1", "V=2"}, FATAL " V=2"},
};

static void join(char **env, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (char **p = env; *p; p++) {
		int n = snprintf(buf + len, size - len, "%s%s", p == env ? "" : " ", *p);
		if (n < 0 || (size_t)n >= size - len)
			abort();
		len += (size_t)n;
	}
}

int main(void)
{
	struct tap t = {0};
	struct envrules r = {0};
	struct err e = {0};
	char buf[1024];
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(env_rows); i++) {
		const struct env_row *row = &env_rows[i];
		struct envrules rules = {.full = row->full};
		size_t image_count = 0;
		char **env = NULL;
		int rc = 0;

		for (size_t j = 0; j < ARRAY_LEN(row->rules) && row->rules[j]; j++)
			rc |= envrules_add(&rules, row->rules[j], &e);
		while (row->image[image_count])
			image_count++;
		rc |= envrules_build(&rules, row->caller, row->image, image_count, &env, &e);
		if (tap_int(&t, rc, 0, "%s: %s", row->name, e.text)) {
			join(env, buf, sizeof(buf));
			tap_str(&t, buf, row->want, "%s", row->name);
		}
		envrules_free_env(env);
		envrules_fini(&rules);
	}
	tap_int(&t, envrules_add(&r, "=x", &e), -1, "no name is refused");
	tap_int(&t, e.kind, ERR_USAGE, "no name: kind");
	tap_int(&t, envrules_add(&r, "=", &e), -1, "only an equals sign is refused");
	tap_int(&t, (int)r.count, 0, "refused rules leave nothing");
	while (n < 100000 && !envrules_add(&r, "X=1", &e))
		n++;
	tap_int(&t, n, 4096, "number of rules is bounded");
	envrules_fini(&r);
	return tap_done(&t);
}
