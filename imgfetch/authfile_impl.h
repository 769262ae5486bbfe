/* SPDX-License-Identifier: MIT */
/* What authfile.c and authfile_edit.c share. Nobody else includes this. */
#ifndef IMGFETCH_AUTHFILE_IMPL_H
#define IMGFETCH_AUTHFILE_IMPL_H

#include "common/defs.h"

/* Does a key of auths or credHelpers name `want` ("host" or "host/path")? Keys may carry a scheme,
 * and a trailing slash or an old API path after the host; Docker Hub has several names. */
bool authfile_key_is(const char *key, const char *want);

#endif
