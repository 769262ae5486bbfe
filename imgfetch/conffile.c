/* SPDX-License-Identifier: MIT */
/* Files that say whom to believe: read whole, and only if nobody else could have written them. */
#include "imgfetch/conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/path.h"
#include "common/text.h"

#define FILE_BYTES_MAX (4 << 20) /* of the largest: all authorities of a system */

int conffile_read(const char *path, bool may_be_missing, bool check, char **text, size_t *len,
		  struct err *e)
{
	struct text_quoted name = text_quote(path);
	auto_fd fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	auto_free char *buf = NULL;
	ssize_t n;

	if (fd < 0 && may_be_missing && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(e, ERR_CONFIG, "open '%s'", name.s);
	if (check && path_check_trusted_file(fd, geteuid(), path, e) < 0)
		return -1;
	buf = malloc(FILE_BYTES_MAX);
	if (!buf)
		return err_sys(e, ERR_SYSTEM, "read '%s'", name.s);
	n = fdio_read_text(fd, buf, FILE_BYTES_MAX);
	if (n < 0)
		return err_sys(e, ERR_CONFIG, "read '%s'", name.s);
	*text = take_ptr(buf);
	*len = (size_t)n;
	return 1;
}
