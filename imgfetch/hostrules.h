/* SPDX-License-Identifier: MIT */
/* Rules about registries: mirrors, other places, what is not to be asked at all. Pure. */
#ifndef IMGFETCH_HOSTRULES_H
#define IMGFETCH_HOSTRULES_H

#include "common/defs.h"
#include "common/err.h"
#include "common/ref.h"

#define HOSTRULES_MIRRORS_MAX 16   /* of one rule */
#define HOSTRULES_MAX	      4096 /* rules */

enum hostrule_kind {
	HOSTRULE_MIRROR,  /* ask these first */
	HOSTRULE_REWRITE, /* ask there, not where the name says */
	HOSTRULE_BLOCKED, /* ask nobody */
};

enum hostrule_use { HOSTRULE_ALWAYS, HOSTRULE_DIGESTS, HOSTRULE_TAGS };

struct hostrule_place {
	char *location; /* "host[:port][/path...]", owned */
	bool plain;	/* may be asked without TLS */
	enum hostrule_use use;
};

/* For images whose names begin with prefix, "host[:port][/path...]"; "*.example.com" stands for
 * every host below example.com. */
struct hostrule {
	enum hostrule_kind kind;
	bool foreign; /* from registries.conf: ours of the same kind count first */
	bool yes;     /* BLOCKED: is it? REWRITE without a place: plain HTTP is allowed */
	char *prefix; /* owned; lower case host, docker.io for Docker Hub */
	char *from;   /* "file:line", for messages; owned */
	size_t count;
	struct hostrule_place places[HOSTRULES_MIRRORS_MAX];
};

struct hostrules {
	size_t count;
	struct hostrule *rules;
};

/* A new rule, empty, which replaces the one of the same kind and prefix from the same kind of file.
 * Valid until the next call. NULL with ERR_CONFIG (no prefix), ERR_SYSTEM. */
struct hostrule *hostrules_set(struct hostrules *h, enum hostrule_kind kind, bool foreign,
			       const char *prefix, const char *from, struct err *e);

/* The rule that hostrules_set would replace, or NULL. */
const struct hostrule *hostrules_get(const struct hostrules *h, enum hostrule_kind kind,
				     bool foreign, const char *prefix);

/* One place more. ERR_CONFIG (no location, too many), ERR_SYSTEM. */
int hostrule_add(struct hostrule *r, const char *location, bool plain, enum hostrule_use use,
		 struct err *e) NODISCARD;

void hostrules_fini(struct hostrules *h);

/* Where to ask for an image. */
struct endpoint {
	char host[REF_HOST_MAX + 1]; /* with :port */
	char repo[REF_REPO_MAX + 1];
	bool plain; /* may be asked without TLS, says the rule */
};

#define ENDPOINTS_MAX (HOSTRULES_MIRRORS_MAX + 1)

/* Where to ask for ref (REF_REGISTRY), in this order; the last one is the registry itself or what
 * stands for it. Of each kind of rules the longest prefix that matches counts. Returns how many, or
 * -1: ERR_DENIED when a rule blocks it (text names the rule), ERR_CONFIG when a name gets too
 * long. */
int hostrules_endpoints(const struct hostrules *h, const struct ref *ref,
			struct endpoint out[ENDPOINTS_MAX], struct err *e) NODISCARD;

#endif
