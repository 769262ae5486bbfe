/* SPDX-License-Identifier: MIT */
/* Which image store imgfetch and imgmount use. */
#include "common/storepath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/lineconf.h"
#include "common/path.h"
#include "common/text.h"

#define CONFIG_BYTES_MAX (256 * 1024)

static int find_key(struct lineconf *lc, const char *wanted, char *out, size_t size, struct err *e)
{
	char *key, *value;
	int found = 0, got;

	while ((got = lineconf_next_pair(lc, &key, &value, e)) == 1) {
		if (strcmp(key, wanted) != 0)
			continue;
		if (text_format(out, size, "%s", value) < 0)
			return err_set(e, ERR_CONFIG, "%s:%u: value is too long", lc->name,
				       lc->line);
		found = 1;
	}
	return got < 0 ? -1 : found;
}

int storepath_config(const char *config, const char *key, char *out, size_t size, struct err *e)
{
	auto_fd fd = open(config, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct lineconf lc;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(e, ERR_CONFIG, "open '%s'", config);
	if (store_caller_is_root() && path_check_trusted_file(fd, 0, config, e) < 0)
		return -1;
	auto_free char *text = malloc(CONFIG_BYTES_MAX);
	if (!text)
		return err_sys(e, ERR_SYSTEM, "read '%s'", config);
	ssize_t len = fdio_read_text(fd, text, CONFIG_BYTES_MAX);
	if (len < 0)
		return err_sys(e, ERR_CONFIG, "read '%s'", config);
	lineconf_init(&lc, config, text, (size_t)len);
	return find_key(&lc, key, out, size, e);
}

/* What was typed, relative to the working directory. */
static int make_absolute(const char *given, char *out, size_t size, struct err *e)
{
	char cwd[PATH_MAX];

	if (given[0] == '\0')
		return err_set(e, ERR_USAGE, "empty path of the store");
	if (given[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_sys(e, ERR_SYSTEM, "find the working directory");
	if (text_format(out, size, "%s%s%s", given[0] == '/' ? "" : cwd, given[0] == '/' ? "" : "/",
			given) < 0)
		return err_sys(e, ERR_CONFIG, "store '%s'", text_quote(given).s);
	return 0;
}

int storepath_system(const char *config, char *out, size_t size, struct err *e)
{
	char value[PATH_MAX];
	int found = storepath_config(config, "image_root", value, sizeof(value), e);

	if (found < 0)
		return -1;
	if (text_format(out, size, "%s", found ? value : STOREPATH_SYSTEM) < 0)
		return err_sys(e, ERR_CONFIG, "image_root in '%s'", config);
	return 0;
}

int storepath_pick(const char *given, const char *config, const char *xdg_data_home,
		   const char *home, char *out, size_t size, struct err *e)
{
	if (given)
		return make_absolute(given, out, size, e);
	if (!store_caller_is_root())
		return store_user_path(xdg_data_home, home, out, size, e);
	return storepath_system(config, out, size, e);
}

int storepath_open(const char *path, struct store *out, struct err *e)
{
	return store_open(path, geteuid(), !store_caller_is_root(), out, e);
}
