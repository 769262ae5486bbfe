/* SPDX-License-Identifier: MIT */
/* --check-config: what is wrong with the configuration, line by line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "isolate/check_impl.h"
#include "isolate/config.h"
#include "isolate/idfiles.h"

/* /etc/passwd of some 100,000 users. */
#define ID_FILE_BYTES_MAX (16 << 20)

struct tally {
	bool open; /* the caller may read the file */
	unsigned errors;
	unsigned warnings;
};

static void tell(void *ctx, unsigned line, bool error, const char *text)
{
	struct tally *t = ctx;
	const char *kind = error ? "error" : "warning";

	if (error)
		t->errors++;
	else
		t->warnings++;
	if (!t->open)
		return;
	if (line > 0)
		printf("%s:%u: %s: %s\n", CONFIG_FILE, line, kind, text);
	else
		printf("%s: %s: %s\n", CONFIG_FILE, kind, text);
}

/* As the caller, as everything he is told comes from what he could read himself. */
static bool caller_can_read(void)
{
	auto_fd fd = open(CONFIG_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd >= 0;
}

/* --- whose the ids are ----------------------------------------------------------------------- */

/* Heap, or NULL (errno). */
static char *read_id_file(const char *path, size_t *len)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	auto_free char *text = NULL;
	struct stat st;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size > ID_FILE_BYTES_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return NULL;
	got = fdio_read_full(fd, text, (size_t)st.st_size);
	if (got < 0)
		return NULL;
	*len = (size_t)got;
	return take_ptr(text);
}

static void look_into(const char *path, const char *keys, unsigned line, const struct idrange *r,
		      const char *except, bool subids, const struct config_sink *sink)
{
	auto_free char *text = NULL;
	struct idoverlap o;
	char message[1024], more[48] = "";
	size_t len = 0;

	text = read_id_file(path, &len);
	if (!text) {
		if (errno == ENOENT)
			return;
		if (text_format(message, sizeof(message), "cannot look for ids of boxes in %s: %s",
				path, err_strerror(errno)) == 0)
			sink->tell(sink->ctx, 0, false, message);
		return;
	}
	if (!(subids ? idfiles_subids_in(text, len, r, except, &o)
		     : idfiles_users_in(text, len, r, &o)))
		return;
	if (o.owners > 1 && text_format(more, sizeof(more), " and %u more", o.owners - 1) < 0)
		more[0] = '\0';
	if (text_format(message, sizeof(message),
			"%s: boxes have ids %u to %u, but %u belongs to '%s'%s in %s", keys,
			r->first, r->first + (r->count - 1), o.id, text_quote(o.name).s, more,
			path) < 0)
		return;
	sink->tell(sink->ctx, line, true, message);
}

void check_id_owners(const struct config *c, const struct config_lines *l,
		     const struct config_sink *sink)
{
	const struct idrange uids = {c->first_uid, c->num_boxes};
	const struct idrange gids = {c->first_gid, c->num_boxes};
	bool sub = *c->subid_user;
	const char *except = sub ? c->subid_user : NULL;
	const char *uid_keys = sub ? "subid_user" : "first_uid, num_boxes";
	const char *gid_keys = sub ? "subid_user" : "first_gid, num_boxes";

	look_into("/etc/passwd", uid_keys, l->uids, &uids, NULL, false, sink);
	look_into("/etc/group", gid_keys, l->gids, &gids, NULL, false, sink);
	look_into("/etc/subuid", uid_keys, l->uids, &uids, except, true, sink);
	look_into("/etc/subgid", gid_keys, l->gids, &gids, except, true, sink);
}

/* --- the command ----------------------------------------------------------------------------- */

static int read_as_root(const struct priv *p, char *text, size_t size, size_t *len, struct err *e)
{
	int rc;

	if (priv_as_root(p, e) < 0)
		return -1;
	rc = config_read_text(text, size, len, e);
	if (rc == 0)
		rc = priv_as_caller(p, e);
	return rc;
}

static int take_subids(const struct priv *p, struct config *c, const struct config_lines *l,
		       struct tally *t, struct err *e)
{
	struct err wrong;

	if (priv_as_root(p, e) < 0)
		return -1;
	if (config_read_subids(c, &wrong) < 0)
		tell(t, l->uids, true, wrong.text);
	return priv_as_caller(p, e);
}

int check_config(const struct priv *p, struct err *e)
{
	char text[CONFIG_TEXT_MAX + 1];
	struct tally t = {.open = caller_can_read()};
	const struct config_sink sink = {tell, &t};
	struct config_lines lines;
	struct config c;
	size_t len;

	if (read_as_root(p, text, sizeof(text), &len, e) < 0)
		return -1;
	(void)config_check(CONFIG_FILE, text, len, &c, &lines, &sink); /* the tally has it, too */
	if (t.errors == 0 && take_subids(p, &c, &lines, &t, e) < 0) {
		config_fini(&c);
		return -1;
	}
	if (t.errors == 0)
		check_id_owners(&c, &lines, &sink);
	config_fini(&c);
	if (t.errors == 0)
		printf("%s: no errors, %u warning%s\n", CONFIG_FILE, t.warnings,
		       t.warnings == 1 ? "" : "s");
	if (fflush(stdout) != 0)
		return err_sys(e, ERR_SYSTEM, "write to standard output");
	if (t.errors > 0)
		return err_set(e, ERR_CONFIG, "configuration file '%s' has %u error%s%s",
			       CONFIG_FILE, t.errors, t.errors == 1 ? "" : "s",
			       t.open ? "" : ", which root can see");
	return 0;
}
