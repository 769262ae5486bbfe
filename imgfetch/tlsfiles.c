/* SPDX-License-Identifier: MIT */
/* Certificates from files: authorities to believe besides the system's, and who we are for whom. */
#include "imgfetch/tlsfiles.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/store.h"
#include "common/text.h"
#include "imgfetch/conffile.h"

#define NAME_BYTES_MAX 272 /* of "host:port" */

struct entry {
	struct entry *next;
	char name[NAME_BYTES_MAX];
	struct tlsfiles_host host;
};

struct tlsfiles {
	struct tlsfiles_paths paths;
	pthread_mutex_t lock; /* guards entries; held while files are read, so that one does it */
	struct entry *entries;
};

static bool set(const char *s)
{
	return s && s[0];
}

struct tlsfiles *tlsfiles_new(const struct tlsfiles_paths *paths, struct err *e)
{
	struct tlsfiles *t = calloc(1, sizeof(*t));

	if (!t) {
		err_sys(e, ERR_SYSTEM, "prepare to look for certificates");
		return NULL;
	}
	t->paths = *paths;
	(void)pthread_mutex_init(&t->lock, NULL); /* default mutexes need no resources here */
	return t;
}

static void free_entry(struct entry *n)
{
	if (!n)
		return;
	if (n->host.key)
		explicit_bzero(n->host.key, n->host.key_len);
	free(n->host.ca);
	free(n->host.cert);
	free(n->host.key);
	free(n);
}

void tlsfiles_free(struct tlsfiles *t)
{
	if (!t)
		return;
	while (t->entries) {
		struct entry *next = t->entries->next;

		free_entry(t->entries);
		t->entries = next;
	}
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- files --------------------------------------------------------------------------------- */

static int read_pem(const char *path, const char *what, bool check, bool secret, char **text,
		    size_t *len, struct err *e)
{
	auto_free char *buf = NULL;
	struct stat st;
	size_t n = 0;

	if (conffile_read(path, false, check, &buf, &n, e) < 0)
		return -1;
	if (secret && stat(path, &st) == 0 && (st.st_mode & S_IROTH)) {
		explicit_bzero(buf, n);
		return err_set(e, ERR_CONFIG, "key '%s' can be read by everybody (chmod o-r it)",
			       text_quote(path).s);
	}
	if (!strstr(buf, "-----BEGIN ") || !strstr(buf, what)) {
		explicit_bzero(buf, n);
		return err_set(e, ERR_CONFIG, "'%s' holds no %s in PEM", text_quote(path).s,
			       strcmp(what, "CERTIFICATE-----") == 0 ? "certificate" : "key");
	}
	*text = take_ptr(buf);
	*len = n;
	return 0;
}

/* text and a line's end behind what is there */
static int append(struct tlsfiles_host *h, const char *text, size_t len, struct err *e)
{
	char *longer = realloc(h->ca, h->ca_len + len + 2);

	if (!longer)
		return err_sys(e, ERR_SYSTEM, "keep certificates");
	memcpy(longer + h->ca_len, text, len);
	h->ca_len += len;
	longer[h->ca_len++] = '\n';
	longer[h->ca_len] = '\0';
	h->ca = longer;
	return 0;
}

/* The first authority of ours: then the system's have to be named, too. */
static int begin_authorities(const struct tlsfiles *t, struct tlsfiles_host *h, struct err *e)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int r;

	if (h->ca || !set(t->paths.system_ca))
		return 0;
	r = conffile_read(t->paths.system_ca, true, false, &text, &len, e);
	return r <= 0 ? r : append(h, text, len, e);
}

static int add_authority(const struct tlsfiles *t, const char *path, bool check,
			 struct tlsfiles_host *h, struct err *e)
{
	auto_free char *text = NULL;
	size_t len = 0;

	if (read_pem(path, "CERTIFICATE-----", check, false, &text, &len, e) < 0 ||
	    begin_authorities(t, h, e) < 0)
		return -1;
	return append(h, text, len, e);
}

/* "x.cert" and "x.key": both must be there, and are read when the first one is met. */
static int add_half(const char *dir, bool check, const char *name, struct tlsfiles_host *h,
		    struct err *e)
{
	char cert[PATH_MAX], key[PATH_MAX];
	int stem = (int)(strrchr(name, '.') - name);

	if (text_format(cert, sizeof(cert), "%s/%.*s.cert", dir, stem, name) < 0 ||
	    text_format(key, sizeof(key), "%s/%.*s.key", dir, stem, name) < 0)
		return err_sys(e, ERR_CONFIG, "path of a certificate in '%s'", text_quote(dir).s);
	if (access(cert, F_OK) < 0 && errno == ENOENT)
		return err_set(e, ERR_CONFIG, "'%s' has no certificate beside it (*.cert)",
			       text_quote(key).s);
	if (access(key, F_OK) < 0 && errno == ENOENT)
		return err_set(e, ERR_CONFIG,
			       "'%s' has no key beside it (*.key; authorities are called *.crt)",
			       text_quote(cert).s);
	if (strcmp(name + stem, ".key") == 0)
		return 0;
	if (h->cert)
		return err_set(e, ERR_CONFIG, "'%s' holds more than one client certificate",
			       text_quote(dir).s);
	if (read_pem(cert, "CERTIFICATE-----", check, false, &h->cert, &h->cert_len, e) < 0)
		return -1;
	return read_pem(key, "PRIVATE KEY-----", true, true, &h->key, &h->key_len, e);
}

static bool ends_in(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len > n && strcmp(s + len - n, end) == 0;
}

static int is_wanted(const struct dirent *d)
{
	return ends_in(d->d_name, ".crt") || ends_in(d->d_name, ".cert") ||
	       ends_in(d->d_name, ".key");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_file(const struct tlsfiles *t, const char *dir, bool check, const char *name,
		     struct tlsfiles_host *h, struct err *e)
{
	char path[PATH_MAX];

	if (!ends_in(name, ".crt"))
		return add_half(dir, check, name, h, e);
	if (text_format(path, sizeof(path), "%s/%s", dir, name) < 0)
		return err_sys(e, ERR_CONFIG, "path of a certificate in '%s'", text_quote(dir).s);
	return add_authority(t, path, check, h, e);
}

/* 1: the folder is there, and *h is filled; 0: there is none; -1 */
static int read_dir(const struct tlsfiles *t, const char *dir, bool check, struct tlsfiles_host *h,
		    struct err *e)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_wanted, by_name), r = 1;

	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(e, ERR_CONFIG, "read '%s'", text_quote(dir).s);
	for (int i = 0; i < n; i++) {
		if (r == 1 && read_file(t, dir, check, list[i]->d_name, h, e) < 0)
			r = -1;
		free(list[i]);
	}
	free(list);
	return r;
}

/* --- hosts --------------------------------------------------------------------------------- */

/* base/below/NAME for each name of the host */
static int try_base(const struct tlsfiles *t, const char *base, const char *below, bool check,
		    const struct url *url, struct tlsfiles_host *h, struct err *e)
{
	/* A folder is called as the host is in references. */
	const char *host = strcmp(url->host, "registry-1.docker.io") == 0 ? "docker.io" : url->host;
	char dir[PATH_MAX];
	int r;

	if (text_format(dir, sizeof(dir), "%s%s/%s:%u", base, below, host, url->port) < 0)
		return err_sys(e, ERR_CONFIG, "path of certificates");
	r = read_dir(t, dir, check, h, e);
	if (r != 0 || url->port != 443)
		return r;
	if (text_format(dir, sizeof(dir), "%s%s/%s", base, below, host) < 0)
		return err_sys(e, ERR_CONFIG, "path of certificates");
	return read_dir(t, dir, check, h, e);
}

static int read_host(const struct tlsfiles *t, const struct url *url, struct tlsfiles_host *h,
		     struct err *e)
{
	const struct tlsfiles_paths *p = &t->paths;
	/* The XDG base directory specification: relative values are to be ignored. */
	bool xdg = p->config_home && p->config_home[0] == '/';
	/* Who can write them says whom we believe. The machine's are checked by root only: in a
	 * user namespace that lacks root they belong to nobody. So it is for what a user names. */
	const bool root = store_caller_is_root();
	const struct {
		const char *base, *below;
		bool check;
	} places[] = {
		{xdg ? p->config_home : p->home,
		 xdg ? "/containers/certs.d" : "/.config/containers/certs.d", true},
		{"/etc/containers", "/certs.d", root},
		{"/etc/docker", "/certs.d", root},
	};
	int r = 0;

	if (set(p->extra_ca) && add_authority(t, p->extra_ca, root, h, e) < 0)
		return -1;
	if (set(p->cert_dir)) {
		r = try_base(t, p->cert_dir, "", root, url, h, e);
		if (r == 0 && p->named_host && url_is_at(url, p->named_host))
			r = read_dir(t, p->cert_dir, root, h, e);
		return r < 0 ? -1 : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(places) && r == 0; i++)
		if (set(places[i].base) && places[i].base[0] == '/')
			r = try_base(t, places[i].base, places[i].below, places[i].check, url, h,
				     e);
	return r < 0 ? -1 : 0;
}

static struct entry *find_locked(struct tlsfiles *t, const struct url *url, struct err *e)
{
	char name[NAME_BYTES_MAX];
	struct entry *n;

	if (text_format(name, sizeof(name), "%s:%u", url->host, url->port) < 0) {
		err_sys(e, ERR_CONFIG, "name of the host");
		return NULL;
	}
	for (n = t->entries; n; n = n->next)
		if (strcmp(n->name, name) == 0)
			return n;
	n = calloc(1, sizeof(*n));
	if (!n) {
		err_sys(e, ERR_SYSTEM, "look for certificates");
		return NULL;
	}
	if (read_host(t, url, &n->host, e) < 0) {
		free_entry(n);
		return NULL;
	}
	memcpy(n->name, name, sizeof(name));
	n->next = t->entries;
	t->entries = n;
	return n;
}

const struct tlsfiles_host *tlsfiles_find(struct tlsfiles *t, const struct url *url, struct err *e)
{
	struct entry *n;

	(void)pthread_mutex_lock(&t->lock); /* fails only on misuse */
	n = find_locked(t, url, e);
	(void)pthread_mutex_unlock(&t->lock);
	return n ? &n->host : NULL;
}
