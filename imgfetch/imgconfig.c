/* SPDX-License-Identifier: MIT */
/* The image configuration: what a container would be given, as far as a box cares. Pure. */
#include "imgfetch/imgconfig.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/json.h"

/* Caps on what no honest image reaches; the descriptor's own (IMGDESC_*) come on top. */
#define STRINGS_MAX	 1024
#define STRING_BYTES_MAX (32 * 1024)

static void free_strings(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

void imgconfig_fini(struct imgconfig *c)
{
	free(c->diffids);
	free_strings(c->env, c->env_count);
	free(c->workdir);
	free(c->user);
	free_strings(c->entrypoint, c->entrypoint_count);
	free_strings(c->cmd, c->cmd_count);
	*c = (struct imgconfig){0};
}

static int copy_string(const char *s, char **out, struct err *e)
{
	*out = strdup(s);
	if (!*out)
		return err_sys(e, ERR_SYSTEM, "remember the image configuration");
	return 0;
}

/* On failure what was copied so far stays in *out and *count for the caller's fini. */
static int get_strings(const struct jv *obj, const char *key, char ***out, size_t *count,
		       struct err *e)
{
	const struct jv *arr = NULL;
	size_t n = 0;

	if (jv_get_array(obj, key, JV_OPTIONAL, STRINGS_MAX, &arr, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	*out = calloc(n, sizeof(**out));
	if (!*out)
		return err_sys(e, ERR_SYSTEM, "remember the image configuration");
	for (size_t i = 0; i < n; i++) {
		const char *s = NULL;

		if (jv_string_at(arr, i, STRING_BYTES_MAX, &s, e) < 0)
			return err_wrap(e, "'%s'", key);
		if (copy_string(s, &(*out)[i], e) < 0)
			return -1;
		*count = i + 1;
	}
	return 0;
}

/* Drop entries without a name or without '=' (they set nothing), and all but the last entry of each
 * name, as a process would see them. */
static void tidy_env(struct imgconfig *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->env_count; i++) {
		const char *eq = strchr(c->env[i], '=');
		bool drop = !eq || eq == c->env[i];

		for (size_t j = i + 1; !drop && j < c->env_count; j++)
			drop = strncmp(c->env[i], c->env[j], (size_t)(eq - c->env[i]) + 1) == 0;
		if (drop)
			free(c->env[i]);
		else
			c->env[kept++] = c->env[i];
	}
	c->env_count = kept;
}

static int parse_settings(const struct jv *doc, struct imgconfig *c, struct err *e)
{
	const struct jv *obj = NULL;
	const char *workdir = NULL, *user = NULL;

	if (jv_get_object(doc, "config", JV_OPTIONAL, &obj, e) < 0)
		return -1;
	if (!obj)
		return 0;
	if (jv_get_string(obj, "WorkingDir", JV_OPTIONAL, 4000, &workdir, e) < 0 ||
	    jv_get_string(obj, "User", JV_OPTIONAL, 1024, &user, e) < 0 ||
	    get_strings(obj, "Env", &c->env, &c->env_count, e) < 0 ||
	    get_strings(obj, "Entrypoint", &c->entrypoint, &c->entrypoint_count, e) < 0 ||
	    get_strings(obj, "Cmd", &c->cmd, &c->cmd_count, e) < 0)
		return -1;
	tidy_env(c);
	if (user && user[0] && copy_string(user, &c->user, e) < 0)
		return -1;
	if (workdir && workdir[0]) {
		/* Builders mean a relative one from the root. */
		if (asprintf(&c->workdir, "%s%s", workdir[0] == '/' ? "" : "/", workdir) < 0) {
			c->workdir = NULL;
			return err_sys(e, ERR_SYSTEM, "remember the image configuration");
		}
	}
	return 0;
}

static int parse_diffids(const struct jv *doc, struct imgconfig *c, struct err *e)
{
	const struct jv *rootfs = NULL, *arr = NULL;
	const char *type = NULL;
	size_t n = 0;

	if (jv_get_object(doc, "rootfs", JV_REQUIRED, &rootfs, e) < 0 ||
	    jv_get_string(rootfs, "type", JV_REQUIRED, 64, &type, e) < 0 ||
	    jv_get_array(rootfs, "diff_ids", JV_REQUIRED, LAYERS_MAX, &arr, &n, e) < 0)
		return -1;
	if (strcmp(type, "layers") != 0)
		return err_set(e, ERR_VERIFY, "its rootfs is of unknown type '%s'",
			       text_quote(type).s);
	c->diffids = calloc(n ? n : 1, sizeof(*c->diffids));
	if (!c->diffids)
		return err_sys(e, ERR_SYSTEM, "remember %zu layers", n);
	c->diffid_count = n;
	for (size_t i = 0; i < n; i++) {
		const char *s = NULL;

		if (jv_string_at(arr, i, 256, &s, e) < 0)
			return err_wrap(e, "diff_ids");
		/* The store's name of the layer would be known only after it has been unpacked. */
		if (strncmp(s, "sha512:", 7) == 0)
			return err_set(e, ERR_VERIFY,
				       "diff_ids: sha512 is not supported for layers, only sha256");
		if (digest_parse(s, &c->diffids[i], e) < 0) {
			e->kind = ERR_VERIFY;
			return err_wrap(e, "diff_ids");
		}
	}
	return 0;
}

static int get_name(const struct jv *doc, const char *key, char *out, size_t size, struct err *e)
{
	const char *s = NULL;

	if (jv_get_string(doc, key, JV_OPTIONAL, size - 1, &s, e) < 0)
		return -1;
	if (s)
		memcpy(out, s, strlen(s) + 1);
	return 0;
}

int imgconfig_parse(const char *data, size_t len, struct imgconfig *out, struct err *e)
{
	auto_jv doc = NULL;
	struct imgconfig c = {0};

	if (jv_parse(data, len, &doc, e) < 0)
		return -1;
	if (!jv_is_object(doc))
		return err_set(e, ERR_VERIFY, "not an image configuration: no JSON object");
	if (get_name(doc, "os", c.platform.os, sizeof(c.platform.os), e) < 0 ||
	    get_name(doc, "architecture", c.platform.arch, sizeof(c.platform.arch), e) < 0 ||
	    get_name(doc, "variant", c.platform.variant, sizeof(c.platform.variant), e) < 0 ||
	    parse_diffids(doc, &c, e) < 0 || parse_settings(doc, &c, e) < 0) {
		imgconfig_fini(&c);
		return -1;
	}
	*out = c;
	return 0;
}

int imgconfig_check_platform(const struct imgconfig *c, const struct platform *want, struct err *e)
{
	const struct platform *have = &c->platform;

	if (!have->os[0] && !have->arch[0])
		return 0;
	if (platform_rank(want, have) > 0)
		return 0;
	return err_set(e, ERR_PLATFORM, "the image is for %s, not for %s (--platform=%s takes it)",
		       text_quote(platform_text(have).s).s, platform_text(want).s,
		       text_quote(platform_text(have).s).s);
}
