/* SPDX-License-Identifier: MIT */
/* tmp/pull-<random>/needs: lines "image sha256:..." and "layer sha256:...", then "end N". */
#include "imgfetch/claim.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/lineconf.h"
#include "common/path.h"
#include "common/text.h"

#define PREFIX	   "pull"
#define FILE_NAME  "needs"
#define LINE_BYTES (sizeof("layer \n") + DIGEST_TEXT_LEN)
#define BYTES_MAX  ((LAYERS_MAX + 2) * LINE_BYTES + 1)

/* --- a pull's own -------------------------------------------------------------------------- */

static int write_needs(int dir, const struct digest *image, const struct digest *layers,
		       size_t count, struct err *e)
{
	auto_free char *buf = malloc(BYTES_MAX);
	struct text t = {.buf = buf, .size = BYTES_MAX};

	if (!buf)
		return err_sys(e, ERR_SYSTEM, "claim an image's layers");
	buf[0] = '\0';
	text_addf(&t, "image %s\n", digest_text(image).s);
	for (size_t i = 0; i < count; i++)
		text_addf(&t, "layer %s\n", digest_text(&layers[i]).s);
	text_addf(&t, "end %zu\n", count + 1);
	if (t.full)
		return err_set(e, ERR_BUG, "claim %zu layers", count);
	auto_fd fd = openat(dir, FILE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fdio_write_all(fd, t.buf, t.len) < 0)
		return err_sys(e, ERR_DISK, "claim an image's layers in the store");
	return 0;
}

int claim_take(const struct store *st, const struct digest *image, const struct digest *layers,
	       size_t count, struct claim *out, struct err *e)
{
	struct claim c = CLAIM_NONE;
	auto_fd lock = store_lock(st, false, false, e);

	if (lock < 0 || tmpdir_new(st, PREFIX, &c.dir, e) < 0)
		return -1;
	if (write_needs(c.dir.fd, image, layers, count, e) < 0) {
		claim_drop(&c);
		return -1;
	}
	*out = c;
	return 0;
}

void claim_drop(struct claim *c)
{
	struct err ignored;

	(void)tmpdir_remove(&c->dir, &ignored); /* a later sweep does it */
}

/* --- what others claim --------------------------------------------------------------------- */

static int append(struct digest **list, size_t *count, const struct digest *d, struct err *e)
{
	struct digest *longer = reallocarray(*list, *count + 1, sizeof(*longer));

	if (!longer)
		return err_sys(e, ERR_SYSTEM, "list what pulls need");
	longer[(*count)++] = *d;
	*list = longer;
	return 0;
}

static int parse_line(const char *line, struct claimed *c, struct err *e)
{
	struct err why;
	struct digest d;

	if (strlen(line) < 6 || digest_parse(line + 6, &d, &why) < 0)
		return err_set(e, ERR_VERIFY, "a pull's '" FILE_NAME "' is wrong");
	if (strncmp(line, "image ", 6) == 0)
		return append(&c->images, &c->image_count, &d, e);
	if (strncmp(line, "layer ", 6) == 0)
		return append(&c->layers, &c->layer_count, &d, e);
	return err_set(e, ERR_VERIFY, "a pull's '" FILE_NAME "' is wrong");
}

static int parse(char *text, size_t len, struct claimed *c, struct err *e)
{
	struct lineconf lc;
	char *line, end[32];
	int r;

	lineconf_init(&lc, FILE_NAME, text, len);
	while ((r = lineconf_next(&lc, &line, e)) > 0) {
		if (text_format(end, sizeof(end), "end %u", lc.line - 1) < 0)
			return err_sys(e, ERR_BUG, "count lines");
		if (strcmp(line, end) == 0)
			return 0;
		if (parse_line(line, c, e) < 0)
			return -1;
	}
	return r < 0 ? -1 : err_set(e, ERR_VERIFY, "a pull's '" FILE_NAME "' is cut off");
}

/* One that is not held any more claims nothing. */
static int read_one(int tmp_fd, const char *name, struct claimed *c, struct err *e)
{
	char path[128];
	auto_free char *text = malloc(BYTES_MAX);

	if (!text || text_format(path, sizeof(path), "%s/" FILE_NAME, name) < 0)
		return err_sys(e, ERR_SYSTEM, "read what pulls need");
	auto_fd fd = path_open_beneath(tmp_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	ssize_t len = fd < 0 ? -1 : fdio_read_text(fd, text, BYTES_MAX);
	/* A pull that is done removes the file before it lets go of the directory. */
	if (len < 0 && errno == ENOENT)
		return 0;
	if (len < 0)
		return err_sys(e, ERR_SYSTEM, "read 'tmp/%s' in the store", text_quote(path).s);
	return parse(text, (size_t)len, c, e);
}

int claim_read_all(const struct store *st, struct claimed *out, struct err *e)
{
	struct claimed c = {0};
	int fd = path_open_beneath(st->fd, "tmp", O_RDONLY | O_DIRECTORY, 0);
	auto_dir dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	int r = 0;

	if (!dir) {
		cleanup_fd(&fd);
		return err_sys(e, ERR_DISK, "list 'tmp' in the store");
	}
	while (r == 0 && (errno = 0, d = readdir(dir))) {
		if (strncmp(d->d_name, PREFIX "-", sizeof(PREFIX)) != 0)
			continue;
		r = tmpdir_is_held(fd, d->d_name, e);
		if (r > 0)
			r = read_one(fd, d->d_name, &c, e);
	}
	if (r == 0 && errno != 0)
		r = err_sys(e, ERR_SYSTEM, "list 'tmp' in the store");
	if (r < 0) {
		claimed_fini(&c);
		return -1;
	}
	*out = c;
	return 0;
}

int claim_has_image(const struct store *st, const struct digest *image, struct err *e)
{
	struct claimed c;
	bool found = false;

	if (claim_read_all(st, &c, e) < 0)
		return -1;
	for (size_t i = 0; i < c.image_count && !found; i++)
		found = digest_equal(&c.images[i], image);
	claimed_fini(&c);
	return found;
}

void claimed_fini(struct claimed *c)
{
	free(c->images);
	free(c->layers);
	*c = (struct claimed){0};
}
