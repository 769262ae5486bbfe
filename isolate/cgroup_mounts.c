/* SPDX-License-Identifier: MIT */
/* Where cgroup hierarchies are mounted. */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "isolate/cgroup_impl.h"

/* A host with thousands of containers has some ten thousand mounts. */
#define MOUNTINFO_BYTES_MAX (8u << 20)

static const char *const ctl_names[CTL_COUNT] = {"memory", "cpuacct", "pids",
						 "blkio",  "cpu",     "cpuset"};

static bool is_fs(const char *path, unsigned magic)
{
	struct statfs st;

	return !statfs(path, &st) && (unsigned)st.f_type == magic;
}

void cgroup_mounts_guess(struct cgroup_mounts *m)
{
	*m = (struct cgroup_mounts){0};
	if (is_fs("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC)) {
		memcpy(m->v2, "/sys/fs/cgroup", sizeof("/sys/fs/cgroup"));
		return;
	}
	for (size_t i = 0; i < CTL_COUNT; i++) {
		char *path = m->v1[i];

		if (text_format(path, sizeof(m->v1[i]), "/sys/fs/cgroup/%s", ctl_names[i]) ||
		    !is_fs(path, CGROUP_SUPER_MAGIC))
			*path = '\0';
	}
}

/* Undo the \ooo that the kernel writes for blanks, newlines and backslashes. */
static int unescape(const char *s, char *out, size_t size)
{
	size_t n = 0;

	for (; *s; s++) {
		unsigned c = (unsigned char)*s;

		if (c == '\\') {
			c = 0;
			for (int i = 1; i <= 3; i++) {
				if (s[i] < '0' || s[i] > '7')
					return -1;
				c = c * 8 + (unsigned)(s[i] - '0');
			}
			if (!c || c > 255)
				return -1;
			s += 3;
		}
		if (n + 1 >= size)
			return -1;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

/* Is word one of those in a comma-separated list? */
static bool has_option(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (;;) {
		size_t n = strcspn(list, ",");

		if (n == len && !strncmp(list, word, n))
			return true;
		if (!list[n])
			return false;
		list += n + 1;
	}
}

/* One line of proc_pid_mountinfo(5):
 * 36 35 98:0 ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS */
static int parse_line(char *line, struct cgroup_mounts *m)
{
	char *field[6], *type, *super;

	for (size_t i = 0; i < ARRAY_LEN(field); i++) {
		field[i] = strsep(&line, " ");
		if (!line || !*field[i])
			return -1;
	}
	do {
		type = strsep(&line, " ");
		if (!line)
			return -1;
	} while (strcmp(type, "-") != 0);
	type = strsep(&line, " ");
	if (!line)
		return -1;
	(void)strsep(&line, " "); /* the source means nothing here, and may be empty */
	super = line;
	if (!super)
		return -1;
	if (!strcmp(type, "cgroup2") && !*m->v2)
		return unescape(field[4], m->v2, sizeof(m->v2));
	if (!strcmp(type, "cgroup"))
		for (size_t i = 0; i < CTL_COUNT; i++)
			if (!*m->v1[i] && has_option(super, ctl_names[i]) &&
			    unescape(field[4], m->v1[i], sizeof(m->v1[i])))
				return -1;
	return 0;
}

int cgroup_mounts_parse(char *text, size_t len, struct cgroup_mounts *m, struct err *e)
{
	struct cgroup_mounts found = {0};
	unsigned number = 0;
	char *end = text + len;

	while (text < end) {
		char *newline = memchr(text, '\n', (size_t)(end - text));

		number++;
		if (newline)
			*newline = '\0';
		if (!newline || strlen(text) != (size_t)(newline - text) ||
		    parse_line(text, &found))
			return err_set(e, ERR_SYSTEM,
				       "read /proc/self/mountinfo: line %u is malformed", number);
		text = newline + 1;
	}
	*m = found;
	return 0;
}

int cgroup_mounts_read(struct cgroup_mounts *m, struct err *e)
{
	auto_fd fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	auto_free char *buf = NULL;
	ssize_t len;

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open /proc/self/mountinfo");
	buf = malloc(MOUNTINFO_BYTES_MAX);
	if (!buf)
		return err_sys(e, ERR_SYSTEM, "allocate %u bytes", MOUNTINFO_BYTES_MAX);
	len = fdio_read_text(fd, buf, MOUNTINFO_BYTES_MAX);
	if (len < 0)
		return err_sys(e, ERR_SYSTEM, "read /proc/self/mountinfo");
	return cgroup_mounts_parse(buf, (size_t)len, m, e);
}
