/* SPDX-License-Identifier: MIT */
/* --dir: the grammar of directory rules, and the ordered list they make. */
#include "isolate/dirrules.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"

#define RULES_MAX 256

static const char *const host_defaults[] = {
	"box=./box:rw", "bin",	   "dev:dev:norec", "dev/shm=tmpfs:fs:rw", "lib", "lib64:maybe",
	"proc=proc:fs", "tmp:tmp", "usr",
};

/* Nothing of the host's system directories: the image has its own. */
static const char *const image_defaults[] = {
	"box=./box:rw", "dev=dev:fs", "dev/shm=tmpfs:fs:rw", "proc=proc:fs", "tmp:tmp",
};

static const struct {
	const char *name;
	enum dirrule_flag flag;
} flag_names[] = {
	{"rw", DIR_RW}, {"dev", DIR_DEV}, {"noexec", DIR_NOEXEC}, {"maybe", DIR_MAYBE},
	{"fs", DIR_FS}, {"tmp", DIR_TMP}, {"norec", DIR_NOREC},
};

static const char *const fs_types[] = {"proc", "sysfs", "tmpfs", "devpts", "dev"};

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "allocate directory rule");
}

/* Whole words between ':' only. */
static int parse_flags(const char *rule, char *opts, unsigned *out, struct err *e)
{
	unsigned flags = 0;
	char *next;

	for (char *opt = opts; opt; opt = next) {
		unsigned flag = 0;

		next = strchr(opt, ':');
		if (next)
			*next++ = '\0';
		for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
			if (!strcmp(opt, flag_names[i].name))
				flag = flag_names[i].flag;
		if (!flag)
			return err_set(e, ERR_USAGE, "--dir '%s': unknown option '%s'",
				       text_quote(rule).s, text_quote(opt).s);
		flags |= flag;
	}
	*out = flags;
	return 0;
}

/* "//a/./b/" becomes "a/b", in place. ".." could leave the root while mount points are made. */
static int normalise_in(const char *rule, char *in, struct err *e)
{
	char *from = in, *to = in;

	while (*from) {
		size_t len = strcspn(from, "/");

		if (len == 2 && !strncmp(from, "..", 2))
			return err_set(e, ERR_USAGE, "--dir '%s': '..' is not allowed inside",
				       text_quote(rule).s);
		if (len && !(len == 1 && *from == '.')) {
			if (len > NAME_MAX)
				return err_set(e, ERR_USAGE, "--dir '%s': name is too long",
					       text_quote(rule).s);
			if (to != in)
				*to++ = '/';
			memmove(to, from, len);
			to += len;
		}
		from += len;
		from += *from == '/';
	}
	*to = '\0';
	if (to == in)
		return err_set(e, ERR_USAGE, "--dir '%s': no directory inside is named",
			       text_quote(rule).s);
	return 0;
}

static bool fs_type_known(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(fs_types); i++)
		if (!strcmp(type, fs_types[i]))
			return true;
	return false;
}

/* Which options mean something together, and what OUT may be. */
static int check_rule(const char *rule, const char *out, unsigned flags, struct err *e)
{
	if ((flags & DIR_TMP) && out)
		return err_set(e, ERR_USAGE, "--dir '%s': 'tmp' has nothing outside",
			       text_quote(rule).s);
	if ((flags & DIR_TMP) && (flags & (DIR_FS | DIR_DEV | DIR_MAYBE | DIR_NOREC)))
		return err_set(e, ERR_USAGE, "--dir '%s': 'tmp' goes with 'rw' and 'noexec' only",
			       text_quote(rule).s);
	if (!out)
		return 0;
	if (flags & DIR_FS) {
		if (!fs_type_known(out))
			return err_set(e, ERR_USAGE,
				       "--dir '%s': file system is none of proc, sysfs, tmpfs, "
				       "devpts, dev",
				       text_quote(rule).s);
		/* Nothing in there is a box's business to change; never on purpose. */
		if (!strcmp(out, "sysfs") && (flags & DIR_RW))
			return err_set(e, ERR_USAGE, "--dir '%s': sysfs is always read-only",
				       text_quote(rule).s);
		return 0;
	}
	if (out[0] != '/' && strncmp(out, "./", 2) != 0)
		return err_set(e, ERR_USAGE,
			       "--dir '%s': the directory outside must start with '/' or './'",
			       text_quote(rule).s);
	return 0;
}

/* Put the rule into the list; takes over both strings on success. */
static int place(struct dirrules *r, char *in, char *out, unsigned flags, struct err *e)
{
	struct dirrule *grown;

	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->rules[i].in, in) != 0)
			continue;
		free(r->rules[i].in);
		free(r->rules[i].out);
		r->rules[i] = (struct dirrule){.in = in, .out = out, .flags = flags};
		return 0;
	}
	if (r->count >= RULES_MAX)
		return err_set(e, ERR_USAGE, "--dir: more than %d rules", RULES_MAX);
	grown = reallocarray(r->rules, r->count + 1, sizeof(*grown));
	if (!grown)
		return no_memory(e);
	r->rules = grown;
	r->rules[r->count++] = (struct dirrule){.in = in, .out = out, .flags = flags};
	return 0;
}

int dirrules_add(struct dirrules *r, const char *rule, struct err *e)
{
	auto_free char *in = NULL, *out = NULL;
	unsigned flags = 0;
	char *colon, *equals;

	if (strlen(rule) >= PATH_MAX)
		return err_set(e, ERR_USAGE, "--dir: rule is too long");
	in = strdup(rule);
	if (!in)
		return no_memory(e);
	colon = strchr(in, ':');
	if (colon) {
		*colon++ = '\0';
		if (parse_flags(rule, colon, &flags, e))
			return -1;
	}
	equals = strchr(in, '=');
	if (equals)
		*equals++ = '\0';
	if (equals && *equals) {
		out = strdup(equals);
		if (!out)
			return no_memory(e);
	}
	if (normalise_in(rule, in, e))
		return -1;
	/* IN alone is the same path outside. */
	if (!equals && !(flags & DIR_TMP) && asprintf(&out, "/%s", in) < 0) {
		out = NULL;
		return no_memory(e);
	}
	if (check_rule(rule, out, flags, e))
		return -1;
	if (!out && !(flags & DIR_TMP))
		flags = DIR_REMOVED;
	if (place(r, in, out, flags, e))
		return -1;
	in = NULL;
	out = NULL;
	return 0;
}

int dirrules_init(struct dirrules *r, bool image, struct err *e)
{
	const char *const *rules = image ? image_defaults : host_defaults;
	size_t count = image ? ARRAY_LEN(image_defaults) : ARRAY_LEN(host_defaults);
	struct dirrules fresh = {0};

	for (size_t i = 0; i < count; i++) {
		if (dirrules_add(&fresh, rules[i], e)) {
			dirrules_fini(&fresh);
			return -1;
		}
	}
	*r = fresh;
	return 0;
}

void dirrules_fini(struct dirrules *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->rules[i].in);
		free(r->rules[i].out);
	}
	free(r->rules);
	*r = (struct dirrules){0};
}
