/* SPDX-License-Identifier: MIT */
/* imgfetch login and logout: a login is tried before it is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "imgfetch/ask.h"
#include "imgfetch/command.h"
#include "imgfetch/hostrules.h"
#include "imgfetch/logins.h"
#include "imgfetch/registry.h"

static int ask_login(const struct opts *o, struct credentials *c, struct err *e)
{
	char prompt[REF_HOST_MAX + CREDENTIAL_USER_MAX + 64];

	if (o->username) {
		if (text_format(c->user, sizeof(c->user), "%s", o->username) < 0)
			return err_set(e, ERR_USAGE, "--username: too long");
	} else if (o->password_stdin) {
		return err_set(e, ERR_USAGE, "--password-stdin needs --username=NAME");
	} else {
		(void)snprintf(prompt, sizeof(prompt),
			       "User name for %s: ", o->ref.host); /* fits */
		if (ask_terminal(prompt, false, c->user, sizeof(c->user), e) < 0)
			return -1;
	}
	if (strchr(c->user, ':') || ask_check(c->user, e) < 0)
		return err_set(e, ERR_USAGE,
			       "the user name is empty, or has a colon or control characters");
	if (o->password_stdin)
		return ask_stream(STDIN_FILENO, c->secret, sizeof(c->secret), e);
	(void)snprintf(prompt, sizeof(prompt), "Password of %s for %s: ", text_quote(c->user).s,
		       o->ref.host); /* cut at worst */
	return ask_terminal(prompt, true, c->secret, sizeof(c->secret), e);
}

/* A rule may allow plain HTTP for the host; where else the rule sends pulls is not what the login
 * is for. */
static int allow_plain(const struct opts *o, struct http *http, struct err *e)
{
	struct endpoint endpoints[ENDPOINTS_MAX];
	int n = hostrules_endpoints(&o->config->rules, &o->ref, endpoints, e);

	if (n < 0)
		return -1;
	if (o->plain_http ||
	    (endpoints[n - 1].plain && strcmp(endpoints[n - 1].host, o->ref.host) == 0))
		return http_allow_plain(http, o->ref.host, e);
	return 0;
}

static int try_login(const struct opts *o, const struct credential_paths *paths,
		     const struct credentials *c, bool *wanted, struct err *e)
{
	struct http *http = command_http_new(o, NULL, e);
	struct source *src = NULL;
	int r = -1;

	if (http && allow_plain(o, http, e) == 0)
		src = registry_open(http, paths, &o->ref, e);
	if (src)
		r = registry_check_login(src, c, wanted, e);
	source_free(src);
	http_free(http);
	return r;
}

int command_login(const struct opts *o, struct err *e)
{
	const struct login_key key = {.host = o->ref.host, .prefix = o->prefix};
	struct credentials c = {.kind = CREDENTIAL_PASSWORD};
	struct credential_paths paths;
	struct login_place where;
	bool wanted = false;
	int r;

	credentials_paths_from_env(o->authfile, &paths);
	r = ask_login(o, &c, e);
	if (r == 0)
		r = try_login(o, &paths, &c, &wanted, e);
	if (r == 0)
		r = logins_keep(&paths, &key, c.user, c.secret, &where, e);
	credentials_wipe(&c);
	if (r < 0)
		return err_wrap(e, "log in to '%s'", o->ref.host);
	if (!wanted)
		fprintf(stderr, "imgfetch: '%s' asks for no login: this one was not tried\n",
			o->ref.host);
	if (!o->quiet)
		printf("Login %s; kept in %s\n", wanted ? "succeeded" : "not tried", where.s);
	return 0;
}

int command_logout(const struct opts *o, struct err *e)
{
	const struct login_key key = {.host = o->ref.host, .prefix = o->prefix};
	struct credential_paths paths;
	struct login_place where, left = {{0}};
	int r;

	credentials_paths_from_env(o->authfile, &paths);
	r = logins_drop(&paths, o->all ? NULL : &key, &where, &left, e);
	if (left.s[0])
		fprintf(stderr, "imgfetch: %s still has a login for '%s'\n", left.s, o->ref.host);
	if (r < 0)
		return o->all ? err_wrap(e, "log out")
			      : err_wrap(e, "log out of '%s'", o->ref.host);
	if (!o->quiet)
		printf("Login removed from %s\n", where.s);
	return 0;
}
