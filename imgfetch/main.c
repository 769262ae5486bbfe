/* SPDX-License-Identifier: MIT */
/* imgfetch: bring OCI images into a store, look at them, remove them.
 *
 * Theory of operation. An ordinary program with the rights of its caller; nothing it parses is
 * trusted, and whatever it writes is data for isolate, which trusts none of it either.
 *
 *   main.c     options, configuration (config.c), which store, one line for an error, exit status
 *   command.h  what each command does: command_pull.c, command_store.c, ...
 *   pull.c     from a reference to a stored image, in the order: what does the reference mean now?
 *              is that here? manifest, configuration, layers, descriptor, name
 *   source.h   where bytes come from: registry.c (over http.c), mirrors.c (several of them),
 *              local.c: layout.c, dockerarchive.c, over bundle.c, a directory or an archive
 *   auth.c     logins: credentials.c finds them (authfile.c, helper.c), token.c speaks to token
 *              servers; logins.c keeps and forgets them
 *   manifest.c, imgconfig.c, platform.c, url.c, challenge.c, ...: pure parsers
 *   worker.c   threads: each layer is downloaded, hashed, inflated, hashed again and unpacked as
 *              one stream; partial.c keeps what has come of it, for a pull that goes on after this
 *              one broke off; commit.c moves what is complete and verified into the store
 *   facts.c    what a layer leaves to be settled with those below it; fixup.c settles that when
 *              the image enters the store
 *   limits.c   what an image may cost
 *   progress.c what people see of it meanwhile (bar.c)
 *   report.c, remove.c, gc.c: list and inspect, rm, gc; what goes does so by way of grave.c,
 *              and nobody waits for anybody: claim.h tells how
 *   verify.c   is it what was pulled? layercheck.c holds layers against the lists of files that
 *              listwriter.c wrote while they were unpacked
 *   flatten.c  merges the layers of a stored image into one tree, with the library of imgmount
 *
 * Threads exist only inside worker_fetch_layers; the main thread waits for them. All state hangs on
 * structs that main() owns. Nothing outside <store>/tmp is ever incomplete, so a pull can be killed
 * at any time: what it leaves there, the next one goes on with, or sweeps.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fdio.h"
#include "common/storepath.h"
#include "imgfetch/command.h"
#include "imgfetch/config.h"
#include "imgfetch/opts.h"

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

/* --- main ---------------------------------------------------------------------------------- */

static int dispatch(const struct opts *o, struct err *e)
{
	char path[PATH_MAX];

	if (o->command == COMMAND_LOGIN)
		return command_login(o, e);
	if (o->command == COMMAND_LOGOUT)
		return command_logout(o, e);
	if (storepath_pick(o->store, CONFIG_FILE, getenv("XDG_DATA_HOME"), getenv("HOME"), path,
			   sizeof(path), e) < 0)
		return -1;
	switch (o->command) {
	case COMMAND_PULL:
		return command_pull(o, path, e);
	case COMMAND_LIST:
		return command_list(o, path, e);
	case COMMAND_INSPECT:
		return command_inspect(o, path, e);
	case COMMAND_TAG:
		return command_tag(o, path, e);
	case COMMAND_RM:
		return command_rm(o, path, e);
	case COMMAND_FLATTEN:
		return command_flatten(o, path, e);
	case COMMAND_GC:
		return command_gc(o, path, e);
	case COMMAND_VERIFY:
		return command_verify(o, path, e);
	case COMMAND_DU:
		return command_du(o, path, e);
	default:
		return err_set(e, ERR_BUG, "no command");
	}
}

static int configure_and_dispatch(struct opts *o, struct err *e)
{
	const struct registriesconf_paths registries = {
		.given = getenv("CONTAINERS_REGISTRIES_CONF"),
		.system_dir = "/etc/containers",
		.config_home = getenv("XDG_CONFIG_HOME"),
		.home = getenv("HOME"),
	};
	const struct config_paths paths = {
		.given = o->config_file,
		.system = IMGFETCH_CONFIG_FILE,
		.config_home = getenv("XDG_CONFIG_HOME"),
		.home = getenv("HOME"),
		/* Others' files are no reason for a list of images to fail. */
		.registries = o->command == COMMAND_PULL || o->command == COMMAND_LOGIN
				      ? &registries
				      : NULL,
	};
	struct config config;
	int r;

	if (config_load(&paths, &config, e) < 0)
		return -1;
	o->config = &config;
	r = dispatch(o, e);
	o->config = NULL;
	config_fini(&config);
	return r;
}

/* Whoever read our output has seen enough ("imgfetch list | head"): then we end as if SIGPIPE had
 * not been ignored, without a word. Unless our caller ignores it, too. */
static void end_without_reader(bool ignored)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	if (ignored || poll(&out, 1, 0) != 1 || !(out.revents & POLLERR))
		return;
	if (signal(SIGPIPE, SIG_DFL) != SIG_ERR)
		(void)raise(SIGPIPE); /* if it is blocked, the error is told as any other */
}

static int run(int argc, char **argv, struct err *e)
{
	struct opts o;
	void (*on_pipe)(int);
	bool written;

	if (fdio_keep_stdio_open(e) < 0)
		return -1;
	/* A registry that hangs up while we send is an error to report, not a death. */
	on_pipe = signal(SIGPIPE, SIG_IGN);
	if (on_pipe == SIG_ERR)
		return err_sys(e, ERR_SYSTEM, "ignore SIGPIPE");
	/* Nor is a file that ulimit(1) does not allow: write(2) says EFBIG then. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return err_sys(e, ERR_SYSTEM, "ignore SIGXFSZ");
	/* Whoever ignores it has no children to wait for; we may run a credential helper. */
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
		return err_sys(e, ERR_SYSTEM, "listen to SIGCHLD");
	if (opts_parse(argc, argv, &o, e) < 0)
		return -1;
	if (o.version)
		printf("imgfetch (isolate-oci) %s\n", ISOLATE_OCI_VERSION);
	else if (!o.help && configure_and_dispatch(&o, e) < 0)
		return -1;
	written = (!o.help || opts_print_help() == 0) && fflush(stdout) == 0 && !ferror(stdout);
	if (written)
		return 0;
	err_sys(e, ERR_SYSTEM, "write to stdout");
	end_without_reader(on_pipe == SIG_IGN);
	return -1;
}

int main(int argc, char **argv)
{
	struct err e = {0};

	if (run(argc, argv, &e) == 0)
		return 0;
	err_print("imgfetch", &e);
	return exit_status(e.kind);
}
