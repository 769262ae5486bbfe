/* SPDX-License-Identifier: MIT */
/* containers-registries.conf(5): which files are read, in which order. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/store.h"
#include "common/text.h"
#include "imgfetch/conffile.h"
#include "imgfetch/registriesconf.h"

#define DROPINS_MAX 4096

/* 1, 0 (missing), -1 */
static int load_file(const char *path, bool may_be_missing, bool check, struct hostrules *rules,
		     struct err *e)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int r = conffile_read(path, may_be_missing, check, &text, &len, e);

	if (r > 0 && registriesconf_parse(text_quote(path).s, text, len, rules, e) < 0)
		return -1;
	return r;
}

static int is_dropin(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && strcmp(d->d_name + len - 5, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_dir(const char *dir, bool check, struct hostrules *rules, struct err *e)
{
	struct dirent **list = NULL;
	char path[PATH_MAX], file[PATH_MAX];
	int n, r = 0;

	if (text_format(path, sizeof(path), "%s/registries.conf.d", dir) < 0)
		return err_sys(e, ERR_CONFIG, "path of registries.conf.d");
	n = scandir(path, &list, is_dropin, by_name);
	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(e, ERR_CONFIG, "read '%s'", text_quote(path).s);
	for (int i = 0; i < n; i++) {
		if (r == 0 && i == DROPINS_MAX)
			r = err_set(e, ERR_CONFIG, "'%s' holds more than %d files",
				    text_quote(path).s, DROPINS_MAX);
		if (r == 0 && text_format(file, sizeof(file), "%s/%s", path, list[i]->d_name) < 0)
			r = err_sys(e, ERR_CONFIG, "path of a file in '%s'", text_quote(path).s);
		if (r == 0 && load_file(file, true, check, rules, e) < 0)
			r = -1;
		free(list[i]);
	}
	free(list);
	return r;
}

/* "" when there is none. */
static int find_own_dir(const struct registriesconf_paths *p, char *out, size_t size, struct err *e)
{
	/* The XDG base directory specification: relative values are to be ignored. */
	bool xdg = p->config_home && p->config_home[0] == '/';
	const char *base = xdg ? p->config_home : p->home;

	out[0] = '\0';
	if (!base || base[0] != '/')
		return 0;
	if (text_format(out, size, "%s%s/containers", base, xdg ? "" : "/.config") < 0)
		return err_sys(e, ERR_CONFIG, "path of your registries.conf, from HOME");
	return 0;
}

static int load_main_file(const struct registriesconf_paths *p, const char *own,
			  struct hostrules *rules, bool *is_own, struct err *e)
{
	char path[PATH_MAX];
	int r = 0;

	if (p->given && p->given[0])
		return load_file(p->given, false, true, rules, e);
	if (own[0]) {
		if (text_format(path, sizeof(path), "%s/registries.conf", own) < 0)
			return err_sys(e, ERR_CONFIG, "path of your registries.conf");
		r = load_file(path, true, true, rules, e);
		*is_own = r > 0;
	}
	if (r != 0)
		return r;
	if (text_format(path, sizeof(path), "%s/registries.conf", p->system_dir) < 0)
		return err_sys(e, ERR_CONFIG, "path of registries.conf");
	return load_file(path, true, store_caller_is_root(), rules, e);
}

int registriesconf_load(const struct registriesconf_paths *p, struct hostrules *rules,
			struct err *e)
{
	char own[PATH_MAX];
	bool is_own = false;

	if (find_own_dir(p, own, sizeof(own), e) < 0 ||
	    load_main_file(p, own, rules, &is_own, e) < 0)
		return -1;
	if (!is_own && load_dir(p->system_dir, store_caller_is_root(), rules, e) < 0)
		return -1;
	return own[0] ? load_dir(own, true, rules, e) : 0;
}
