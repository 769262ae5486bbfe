/* SPDX-License-Identifier: MIT */
/* --env, --full-env and the image's Env: the environment of the program. */
#include "isolate/envrules.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* What the kernel would take as arguments bounds both already; these keep the work below bounded
 * too, since every rule looks through the whole environment. */
#define RULES_MAX  4096
#define CALLER_MAX 65536

/* The environment while it grows: at most `room` entries, always NULL-terminated. */
struct env {
	char **vars;
	size_t count, room;
};

static size_t name_len(const char *var)
{
	return strcspn(var, "=");
}

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_SYSTEM, "allocate environment");
}

int envrules_add(struct envrules *r, const char *rule, struct err *e)
{
	char **grown;
	char *copy;

	if (!*rule)
		return 0;
	if (!name_len(rule))
		return err_set(e, ERR_USAGE, "--env '%s': variable has no name",
			       text_quote(rule).s);
	if (r->count >= RULES_MAX)
		return err_set(e, ERR_USAGE, "--env: more than %d rules", RULES_MAX);
	grown = reallocarray(r->rules, r->count + 1, sizeof(*grown));
	if (!grown)
		return no_memory(e);
	r->rules = grown;
	copy = strdup(rule);
	if (!copy)
		return no_memory(e);
	r->rules[r->count++] = copy;
	return 0;
}

/* The entry "NAME=..." for the len bytes of name in a NULL-terminated environment, or NULL. */
static char *const *find(char *const *env, const char *name, size_t len)
{
	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return env;
	return NULL;
}

/* Remove each entry of that name: execve(2) lets a caller pass one name twice, and what was removed
 * must not come back with the second. */
static void env_remove(struct env *v, const char *name, size_t len)
{
	char *const *found = v->vars;
	size_t i;

	while ((found = find(found, name, len))) {
		i = (size_t)(found - v->vars);
		free(v->vars[i]);
		/* The order of what stays is kept: it is what the caller sees in tests. */
		memmove(&v->vars[i], &v->vars[i + 1], (v->count - i) * sizeof(*v->vars));
		v->count--;
	}
}

/* Append "NAME=VALUE"; the caller removed an earlier one where there can be one. */
static int env_append(struct env *v, const char *var, struct err *e)
{
	char *copy;

	if (v->count >= v->room)
		return err_set(e, ERR_BUG, "environment has no room for '%s'", text_quote(var).s);
	copy = strdup(var);
	if (!copy)
		return no_memory(e);
	v->vars[v->count++] = copy;
	v->vars[v->count] = NULL;
	return 0;
}

static int env_set(struct env *v, const char *var, struct err *e)
{
	env_remove(v, var, name_len(var));
	return env_append(v, var, e);
}

static int apply_rule(struct env *v, const char *rule, char *const *caller_env, struct err *e)
{
	size_t len = name_len(rule);
	char *const *inherited;

	if (rule[len] == '=') {
		if (rule[len + 1])
			return env_set(v, rule, e);
		env_remove(v, rule, len);
		return 0;
	}
	/* A variable that the caller does not have is not there inside either. */
	inherited = find(caller_env, rule, len);
	if (inherited)
		return env_set(v, *inherited, e);
	env_remove(v, rule, len);
	return 0;
}

static int fill(struct env *v, const struct envrules *r, char *const *caller_env,
		char *const *image_env, size_t image_env_count, struct err *e)
{
	/* glibc's own last words ("*** buffer overflow detected ***") go to /dev/tty otherwise,
	 * which a box does not have: the author of the program would never see them. */
	static const char fatal_stderr[] = "LIBC_FATAL_STDERR_=1";

	if (!(r->full && find(caller_env, fatal_stderr, name_len(fatal_stderr))) &&
	    env_append(v, fatal_stderr, e))
		return -1;
	for (char *const *p = caller_env; r->full && p && *p; p++)
		if (name_len(*p) && strchr(*p, '=') && env_append(v, *p, e))
			return -1;
	for (size_t i = 0; i < image_env_count; i++)
		if (env_set(v, image_env[i], e))
			return -1;
	for (size_t i = 0; i < r->count; i++)
		if (apply_rule(v, r->rules[i], caller_env, e))
			return -1;
	return 0;
}

int envrules_build(const struct envrules *r, char *const *caller_env, char *const *image_env,
		   size_t image_env_count, char ***out, struct err *e)
{
	struct env v = {.room = 1 + image_env_count + r->count};
	size_t caller_count = 0;

	while (r->full && caller_env && caller_env[caller_count])
		caller_count++;
	if (caller_count > CALLER_MAX)
		return err_set(e, ERR_USAGE, "--full-env: more than %d variables", CALLER_MAX);
	v.room += caller_count;
	v.vars = calloc(v.room + 1, sizeof(*v.vars));
	if (!v.vars)
		return no_memory(e);
	if (fill(&v, r, caller_env, image_env, image_env_count, e)) {
		envrules_free_env(v.vars);
		return -1;
	}
	*out = v.vars;
	return 0;
}

void envrules_free_env(char **env)
{
	for (char **p = env; p && *p; p++)
		free(*p);
	free(env);
}

void envrules_fini(struct envrules *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->rules[i]);
	free(r->rules);
	*r = (struct envrules){0};
}
