/* SPDX-License-Identifier: MIT */
/* What the rules bind: opened with the caller's rights, cloned into detached mounts as root. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sys.h"
#include "common/text.h"
#include "isolate/rootfs_impl.h"
#include "mount/mnt.h"

uint64_t rootfs_attrs(unsigned flags)
{
	uint64_t attrs = MOUNT_ATTR_NOSUID;

	if (!(flags & DIR_RW))
		attrs |= MOUNT_ATTR_RDONLY;
	if (!(flags & DIR_DEV))
		attrs |= MOUNT_ATTR_NODEV;
	if (flags & DIR_NOEXEC)
		attrs |= MOUNT_ATTR_NOEXEC;
	return attrs;
}

/* Rules of the form "./box" and "./box/SUB" mean the box as the program sees it (id-mapped). SUB
 * ("" for the box itself), or NULL for any other OUT. */
static const char *box_part(const char *out)
{
	if (strncmp(out, "./", 2) != 0)
		return NULL;
	out += 2;
	out += strspn(out, "/");
	if (strncmp(out, "box", 3) != 0 || (out[3] && out[3] != '/'))
		return NULL;
	out += 3;
	return out + strspn(out, "/");
}

/* With `maybe`, nothing is told about why: what lies behind a closed door reads the same as what
 * is not there. Without it, the caller gets the reason that an open(2) of his own would give. */
static int not_there(const struct dirrule *rule, struct source *src, struct err *e)
{
	if (rule->flags & DIR_MAYBE) {
		src->kind = SOURCE_NONE;
		return 0;
	}
	return err_sys(e, ERR_SYSTEM, "--dir '%s': open '%s'", text_quote(rule->in).s,
		       text_quote(rule->out).s);
}

/* What kind of thing is it, and is it one that a rule may show? */
static int check_type(const struct dirrule *rule, struct source *src, struct err *e)
{
	struct stat st;

	if (fstat(src->fd, &st))
		return err_sys(e, ERR_SYSTEM, "--dir '%s': look at source", text_quote(rule->in).s);
	src->file = !S_ISDIR(st.st_mode);
	if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && (rule->flags & DIR_DEV)))
		return 0;
	return err_set(e, ERR_SYSTEM, "--dir '%s': '%s' is neither a directory nor a file",
		       text_quote(rule->in).s, text_quote(rule->out).s);
}

/* Runs as: caller. The name is walked once, here; all the rest goes by descriptor, so that nothing
 * can be swapped in between. */
static int open_as_caller(const struct rootfs_spec *s, const struct dirrule *rule,
			  struct source *src, struct err *e)
{
	/* No magic links: /proc/self/fd/N would be a descriptor of ours, some of which were opened
	 * as root. */
	if (rule->out[0] == '/')
		src->fd = sys_openat2(AT_FDCWD, rule->out, O_PATH, 0, RESOLVE_NO_MAGICLINKS);
	else
		/* The box's own directory is root's, but "./" is no way out of it. */
		src->fd = sys_openat2(s->box_dir_fd, rule->out, O_PATH, 0,
				      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	if (src->fd < 0)
		return not_there(rule, src, e);
	if (check_type(rule, src, e))
		return -1;
	/* To open a directory as O_PATH takes no right on it; to use what is inside does. Nobody
	 * gets into a directory through a box that he could not enter himself. */
	if (faccessat(src->fd, "", src->file ? R_OK : X_OK, AT_EACCESS | AT_EMPTY_PATH)) {
		cleanup_fd(&src->fd);
		return not_there(rule, src, e);
	}
	src->kind = SOURCE_MOUNT;
	return 0;
}

/* Runs as: root, since the box belongs to the program's uid by now. The directories in it are the
 * caller's; symbolic links are refused, so nothing outside can be reached. */
static int open_in_box(const struct rootfs_spec *s, const struct dirrule *rule, struct source *src,
		       struct err *e)
{
	const char *sub = box_part(rule->out);

	src->kind = SOURCE_BOX;
	if (!*sub)
		return 0;
	src->fd = sys_openat2(s->box_mnt_fd, sub, O_PATH, 0,
			      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
	if (src->fd < 0)
		return not_there(rule, src, e);
	return check_type(rule, src, e);
}

/* Runs as: root. */
static int finish_as_root(const struct rootfs_spec *s, const struct dirrule *rule,
			  struct source *src, struct err *e)
{
	auto_fd opened = -1;

	if (rule->flags & DIR_FS) {
		if (strcmp(rule->out, "dev") != 0)
			return 0;
		src->fd = fs_make_dev(e);
		src->kind = SOURCE_MOUNT;
		return src->fd < 0 ? -1 : 0;
	}
	if (rule->out && box_part(rule->out))
		return open_in_box(s, rule, src, e);
	if (src->kind != SOURCE_MOUNT)
		return 0;
	opened = take_fd(&src->fd);
	src->fd = mnt_clone(opened, !src->file && !(rule->flags & DIR_NOREC),
			    rootfs_attrs(rule->flags), text_quote(rule->out).s, e);
	return src->fd < 0 ? -1 : 0;
}

static int open_all_as_caller(struct rootfs *r, struct err *e)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct dirrule *rule = &r->spec.rules->rules[i];
		struct source *src = &r->sources[i];

		if (rule->flags & DIR_REMOVED)
			continue;
		src->kind = SOURCE_NEW;
		if (!(rule->flags & (DIR_FS | DIR_TMP)) && !box_part(rule->out) &&
		    open_as_caller(&r->spec, rule, src, e))
			return -1;
	}
	return 0;
}

static int finish_all_as_root(struct rootfs *r, struct err *e)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->sources[i].kind != SOURCE_NONE &&
		    finish_as_root(&r->spec, &r->spec.rules->rules[i], &r->sources[i], e))
			return -1;
	/* See rootfs.h: the proxy finds the stage as its working directory. */
	if (fchdir(r->spec.stage_fd))
		return err_sys(e, ERR_SYSTEM, "enter the stage directory");
	return 0;
}

int sources_open(struct rootfs *r, const struct priv *p, struct err *e)
{
	struct err back;
	int rc;

	if (open_all_as_caller(r, e))
		return -1;
	if (priv_as_root(p, e))
		return -1;
	rc = finish_all_as_root(r, e);
	if (priv_as_caller(p, &back)) {
		*e = back;
		return -1;
	}
	return rc;
}
