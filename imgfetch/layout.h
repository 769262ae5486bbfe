/* SPDX-License-Identifier: MIT */
/* An OCI image layout (a directory) as a source. */
#ifndef IMGFETCH_LAYOUT_H
#define IMGFETCH_LAYOUT_H

#include "common/err.h"
#include "common/ref.h"
#include "imgfetch/platform.h"
#include "imgfetch/source.h"

/* ref: REF_OCI. The directory is the user's word and may be reached through links; what is in it is
 * opened beneath it without following any. want decides where the layout's index has several
 * manifests for the tag. ERR_NOTFOUND (no directory), ERR_VERIFY (no layout). NULL with *e. */
struct source *layout_open(const struct ref *ref, const struct platform *want, struct err *e);

#endif
