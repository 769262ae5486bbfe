/* SPDX-License-Identifier: MIT */
/* imgfetch: bring OCI images into a store, look at them, remove them.
 *
 * Theory of operation. An ordinary program with the rights of its caller; nothing it parses is
 * trusted, and whatever it writes is data for isolate, which trusts none of it either.
 *
 *   main.c     options, which store, one line for an error, exit status
 *   pull.c     from a reference to a stored image, in the order: what does the reference mean now?
 *              is that here? manifest, configuration, layers, descriptor, name
 *   source.h   where bytes come from: registry.c (over http.c, with auth.c), layout.c
 *   manifest.c, imgconfig.c, platform.c, url.c, challenge.c, ...: pure parsers
 *   worker.c   threads: each layer is downloaded, hashed, inflated, hashed again and unpacked as
 *              one stream; commit.c moves what is complete and verified into the store
 *   report.c, remove.c: list and inspect, rm
 *
 * Threads exist only inside worker_fetch_layers; the main thread waits for them. All state hangs on
 * structs that main() owns. Nothing outside <store>/tmp is ever incomplete, so a pull can be killed
 * at any time: what it leaves there, the next one sweeps.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/storepath.h"
#include "common/text.h"
#include "imgfetch/http.h"
#include "imgfetch/layout.h"
#include "imgfetch/opts.h"
#include "imgfetch/pull.h"
#include "imgfetch/registry.h"
#include "imgfetch/remove.h"
#include "imgfetch/report.h"

#define CONNECT_TIMEOUT_S 15
#define BOX_ROOT_DEFAULT  "/var/lib/isolate/boxes"

/* Documented in imgfetch(1). */
static int exit_status(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return 0;
	case ERR_USAGE:
		return 2;
	case ERR_AUTH:
		return 3;
	case ERR_NOTFOUND:
		return 4;
	case ERR_NETWORK:
		return 5;
	case ERR_VERIFY:
		return 6;
	case ERR_DISK:
		return 7;
	case ERR_PLATFORM:
		return 8;
	case ERR_BUSY:
		return 9;
	default:
		return 1;
	}
}

/* A store that cannot be used is one status, whether it is unsafe, foreign or no store. */
static int store_fault(struct err *e)
{
	if (e->kind == ERR_CONFIG || e->kind == ERR_DENIED)
		e->kind = ERR_DISK;
	return -1;
}

/* --- pull ---------------------------------------------------------------------------------- */

/* Names of hosts that the configuration allows plain HTTP for, separated by spaces or commas. */
static int allow_configured_hosts(struct http *http, struct err *e)
{
	char value[4096];
	char *rest = NULL;
	int found = storepath_config(CONFIG_FILE, "plain_http", value, sizeof(value), e);

	if (found <= 0)
		return found;
	for (char *w = strtok_r(value, " \t,", &rest); w; w = strtok_r(NULL, " \t,", &rest))
		if (http_allow_plain(http, w, e) < 0)
			return -1;
	return 0;
}

static struct source *open_registry(const struct opts *o, struct http *http,
				    const struct credential_paths *paths, struct err *e)
{
	if (allow_configured_hosts(http, e) < 0 ||
	    (o->plain_http && http_allow_plain(http, o->ref.host, e) < 0))
		return NULL;
	return registry_open(http, paths, &o->ref, e);
}

static int run_pull(const struct opts *o, const struct store *st, struct source *src, struct err *e)
{
	auto_progress progress = progress_new(STDERR_FILENO, o->quiet, e);
	struct pull_opts po = {
		.platform = o->platform,
		.downloads = o->jobs,
		.no_sync = o->no_sync,
		.progress = progress,
	};
	struct digest digest;

	if (!progress || pull_image(st, src, &o->ref, &po, &digest, e) < 0)
		return -1;
	progress_free(take_ptr(progress)); /* before anything else is printed */
	printf("%s\n", digest_text(&digest).s);
	return 0;
}

static int pull(const struct opts *o, const char *store_path, struct err *e)
{
	const struct credential_paths paths = {
		.authfile = o->authfile ? o->authfile : getenv("REGISTRY_AUTH_FILE"),
		.docker_config = getenv("DOCKER_CONFIG"),
		.runtime_dir = getenv("XDG_RUNTIME_DIR"),
		.config_home = getenv("XDG_CONFIG_HOME"),
		.home = getenv("HOME"),
	};
	const struct http_opts ho = {.connect_s = CONNECT_TIMEOUT_S, .stall_s = o->timeout_s};
	struct http *http = NULL;
	struct source *src = NULL;
	struct store st;
	int r = -1;

	if (store_create(store_path, &st, e) < 0)
		return store_fault(e);
	if (o->ref.kind == REF_OCI)
		src = layout_open(&o->ref, &o->platform, e);
	else if ((http = http_new(&ho, e)))
		src = open_registry(o, http, &paths, e);
	if (src)
		r = run_pull(o, &st, src, e);
	if (r < 0)
		err_wrap(e, "pull '%s'", text_quote(ref_text(&o->ref).s).s);
	source_free(src);
	http_free(http);
	store_close(&st);
	return r;
}

/* --- list, inspect, rm --------------------------------------------------------------------- */

/* An ordinary user may look at the system's store as well. */
static int open_system(struct store *st, struct err *e)
{
	char root[4096];

	if (storepath_system(CONFIG_FILE, root, sizeof(root), e) < 0)
		return -1;
	return storepath_open(root, st, e);
}

static bool may_fall_back(const struct opts *o, const struct err *why)
{
	return why->kind == ERR_NOTFOUND && !o->store && !store_caller_is_root();
}

static int list(const struct opts *o, const char *path, struct err *e)
{
	struct err why, ignored;
	struct store st;
	int r = storepath_open(path, &st, &why);

	if (r < 0 && may_fall_back(o, &why))
		r = open_system(&st, &ignored);
	/* Before the first pull there is nothing to list; a store that was named has to be there.
	 */
	if (r < 0 && why.kind == ERR_NOTFOUND && !o->store)
		return report_list(NULL, o->json, stdout, e);
	if (r < 0) {
		*e = why;
		return store_fault(e);
	}
	r = report_list(&st, o->json, stdout, e);
	store_close(&st);
	return r;
}

static int inspect(const struct opts *o, const char *path, struct err *e)
{
	struct err why, ignored;
	struct store st;
	int r = storepath_open(path, &st, &why);

	if (r < 0) {
		store_fault(&why);
	} else {
		r = report_inspect(&st, &o->ref, o->json, stdout, &why);
		store_close(&st);
	}
	if (r < 0 && may_fall_back(o, &why) && open_system(&st, &ignored) == 0) {
		r = report_inspect(&st, &o->ref, o->json, stdout, &ignored);
		store_close(&st);
	}
	if (r < 0)
		*e = why;
	return r;
}

static int rm(const struct opts *o, const char *path, struct err *e)
{
	char box_root[4096] = BOX_ROOT_DEFAULT;
	struct removed done;
	struct store st;
	int r;

	if (storepath_config(CONFIG_FILE, "box_root", box_root, sizeof(box_root), e) < 0)
		return -1;
	if (storepath_open(path, &st, e) < 0)
		return store_fault(e);
	r = remove_image(&st, &o->ref, box_root, &done, e);
	store_close(&st);
	if (r < 0)
		return err_wrap(e, "remove '%s'", text_quote(ref_text(&o->ref).s).s);
	if (o->quiet)
		return 0;
	if (!done.image)
		printf("removed a name; the image has others\n");
	else
		printf("removed the image and %zu of its layers%s\n", done.layers,
		       done.layers_kept ? " (the store is busy: they stay for now)"
		       : done.layers_unknown
			       ? " (they stay: another image is damaged and may need them)"
			       : "");
	return 0;
}

/* --- main ---------------------------------------------------------------------------------- */

static int dispatch(const struct opts *o, struct err *e)
{
	char path[4096];

	if (storepath_pick(o->store, CONFIG_FILE, getenv("XDG_DATA_HOME"), getenv("HOME"), path,
			   sizeof(path), e) < 0)
		return -1;
	switch (o->command) {
	case COMMAND_PULL:
		return pull(o, path, e);
	case COMMAND_LIST:
		return list(o, path, e);
	case COMMAND_INSPECT:
		return inspect(o, path, e);
	case COMMAND_RM:
		return rm(o, path, e);
	default:
		return err_set(e, ERR_BUG, "no command");
	}
}

static int run(int argc, char **argv, struct err *e)
{
	struct opts o;

	if (fdio_keep_stdio_open(e) < 0)
		return -1;
	/* A registry that hangs up while we send is an error to report, not a death. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_sys(e, ERR_SYSTEM, "ignore SIGPIPE");
	/* Nor is a file that ulimit(1) does not allow: write(2) says EFBIG then. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return err_sys(e, ERR_SYSTEM, "ignore SIGXFSZ");
	if (opts_parse(argc, argv, &o, e) < 0)
		return -1;
	if (o.version)
		printf("imgfetch (isolate-oci) %s\n", ISOLATE_OCI_VERSION);
	else if (o.help)
		return opts_print_help() < 0 ? err_sys(e, ERR_SYSTEM, "write to stdout") : 0;
	else if (dispatch(&o, e) < 0)
		return -1;
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_sys(e, ERR_SYSTEM, "write to stdout");
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = {0};

	if (run(argc, argv, &e) == 0)
		return 0;
	err_print("imgfetch", &e);
	return exit_status(e.kind);
}
