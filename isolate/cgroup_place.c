/* SPDX-License-Identifier: MIT */
/* Where groups are made: what cg_root means on this machine. First decided by looking, then opened,
 * so that it can be asked for without making anything. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

/* The group that systemd makes for its own processes, at the root of every hierarchy that it
 * manages (its CGROUP_DELEGATION.md: nobody else makes groups there). */
#define SYSTEMD_GROUP "init.scope"

/* What was decided. */
struct spot {
	enum cgroup_kind kind;
	char path[PATH_MAX];	/* v2: the directory; v1: one component */
	struct cgroup_mounts m; /* v1 */
};

/* The first line of a file that only root writes: what runs as a service puts the group there that
 * it was given. 0, -1, or 1 when there is no such file. */
static int read_path_file(const char *file, char *path, size_t size, struct err *e)
{
	auto_fd fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	ssize_t len;

	if (fd < 0) {
		(void)err_sys(e, ERR_CONFIG, "cg_root: open '%s'", text_quote(file).s);
		return e->errnum == ENOENT ? 1 : -1;
	}
	if (path_check_trusted_file(fd, 0, file, e))
		return -1;
	len = fdio_read_text(fd, path, size);
	if (len < 0)
		return err_sys(e, ERR_CONFIG, "cg_root: read '%s'", text_quote(file).s);
	path[strcspn(path, "\n")] = '\0';
	if (path[0] != '/')
		return err_set(e, ERR_CONFIG, "cg_root: the first line of '%s' is no absolute path",
			       text_quote(file).s);
	return 0;
}

static bool has_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return !text_format(path, sizeof(path), "%s/%s", dir, name) && !lstat(path, &st);
}

/* At the root of the v2 hierarchy as far as we see it. */
static int decide_v2_root(struct spot *s, struct err *e)
{
	if (has_file(s->m.v2, SYSTEMD_GROUP))
		return err_set(
			e, ERR_CONFIG,
			"control groups belong to systemd here, and isolate.service, which "
			"gets some from it, does not run: systemctl enable --now isolate, or "
			"set cg_root");
	/* Only the root of all has no cgroup.type. */
	s->kind = has_file(s->m.v2, "cgroup.type") ? CGROUP_CONTAINER : CGROUP_V2;
	if (text_format(s->path, sizeof(s->path), "%s/%s", s->m.v2, CGROUP_DEFAULT_NAME))
		return err_set(e, ERR_CONFIG, "cgroup mount has a path that is too long");
	return 0;
}

static int decide_auto(struct spot *s, struct err *e)
{
	int rc = read_path_file(CGROUP_KEEPER_FILE, s->path, sizeof(s->path), e);
	struct cgroup_mounts *m = &s->m;
	bool all_v1;

	if (rc <= 0) {
		s->kind = CGROUP_DELEGATED;
		return rc;
	}
	cgroup_mounts_guess(m);
	for (int exact = 0;; exact = 1) {
		all_v1 = *m->v1[CTL_MEMORY] && *m->v1[CTL_CPUACCT] && *m->v1[CTL_PIDS];
		if (exact || all_v1 || (*m->v2 && cgroup_v2_usable(m->v2)))
			break;
		if (cgroup_mounts_read(m, e))
			return -1;
	}
	/* Half of the controllers on v1: the message of v1 says which one is missing. */
	if (*m->v2 && (cgroup_v2_usable(m->v2) || (!all_v1 && !*m->v1[CTL_MEMORY])))
		return decide_v2_root(s, e);
	s->kind = CGROUP_V1;
	return text_format(s->path, sizeof(s->path), "%s", CGROUP_DEFAULT_NAME)
		       ? err_sys(e, ERR_BUG, "name of control group")
		       : 0;
}

static int decide_v1(const char *name, struct spot *s, struct err *e)
{
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			      "_-.")] ||
	    !*name || *name == '.' || strlen(name) > 64)
		return err_set(e, ERR_CONFIG, "cg_root: 'v1:/NAME' needs one plain name, not '%s'",
			       text_quote(name).s);
	cgroup_mounts_guess(&s->m);
	for (size_t i = 0; i < CTL_NEEDED; i++) {
		if (!*s->m.v1[i]) {
			if (cgroup_mounts_read(&s->m, e))
				return -1;
			break;
		}
	}
	s->kind = CGROUP_V1;
	return text_format(s->path, sizeof(s->path), "%s", name) ? err_sys(e, ERR_CONFIG, "cg_root")
								 : 0;
}

/* Decide by looking; nothing is made or changed. */
static int decide(const char *cg_root, struct spot *s, struct err *e)
{
	if (!strcmp(cg_root, "auto"))
		return decide_auto(s, e);
	if (!strncmp(cg_root, "v1:/", 4))
		return decide_v1(cg_root + 4, s, e);
	s->kind = CGROUP_V2;
	if (!strncmp(cg_root, "auto:", 5))
		return read_path_file(cg_root + 5, s->path, sizeof(s->path), e) ? -1 : 0;
	if (cg_root[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "cg_root: '%s' is neither auto, auto:FILE, v1:/NAME nor a directory",
			       text_quote(cg_root).s);
	if (text_format(s->path, sizeof(s->path), "%s", cg_root))
		return err_sys(e, ERR_CONFIG, "cg_root");
	return 0;
}

static struct spot *decide_new(const char *cg_root, struct err *e)
{
	struct spot *s = calloc(1, sizeof(*s));

	if (!s) {
		(void)err_sys(e, ERR_SYSTEM, "allocate control group");
		return NULL;
	}
	if (decide(cg_root, s, e)) {
		free(s);
		return NULL;
	}
	return s;
}

int cgroup_locate(const char *cg_root, bool move_processes, char *name, size_t size, struct err *e)
{
	auto_free struct spot *s = decide_new(cg_root, e);
	bool v1;

	if (!s)
		return -1;
	v1 = s->kind == CGROUP_V1;
	if (v1 ? cgroup_v1_look(&s->m, e) : cgroup_v2_look(s->path, s->kind, move_processes, e))
		return -1;
	if (text_format(name, size, v1 ? "v1 /%s" : "v2 %s", s->path))
		return err_sys(e, ERR_CONFIG, "cg_root");
	return 0;
}

int cgroup_find(const char *cg_root, bool move_processes, struct cgroup_place **out, struct err *e)
{
	auto_free struct spot *s = decide_new(cg_root, e);
	struct cgroup_place *p;
	int rc;

	if (!s)
		return -1;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_sys(e, ERR_SYSTEM, "allocate control group");
	for (size_t i = 0; i < CTL_COUNT; i++)
		p->dirs[i] = -1;
	if (s->kind == CGROUP_V1)
		rc = cgroup_v1_find(&s->m, s->path, p, e);
	else
		rc = cgroup_v2_find(s->path, s->kind, move_processes, p, e);
	if (rc) {
		cgroup_place_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void cgroup_place_free(struct cgroup_place *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < CTL_COUNT; i++)
		cleanup_fd(&p->dirs[i]);
	free(p);
}

const char *cgroup_place_name(const struct cgroup_place *p)
{
	return p->name;
}
