/* SPDX-License-Identifier: MIT */
/* subid_user: the ids of boxes are those that subuid(5) and subgid(5) give to a user. */
#include <fcntl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/config.h"
#include "isolate/idfiles.h"

/* Each of the two files; 100 bytes for each of 10000 users. */
#define SUBIDS_BYTES_MAX (1u << 20)

static int find_range(const char *file, const char *text, size_t len, const char *user,
		      struct idrange *out, struct err *e)
{
	int found = idfiles_find_subid(file, text, len, user, out, e);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(e, ERR_CONFIG, "subid_user: there is no line of '%s' in %s",
			       text_quote(user).s, file);
	if (out->first < CONFIG_ID_LOWEST)
		return err_set(e, ERR_CONFIG,
			       "subid_user: ids of '%s' in %s begin at %u, the lowest allowed is "
			       "%d",
			       text_quote(user).s, file, out->first, CONFIG_ID_LOWEST);
	return 0;
}

int config_apply_subids(struct config *c, const char *subuid, size_t subuid_len, const char *subgid,
			size_t subgid_len, struct err *e)
{
	struct idrange uids, gids;
	uint32_t count;

	if (find_range("/etc/subuid", subuid, subuid_len, c->subid_user, &uids, e) < 0 ||
	    find_range("/etc/subgid", subgid, subgid_len, c->subid_user, &gids, e) < 0)
		return -1;
	count = MIN(uids.count, gids.count);
	if (c->num_given && c->num_boxes > count)
		return err_set(e, ERR_CONFIG,
			       "num_boxes is %u, but /etc/%s has only %u ids for '%s'",
			       c->num_boxes, uids.count == count ? "subuid" : "subgid", count,
			       text_quote(c->subid_user).s);
	c->first_uid = uids.first;
	c->first_gid = gids.first;
	if (!c->num_given)
		c->num_boxes = MIN(count, INT32_MAX);
	return 0;
}

/* Text of a file that only root can have written. Heap, *len bytes and a NUL. */
static char *read_trusted(int dir_fd, const char *base, const char *path, size_t max, size_t *len,
			  struct err *e)
{
	auto_fd fd = path_open_beneath(dir_fd, base, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	auto_free char *text = NULL;
	ssize_t got;

	if (fd < 0) {
		(void)err_sys(e, ERR_CONFIG, "open '%s'", path);
		return NULL;
	}
	if (path_check_trusted_file(fd, 0, path, e) < 0)
		return NULL;
	text = malloc(max + 1);
	got = text ? fdio_read_text(fd, text, max + 1) : -1;
	if (got < 0) {
		(void)err_sys(e, ERR_CONFIG, "read '%s'", path);
		return NULL;
	}
	*len = (size_t)got;
	return take_ptr(text);
}

int config_read_subids(struct config *c, struct err *e)
{
	auto_free char *uids = NULL, *gids = NULL;
	size_t uids_len, gids_len;
	auto_fd etc = -1;

	if (!*c->subid_user)
		return 0;
	etc = path_open_trusted_dir("/etc", 0, false, e);
	if (etc < 0)
		return err_wrap(e, "subid_user");
	uids = read_trusted(etc, "subuid", "/etc/subuid", SUBIDS_BYTES_MAX, &uids_len, e);
	if (!uids)
		return err_wrap(e, "subid_user");
	gids = read_trusted(etc, "subgid", "/etc/subgid", SUBIDS_BYTES_MAX, &gids_len, e);
	if (!gids)
		return err_wrap(e, "subid_user");
	return config_apply_subids(c, uids, uids_len, gids, gids_len, e);
}
