/* SPDX-License-Identifier: MIT */
/* Image references: the grammar users type, normalised the way docker does. Pure. */
#ifndef COMMON_REF_H
#define COMMON_REF_H

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"

#define REF_HOST_MAX 255
#define REF_REPO_MAX 255
#define REF_TAG_MAX  128
#define REF_DIR_MAX  4095

enum ref_kind {
	REF_REGISTRY,	    /* [host[:port]/]repo[:tag][@sha256:... or @sha512:...] */
	REF_OCI,	    /* oci:DIR[:TAG][@sha256:...], an OCI image layout on this machine */
	REF_OCI_ARCHIVE,    /* oci-archive:FILE[:TAG or name][@sha256:...], the same as a tar */
	REF_DOCKER_ARCHIVE, /* docker-archive:FILE[:NAME or :@N], what `docker save` writes */
	REF_DIGEST,	    /* sha256:<hex>: an image that is in the store already */
};

/* host, repo and tag are filled for REF_REGISTRY and REF_OCI and are valid names for the store.
 *   docker.io defaults: "python" is docker.io/library/python:latest; index.docker.io and
 *   registry-1.docker.io are spelled docker.io. A first component is a host if it holds a '.' or
 *   ':' or is "localhost".
 *   oci:DIR[:TAG] is known to the store as localhost/<last component of DIR>:<TAG or latest>, with
 *   bytes that no repository name can have turned to lower case or '-'; with a digest and no TAG by
 *   the digest. So is oci-archive:FILE[:TAG], without ".tar", ".tar.gz" and the like of FILE.
 *   What follows an archive's FILE may be the whole name of an image, [HOST/]REPOSITORY[:TAG], by
 *   which the store then knows it; for docker-archive it always is, or the place of the image in
 * the archive, @N, whose tag is N until a name is known. FILE ends at its first ':', DIR at its
 * last before a TAG. */
struct ref {
	enum ref_kind kind;
	char host[REF_HOST_MAX + 1]; /* with :port where given */
	char repo[REF_REPO_MAX + 1];
	char tag[REF_TAG_MAX + 1]; /* "latest" when neither tag nor digest was given; may be empty
				      when a digest was */
	bool tag_given;
	bool has_digest; /* digest wins over tag; may be a SHA-512 */
	struct digest digest;
	bool named;		   /* archives: host, repo and tag are a name that was given */
	bool has_place;		   /* docker-archive: @place was given */
	uint32_t place;		   /* from 0 */
	char dir[REF_DIR_MAX + 1]; /* DIR or FILE: as typed */
};

/* Parse s. Names follow the distribution spec: repo components [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*,
 * tag [A-Za-z0-9_][A-Za-z0-9._-]{0,127}. kind ERR_USAGE. */
int ref_parse(const char *s, struct ref *out, struct err *e) NODISCARD;

/* Is it something on this machine, with a DIR or FILE? */
bool ref_is_local(const struct ref *r);

/* The name alone: docker.io/library/python:3.12, whatever kind r is. Not for REF_DIGEST. */
struct ref_name {
	char s[REF_HOST_MAX + 1 + REF_REPO_MAX + 1 + REF_TAG_MAX + 1];
};
struct ref_name ref_name(const struct ref *r);

/* Canonical text: docker.io/library/python:3.12, host/repo@sha256:..., oci:DIR:TAG, sha256:... */
struct ref_text {
	char s[REF_DIR_MAX + sizeof(struct ref_name) + DIGEST_TEXT_MAX + 24];
};
struct ref_text ref_text(const struct ref *r);

#endif
