/* SPDX-License-Identifier: MIT */
/* Answers of registries that are errors, in words for people. Pure. */
#ifndef IMGFETCH_REGERROR_H
#define IMGFETCH_REGERROR_H

#include "common/err.h"
#include "imgfetch/http.h"

/* Set *e from an answer that is not 2xx: HTTP status, the registry's own code and message (escaped;
 * from its JSON error body, where there is one), URL without query, and a hint. what: "manifest",
 * "layer ...". hint: NULL for the usual one. Always -1. ERR_AUTH, ERR_NOTFOUND, ERR_NETWORK. */
int regerror_set(const struct http_response *resp, const char *what, const char *hint,
		 struct err *e);

#endif
