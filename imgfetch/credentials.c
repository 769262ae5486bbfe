/* SPDX-License-Identifier: MIT */
/* User names and passwords for registries, from the files that docker and podman keep. */
#include "imgfetch/credentials.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "imgfetch/json.h"

#define FILE_BYTES_MAX (1024 * 1024)
/* What `docker login` without a host writes. */
#define HUB_KEY "https://index.docker.io/v1/"

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* user:password to base64 in out. False when it does not fit. */
static bool encode(const char *user, const char *password, char *out, size_t size)
{
	char plain[1400];
	size_t len, n = 0;

	if (text_format(plain, sizeof(plain), "%s:%s", user, password) < 0)
		return false;
	len = strlen(plain);
	if ((len + 2) / 3 * 4 >= size)
		return false;
	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)(unsigned char)plain[i] << 16;

		if (i + 1 < len)
			v |= (unsigned)(unsigned char)plain[i + 1] << 8;
		if (i + 2 < len)
			v |= (unsigned char)plain[i + 2];
		out[n++] = base64_digits[v >> 18];
		out[n++] = base64_digits[v >> 12 & 63];
		out[n++] = i + 1 < len ? base64_digits[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? base64_digits[v & 63] : '=';
	}
	out[n] = '\0';
	explicit_bzero(plain, sizeof(plain));
	return true;
}

/* Does a key of the file name `want` ("host" or "host/path")? Keys may carry a scheme, and a
 * trailing slash or an old API path after the host. */
static bool key_is(const char *key, const char *want)
{
	size_t n = strlen(want);

	if (strncmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncmp(key, "http://", 7) == 0)
		key += 7;
	if (strncmp(key, want, n) != 0)
		return false;
	return !key[n] || strcmp(key + n, "/") == 0 || strcmp(key + n, "/v1/") == 0 ||
	       strcmp(key + n, "/v2/") == 0 || strcmp(key + n, "/v1") == 0 ||
	       strcmp(key + n, "/v2") == 0;
}

/* The member of auths for `want`, NULL if there is none. */
static const struct jv *find_key(const struct jv *auths, const char *want, bool hub)
{
	const char *key;

	for (size_t i = 0; (key = jv_key_at(auths, i)); i++) {
		if (hub ? strcmp(key, HUB_KEY) == 0 || key_is(key, "docker.io") ||
				    key_is(key, "index.docker.io") ||
				    key_is(key, "registry-1.docker.io")
			: key_is(key, want))
			return jv_value_at(auths, i);
	}
	return NULL;
}

static int take_entry(const struct jv *entry, struct credentials *out, struct err *e)
{
	const char *auth = NULL, *user = NULL, *password = NULL;

	if (!jv_is_object(entry))
		return err_set(e, ERR_CONFIG, "an entry of 'auths' is not an object");
	if (jv_get_string(entry, "auth", JV_OPTIONAL, sizeof(out->basic) - 1, &auth, e) < 0 ||
	    jv_get_string(entry, "username", JV_OPTIONAL, 512, &user, e) < 0 ||
	    jv_get_string(entry, "password", JV_OPTIONAL, 768, &password, e) < 0)
		return -1;
	if (auth && auth[0]) {
		/* It goes into a header: nothing but base64. */
		size_t n = strspn(auth, base64_digits);

		if (strcmp(auth + n, "=") != 0 && strcmp(auth + n, "==") != 0 && auth[n])
			return err_set(e, ERR_CONFIG, "an 'auth' value is not base64");
		memcpy(out->basic, auth, strlen(auth) + 1);
		out->found = true;
	} else if (user && password) {
		if (!encode(user, password, out->basic, sizeof(out->basic)))
			return err_set(e, ERR_CONFIG, "user name and password are too long");
		out->found = true;
	}
	return 0;
}

/* Tries host/a/b, host/a, host. */
static int find_entry(const struct jv *auths, const char *host, const char *repo,
		      struct credentials *out, struct err *e)
{
	char want[600];
	const struct jv *entry;

	if (text_format(want, sizeof(want), "%s/%s", host, repo) < 0)
		return err_set(e, ERR_USAGE, "reference is too long");
	for (;;) {
		char *slash = strrchr(want, '/');

		entry = find_key(auths, want, !slash && strcmp(host, "docker.io") == 0);
		if (entry && take_entry(entry, out, e) < 0)
			return -1;
		if (out->found || !slash)
			return 0;
		*slash = '\0';
	}
}

int credentials_parse(const char *name, const char *text, size_t len, const char *host,
		      const char *repo, struct credentials *out, struct err *e)
{
	auto_jv doc = NULL;
	const struct jv *auths = NULL, *helpers = NULL;
	const char *store = NULL;
	struct credentials found = {0};

	if (jv_parse(text, len, &doc, e) < 0) {
		/* The parser quotes what it stumbled over, which may be a password. */
		err_set(e, ERR_CONFIG, "not valid JSON");
		goto bad;
	}
	if (!jv_is_object(doc)) {
		err_set(e, ERR_CONFIG, "not a JSON object");
		goto bad;
	}
	if (jv_get_object(doc, "auths", JV_OPTIONAL, &auths, e) < 0 ||
	    jv_get_object(doc, "credHelpers", JV_OPTIONAL, &helpers, e) < 0 ||
	    jv_get_string(doc, "credsStore", JV_OPTIONAL, 256, &store, e) < 0)
		goto bad;
	if (auths && find_entry(auths, host, repo, &found, e) < 0)
		goto bad;
	found.helper = (helpers && jv_has(helpers, host)) || store;
	*out = found;
	return 0;
bad:
	e->kind = ERR_CONFIG;
	return err_wrap(e, "credentials file '%s'", name);
}

/* One file. Missing: success with nothing found. */
static int look_into(const char *path, const char *host, const char *repo, struct credentials *out,
		     struct err *e)
{
	struct stat st;
	ssize_t len;
	int r;
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
	auto_free char *text = malloc(FILE_BYTES_MAX);
	if (!text)
		return err_sys(e, ERR_SYSTEM, "read '%s'", text_quote(path).s);
	len = fdio_read_text(fd, text, FILE_BYTES_MAX);
	if (len < 0)
		return err_sys(e, ERR_CONFIG, "read credentials file '%s'", text_quote(path).s);
	r = credentials_parse(text_quote(path).s, text, (size_t)len, host, repo, out, e);
	explicit_bzero(text, (size_t)len);
	return r;
}

static bool set(const char *s)
{
	return s && s[0];
}

int credentials_find(const struct credential_paths *p, const char *host, const char *repo,
		     struct credentials *out, struct err *e)
{
	const struct {
		const char *dir, *rest;
	} places[] = {
		{set(p->authfile) ? NULL : p->runtime_dir, "/containers/auth.json"},
		{set(p->authfile) ? NULL : p->config_home, "/containers/auth.json"},
		{set(p->authfile) || set(p->config_home) ? NULL : p->home,
		 "/.config/containers/auth.json"},
		{set(p->authfile) ? NULL : p->docker_config, "/config.json"},
		{set(p->authfile) || set(p->docker_config) ? NULL : p->home,
		 "/.docker/config.json"},
		{p->authfile, ""},
	};
	struct credentials found = {0};
	bool helper = false;
	char path[4096];

	for (size_t i = 0; i < ARRAY_LEN(places) && !found.found; i++) {
		if (!set(places[i].dir))
			continue;
		if (text_format(path, sizeof(path), "%s%s", places[i].dir, places[i].rest) < 0)
			return err_set(e, ERR_CONFIG, "name of the credentials file is too long");
		if (look_into(path, host, repo, &found, e) < 0)
			return -1;
		helper = helper || found.helper;
	}
	found.helper = helper;
	*out = found;
	return 0;
}
