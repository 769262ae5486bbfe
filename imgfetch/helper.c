/* SPDX-License-Identifier: MIT */
/* Credential helpers: programs docker-credential-NAME that keep logins, asked as docker asks them.
 */
#include "imgfetch/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/jsonout.h"
#include "common/text.h"
#include "imgfetch/clock.h"
#include "imgfetch/json.h"
#include "imgfetch/secret.h"

#define ANSWER_MAX (64 * 1024)
#define STDERR_MAX 4096

extern char **environ;

/* One run of a helper. Holds secrets: wiped by talk_end. */
struct talk {
	const struct helper *h;
	const char *verb;
	const char *input; /* what is left to send */
	size_t input_len;
	int in, out, err; /* our ends of its pipes, -1 when closed */
	int pidfd;
	pid_t pid;
	int status; /* of waitpid */
	size_t said_len, complained_len;
	char said[ANSWER_MAX + 1], complained[STDERR_MAX + 1];
};

/* --- start ----------------------------------------------------------------------------------- */

/* The program's path. Folders that are relative depend on where one stands: not for secrets. */
static int find_program(const struct helper *h, char *out, size_t size, struct err *e)
{
	const char *p = h->search ? h->search : "";
	struct stat st;

	for (;; p++) {
		size_t n = strcspn(p, ":");

		if (n > 0 && p[0] == '/' &&
		    text_format(out, size, "%.*s/docker-credential-%s", (int)n, p, h->name) == 0 &&
		    stat(out, &st) == 0 && S_ISREG(st.st_mode) && access(out, X_OK) == 0)
			return 0;
		p += n;
		if (!*p)
			break;
	}
	return err_set(e, ERR_CONFIG, "there is no program 'docker-credential-%s' in PATH",
		       h->name);
}

/* pipe: ours non-blocking, both close-on-exec. */
static int make_pipe(int *ours, int *theirs, bool we_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*ours = fds[we_write ? 1 : 0];
	*theirs = fds[we_write ? 0 : 1];
	return fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static int spawn(struct talk *t, const char *path, int in, int out, int err)
{
	char *argv[] = {(char *)(uintptr_t)path, (char *)(uintptr_t)t->verb, NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t all, none;
	int r;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	if ((r = posix_spawn_file_actions_init(&fa)) != 0)
		return errno = r, -1;
	if ((r = posix_spawnattr_init(&at)) != 0) {
		(void)posix_spawn_file_actions_destroy(&fa);
		return errno = r, -1;
	}
	if ((r = posix_spawn_file_actions_adddup2(&fa, in, 0)) == 0 &&
	    (r = posix_spawn_file_actions_adddup2(&fa, out, 1)) == 0 &&
	    (r = posix_spawn_file_actions_adddup2(&fa, err, 2)) == 0 &&
	    (r = posix_spawn_file_actions_addclosefrom_np(&fa, 3)) == 0 &&
	    (r = posix_spawnattr_setsigdefault(&at, &all)) == 0 &&
	    (r = posix_spawnattr_setsigmask(&at, &none)) == 0 &&
	    (r = posix_spawnattr_setpgroup(&at, 0)) == 0 &&
	    (r = posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
						       POSIX_SPAWN_SETSIGMASK)) == 0)
		r = posix_spawn(&t->pid, path, &fa, &at, argv, environ);
	(void)posix_spawn_file_actions_destroy(&fa);
	(void)posix_spawnattr_destroy(&at);
	return r == 0 ? 0 : (errno = r, -1);
}

static int start(struct talk *t, struct err *e)
{
	char path[4096];
	auto_fd in = -1;
	auto_fd out = -1;
	auto_fd err = -1;

	if (find_program(t->h, path, sizeof(path), e) < 0)
		return -1;
	if (make_pipe(&t->in, &in, true) < 0 || make_pipe(&t->out, &out, false) < 0 ||
	    make_pipe(&t->err, &err, false) < 0 || spawn(t, path, in, out, err) < 0)
		return err_sys(e, ERR_SYSTEM, "run '%s'", text_quote(path).s);
	t->pidfd = pidfd_open(t->pid, 0);
	if (t->pidfd < 0)
		return err_sys(e, ERR_SYSTEM, "watch '%s'", text_quote(path).s);
	return 0;
}

/* --- talk ------------------------------------------------------------------------------------ */

static void shut(int *fd)
{
	(void)close(*fd); /* a pipe */
	*fd = -1;
}

static void send_more(struct talk *t)
{
	ssize_t n = write(t->in, t->input, t->input_len);

	if (n > 0) {
		t->input += n;
		t->input_len -= (size_t)n;
	}
	/* A helper that does not want to hear us may still answer. */
	if (t->input_len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		shut(&t->in);
}

/* Read what is there; what does not fit sets *full and is dropped. False at its end. */
static bool take_more(int fd, char *buf, size_t size, size_t *len, bool *full)
{
	char more[4096];
	ssize_t n;

	while ((n = read(fd, more, sizeof(more))) > 0) {
		size_t fits = MIN((size_t)n, size - *len);

		memcpy(buf + *len, more, fits);
		*len += fits;
		*full = *full || fits < (size_t)n;
	}
	explicit_bzero(more, sizeof(more));
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static int listen_to(struct talk *t, struct err *e)
{
	bool full = false, ignored = false;

	if (t->out >= 0 && !take_more(t->out, t->said, ANSWER_MAX, &t->said_len, &full))
		shut(&t->out);
	if (t->err >= 0 &&
	    !take_more(t->err, t->complained, STDERR_MAX, &t->complained_len, &ignored))
		shut(&t->err);
	return full ? err_set(e, ERR_AUTH, "it says more than %d bytes", ANSWER_MAX) : 0;
}

/* Until it has ended. Programs that it leaves behind may hold the pipes open: what they say does
 * not count. */
static int converse(struct talk *t, struct err *e)
{
	uint64_t end = clock_mono_ns() + t->h->timeout_s * NSEC_PER_SEC;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = t->pidfd, .events = POLLIN},
			{.fd = t->out, .events = POLLIN},
			{.fd = t->err, .events = POLLIN},
			{.fd = t->in, .events = POLLOUT},
		};
		uint64_t now = clock_mono_ns();

		if (now >= end)
			return err_set(e, ERR_AUTH, "it did not end within %u s", t->h->timeout_s);
		if (poll(fds, ARRAY_LEN(fds), (int)((end - now) / NSEC_PER_MSEC) + 1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, ERR_SYSTEM, "wait for it");
		}
		if (fds[3].revents)
			send_more(t);
		/* It had ended before we read: nothing of its own can come later. */
		if (listen_to(t, e) < 0)
			return -1;
		if (fds[0].revents)
			return 0;
	}
}

static void talk_end(struct talk *t, bool kill_it)
{
	int *const fds[] = {&t->in, &t->out, &t->err, &t->pidfd};

	if (t->pid > 0) {
		if (kill_it)
			(void)kill(-t->pid, SIGKILL); /* gone is fine */
		while (waitpid(t->pid, &t->status, 0) < 0 && errno == EINTR)
			;
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (*fds[i] >= 0)
			shut(fds[i]);
	t->said[t->said_len] = '\0';
	t->complained[t->complained_len] = '\0';
}

/* --- judge ----------------------------------------------------------------------------------- */

/* Helpers say what is wrong on stdout, like docker's own, or on stderr. The first line of it,
 * unless it holds the secret that we gave, or is an answer, which holds one. */
static const char *complaint(struct talk *t, const char *secret)
{
	char *text = t->said_len > 0 ? t->said : t->complained;

	text += strspn(text, " \t\r\n");
	if (*text == '{' || *text == '"' || (secret && secret[0] && strstr(text, secret)))
		return "";
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static bool says_none(const struct talk *t)
{
	static const char none[] = "credentials not found in native keychain";

	return strncmp(t->said, none, strlen(none)) == 0 ||
	       strncmp(t->complained, none, strlen(none)) == 0;
}

/* 0, 1 (it has no such credentials), -1. */
static int run(struct talk *t, const char *secret, struct err *e)
{
	const char *why;
	int r = start(t, e);

	if (r == 0)
		r = converse(t, e);
	talk_end(t, r < 0);
	if (r < 0 || (WIFEXITED(t->status) && WEXITSTATUS(t->status) == 0))
		return r;
	if (says_none(t))
		return 1;
	why = complaint(t, secret);
	if (WIFSIGNALED(t->status))
		return err_set(e, ERR_AUTH, "killed by signal %d", WTERMSIG(t->status));
	return err_set(e, ERR_AUTH, "exit status %d%s%s", WEXITSTATUS(t->status),
		       why[0] ? ": " : "", text_quote(why).s);
}

static struct talk *talk_new(const struct helper *h, const char *verb, const char *input,
			     size_t len, struct err *e)
{
	struct talk *t = calloc(1, sizeof(*t));

	if (!t) {
		err_sys(e, ERR_SYSTEM, "run a credential helper");
		return NULL;
	}
	*t = (struct talk){.h = h, .verb = verb, .input = input, .input_len = len};
	t->in = t->out = t->err = t->pidfd = -1;
	return t;
}

static void talk_free(struct talk *t)
{
	explicit_bzero(t, sizeof(*t));
	free(t);
}

static int name_it(const struct helper *h, const char *server, struct err *e)
{
	return err_wrap(e, "credential helper 'docker-credential-%s' for '%s'", h->name,
			text_quote(server).s);
}

/* --- the three commands ------------------------------------------------------------------------
 */

int helper_parse(const char *text, size_t len, struct credentials *out, struct err *e)
{
	struct jv *doc = NULL;
	const char *user = NULL, *secret = NULL;
	struct credentials c = {0};
	int r = -1;

	if (jv_parse(text, len, &doc, e) < 0 || !jv_is_object(doc) ||
	    jv_get_string(doc, "Username", JV_OPTIONAL, CREDENTIAL_USER_MAX, &user, e) < 0 ||
	    jv_get_string(doc, "Secret", JV_OPTIONAL, CREDENTIAL_SECRET_MAX, &secret, e) < 0) {
		/* What the parser says may quote a secret. */
		err_set(e, ERR_AUTH, "its answer is not {\"Username\":...,\"Secret\":...}");
		goto out;
	}
	r = 0;
	if (!secret || !secret[0])
		goto out;
	c.kind = user && strcmp(user, IDENTITY_USER) == 0 ? CREDENTIAL_IDENTITY
							  : CREDENTIAL_PASSWORD;
	if (user && strchr(user, ':'))
		r = err_set(e, ERR_AUTH, "its user name has a colon");
	else if (text_format(c.user, sizeof(c.user), "%s", user ? user : "") < 0 ||
		 text_format(c.secret, sizeof(c.secret), "%s", secret) < 0)
		r = err_set(e, ERR_AUTH, "its answer is too long");
	else
		*out = c;
out:
	jv_wipe(doc);
	credentials_wipe(&c);
	return r;
}

int helper_get(const struct helper *h, const char *server, struct credentials *out, struct err *e)
{
	struct talk *t = talk_new(h, "get", server, strlen(server), e);
	int r;

	if (!t)
		return -1;
	r = run(t, NULL, e);
	if (r == 0)
		r = helper_parse(t->said, t->said_len, out, e);
	if (r == 0)
		(void)snprintf(out->origin, sizeof(out->origin),
			       "credential helper 'docker-credential-%s'", h->name); /* fits */
	talk_free(t);
	return r < 0 ? name_it(h, server, e) : 0;
}

/* {"ServerURL":...,"Username":...,"Secret":...}, malloc'd; NULL when there is no memory. */
static char *print_login(const char *server, const char *user, const char *secret)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct jsonout j;

	if (!f)
		return NULL;
	j = (struct jsonout){.file = f};
	jsonout_open(&j, NULL, '{');
	jsonout_string(&j, "ServerURL", server);
	jsonout_string(&j, "Username", user);
	jsonout_string(&j, "Secret", secret);
	jsonout_close(&j, '}');
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

int helper_store(const struct helper *h, const char *server, const char *user, const char *secret,
		 struct err *e)
{
	auto_secret login = print_login(server, user, secret);
	struct talk *t = login ? talk_new(h, "store", login, strlen(login), e) : NULL;
	int r = -1;

	if (!login)
		err_sys(e, ERR_SYSTEM, "run a credential helper");
	if (t) {
		r = run(t, secret, e);
		if (r > 0)
			r = err_set(e, ERR_AUTH, "it says that it has no such credentials");
		talk_free(t);
	}
	return r < 0 ? name_it(h, server, e) : 0;
}

int helper_erase(const struct helper *h, const char *server, bool *had, struct err *e)
{
	struct talk *t = talk_new(h, "erase", server, strlen(server), e);
	int r;

	if (!t)
		return -1;
	r = run(t, NULL, e);
	talk_free(t);
	if (r < 0)
		return name_it(h, server, e);
	*had = r == 0;
	return 0;
}
