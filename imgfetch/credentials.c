/* SPDX-License-Identifier: MIT */
/* User names, passwords and tokens for registries, from the files that docker and podman keep and
 * the helpers that these name. */
#include "imgfetch/credentials.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "imgfetch/authfile.h"
#include "imgfetch/helper.h"
#include "imgfetch/secret.h"

/* --- places ---------------------------------------------------------------------------------- */

static bool set(const char *s)
{
	return s && s[0];
}

void credentials_paths_from_env(const char *authfile, struct credential_paths *out)
{
	*out = (struct credential_paths){
		.authfile = authfile ? authfile : getenv("REGISTRY_AUTH_FILE"),
		.docker_config = getenv("DOCKER_CONFIG"),
		.runtime_dir = getenv("XDG_RUNTIME_DIR"),
		.config_home = getenv("XDG_CONFIG_HOME"),
		.home = getenv("HOME"),
		.search = getenv("PATH"),
	};
}

int credentials_file_at(const struct credential_paths *p, size_t i, char *out, size_t size,
			struct err *e)
{
	const bool only = set(p->authfile);
	const struct {
		const char *dir, *rest;
	} places[] = {
		{only ? p->authfile : NULL, ""},
		{only ? NULL : p->runtime_dir, "/containers/auth.json"},
		{only ? NULL : p->config_home, "/containers/auth.json"},
		{only || set(p->config_home) ? NULL : p->home, "/.config/containers/auth.json"},
		{only ? NULL : p->docker_config, "/config.json"},
		{only || set(p->docker_config) ? NULL : p->home, "/.docker/config.json"},
	};

	for (size_t n = 0; n < ARRAY_LEN(places); n++) {
		if (!set(places[n].dir) || i-- > 0)
			continue;
		if (text_format(out, size, "%s%s", places[n].dir, places[n].rest) < 0)
			return err_set(e, ERR_CONFIG, "name of the credentials file is too long");
		return 1;
	}
	return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

int credentials_read_file(const char *path, char **text, size_t *len, struct err *e)
{
	struct stat st;
	ssize_t n;
	auto_free char *buf = NULL;
	auto_fd fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(e, ERR_CONFIG, "open credentials file '%s'",
					 text_quote(path).s);
	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_SYSTEM, "look at '%s'", text_quote(path).s);
	if (!S_ISREG(st.st_mode) || (geteuid() != 0 && st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(e, ERR_CONFIG,
			       "credentials file '%s' is not yours, or others may write it",
			       text_quote(path).s);
	buf = malloc(AUTHFILE_BYTES_MAX);
	if (!buf)
		return err_sys(e, ERR_SYSTEM, "read '%s'", text_quote(path).s);
	n = fdio_read_text(fd, buf, AUTHFILE_BYTES_MAX);
	if (n < 0)
		return err_sys(e, ERR_CONFIG, "read credentials file '%s'", text_quote(path).s);
	*len = (size_t)n;
	*text = take_ptr(buf);
	return 1;
}

/* --- find ------------------------------------------------------------------------------------ */

static int ask_helper(const struct credential_paths *p, const char *name, const char *host,
		      struct credentials *out, struct err *e)
{
	const struct helper h = {.name = name, .search = p->search, .timeout_s = HELPER_TIMEOUT_S};

	if (!name[0] || out->kind != CREDENTIAL_NONE)
		return 0;
	return helper_get(&h, credentials_server(host), out, e);
}

/* One file with the helpers that it names. Missing: success with nothing found. */
static int look_into(const struct credential_paths *p, const char *path, const char *host,
		     const char *repo, struct credentials *out, struct err *e)
{
	auto_secret text = NULL;
	size_t len = 0;
	struct authfile file = {0};
	int r = credentials_read_file(path, &text, &len, e);

	if (r <= 0)
		return r;
	r = authfile_parse(text_quote(path).s, text, len, host, repo, &file, e);
	if (r == 0)
		r = ask_helper(p, file.helper, host, out, e);
	if (r == 0 && out->kind == CREDENTIAL_NONE && file.creds.kind != CREDENTIAL_NONE) {
		*out = file.creds;
		(void)snprintf(out->origin, sizeof(out->origin), "credentials file '%s'",
			       text_quote(path).s); /* fits */
	}
	if (r == 0)
		r = ask_helper(p, file.store, host, out, e);
	credentials_wipe(&file.creds);
	return r;
}

int credentials_find(const struct credential_paths *p, const char *host, const char *repo,
		     struct credentials *out, struct err *e)
{
	struct credentials found = {0};
	char path[4096];
	int r = 0;

	for (size_t i = 0; found.kind == CREDENTIAL_NONE; i++) {
		r = credentials_file_at(p, i, path, sizeof(path), e);
		if (r > 0)
			r = look_into(p, path, host, repo, &found, e) < 0 ? -1 : 1;
		if (r <= 0)
			break;
	}
	if (r >= 0)
		*out = found;
	credentials_wipe(&found);
	return r < 0 ? -1 : 0;
}

const char *credentials_server(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? "https://index.docker.io/v1/" : host;
}
