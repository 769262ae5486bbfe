/* SPDX-License-Identifier: MIT */
/* imgfetch/tlsfiles: which files count for which host, and what is refused. */
#include "imgfetch/tlsfiles.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"

#define CERT(name) "-----BEGIN CERTIFICATE-----\n" name "\n-----END CERTIFICATE-----\n"
#define KEY(name)  "-----BEGIN PRIVATE KEY-----\n" name "\n-----END PRIVATE KEY-----\n"

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	must(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0, path);
}

static void drop(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	must(unlink(path) == 0, path);
}

static bool has(const char *text, const char *part)
{
	return text && strstr(text, part);
}

/* "ca: s x; cert: c; key: k": which of the names one letter long are in which text. */
static void check(struct tap *t, const struct tlsfiles_paths *p, const char *at, const char *want,
		  const char *name)
{
	struct err e = {0};
	struct tlsfiles *files = tlsfiles_new(p, &e);
	const struct tlsfiles_host *h;
	struct url url;
	char got[1024];

	must(files && url_parse(at, &url, &e) == 0, at);
	h = tlsfiles_find(files, &url, &e);
	if (!h) {
		snprintf(got, sizeof(got), "%s",
			 strrchr(e.text, '/') ? strrchr(e.text, '/') : e.text);
	} else {
		snprintf(got, sizeof(got), "%s%s%s%s%s", has(h->ca, "\nSYS\n") ? "sys " : "",
			 has(h->ca, "\nEXTRA\n") ? "extra " : "",
			 has(h->ca, "\nHOST\n") ? "host " : "",
			 has(h->cert, "\nME\n") ? "cert " : "",
			 has(h->key, "\nME\n") ? "key " : "");
		tap_ok(t, tlsfiles_find(files, &url, &e) == h, "%s: kept", name);
	}
	tap_str(t, got, want, "%s", name);
	tlsfiles_free(files);
}

int main(void)
{
	struct tap t = {0};
	char dir[] = "/tmp/test_tlsfiles.XXXXXX", sys[64], extra[64], certs[96], host[128],
	     bare[128];
	struct tlsfiles_paths p = {.system_ca = sys};

	must(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(sys, sizeof(sys), "%s/sys.pem", dir);
	snprintf(extra, sizeof(extra), "%s/extra.pem", dir);
	snprintf(certs, sizeof(certs), "%s/certs.d", dir);
	snprintf(host, sizeof(host), "%s/a.test:5000", certs);
	snprintf(bare, sizeof(bare), "%s/b.test", certs);
	must(mkdir(certs, 0700) == 0 && mkdir(host, 0700) == 0 && mkdir(bare, 0700) == 0, "mkdir");
	put(dir, "sys.pem", CERT("SYS"), 0644);
	put(dir, "extra.pem", CERT("EXTRA"), 0644);
	put(host, "x.crt", CERT("HOST"), 0644);
	put(bare, "x.crt", CERT("HOST"), 0644);

	check(&t, &p, "https://a.test:5000/", "", "nothing to say");
	p.extra_ca = extra;
	check(&t, &p, "https://c.test/", "sys extra ", "an authority for all, and the system's");
	p.extra_ca = "";
	p.cert_dir = certs;
	check(&t, &p, "https://a.test:5000/", "sys host ", "a host's");
	check(&t, &p, "https://a.test:5001/", "", "another port");
	check(&t, &p, "https://a.test/", "", "no port");
	check(&t, &p, "https://b.test/", "sys host ", "the usual port");
	check(&t, &p, "https://b.test:444/", "", "not the usual port");
	put(host, "me.cert", CERT("ME"), 0644);
	put(host, "me.key", KEY("ME"), 0600);
	check(&t, &p, "https://a.test:5000/", "sys host cert key ", "a client's");
	p.system_ca = "/nonexistent";
	check(&t, &p, "https://a.test:5000/", "host cert key ", "a system without a file of these");
	p.cert_dir = host;
	check(&t, &p, "https://c.test:5000/", "", "the folder itself is for nobody");
	p.named_host = "c.test:5000";
	check(&t, &p, "https://c.test:5000/", "host cert key ", "but for the host that is named");
	check(&t, &p, "https://d.test:5000/", "", "and for no other");

	put(host, "me.key", KEY("ME"), 0604);
	check(&t, &p, "https://c.test:5000/", "/me.key' can be read by everybody (chmod o-r it)",
	      "a key for everybody");
	put(host, "me.key", CERT("ME"), 0600);
	check(&t, &p, "https://c.test:5000/", "/me.key' holds no key in PEM", "a key that is none");
	drop(host, "me.key");
	check(&t, &p, "https://c.test:5000/",
	      "/me.cert' has no key beside it (*.key; authorities are called *.crt)", "no key");
	drop(host, "me.cert");
	put(host, "a.key", KEY("ME"), 0600);
	check(&t, &p, "https://c.test:5000/", "/a.key' has no certificate beside it (*.cert)",
	      "no certificate");
	put(host, "a.cert", CERT("ME"), 0644);
	put(host, "b.key", KEY("ME"), 0600);
	check(&t, &p, "https://c.test:5000/", "/b.key' has no certificate beside it (*.cert)",
	      "a second key");
	put(host, "b.cert", CERT("ME"), 0644);
	check(&t, &p, "https://c.test:5000/",
	      "/a.test:5000' holds more than one client certificate", "two certificates");

	drop(host, "a.key");
	drop(host, "a.cert");
	drop(host, "b.key");
	drop(host, "b.cert");
	drop(host, "x.crt");
	drop(bare, "x.crt");
	drop(dir, "sys.pem");
	drop(dir, "extra.pem");
	must(rmdir(host) == 0 && rmdir(bare) == 0 && rmdir(certs) == 0 && rmdir(dir) == 0, "rmdir");
	return tap_done(&t);
}
