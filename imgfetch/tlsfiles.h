/* SPDX-License-Identifier: MIT */
/* Certificates from files: authorities to believe besides the system's, and who we are for whom. */
#ifndef IMGFETCH_TLSFILES_H
#define IMGFETCH_TLSFILES_H

#include "common/defs.h"
#include "common/err.h"
#include "imgfetch/url.h"

/* Where to look; NULL or empty: not set. All are borrowed for the life of struct tlsfiles. */
struct tlsfiles_paths {
	const char *system_ca;	 /* the authorities of the system, a file in PEM */
	const char *extra_ca;	 /* --ca-file or ca_file: believed besides those, by all hosts */
	const char *cert_dir;	 /* --cert-dir: then only there */
	const char *named_host;	 /* "host[:port]" that cert_dir itself may be for */
	const char *config_home; /* XDG_CONFIG_HOME */
	const char *home;	 /* HOME */
};

/* What holds for one host. The texts are PEM, NULL where there is nothing to say. */
struct tlsfiles_host {
	char *ca; /* all authorities, the system's among them; NULL: the usual ones */
	size_t ca_len;
	char *cert, *key; /* to be shown to this host only; both or none */
	size_t cert_len, key_len;
};

struct tlsfiles;

/* Reads nothing yet. NULL with ERR_SYSTEM. */
struct tlsfiles *tlsfiles_new(const struct tlsfiles_paths *paths, struct err *e);
void tlsfiles_free(struct tlsfiles *t);

/* For the host and port of url (https). Of ~/.config/containers/certs.d, /etc/containers/certs.d
 * and /etc/docker/certs.d, the first that has a folder "host:port" ("host" for port 443) counts:
 * *.crt in it are authorities, *.cert and *.key are a client's certificate and its key. Read once,
 * and kept until tlsfiles_free. Thread-safe. NULL with ERR_CONFIG: a file that cannot be read,
 * holds nothing of the kind, lacks its other half, or a key that others can read; ERR_SYSTEM. */
const struct tlsfiles_host *tlsfiles_find(struct tlsfiles *t, const struct url *url, struct err *e);

#endif
