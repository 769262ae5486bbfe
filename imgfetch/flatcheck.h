/* SPDX-License-Identifier: MIT */
/* Is the merged tree of an image what merging its layers gives? */
#ifndef IMGFETCH_FLATCHECK_H
#define IMGFETCH_FLATCHECK_H

#include "common/defs.h"
#include "common/err.h"
#include "common/imgdesc.h"
#include "common/store.h"
#include "imgfetch/layercheck.h"

/* Compare all of the tree tree_fd (O_PATH will do) with the image's layers, which must be right
 * themselves, and report what is not as flatten would make it. Writes nothing; remembers what the
 * layers have in one directory at a time, and the directories that are to come. *out has no
 * "listed". What is wrong with the tree is no error: those of layers_open_stored; ERR_SYSTEM. */
int flatcheck_run(const struct store *st, const struct imgdesc *d, int tree_fd,
		  layercheck_report report, void *arg, struct layercheck_result *out,
		  struct err *e) NODISCARD;

#endif
