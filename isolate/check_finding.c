/* SPDX-License-Identifier: MIT */
/* --check: findings, and the small files that they come from. */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "isolate/check_impl.h"

static void cut_text(char out[CHECK_TEXT_MAX], const char *text)
{
	size_t len = MIN(strlen(text), CHECK_TEXT_MAX - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

void check_set(struct finding *f, enum check_state state, const char *mend, const char *fmt, ...)
{
	char buf[CHECK_TEXT_MAX];
	struct text t = TEXT_OVER(buf);
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&t, fmt, ap);
	va_end(ap);
	f->state = state;
	cut_text(f->text, buf);
	cut_text(f->mend, mend ? mend : "");
}

void check_set_err(struct finding *f, enum check_state state, const char *mend, const struct err *e)
{
	check_set(f, state, mend, "%s", e->text);
}

ssize_t check_read(int root_fd, const char *path, char *buf, size_t size)
{
	auto_fd fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = fdio_read_text(fd, buf, size);
	if (len > 0 && buf[len - 1] == '\n')
		buf[--len] = '\0';
	return len;
}
