/* SPDX-License-Identifier: MIT */
/* An image as the store has it: manifest and configuration read back. */
#include "imgfetch/stored.h"

#include <fcntl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"

/* The file's text, NUL-terminated and malloc'd. */
static char *read_file(const struct store *st, const struct digest *image, const char *name,
		       size_t max, size_t *len, struct err *e)
{
	char path[128];
	auto_free char *text = malloc(max + 1);
	ssize_t n;

	if (!text || text_format(path, sizeof(path), "images/sha256/%s/%s", image->hex, name) < 0) {
		err_sys(e, ERR_SYSTEM, "read %s of image %s", name, digest_text(image).s);
		return NULL;
	}
	auto_fd fd = path_open_beneath(st->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0) {
		err_sys(e, errno == ENOENT ? ERR_NOTFOUND : ERR_SYSTEM, "open '%s' in the store",
			path);
		return NULL;
	}
	n = fdio_read_text(fd, text, max + 1);
	if (n < 0) {
		err_sys(e, ERR_SYSTEM, "read '%s' in the store", path);
		return NULL;
	}
	*len = (size_t)n;
	return take_ptr(text);
}

char *stored_read(const struct store *st, const struct digest *image, const char *name, size_t *len,
		  struct err *e)
{
	return read_file(st, image, name, MAX(MANIFEST_BYTES_MAX, CONFIG_BYTES_MAX), len, e);
}

int stored_load_config(const struct store *st, const struct digest *image, struct imgconfig *out,
		       struct err *e)
{
	size_t len = 0;
	auto_free char *text = read_file(st, image, "config.json", CONFIG_BYTES_MAX, &len, e);

	if (!text)
		return -1;
	if (imgconfig_parse(text, len, out, e) < 0)
		return err_wrap(e, "config.json of image %s in the store", digest_text(image).s);
	return 0;
}

int stored_load(const struct store *st, const struct digest *image, struct stored *out,
		struct err *e)
{
	struct raw_manifest raw = {.digest = *image};
	auto_free char *text =
		read_file(st, image, "manifest.json", MANIFEST_BYTES_MAX, &raw.len, e);
	struct stored s;

	if (!text)
		return -1;
	raw.data = text; /* borrowed */
	if (manifest_parse(&raw, &s.manifest, e) < 0)
		return err_wrap(e, "manifest.json of image %s in the store", digest_text(image).s);
	if (stored_load_config(st, image, &s.config, e) < 0) {
		manifest_fini(&s.manifest);
		return -1;
	}
	*out = s;
	return 0;
}

void stored_fini(struct stored *s)
{
	manifest_fini(&s->manifest);
	imgconfig_fini(&s->config);
}

int stored_resolve(const struct store *st, const struct ref *ref, struct digest *out, struct err *e)
{
	if (store_resolve(st, ref, out, e) == 0)
		return 0;
	if (e->kind != ERR_NOTFOUND)
		return -1;
	return err_set(e, ERR_NOTFOUND, "image '%s' is not in the store '%s'",
		       text_quote(ref_text(ref).s).s, text_quote(st->path).s);
}

uint64_t stored_compressed_bytes(const struct stored *s)
{
	uint64_t sum = 0;

	/* Each is below 2^46, and there are less than 2^9 (manifest.c). */
	for (size_t i = 0; i < s->manifest.layer_count; i++)
		sum += s->manifest.layers[i].size_bytes;
	return sum;
}
