/* SPDX-License-Identifier: MIT */
/* From a descriptor to the directories that overlayfs will stack. */
#include "mount/layers.h"

#include <stdlib.h>

#include "common/cleanup.h"

/* Does layer i come again above itself? Layers are few (LAYERS_MAX) and digests differ in their
 * first bytes, so the plain search is cheaper than anything clever. */
static bool hidden_by_itself(const struct imgdesc *d, size_t i)
{
	for (size_t above = i + 1; above < d->layer_count; above++) {
		if (d->layers[i].hex[0] == d->layers[above].hex[0] &&
		    digest_equal(&d->layers[i], &d->layers[above]))
			return true;
	}
	return false;
}

int layers_open_stored(const struct store *s, const struct imgdesc *d, struct layers *out,
		       struct err *e)
{
	struct layers l = {0};

	auto_fd dir = -1;

	if (d->layer_count == 0)
		return err_set(e, ERR_VERIFY, "image sha256:%s has no layers", d->digest.hex);
	l.fds = calloc(d->layer_count + 1, sizeof(*l.fds));
	if (!l.fds)
		return err_sys(e, ERR_SYSTEM, "open %zu layers", d->layer_count);
	dir = store_open_layer_dir(s, e);
	if (dir < 0) {
		layers_close(&l);
		return -1;
	}
	if (d->fixup) {
		l.fds[0] = store_open_fixup(s, &d->digest, e);
		if (l.fds[0] < 0) {
			layers_close(&l);
			return -1;
		}
		l.count = 1;
	}
	for (size_t i = d->layer_count; i-- > 0;) {
		if (hidden_by_itself(d, i))
			continue;
		int fd = store_open_layer(s, dir, &d->layers[i], e);
		if (fd < 0) {
			layers_close(&l);
			return err_wrap(e, "image sha256:%.12s", d->digest.hex);
		}
		l.fds[l.count++] = fd;
	}
	*out = l;
	return 0;
}

int layers_open(const struct store *s, const struct imgdesc *d, struct layers *out, struct err *e)
{
	struct err why;
	auto_fd flat = store_open_flat(s, &d->digest, &why);

	if (flat < 0 && why.kind == ERR_NOTFOUND)
		return layers_open_stored(s, d, out, e);
	if (flat < 0) {
		*e = why;
		return -1;
	}
	out->fds = calloc(1, sizeof(*out->fds));
	if (!out->fds)
		return err_sys(e, ERR_SYSTEM, "open an image");
	out->fds[0] = take_fd(&flat);
	out->count = 1;
	return 0;
}

void layers_close(struct layers *l)
{
	for (size_t i = 0; i < l->count; i++)
		cleanup_fd(&l->fds[i]);
	free(l->fds);
	*l = (struct layers){0};
}
