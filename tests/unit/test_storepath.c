/* SPDX-License-Identifier: MIT */
/* Unit test of common/storepath: which store is taken, and what of the configuration is believed.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/storepath.h"
#include "tests/unit/tap.h"

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

static void write_config(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	must(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, 0644) == 0, path);
}

static void check_config(struct tap *t, const char *path)
{
	static const struct {
		const char *text;
		int ret;
		const char *value;
	} rows[] = {
		{"", 0, "-"},
		{"# image_root = /a\nother = 1\n", 0, "-"},
		{"image_root = /a\n", 1, "/a"},
		{"image_root=/a\n[x]\n image_root = /b c \n", 1, "/b c"},
		{"image_root_more = /a\n", 0, "-"},
		{"image_root\n", -1, "-"},
		{"image_root = /a", -1, "-"},
	};
	char value[64];
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		strcpy(value, "-");
		write_config(path, rows[i].text);
		tap_int(t, storepath_config(path, "image_root", value, sizeof(value), &e),
			rows[i].ret, "config row %zu", i);
		tap_str(t, value, rows[i].value, "config row %zu: value", i);
	}
	write_config(path, "image_root = /a-value-that-does-not-fit\n");
	tap_int(t, storepath_config(path, "image_root", value, 8, &e), -1, "config: too long");
	tap_int(t, storepath_config("/nonexistent/file", "a", value, sizeof(value), &e), 0,
		"config: no file");
	must(chmod(path, 0666) == 0, "chmod");
	tap_int(t, storepath_config(path, "image_root", value, sizeof(value), &e),
		store_caller_is_root() ? -1 : 1, "config: root reads none that others can write");
}

static void check_pick(struct tap *t, const char *config)
{
	bool root = store_caller_is_root();
	char out[PATH_MAX], cwd[PATH_MAX], want[PATH_MAX + 8];
	struct err e = {0};

	must(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");
	snprintf(want, sizeof(want), "%s/x/y", cwd);
	write_config(config, "image_root = /srv/images\n");
	tap_int(t, storepath_pick("x/y", config, NULL, NULL, out, sizeof(out), &e), 0, "relative");
	tap_str(t, out, want, "relative: made absolute");
	tap_int(t, storepath_pick("/x", config, "/xdg", "/home", out, sizeof(out), &e), 0, "given");
	tap_str(t, out, "/x", "given: as it is");
	tap_int(t, storepath_pick("", config, NULL, NULL, out, sizeof(out), &e), -1, "empty");
	tap_int(t, (int)e.kind, ERR_USAGE, "empty: kind");
	tap_int(t, storepath_pick(NULL, config, NULL, "/home/u", out, sizeof(out), &e), 0,
		"default");
	tap_str(t, out, root ? "/srv/images" : "/home/u/.local/share/isolate/images",
		"default: root's from the configuration, others' own");
	tap_int(t, storepath_pick(NULL, "/nonexistent", NULL, "/home/u", out, sizeof(out), &e), 0,
		"no configuration");
	tap_str(t, out, root ? STOREPATH_SYSTEM : "/home/u/.local/share/isolate/images",
		"no configuration: path");
}

int main(void)
{
	struct tap t = {0};
	char dir[] = "/tmp/test-storepath-XXXXXX", config[64];

	must(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(config, sizeof(config), "%s/isolate", dir);
	check_config(&t, config);
	check_pick(&t, config);
	must(unlink(config) == 0 && rmdir(dir) == 0, "clean up");
	return tap_done(&t);
}
