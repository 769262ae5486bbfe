/* SPDX-License-Identifier: MIT */
/* imgfetch pull: choose the source, and let pull.c do it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/storepath.h"
#include "common/text.h"
#include "imgfetch/clock.h"
#include "imgfetch/command.h"
#include "imgfetch/http.h"
#include "imgfetch/local.h"
#include "imgfetch/mirrors.h"
#include "imgfetch/pull.h"
#include "imgfetch/report.h"

/* Asks the registry, or what the configuration names before it or in its place. */
static struct source *open_registry(const struct opts *o, struct http *http,
				    const struct credential_paths *paths, struct progress *progress,
				    struct err *e)
{
	struct endpoint endpoints[ENDPOINTS_MAX];
	int n = hostrules_endpoints(&o->config->rules, &o->ref, endpoints, e);

	if (n < 0)
		return NULL;
	/* The option is about the registry, not about its mirrors. */
	if (o->plain_http)
		endpoints[n - 1].plain = true;
	return mirrors_open(http, paths, &o->ref, endpoints, (size_t)n, progress, e);
}

/* ref is o->ref, with the name that an archive gave it if it had none. */
static int run_pull(const struct opts *o, const struct ref *ref, const struct limits *limits,
		    const struct store *st, struct source *src, struct progress **progress,
		    struct err *e)
{
	struct pull_opts po = {
		.platform = o->platform,
		.policy = o->policy,
		.downloads = o->jobs ? o->jobs : o->config->jobs,
		.limits = *limits,
		.no_sync = o->no_sync,
		.progress = *progress,
	};
	uint64_t began_ns = clock_mono_ns();
	struct pull_result result;

	if (ref->named && !o->ref.named)
		progress_message(*progress, "the archive's image is %s", ref_name(ref).s);
	if (pull_image(st, src, ref, &po, &result, e) < 0)
		return -1;
	progress_free(take_ptr(*progress)); /* before anything else is printed */
	if (o->json)
		return report_pull(st, ref, &result, clock_mono_ns() - began_ns, stdout, e);
	printf("%s\n", digest_text(&result.digest).s);
	return 0;
}

/* Without a source to ask the store must be there. */
static int pull_never(const struct opts *o, const char *path, const struct limits *limits,
		      struct progress **progress, struct err *e)
{
	struct store st;

	int r = storepath_open(path, &st, e);
	if (r < 0 && e->kind == ERR_NOTFOUND)
		return err_set(e, ERR_NOTFOUND,
			       "pull '%s': nothing may be fetched: there is no image store '%s'",
			       text_quote(ref_text(&o->ref).s).s, text_quote(path).s);
	if (r < 0)
		return command_store_fault(e);
	r = run_pull(o, &o->ref, limits, &st, NULL, progress, e);
	if (r < 0)
		err_wrap(e, "pull '%s'", text_quote(ref_text(&o->ref).s).s);
	store_close(&st);
	return r;
}

int command_pull(const struct opts *o, const char *path, struct err *e)
{
	const struct limits limits = limits_merge(&o->limits, &o->config->limits);
	struct credential_paths paths;
	auto_progress progress = progress_new(STDERR_FILENO, o->quiet, e);
	struct http *http = NULL;
	struct source *src = NULL;
	struct store st;
	struct ref ref = o->ref;
	int r = -1;

	if (!progress)
		return -1;
	if (o->policy == PULL_NEVER)
		return pull_never(o, path, &limits, &progress, e);
	credentials_paths_from_env(o->authfile, &paths);
	if (store_create(path, &st, e) < 0)
		return command_store_fault(e);
	if (ref_is_local(&o->ref))
		src = local_open(&st, &ref, &o->platform, &limits, e);
	else if ((http = command_http_new(o, progress, e)))
		src = open_registry(o, http, &paths, progress, e);
	if (src)
		r = run_pull(o, &ref, &limits, &st, src, &progress, e);
	if (r < 0)
		err_wrap(e, "pull '%s'", text_quote(ref_text(&o->ref).s).s);
	source_free(src);
	http_free(http);
	store_close(&st);
	return r;
}
